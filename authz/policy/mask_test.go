package policy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
)

const fieldRules = `
p, role:employee, *, employee, read, true, allow
p, role:employee, *, field:employee/name, read, true, allow
p, role:employee, *, field:employee/nick, *, true, allow
p, role:hr, *, field:employee/*, *, true, allow
p, role:hr, *, field:employee/admin, update, true, deny
p, role:hr, *, field:employee/salary, update, !r.env.mfa, deny
`

func mask(t testing.TB, e *policy.Engine, role string, action policy.Action) policy.Mask {
	t.Helper()
	m, err := e.Fields(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{role}}, Action: action, Object: policy.Object{Type: "employee"}, Env: policy.Values{"mfa": false}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type employee struct {
	Name   string `json:"name"`
	Nick   string `json:"nick"`
	Salary int    `json:"salary"`
	Admin  bool   `json:"admin"`
}

func TestAMaskIsOfTheFieldsThatRulesName(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": fieldRules}))
	all := []string{"name", "nick", "salary", "admin", ""}
	for _, c := range []struct {
		role   string
		action policy.Action
		want   string
	}{
		{"employee", "read", "name nick"}, {"employee", "update", "nick"}, {"hr", "read", "name nick salary admin"}, {"hr", "update", "name nick"}, {"stranger", "read", ""},
	} {
		if got := strings.Join(mask(t, e, c.role, c.action).Only(all...), " "); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.role, c.action, got, c.want)
		}
	}
	if (policy.Mask{}).Has("name") {
		t.Error("the zero Mask has a field")
	}
	m := mask(t, e, "employee", "read")
	for name, v := range map[string]any{
		`{"name":"a","nick":"b"}`:      employee{"a", "b", 1, true},
		`[{"name":"a","nick":"b"},{}]`: []any{employee{"a", "b", 1, true}, map[string]any{"x/y": 1, "": 2, "NAME": 3}},
		`[]`:                           []employee{},
		`null`:                         (*employee)(nil),
	} {
		if got, err := m.JSON(v); err != nil || string(got) != name {
			t.Errorf("%s, %v; want %s", got, err, name)
		}
	}
	for _, v := range []any{"name", 1, []int{1}} {
		if got, err := m.JSON(v); err == nil {
			t.Errorf("%v is written as %s", v, got)
		}
	}
}

func TestAFieldThatIsNotTheCallersIsNotBound(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": fieldRules}))
	m := mask(t, e, "hr", "update")
	for text, ok := range map[string]bool{
		`{"name":"x"}`: true, `{}`: true, `{"name":"x","nick":"y"}`: true,
		`{"admin":true}`: false, `{"name":"x","admin":true}`: false, `{"Admin":true}`: false, `{"ADMIN":true}`: false, `{"\u0061dmin":true}`: false,
		`{"salary":9}`: false, `{"name":"x","name":"y"}`: false, `{"other":1}`: false, `{"":1}`: false, `{"\u017falary":9}`: false,
	} {
		v := employee{Nick: "before"}
		err := m.Bind([]byte(text), &v)
		if ok && err != nil || !ok && (!errors.Is(err, policy.ErrField) || v != employee{Nick: "before"}) {
			t.Errorf("%s: %v, %+v", text, err, v)
		}
	}
	for _, text := range []string{``, `[]`, `null`, `{"name":"x"}{}`, `{"name":"x"`, `{"name":1}`, `{"name":"x",}`} {
		v := employee{Nick: "before"}
		if err := m.Bind([]byte(text), &v); err == nil || v != (employee{Nick: "before"}) {
			t.Errorf("%q is bound: %+v", text, v)
		}
	}
	if err := m.Bind([]byte(`{}`), employee{}); err == nil {
		t.Error("a struct that is no pointer is bound")
	}
}

// A mask says of each field what Decide says of it.
func TestAMaskIsWhatIsDecidedAboutEachField(t *testing.T) {
	has, fields := 0, []string{"a", "b", "c", "d"}
	for seed := range uint64(testneed.Scale(300, 10)) {
		g := gen{rand.New(rand.NewPCG(seed, 5))}
		rows := []string{"p, role:x, *, doc, read, true, allow"}
		for range 1 + g.IntN(6) {
			rows = append(rows, fmt.Sprintf("p, %s, %s, %s, %s, %s, %s", pick(g, "role:editor", "role:authenticated", "user:alice"), pick(g, "*", "acme", "globex"),
				pick(g, "field:doc/a", "field:doc/b", "field:doc/*", "field:*", "field", "*", "field:other/a"), pick(g, "read", "*"), pick(g, "true", "r.env.mfa", "r.sub.level > 1"), pick(g, "allow", "allow", "deny")))
		}
		e := mustLoad(t, folder(map[string]string{"policy.csv": strings.Join(unique(rows), "\n") + "\np, role:none, *, field:x/y, read, true, allow", "attributes.csv": testAttributes}))
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: pick(g, "alice", "bob"), Roles: policy.RoleNames{"editor"}, Attributes: policy.Values{"level": g.IntN(3)}}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{"mfa": g.IntN(2) == 0}}
		if g.IntN(4) == 0 {
			r.Subject.Attributes = nil
		}
		m, err := e.Fields(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			r.Object = policy.Object{Type: "field", ID: "doc/" + f, Tenant: acme}
			if want := decide(t, e, r).Allowed(); want != m.Has(f) {
				t.Fatalf("seed %d: %s is %t, decided %t\n%s", seed, f, m.Has(f), want, strings.Join(rows, "\n"))
			}
			if m.Has(f) {
				has++
			}
		}
		if !slices.Equal(m.Only(fields...), m.Only(m.Only(fields...)...)) {
			t.Fatal("Only is not the same twice")
		}
	}
	if has == 0 {
		t.Error("no mask has a field")
	}
}
