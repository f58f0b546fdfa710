package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

const timeLayout = "2006-01-02 15:04:05"

// timed is the policy in fsys with the second text of the standard model.
func timed(fsys fstest.MapFS) fstest.MapFS {
	text := strings.Replace(string(fsys["model.conf"].Data), "g = _, _, _\n", "g = _, _, _, (_, _)\n", 1)
	fsys["model.conf"] = &mapFile{Data: []byte(text)}
	return fsys
}

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(text string) {
	at, err := time.Parse("2006-01-02 15:04:05", text) // which takes a fraction, too
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// loadAt loads a policy that is decided by a clock.
func loadAt(t testing.TB, fsys fstest.MapFS, c *clock) *policy.Engine {
	t.Helper()
	e, err := policy.Load(fsys, policy.Options{Clock: c.now})
	if err != nil {
		t.Fatalf("the policy does not load:\n%v\n%s", err, fsys["policy.csv"].Data)
	}
	return e
}

// grantRow is a g row of a random policy.
type grantRow struct{ member, role, dom, start, end string }

func (g grantRow) timed() bool { return g.start != "_" || g.end != "_" }

// row returns the row as a policy has it, without times where it has none.
func (g grantRow) row() string {
	if !g.timed() {
		return fmt.Sprintf("g, %s, %s, %s", g.member, g.role, g.dom)
	}
	return fmt.Sprintf("g, %s, %s, %s, %s, %s", g.member, g.role, g.dom, g.start, g.end)
}

// holds is TimeMatch of Casbin with a time.
func (g grantRow) holds(now time.Time) bool {
	if g.start != "_" {
		if start, err := time.Parse(timeLayout, g.start); err != nil || !now.After(start) {
			return false
		}
	}
	if g.end != "_" {
		if end, err := time.Parse(timeLayout, g.end); err != nil || !now.Before(end) {
			return false
		}
	}
	return true
}

// timedGrants returns g rows without a cycle, many of them with times around now, and no two of
// one member and role that would be in each other's way.
func (g gen) timedGrants(now time.Time) (rows []grantRow) {
	for range 2 + g.IntN(8) {
		r := grantRow{member: "user:" + g.user(), role: g.role(), dom: g.tenant(), start: g.moment(now), end: g.moment(now)}
		if low := g.role(); g.IntN(2) == 0 && low < r.role {
			r.member = "role:" + low
		}
		r.role = "role:" + r.role
		if !slices.ContainsFunc(rows, func(o grantRow) bool {
			return o.member == r.member && o.role == r.role && (o.dom == r.dom || o.dom == "*" || r.dom == "*")
		}) {
			rows = append(rows, r)
		}
	}
	return rows
}

func (g gen) moment(now time.Time) string {
	switch g.IntN(8) {
	case 0, 1, 2:
		return "_"
	case 3:
		return pick(g, "0000-01-01 00:00:00", "9999-12-31 23:59:59", "1969-12-31 23:59:59", "2026-02-28 12:00:00")
	}
	return now.Add(time.Duration(g.IntN(7)-3) * time.Second).UTC().Format(timeLayout)
}

// timedPolicy returns p rows and g rows.
func (g gen) timedPolicy(now time.Time) (rules []string, grants []grantRow) {
	for range 1 + g.IntN(4) {
		rules = append(rules, g.rule(g.tenant()))
	}
	grants = g.timedGrants(now)
	for range 4 {
		rules = append(rules, fmt.Sprintf("p, %s, *, %s, *, true, %s", pick(g, grants...).role, pick(g, "doc", "doc:1", "note", "*"), pick(g, "allow", "allow", "allow", "deny")))
	}
	return unique(rules), grants
}

func written(rules []string, grants []grantRow, holds func(grantRow) bool) []string {
	rows := slices.Clone(rules)
	for _, g := range grants {
		if holds == nil {
			rows = append(rows, g.row())
		} else if holds(g) {
			g.start, g.end = "_", "_"
			rows = append(rows, g.row())
		}
	}
	return rows
}

// The decision at any time is the one of the policy that has the rows of that time alone, and
// Explain and Filter say the same.
func TestAtEveryTimeTheRowsOfThatTimeDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)
	changed, allowed := 0, 0
	for seed := range uint64(testneed.Scale(12, 6)) {
		g := newGen(seed)
		rules, grants := g.timedPolicy(now)
		c := &clock{at: now}
		engine := loadAt(t, timed(with(written(rules, grants, nil)...)), c)
		var requests []policy.Request
		for range 12 {
			requests = append(requests, g.timedRequest())
		}
		last := make([]bool, len(requests))
		for step, at := range g.walk(now) {
			c.mu.Lock()
			c.at = at
			c.mu.Unlock()
			still := loadAt(t, with(written(rules, grants, func(g grantRow) bool { return g.holds(at) })...), c)
			for i, r := range requests {
				want, got := decide(t, still, r), decide(t, engine, r)
				if want.Allowed() != got.Allowed() || len(want.Reasons) != len(got.Reasons) {
					t.Fatalf("seed %d at %s: %s, want %s\n%+v\n%s", seed, at, got.Effect, want.Effect, r, strings.Join(written(rules, grants, nil), "\n"))
				}
				x, err := engine.Explain(t.Context(), r)
				y, _ := still.Explain(t.Context(), r)
				if err != nil || x.Decision.Allowed() != got.Allowed() || !slices.Equal(sorted(x.Names), sorted(y.Names)) {
					t.Fatalf("seed %d at %s: explained as %s %v, want %v %v\n%+v", seed, at, x.Decision.Effect, x.Names, y.Names, err, r)
				}
				if got.Allowed() {
					allowed++
				}
				if step > 0 && got.Allowed() != last[i] {
					changed++
				}
				last[i] = got.Allowed()
			}
		}
	}
	t.Logf("%d allowed, %d changed by the time alone", allowed, changed)
	if changed < testneed.Scale(15, 2)/2 {
		t.Errorf("only %d decisions changed by the time alone", changed)
	}
}

// timedRequest returns a request that says no time, and seldom brings roles of its own.
func (g gen) timedRequest() policy.Request {
	r := g.request()
	delete(r.Env.(policy.Values), "time")
	if g.IntN(4) > 0 {
		r.Subject.Roles = nil
	}
	if g.IntN(4) > 0 {
		r.Tenant, r.Subject.ID = acme, g.user()
		if r.Object.ID != "" {
			r.Object.Tenant = acme
		}
	}
	return r
}

// walk returns moments around now, forward and back: seconds, and moments within them.
func (g gen) walk(now time.Time) (list []time.Time) {
	for range 8 {
		at := now.Add(time.Duration(g.IntN(9)-4) * time.Second)
		list = append(list, at.Add(pick(g, 0, 1, time.Second/2, time.Second-1)))
	}
	return append(list, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// timedOracle is stock Casbin for one tenant and one session, with its TimeMatchFunc linked to
// every row, for the first link of a way and for further ones, of which Casbin asks otherwise.
func timedOracle(t testing.TB, fsys fstest.MapFS, rules []string, grants []grantRow, r policy.Request) oracle {
	t.Helper()
	m, err := model.NewModelFromString(string(fsys["model.conf"].Data))
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		t.Fatal(err)
	}
	dom := r.Tenant.String()
	var own []grantRow
	for i := range roleCount(r.Subject) {
		g := grantRow{"user:" + r.Subject.ID, "role:" + r.Subject.Roles.At(i), dom, "_", "_"}
		if !slices.Contains(own, g) {
			own = append(own, g)
		}
	}
	for _, g := range grants {
		if g.dom == "*" {
			g.dom = dom
		}
		if g.dom == dom && !slices.ContainsFunc(own, func(o grantRow) bool { return o.member == g.member && o.role == g.role }) {
			own = append(own, g)
		}
	}
	var text strings.Builder
	text.WriteString(strings.Join(rules, "\n"))
	for _, g := range own {
		fmt.Fprintf(&text, "\ng, %s, %s, %s, %s, %s", g.member, g.role, g.dom, g.start, g.end)
	}
	e.SetAdapter(stringadapter.NewAdapter(text.String()))
	if err := e.LoadPolicy(); err != nil {
		t.Fatal(err)
	}
	for _, g := range own {
		if !e.AddNamedDomainLinkConditionFunc("g", g.member, g.role, g.dom, casbinutil.TimeMatchFunc) ||
			!e.AddNamedLinkConditionFunc("g", g.member, g.role, casbinutil.TimeMatchFunc) ||
			!e.SetNamedLinkConditionFuncParams("g", g.member, g.role, g.start, g.end) {
			t.Fatal("Casbin links no condition")
		}
	}
	for name, f := range condition.Functions() {
		e.AddFunction(name, f)
	}
	return oracle{e}
}

func roleCount(s policy.Subject) int {
	if s.Roles == nil {
		return 0
	}
	return s.Roles.Len()
}

// Casbin asks the clock itself, so that the clock is the bubble's.
func TestRolesWithTimesAreThoseOfCasbin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		compared, allowed, changed, failed := 0, 0, 0, 0
		for seed := range uint64(testneed.Scale(12, 6)) {
			g := newGen(seed)
			rules, grants := g.timedPolicy(time.Now())
			fsys := timed(with(written(rules, grants, nil)...))
			engine := mustLoad(t, fsys)
			var requests []policy.Request
			var oracles []oracle
			for i := range 24 {
				r := g.timedRequest()
				if i%8 > 0 { // one enforcer is for one caller
					first := requests[i-i%8]
					r.Tenant, r.Subject.ID, r.Subject.Roles = first.Tenant, first.Subject.ID, first.Subject.Roles
					if r.Object.ID != "" && r.Tenant.IsZero() {
						r.Tenant = acme
					}
					if r.Object.ID != "" {
						r.Object.Tenant = r.Tenant
					}
					oracles = append(oracles, oracles[i-i%8])
				} else {
					oracles = append(oracles, timedOracle(t, fsys, rules, grants, r))
				}
				requests = append(requests, r)
			}
			last := make([]bool, len(requests))
			for step := range 14 {
				for i, r := range requests {
					request := r
					request.Env = policy.Values{"time": time.Now().Unix()}
					for k, v := range r.Env.(policy.Values) {
						request.Env.(policy.Values)[k] = v
					}
					want, _, err := oracles[i].enforce(request)
					if err != nil {
						failed++
						continue
					}
					got := decide(t, engine, r).Allowed()
					if got != want {
						t.Fatalf("seed %d at %s: Casbin says %t, we say %t\n%+v\n%s", seed, time.Now(), want, got, r, fsys["policy.csv"].Data)
					}
					compared++
					if got {
						allowed++
					}
					if step > 0 && got != last[i] {
						changed++
					}
					last[i] = got
				}
				time.Sleep([]time.Duration{1, time.Second - 1}[step%2])
			}
		}
		t.Logf("%d compared, %d allowed, %d changed by the time alone, %d without an answer", compared, allowed, changed, failed)
		if changed < testneed.Scale(8, 2) || allowed < compared/40 {
			t.Errorf("the generator does not reach what this is about: %d allowed, %d changed", allowed, changed)
		}
	})
}

// As its documentation has it, Casbin is told a function for each row and its domain. Then it
// asks for none beyond the first row of a way: it may allow more.
func TestCasbinsOwnWayOfLinkingTimesNeverAllowsLess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		more, allowed := 0, 0
		for seed := range uint64(testneed.Scale(40, 6)) {
			g := newGen(seed)
			rules, grants := g.timedPolicy(time.Now())
			rules = slices.DeleteFunc(rules, func(r string) bool { return strings.HasSuffix(r, "deny") })
			grants = slices.DeleteFunc(grants, func(g grantRow) bool { return g.dom == "*" }) // for which it panics, once told what * is
			if len(rules) == 0 {
				continue
			}
			rules = append(rules, "p, role:x2, acme, doc, read, true, allow")
			grants = append(grants, grantRow{"user:carol", "role:x1", "acme", "_", "_"}, grantRow{"role:x1", "role:x2", "acme", "_", "1999-12-31 00:00:00"})
			fsys := timed(with(written(rules, grants, nil)...))
			engine := mustLoad(t, fsys)
			m, _ := model.NewModelFromString(string(fsys["model.conf"].Data))
			e, err := casbin.NewEnforcer(m)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			text.WriteString(strings.Join(rules, "\n"))
			for _, g := range grants {
				fmt.Fprintf(&text, "\ng, %s, %s, %s, %s, %s", g.member, g.role, g.dom, g.start, g.end)
			}
			e.SetAdapter(stringadapter.NewAdapter(text.String()))
			if err := e.LoadPolicy(); err != nil {
				t.Fatal(err)
			}
			for _, g := range grants {
				e.AddNamedDomainLinkConditionFunc("g", g.member, g.role, g.dom, casbinutil.TimeMatchFunc)
			}
			for name, f := range condition.Functions() {
				e.AddFunction(name, f)
			}
			for i := range 40 {
				r := g.timedRequest()
				r.Subject.Roles = nil
				if i == 0 {
					r = policy.Request{Tenant: acme, Subject: policy.Subject{ID: "carol"}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{}}
				}
				request := r
				request.Env = policy.Values{"time": time.Now().Unix()}
				for k, v := range r.Env.(policy.Values) {
					request.Env.(policy.Values)[k] = v
				}
				want, _, err := oracle{e}.enforce(request)
				if err != nil {
					continue
				}
				got := decide(t, engine, r).Allowed()
				if got && !want {
					t.Fatalf("seed %d: Casbin denies, we allow\n%+v\n%s", seed, r, fsys["policy.csv"].Data)
				}
				if got {
					allowed++
				}
				if want && !got {
					more++
				}
			}
		}
		if more == 0 || allowed == 0 {
			t.Errorf("%d allowed by both, %d by Casbin alone", allowed, more)
		}
	})
}

// The moments themselves are left out, as Casbin leaves them out.
func TestARoleBeginsAfterItsStartAndIsOverAtItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, row := range map[string][2]string{
			"a start and an end": {"2000-01-01 00:00:01", "2000-01-01 00:00:03"},
			"a start":            {"2000-01-01 00:00:01", "_"},
			"an end":             {"_", "2000-01-01 00:00:01"},
			"none":               {"_", "_"},
			"an end before":      {"2000-01-01 00:00:02", "2000-01-01 00:00:01"},
			"the same":           {"2000-01-01 00:00:01", "2000-01-01 00:00:01"},
			"one second":         {"2000-01-01 00:00:00", "2000-01-01 00:00:01"},
		} {
			begun := time.Now()
			engine := mustLoad(t, timed(with("p, role:editor, *, doc, read, true, allow", "g, user:alice, role:editor, acme, "+moved(row[0], begun)+", "+moved(row[1], begun))))
			r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}}
			for range 16 {
				want, err := casbinutil.TimeMatch(moved(row[0], begun), moved(row[1], begun))
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // the second answer is that of the era
					if got := decide(t, engine, r).Allowed(); got != want {
						t.Errorf("%s, %v after: %t, and Casbin says %t", name, time.Since(begun), got, want)
					}
				}
				time.Sleep([]time.Duration{1, time.Second/2 - 1, time.Second/2 - 1, 1}[int(time.Since(begun)/(time.Second/4))%4])
			}
			time.Sleep(time.Until(begun.Add(10 * time.Second).Truncate(time.Second)))
		}
	})
}

// moved moves a time of the year 2000 to a bubble's.
func moved(text string, begun time.Time) string {
	x, err := time.Parse(timeLayout, text)
	if err != nil {
		return text
	}
	return begun.UTC().Truncate(time.Second).Add(x.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))).Format(timeLayout)
}

func TestABadTimeIsRefusedWhereItStands(t *testing.T) {
	for row, want := range map[string]string{
		"g, user:a, role:b, acme, 2026-01-01T00:00:00Z, _":                         "policy.csv:2:26: \"2026-01-01T00:00:00Z\" is no time: write 2026-12-31 18:00:00, in UTC, or _ for none; do you mean 2026-01-01 00:00:00?",
		"g, user:a, role:b, acme, 2026-01-01 00:00:00+02:00, _":                    "do you mean 2025-12-31 22:00:00?",
		"g, user:a, role:b, acme, _, 2026-01-01":                                   "policy.csv:2:29: \"2026-01-01\" is no time: write 2026-12-31 18:00:00, in UTC, or _ for none; do you mean 2026-01-01 00:00:00?",
		"g, user:a, role:b, acme, 2026-02-30 00:00:00, _":                          "is no time",
		"g, user:a, role:b, acme, 2026-01-01 24:00:00, _":                          "is no time",
		"g, user:a, role:b, acme, 2026-01-01 3:04:05, _":                           "do you mean 2026-01-01 03:04:05?",
		"g, user:a, role:b, acme, 2026-01-01 03:04:05.5, _":                        "do you mean 2026-01-01 03:04:05?",
		"g, user:a, role:b, acme, 10000-01-01 00:00:00, _":                         "is no time",
		"g, user:a, role:b, acme, -001-01-01 00:00:00, _":                          "is no time",
		"g, user:a, role:b, acme, *, _":                                            "write _",
		"g, user:a, role:b, acme, _, never":                                        "write _",
		"g, user:a, role:b, acme, now, _":                                          "write the time itself",
		"g, user:a, role:b, acme, 2026-01-01 00:00:00":                             "5 values, 6 are needed: g, who, role, tenant, start, end",
		`g, user:a, role:b, acme, 2026-01-01 00:00:00, ""`:                         "an empty value: write 2026-12-31 18:00:00, in UTC, or _ for none",
		"g, user:a, role:b, acme, _, _, _":                                         "7 values, 6 are needed",
		"g, user:a, role:b, *, _, _\ng, user:a, role:b, acme":                      "policy.csv:3:4: user:a has role:b by policy.csv, line 2, too",
		"g, user:a, role:b, acme\ng, user:a, role:b, acme, _, 2026-01-01 00:00:00": "policy.csv:3:4: user:a has role:b by policy.csv, line 2, too",
		"g, user:a, role:b, acme, _, 2026-01-01 00:00:00\ng, user:a, role:b, *":    "policy.csv:2:4: user:a has role:b by policy.csv, line 3, too",
	} {
		_, err := policy.Load(timed(with("p, role:b, *, doc, read, true, allow\n"+row)), policy.Options{})
		if want == "policy.csv:3:4: user:a has role:b by policy.csv, line 2, too" && strings.HasPrefix(row, "g, user:a, role:b, *, _, _") {
			if err != nil { // both without times
				t.Errorf("%s: %v", row, err)
			}
			continue
		}
		if !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
}

// The first text of the standard model has no place for times: Casbin would pass over them.
func TestTimesUnderTheModelWithoutThemAreRefused(t *testing.T) {
	for _, times := range []string{"_, _", "2026-01-01 00:00:00, _", "_, 2026-01-01 00:00:00", "2026-01-01"} {
		_, err := policy.Load(with("p, role:b, *, doc, read, true, allow\ng, user:a, role:b, acme, "+times), policy.Options{})
		if !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), "policy.csv:2:26: the model has no times on g rows: write g = _, _, _, (_, _) in model.conf") {
			t.Errorf("%s: %v", times, err)
		}
	}
}

func TestModelsOfRolesThatAreNeitherTextAreRefused(t *testing.T) {
	for g, want := range map[string]string{
		"g = _, _, _, (_, _)":            "",
		"g = _,_,_,(_,_)":                "",
		"g = _, _, _, (_)":               "[role_definition] is not the standard model's",
		"g = _, _, _, (_, _, _)":         "[role_definition] is not the standard model's",
		"g = _, _, (_, _)":               "[role_definition] is not the standard model's",
		"g = _, _":                       "[role_definition] is not the standard model's",
		"g = _, _, _, _, _":              "[role_definition] is not the standard model's",
		"g = _, _, _, (_, _)\ng2 = _, _": "[role_definition] is not the standard model's",
	} {
		fsys := with("p, role:b, *, doc, read, true, allow")
		fsys["model.conf"] = &mapFile{Data: []byte(strings.Replace(string(fsys["model.conf"].Data), "g = _, _, _\n", g+"\n", 1))}
		_, err := policy.Load(fsys, policy.Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", g, err)
		}
	}
}

var guest = policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc", ID: "1", Tenant: acme}}

func TestExplainSaysWhatHasEndedAndWhatHasNotBegun(t *testing.T) {
	c := &clock{}
	engine := loadAt(t, timed(with("p, role:editor, *, doc, read, true, allow", "g, user:alice, role:editor, acme, 2026-01-01 00:00:00, 2026-02-01 00:00:00")), c)
	for when, want := range map[string]string{
		"2025-12-31 00:00:00": "role:editor of user:alice begins after 2026-01-01 00:00:00 (policy.csv:2)",
		"2026-01-15 00:00:00": "role:editor (policy.csv:2, ends at 2026-02-01 00:00:00)",
		"2026-02-01 00:00:00": "role:editor of user:alice ended at 2026-02-01 00:00:00 (policy.csv:2)",
	} {
		c.set(when)
		x, err := engine.Explain(t.Context(), guest)
		if err != nil || !strings.Contains(x.String(), want) {
			t.Errorf("%s: %v\n%s", when, err, x)
		}
		if allowed := when == "2026-01-15 00:00:00"; x.Decision.Allowed() != allowed || (len(x.Lapsed) == 0) != allowed {
			t.Errorf("%s: %+v", when, x)
		}
	}
	other := guest
	other.Subject.Roles = policy.RoleNames{"editor"} // which the session gives without an end
	if x, err := engine.Explain(t.Context(), other); err != nil || !x.Decision.Allowed() || len(x.Lapsed) != 0 {
		t.Errorf("%+v %v", x, err)
	}
}

func TestAFilterIsOfTheRolesOfItsTimeAndSaysUntilWhen(t *testing.T) {
	c := &clock{}
	fsys := timed(folder(map[string]string{
		"policy.csv":     "p, role:editor, *, doc, read, true, allow\ng, user:alice, role:senior, acme, _, 2026-02-01 00:00:00\ng, role:senior, role:editor, *, 2026-01-01 00:00:00, _",
		"attributes.csv": "doc, id, string, no, id\ndoc, org, tenant, no, tenant_id\n",
	}))
	engine := loadAt(t, fsys, c)
	list := guest
	list.Object = policy.Object{Type: "doc"}
	seen := map[bool]map[string]bool{} // the contexts for row-level security, by whether all may be read
	for _, step := range []struct {
		at, until string
		all       bool
	}{
		{"2025-12-01 00:00:00", "2026-01-01 00:00:00", false},
		{"2026-01-01 00:00:00", "2026-01-01 00:00:00", false},
		{"2026-01-01 00:00:00.5", "2026-02-01 00:00:00", true},
		{"2026-01-31 23:59:59", "2026-02-01 00:00:00", true},
		{"2026-02-01 00:00:00", "", false},
	} {
		c.set(step.at)
		may, err := engine.Filter(t.Context(), list)
		if err != nil || may.All() != step.all || may.None() == step.all {
			t.Errorf("%s: all %t, none %t, %v", step.at, may.All(), may.None(), err)
		}
		if got := may.Until(); step.until == "" && !got.IsZero() || step.until != "" && got.Format(timeLayout) != step.until {
			t.Errorf("%s: until %v, want %s", step.at, got, step.until)
		}
		if may.Match(guest.Object) != step.all {
			t.Errorf("%s: the filter and the object differ", step.at)
		}
		security := policy.RLSConfig{Type: "doc", Table: "doc", App: "app", Select: "read"}
		said, until, err := engine.RLSContext(t.Context(), list, security)
		if err != nil || !until.Equal(may.Until()) {
			t.Errorf("%s: the signed context is until %v, the filter until %v, %v", step.at, until, may.Until(), err)
		}
		if seen[step.all] == nil {
			seen[step.all] = map[string]bool{}
		}
		seen[step.all][said] = true
	}
	for said := range seen[true] {
		if len(seen[true]) != 1 || len(seen[false]) != 1 || seen[false][said] {
			t.Errorf("contexts of the one who may: %v, and who may not: %v", seen[true], seen[false])
		}
	}
	list.Subject.ID = "bob"
	if may, err := engine.Filter(t.Context(), list); err != nil || !may.Until().IsZero() {
		t.Errorf("a caller without a role that ends: %v %v", may.Until(), err)
	}
}

// A role with a deny rule would widen by being lost, so a time that nobody knows is no time.
func TestAnUnknownTimeIsDecidedByNobodyWhereRolesHaveAnEnd(t *testing.T) {
	rules := []string{"p, role:anyone, *, doc, read, true, allow", "p, role:banned, *, doc, read, true, deny"}
	engine := mustLoad(t, timed(with(append(rules, "g, user:alice, role:banned, acme, _, 9999-01-01 00:00:00")...)))
	for _, x := range []any{int64(1) << 60, nil, "noon", time.Now()} {
		r := guest
		r.Env = policy.Values{"time": x}
		if d, err := engine.Decide(t.Context(), r); !errors.Is(err, policy.ErrRequest) || d.Allowed() {
			t.Errorf("%v: %v %v", x, d.Effect, err)
		}
	}
	r := guest
	r.Env = policy.Values{"time": int64(1) << 60}
	if d := decide(t, mustLoad(t, timed(with(append(rules, "g, user:alice, role:editor, acme")...))), r); !d.Allowed() {
		t.Error("a policy without times asks for the time")
	}
}

// The request's own time is the one by which all of it is decided.
func TestARequestsOwnTimeCountsForItsRolesToo(t *testing.T) {
	engine := mustLoad(t, timed(with("p, role:editor, *, doc, read, r.env.time > '2026-01-10T00:00:00Z', allow", "g, user:alice, role:editor, acme, _, 2026-02-01 00:00:00")))
	for unix, want := range map[int64]bool{
		time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC).Unix():  false,
		time.Date(2026, 1, 11, 0, 0, 0, 0, time.UTC).Unix(): true,
		time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC).Unix():  false,
	} {
		r := guest
		r.Env = policy.Values{"time": unix}
		if decide(t, engine, r).Allowed() != want {
			t.Errorf("%d: want %t", unix, want)
		}
	}
}

// One tenant's times are read for its own requests alone, and those who decide while one era ends
// are decided by one era or the other.
func TestManyDecideWhileRolesEnd(t *testing.T) {
	var rows []string
	for i := range 50 {
		rows = append(rows, fmt.Sprintf("g, user:alice, role:r%d, acme, _, 2026-01-01 00:00:%02d", i, i))
		rows = append(rows, fmt.Sprintf("p, role:r%d, *, doc:%d, read, true, allow", i, i))
	}
	c := &clock{}
	c.set("2026-01-01 00:00:00")
	engine := loadAt(t, timed(with(rows...)), c)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				for i := range 50 {
					r := guest
					r.Object.ID = fmt.Sprint(i)
					before := c.now().Second()
					d, err := engine.Decide(t.Context(), r)
					after := c.now().Second()
					if err != nil || d.Allowed() && i <= before || !d.Allowed() && i > after {
						t.Errorf("role %d between second %d and %d: %v %v", i, before, after, d.Effect, err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 50 {
			c.set(fmt.Sprintf("2026-01-01 00:00:%02d", i))
			_ = decide(t, engine, guest)
		}
	})
	wg.Wait()
}

func TestRolesWithTimesAreDecidedWithoutAllocating(t *testing.T) {
	testneed.Optimized(t)
	c := &clock{}
	c.set("2026-01-15 00:00:00")
	engine := loadAt(t, timed(with("p, role:editor, *, doc, read, true, allow", "g, user:alice, role:senior, acme, _, 2026-02-01 00:00:00", "g, role:senior, role:editor, *")), c)
	if n := testing.AllocsPerRun(100, func() {
		if d, err := engine.Decide(t.Context(), guest); err != nil || !d.Allowed() {
			t.Error(d, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Two tenants: what begins in one is nothing to the other, also where both speak of the same names.
func TestTheTimesOfOneTenantAreNothingToAnother(t *testing.T) {
	c := &clock{}
	fsys := timed(with("p, role:editor, *, doc, read, true, allow", "g, role:senior, role:editor, *", "g, user:alice, role:senior, globex"))
	fsys["tenants/acme.csv"] = &mapFile{Data: []byte("g, user:alice, role:senior, acme, 2026-01-01 00:00:00, 2026-02-01 00:00:00\n")}
	engine := loadAt(t, fsys, c)
	there := guest
	there.Tenant = tenant.MustParse("globex")
	there.Object.Tenant = there.Tenant
	for when, want := range map[string]bool{"2025-06-01 00:00:00": false, "2026-01-15 00:00:00": true, "2026-03-01 00:00:00": false} {
		c.set(when)
		if decide(t, engine, guest).Allowed() != want || !decide(t, engine, there).Allowed() {
			t.Errorf("%s: acme %t, globex %t", when, decide(t, engine, guest).Allowed(), decide(t, engine, there).Allowed())
		}
	}
}
