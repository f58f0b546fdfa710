//go:build unix

package filters_test

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/policies"
)

// stock is Casbin with the same model and rules, and the functions of conditions. It is asked about
// requests without what is out of range or NULL, which it takes for a value.
type stock struct{ *casbin.Enforcer }

func newStock(t testing.TB, rules string) stock {
	t.Helper()
	dir := t.TempDir()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	m, p := filepath.Join(dir, "model.conf"), filepath.Join(dir, "policy.csv")
	for name, data := range map[string][]byte{m: model, p: []byte(rules)} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := casbin.NewEnforcer(m, p)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range condition.Functions() {
		e.AddFunction(name, f)
	}
	e.AddNamedDomainMatchingFunc("g", "", util.KeyMatch)
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return stock{e}
}

// allows asks about a document. The error is Casbin's, for what is missing.
func (s stock) allows(r policy.Request, d doc) (bool, error) {
	sub := plain(r.Subject.Attributes.(policy.Values), nil)
	sub["Name"], sub["id"], sub["roles"] = "user:"+r.Subject.ID, r.Subject.ID, []any{}
	for _, role := range []string{"editor", "viewer"} {
		if linked, err := s.GetRoleManager().HasLink("user:"+r.Subject.ID, "role:"+role, r.Tenant.String()); err == nil && linked {
			sub["roles"] = append(sub["roles"].([]any), role)
		}
	}
	obj := plain(d.object().Attributes.(policy.Values), map[string]bool{"reviewer": true, "parts": true, "locked": true, "made": true})
	obj["Name"], obj["Type"], obj["id"] = "doc:"+d.id, "doc", d.id
	if below, ok := d.object().Attributes.(policy.Values)["project"].(policy.Values); ok {
		obj["project"] = plain(below, map[string]bool{"status": true})
	}
	env := plain(r.Env.(policy.Values), nil)
	env[policy.EnvActor] = ""
	return s.Enforce(sub, r.Tenant.String(), obj, string(r.Action), env)
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
