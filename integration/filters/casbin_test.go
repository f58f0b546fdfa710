//go:build unix

package filters_test

import (
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/policies"
)

// stock is Casbin with the same model and rules, and the functions of conditions. It is asked about
// requests without what is out of range or NULL, which it takes for a value.
type stock struct {
	*casbin.Enforcer
	objects map[string]any // of documents, by their ids
}

// newStock returns Casbin without rules, which is asked about documents.
func newStock(t testing.TB, docs []doc) *stock {
	t.Helper()
	text, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.NewModelFromString(string(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range condition.Functions() {
		e.AddFunction(name, f)
	}
	e.AddNamedDomainMatchingFunc("g", "", util.KeyMatch)
	s := &stock{e, map[string]any{}}
	for _, d := range docs {
		if s.objects[d.id] != nil {
			t.Fatalf("two documents have the id %q", d.id)
		}
		values := d.object().Attributes.(policy.Values)
		obj := plain(values, map[string]bool{"reviewer": true, "parts": true, "locked": true, "made": true})
		obj["Name"], obj["Type"], obj["id"] = "doc:"+d.id, "doc", d.id
		if below, ok := values["project"].(policy.Values); ok {
			obj["project"] = plain(below, map[string]bool{"status": true})
		}
		s.objects[d.id] = obj
	}
	return s
}

// load replaces the rules.
func (s *stock) load(t testing.TB, rules string) {
	t.Helper()
	s.SetAdapter(stringadapter.NewAdapter(rules))
	if err := s.LoadPolicy(); err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, sec := range []string{"p", "g"} {
		lines, err := s.GetModel().GetPolicy(sec, sec)
		if err != nil {
			t.Fatal(err)
		}
		read += len(lines)
	}
	want := 0
	for line := range strings.Lines(rules) {
		if strings.TrimSpace(line) != "" {
			want++
		}
	}
	if read != want { // its adapter leaves out what it cannot read
		t.Fatalf("Casbin has %d of %d rules:\n%s", read, want, rules)
	}
}

// asked is a request without its document, as Casbin takes it.
type asked struct {
	*stock
	sub, env map[string]any
	r        policy.Request
}

// ask prepares what is the same for all documents.
func (s *stock) ask(r policy.Request) asked {
	sub, roles := plain(r.Subject.Attributes.(policy.Values), nil), []any{}
	for _, role := range []string{"editor", "viewer"} {
		if linked, err := s.GetRoleManager().HasLink("user:"+r.Subject.ID, "role:"+role, r.Tenant.String()); err == nil && linked {
			roles = append(roles, role)
		}
	}
	sub["Name"], sub["id"], sub["roles"] = "user:"+r.Subject.ID, r.Subject.ID, roles
	env := plain(r.Env.(policy.Values), nil)
	env[policy.EnvActor] = ""
	return asked{s, sub, env, r}
}

// allows asks about a document. The error is Casbin's, for what is missing.
func (a asked) allows(d doc) (bool, error) {
	return a.Enforce(a.sub, a.r.Tenant.String(), a.objects[d.id], string(a.r.Action), a.env)
}

// plain returns attributes as Casbin reads them, without what counts as missing.
func plain(values policy.Values, null map[string]bool) map[string]any {
	out := map[string]any{}
	for name, v := range values {
		switch x := v.(type) {
		case nil:
			if !null[name] {
				continue
			}
		case int64:
			if x > condition.MaxInt || x < -condition.MaxInt {
				continue
			}
		case float64:
			if math.IsNaN(x) || math.IsInf(x, 0) {
				continue
			}
		case time.Time:
			if x.Before(condition.MinTime()) || x.After(condition.MaxTime()) {
				continue
			}
			v = float64(x.UnixMicro()) / 1e6
		case []string:
			list := make([]any, len(x))
			for i, s := range x {
				list[i] = s
			}
			v = list
		case policy.Values:
			continue
		}
		out[name] = v
	}
	return out
}

// limited reports whether a document has values beyond a limit of conditions, which Casbin has not.
// A value out of range is there and has no value; without it, Casbin says that none is there.
func limited(d doc, text string) bool {
	if strings.Contains(text, "has(") {
		all := d.object().Attributes.(policy.Values)
		for _, name := range []string{"size", "score", "due"} {
			if _, kept := plain(all, nil)[name]; !kept && all[name] != nil {
				return true
			}
		}
	}
	long := func(x any) bool { s, ok := x.(string); return ok && len(s) > 4096 }
	list, _ := d.tags.([]string)
	return long(d.owner) || long(d.reviewer) || long(d.status) || len(list) > 100 || len(d.members) > 100
}
