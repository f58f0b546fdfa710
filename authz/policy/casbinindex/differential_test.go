package casbinindex_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/internal/testneed"
)

func custom(args ...any) (any, error) {
	return len(args) == 2 && (args[0] == args[1] || args[0] == "bob"), nil
}

func fails(args ...any) (any, error) {
	if args[0] == "bob" {
		return nil, errors.New("not bob")
	}
	return args[0] == "alice", nil
}

func (m *anyModel) both(t *testing.T) (*casbin.Enforcer, *casbinindex.Index) {
	t.Helper()
	parsed, err := model.NewModelFromString(m.text)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(parsed)
	if err != nil {
		t.Fatal(err)
	}
	e.AddFunction("custom", custom)
	e.AddFunction("fails", fails)
	options := []option{function("custom", custom), function("fails", fails)}
	if m.domainMatch != nil && strings.Contains(m.text, "g = _, _, _") && e.AddNamedDomainMatchingFunc("g", "", m.domainMatch) && m.IntN(2) == 0 {
		options = append(options, domainMatching("g", m.domainMatch))
	}
	if m.roleMatch != nil && e.AddNamedMatchingFunc("g", "", m.roleMatch) && m.IntN(2) == 0 {
		options = append(options, matching("g", m.roleMatch))
	}
	for _, rule := range m.rules {
		values := make([]any, len(rule)-1)
		for i, v := range rule[1:] {
			values[i] = v
		}
		if rule[0] == "p" {
			_, err = e.AddPolicy(values...)
		} else {
			_, err = e.AddNamedGroupingPolicy(rule[0], values...)
		}
		if err != nil {
			t.Fatal(rule, err)
		}
	}
	ix, err := casbinindex.New(e.GetModel(), config(options...))
	if err != nil && strings.Contains(err.Error(), "is a pattern, which only a rule may bring") && m.roleMatch != nil {
		return nil, nil // g(p.sub, r.sub)
	}
	if err != nil {
		for range 5 {
			if ok, enforceErr := e.Enforce(m.values()...); ok || enforceErr == nil {
				t.Fatalf("%v, and Casbin decides\n%s", err, m.text)
			}
		}
		return nil, nil
	}
	return e, ix
}

// Random models, rules and requests. Casbin is the oracle: the decision, the rule that made
// it, and whether there is an error have to be the same.
func TestIndexIsCasbin(t *testing.T) {
	t.Parallel()
	wanted := testneed.Scale(20_000, 50)
	compared, allowed, failed, models, indexed, seeds := 0, 0, 0, 0, 0, uint64(0)
	for seed := uint64(0); compared < wanted; seed++ {
		m := newAnyModel(newGen(seed))
		e, ix := m.both(t)
		if ix == nil {
			continue
		}
		models++
		if ix.Plan().IsIndexed() {
			indexed++
		}
		var before []any // the last request that was none to err
		for range 50 {
			r := m.values()
			if t.Failed() {
				t.FailNow()
			}
			func() {
				defer func() {
					if t.Failed() {
						t.Logf("seed %d\n%s%s", seed, m.text, describeRules(e))
					}
				}()
				ok, bad := sameAsCasbin(t, e, ix, r...)
				compared++
				if ok {
					allowed++
				}
				if bad {
					failed++
					if before != nil { // an error leaves nothing behind
						sameAsCasbin(t, e, ix, before...)
					}
				} else {
					before = r
				}
			}()
		}
		seeds = seed
	}
	t.Logf("%d decisions by %d models (seeds to %d), %d of them without a scan; %d allowed, %d errors", compared, models, seeds, indexed, allowed, failed)
	if allowed < compared/20 || failed < compared/50 || indexed < models/10 || indexed > models*9/10 {
		t.Error("the generator does not reach what this is about")
	}
}

func describeRules(e *casbin.Enforcer) string {
	var b strings.Builder
	for _, sec := range []string{"p", "g"} {
		for name, a := range e.GetModel()[sec] {
			for _, rule := range a.Policy {
				b.WriteString(name + ", " + strings.Join(rule, ", ") + "\n")
			}
		}
	}
	return b.String()
}
