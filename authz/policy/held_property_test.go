package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
)

// The property that the rest is for. Files of tenants are corrupted at random, with new rules
// for all at the same time. No tenant is allowed anything that neither its last good rows nor
// its new ones allow, and all others are decided as by a policy of good files alone.
func TestATenantIsNeverDecidedByTheRulesForAllAloneBecauseItsOwnDoNotLoad(t *testing.T) {
	names := []string{"acme", "globex", "initech"}
	var held, closed, whole, denied int
	for seed := range uint64(testneed.Scale(240, 13)) {
		g := newGen(seed)
		common := func() string { return strings.Join(g.rows(), "\n") }
		own := func(name string) string {
			rows := g.grants(func() string { return name })
			for range 1 + g.IntN(5) {
				rows = append(rows, g.rule(name))
			}
			// Deny rules of their own are what must not be lost.
			return strings.Join(unique(append(rows, "p, role:"+g.role()+", "+name+", "+pick(g, "doc, read", "doc:1, *", "*, *", "/a/*, GET")+", true, deny")), "\n")
		}
		good := map[string]string{} // what each tenant's file held when it last loaded
		rules := common()
		start := func() map[string]string {
			files := map[string]string{"policy.csv": rules, "attributes.csv": testAttributes}
			for _, n := range names {
				if rows, ok := good[n]; ok {
					files["tenants/"+n+".csv"] = rows
				}
			}
			return files
		}
		for _, n := range names {
			good[n] = own(n)
		}
		e, err := policy.Load(folder(start()), policy.Options{TenantErrors: pick(g, policy.Isolate, policy.Refuse)})
		if err != nil || len(e.Stats().Held) > 0 {
			continue // a tenant's row is one of all
		}
		for range 6 {
			if g.IntN(2) == 0 {
				rules = common()
			}
			next, files := map[string]string{}, map[string]string{"policy.csv": rules, "attributes.csv": testAttributes}
			for _, n := range names {
				rows := pick(g, good[n], good[n], own(n))
				if g.IntN(2) == 0 {
					rows = corrupt(g, rows)
				}
				next[n], files["tenants/"+n+".csv"] = rows, rows
			}
			err := e.Reload(folder(files))
			if err != nil && !errors.Is(err, policy.ErrTenantHeld) {
				break // the rules for all do not go with a file that is as it was
			}
			state := map[string]policy.HeldTenant{}
			for _, h := range e.Stats().Held {
				state[h.Tenant.String()] = h
			}
			// The files that should decide are, for each tenant, its new file or its last good one.
			want := map[string]string{"policy.csv": rules, "attributes.csv": testAttributes}
			for _, n := range names {
				h, isHeld := state[n]
				switch {
				case !isHeld:
					good[n] = next[n]
					want["tenants/"+n+".csv"] = next[n]
					whole++
				case !h.Closed:
					want["tenants/"+n+".csv"] = good[n]
					held++
				default:
					closed++
				}
			}
			twin := mustLoad(t, folder(want))
			for range 40 {
				r := g.request()
				n := r.Tenant.String()
				d, err := e.Decide(t.Context(), r)
				if h := state[n]; h.Closed {
					if !errors.Is(err, policy.ErrTenantClosed) || d.Allowed() {
						t.Fatalf("seed %d: the closed %s: %v %v", seed, n, d, err)
					}
					continue
				}
				is, err2 := twin.Decide(t.Context(), r)
				if (err == nil) != (err2 == nil) || !cmp.Equal(d.Reasons, is.Reasons) || d.Effect != is.Effect {
					t.Fatalf("seed %d: %+v\ngot  %v %v\nwant %v %v", seed, r, d, err, is, err2)
				}
				if len(d.Reasons) > 0 && !d.Allowed() && strings.HasPrefix(d.Reasons[0].File, "tenants/") {
					denied++
				}
			}
		}
	}
	t.Logf("%d tenants at their new rows, %d at their last good ones, %d closed; %d denials by a tenant's own rows", whole, held, closed, denied)
	least := 20
	if testneed.Race {
		least = 1
	}
	if min(whole, held, closed, denied) < least {
		t.Error("the generator does not reach every state")
	}
}

// corrupt returns rows as a broken edit leaves them. They may load all the same.
func corrupt(g gen, rows string) string {
	i := g.IntN(len(rows))
	switch g.IntN(6) {
	case 0:
		return rows[:i]
	case 1:
		return rows[:i] + "\x00" + rows[i:]
	case 2:
		return strings.Replace(rows, "deny", "denny", 1)
	case 3:
		return strings.Replace(rows, ", ", " ", 1)
	case 4:
		return rows + "\ng, role:a, role:b, " + pick(g, "acme", "globex", "*")
	}
	return pick(g, "", "# gone", rows+"\n"+rows, "p")
}
