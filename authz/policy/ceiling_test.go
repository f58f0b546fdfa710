package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

const aKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

// bounded is a policy with a ceiling.
func bounded(ceiling string, rows ...string) fstest.MapFS {
	fsys := with(rows...)
	fsys["ceiling.csv"] = &mapFile{Data: []byte(ceiling)}
	return fsys
}

const testCeiling = `
# what tenants' files may grant
p, role:authenticated, *,    doc,       read
p, role:viewer,        *,    doc:x/*,   write
p, role:authenticated, *,    /a/*,      GET
p, role:anyone,        *,    /news,     GET
p, role:authenticated, acme, note:1,    *
g, role:viewer, *
g, role:editor, acme
`

func TestATenantsFileGrantsWhatTheCeilingCoversAndNothingElse(t *testing.T) {
	for row, want := range map[string]string{ // "" is granted
		"p, role:viewer, acme, doc, read, true, allow":                                "",
		"p, user:bob, acme, doc:1, read, true, allow":                                 "",
		"p, role:authenticated, acme, doc:*, read, r.env.mfa, allow":                  "",
		"p, role:viewer, acme, doc:x/*, write, true, allow":                           "",
		"p, role:viewer, acme, doc:x/y/*, write, true, allow":                         "",
		"p, role:viewer, acme, doc:x/1, write, true, allow":                           "",
		"p, role:own, acme, /a/b, GET, true, allow":                                   "",
		"p, role:own, acme, /a/b/*, GET, true, allow":                                 "",
		"p, role:own, acme, route:/a/*, GET, true, allow":                             "",
		"p, role:anyone, acme, /news, GET, true, allow":                               "",
		"p, role:viewer, acme, note:1, wipe, true, allow":                             "",
		"p, role:viewer, acme, note:1, *, true, allow":                                "",
		"g, user:bob, role:viewer, acme":                                              "",
		"g, role:own, role:editor, acme":                                              "",
		"p, role:anyone, acme, *, *, true, deny":                                      "",
		"p, user:bob, acme, /admin/*, *, true, deny":                                  "",
		"p, role:viewer, acme, doc, *, true, allow":                                   `28: above the ceiling: no row of ceiling.csv lets the file of the tenant acme allow "*" on this object`,
		"p, role:viewer, acme, doc, write, true, allow":                               "above",
		"p, role:viewer, acme, doc:*, write, true, allow":                             "above",
		"p, role:viewer, acme, doc:x, write, true, allow":                             "above",
		"p, role:editor, acme, doc:x/1, write, true, allow":                           `4: above the ceiling: no row of ceiling.csv lets the file of the tenant acme allow this to role:editor`,
		"p, user:bob, acme, doc:x/1, write, true, allow":                              "above",
		"p, role:authenticated, acme, doc:x/1, write, true, allow":                    "above",
		"p, role:anyone, acme, doc, read, true, allow":                                "above",
		"p, role:anyone, acme, /a/b, GET, true, allow":                                "above",
		"p, role:anyone, acme, /news, POST, true, allow":                              "above",
		"p, role:anyone, acme, /news/*, GET, true, allow":                             "above",
		"p, role:viewer, acme, *, read, true, allow":                                  "above",
		"p, role:viewer, acme, *, *, true, allow":                                     `23: above the ceiling: no row of ceiling.csv lets the file of the tenant acme allow anything on this object`,
		"p, role:viewer, acme, /*, GET, true, allow":                                  "above",
		"p, role:viewer, acme, /a, GET, true, allow":                                  "above",
		"p, role:viewer, acme, /a/*, *, true, allow":                                  "above",
		"p, role:viewer, acme, /a/b, DELETE, true, allow":                             "above",
		"p, role:viewer, acme, //h.test/a/b, GET, true, allow":                        "above",
		"p, role:viewer, acme, route:/*, GET, true, allow":                            "above",
		"p, role:viewer, acme, note, read, true, allow":                               "above",
		"p, role:viewer, acme, note:*, read, true, allow":                             "above",
		"p, role:viewer, acme, note:10, read, true, allow":                            "above",
		"p, role:viewer, acme, document, read, true, allow":                           "above",
		"g, user:bob, role:admin, acme":                                               `14: above the ceiling: no row of ceiling.csv lets the file of the tenant acme grant role:admin`,
		"g, role:viewer, role:own, acme":                                              "above",
		"g, user:bob, role:viewer, *":                                                 "speaks for that tenant alone",
		"g, user:bob, role:viewer, globex":                                            "speaks for that tenant alone",
		"p, role:viewer, globex, doc, read, true, allow":                              "speaks for that tenant alone",
		"p, role:viewer, *, doc, read, true, allow":                                   "speaks for that tenant alone",
		"g, user:bob, role:anyone, acme":                                              "is built in",
		"key, acme, " + aKey:                                                          "unknown section",
		"p, role:viewer, acme, doc, read, true, allow\ng, user:bob, role:admin, acme": "above",
	} {
		fsys := bounded(testCeiling, "p, role:admin, *, *, *, true, allow")
		engine := mustLoad(t, fsys)
		err := engine.SetTenant(acme, row+"\n")
		if want == "" && err != nil || want != "" && (!errors.Is(err, policy.ErrTenantHeld) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", row, err, want)
		}
		if want == "" {
			continue
		}
		if held := engine.Stats().Held; len(held) != 1 || held[0].Tenant != acme || !held[0].Closed {
			t.Errorf("%s: held are %+v", row, held)
		}
		if _, err := engine.Decide(t.Context(), guest); !errors.Is(err, policy.ErrTenantClosed) {
			t.Errorf("%s: decided: %v", row, err)
		}
		// In the folder it is an error of the load, at the same place.
		fsys["tenants/acme.csv"] = &mapFile{Data: []byte(row + "\n")}
		if _, err := policy.Load(fsys, policy.Options{}); !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: loaded: %v", row, err)
		}
	}
	// Another tenant has no note:1 and no editor.
	for _, row := range []string{"p, role:viewer, globex, note:1, read, true, allow", "g, user:bob, role:editor, globex"} {
		if err := mustLoad(t, bounded(testCeiling, "p, role:admin, *, *, *, true, allow")).SetTenant(tenant.MustParse("globex"), row); !errors.Is(err, policy.ErrTenantHeld) {
			t.Errorf("%s: %v", row, err)
		}
	}
}

func TestMistakesInACeilingAreErrorsOfTheWholePolicy(t *testing.T) {
	for row, want := range map[string]string{
		"p, role:viewer, *, doc, read, true, allow": "ceiling.csv:1:1: 7 values, 5 are needed: p, who, tenant, object, action",
		"p, viewer, *, doc, read":                   `ceiling.csv:1:4: "viewer" is neither user:… nor role:…`,
		"p, role:viewer, *, doc, GET":               "ceiling.csv:1:25",
		"p, role:viewer, *, a*b, GET":               "ceiling.csv:1:21",
		"p, role:viewer, ac.me, doc, read":          "ceiling.csv:1",
		"g, user:bob, *":                            "ceiling.csv:1:4",
		"g, role:anyone, *":                         "is built in",
		"g, role:viewer":                            "3 are needed",
		"g, role:viewer, acme.eu":                   "ceiling.csv:1",
		"q, role:viewer, *":                         "unknown section",
		"key, *, " + aKey:                           "a key is for one tenant",
		"key, acme, " + aKey[1:]:                    "is no public key",
		"key, acme, " + aKey + "AAAA":               "is no public key",
		"key, globex, " + aKey:                      "the tenant has a key, and a file of its own, tenants/globex.csv",
		"p; role:viewer; *; doc; read":              "ceiling.csv:1",
		"p, role:viewer, *, doc, read # for now":    "ceiling.csv:1",
		"p, role:viewer, *, doc, ":                  "ceiling.csv:1",
	} {
		fsys := bounded(row, "p, role:admin, *, *, *, true, allow")
		fsys["tenants/globex.csv"] = &mapFile{Data: []byte("p, role:admin, globex, doc, read, true, deny")}
		if _, err := policy.Load(fsys, policy.Options{TenantErrors: policy.Isolate}); !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
	for _, name := range []string{"ceilings.csv", "Ceiling.csv", "ceiling.conf", "tenants/ceiling/x.csv"} {
		fsys := with("p, role:admin, *, *, *, true, allow")
		fsys[name] = &mapFile{Data: []byte("g, role:viewer, *")}
		if _, err := policy.Load(fsys, policy.Options{}); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%s is passed over: %v", name, err)
		}
	}
}

func (g gen) ceilingRow() string {
	values := strings.Split(g.rule(g.tenant()), ", ")
	for strings.Contains(strings.Join(values, ""), `"`) {
		values = strings.Split(g.rule(g.tenant()), ", ")
	}
	return strings.Join(values[:5], ", ")
}

// A tenant's file that loads allows only what a rule for each row of the ceiling would allow,
// whatever it holds, and changes no decision of another tenant.
func TestNoTenantsFileAllowsMoreThanItsCeilingWould(t *testing.T) {
	t.Parallel()
	loaded, allowed, held := 0, 0, 0
	for seed := range uint64(testneed.Scale(200, 20)) {
		g := newGen(seed)
		common := with("p, role:admin, *, report, read, true, allow", g.rule("*"))
		ceiling, most := "", []string{}
		for range 1 + g.IntN(4) {
			row := g.ceilingRow()
			ceiling += row + "\n"
			most = append(most, row+", true, allow")
		}
		for range g.IntN(4) {
			ceiling += "g, role:" + g.role() + ", " + g.tenant() + "\n"
		}
		var own, grants []string
		for range 1 + g.IntN(2) {
			row := g.rule("acme")
			if g.IntN(2) == 0 { // something that has a chance
				values := strings.Split(pick(g, most...), ", ")
				values[2], values[5] = "acme", pick(g, "true", "r.env.mfa")
				row = strings.Join(values, ", ")
			}
			own = append(own, row)
		}
		if g.IntN(2) == 0 {
			grants = g.grants(func() string { return "acme" })
		}
		common["ceiling.csv"] = &mapFile{Data: []byte(ceiling)}
		engine, before := mustLoad(t, common), mustLoad(t, common)
		if err := engine.SetTenant(acme, strings.Join(unique(append(own, grants...)), "\n")); err != nil {
			held++
			for range 10 {
				r := g.request()
				d, err := engine.Decide(t.Context(), r)
				if r.Tenant == acme && (err == nil || d.Allowed()) {
					t.Fatalf("seed %d: a tenant without good rows is decided", seed)
				}
			}
			continue
		}
		loaded++
		rows := append(strings.Split(string(common["policy.csv"].Data), "\n"), most...)
		above := mustLoad(t, with(unique(append(rows, grants...))...))
		plain := mustLoad(t, with(unique(append(strings.Split(string(common["policy.csv"].Data), "\n"), grants...))...))
		for range 60 {
			r := g.request()
			now, was := decide(t, engine, r).Allowed(), decide(t, before, r).Allowed()
			if r.Tenant != acme && now != was {
				t.Fatalf("seed %d: another tenant is decided otherwise: %+v", seed, r)
			}
			if r.Tenant == acme && now && !decide(t, plain, r).Allowed() {
				allowed++
				if !decide(t, above, r).Allowed() {
					t.Fatalf("seed %d: allowed above the ceiling: %+v\n%s\n%s\n%s", seed, r, ceiling, strings.Join(own, "\n"), fmt.Sprint(grants))
				}
			}
		}
	}
	t.Logf("%d loaded, %d held, %d allowed by the tenant's file", loaded, held, allowed)
	if loaded < testneed.Scale(30, 3) || held < testneed.Scale(30, 3) || allowed < testneed.Scale(15, 1) {
		t.Errorf("%d loaded, %d held, %d allowed", loaded, held, allowed)
	}
}
