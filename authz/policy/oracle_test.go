package policy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/casbin/casbin/v2"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/policies"
)

// oracle is stock Casbin with the same files.
type oracle struct{ e *casbin.Enforcer }

// newOracle loads the model and all CSV files of fsys into a stock enforcer, by way of its
// own file adapter.
func newOracle(t testing.TB, fsys fs.FS) oracle {
	t.Helper()
	dir := t.TempDir()
	var rows strings.Builder
	names, err := fs.Glob(fsys, "tenants/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"policy.csv"}, names...) {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		rows.Write(data)
		rows.WriteByte('\n')
	}
	model, err := fs.ReadFile(fsys, "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	modelPath, policyPath := filepath.Join(dir, "model.conf"), filepath.Join(dir, "policy.csv")
	if err := os.WriteFile(modelPath, model, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(policyPath, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(modelPath, policyPath)
	if err != nil {
		t.Fatalf("casbin: %v", err)
	}
	for name, f := range condition.Functions() {
		e.AddFunction(name, f)
	}
	e.EnableAutoSave(false) // the file adapter cannot
	e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch)
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return oracle{e}
}

// allows asks Casbin about a request, with the roles of its session.
func (o oracle) allows(t testing.TB, r policy.Request) (allowed bool, err error) {
	t.Helper()
	o.as(t, r, func() { allowed, _, err = o.enforce(r) })
	return allowed, err
}

// enforce asks Casbin, and for the rule that it decided by.
func (o oracle) enforce(r policy.Request) (bool, []string, error) {
	sub := plain(r.Subject.Attributes)
	sub["Name"] = "anonymous"
	if r.Subject.ID != "" {
		sub["Name"], sub["id"] = "user:"+r.Subject.ID, r.Subject.ID
	}
	sub["roles"] = o.roles(r)
	obj := plain(r.Object.Attributes)
	obj["Name"], obj["Type"] = r.Object.Route, ""
	if r.Object.Route == "" {
		obj["Name"], obj["Type"] = r.Object.Type, r.Object.Type
	}
	if r.Object.ID != "" {
		obj["Name"], obj["id"] = r.Object.Type+":"+r.Object.ID, r.Object.ID
	}
	return o.e.EnforceEx(sub, r.Tenant.String(), obj, string(r.Action), environment(r.Env))
}

// roles are those that a caller's name is linked to, of the roles that the tests know, as a list
// of Casbin's.
func (o oracle) roles(r policy.Request) []any {
	list := []any{}
	for _, role := range []string{"admin", "alice", "editor", "owner", "stranger", "viewer"} {
		if linked, err := o.e.GetRoleManager().HasLink("user:"+r.Subject.ID, "role:"+role, r.Tenant.String()); err == nil && linked && r.Subject.ID != "" {
			list = append(list, role)
		}
	}
	return list
}

// as runs f with the roles of a request's session as g rows.
func (o oracle) as(t testing.TB, r policy.Request, f func()) {
	t.Helper()
	if r.Subject.Roles == nil || r.Subject.Roles.Len() == 0 {
		f()
		return
	}
	var added [][]string
	for i := range r.Subject.Roles.Len() {
		row := []string{"user:" + r.Subject.ID, "role:" + r.Subject.Roles.At(i), r.Tenant.String()}
		fresh, err := o.e.AddGroupingPolicy(row)
		if err != nil {
			t.Fatal(err)
		}
		if fresh {
			added = append(added, row)
		}
	}
	f()
	for _, row := range added {
		if removed, err := o.e.RemoveGroupingPolicy(row); err != nil || !removed {
			t.Fatal(removed, err)
		}
	}
	// Removing one link can take another with it (the same one in "*"), so the links are
	// built anew.
	if err := o.e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
}

// plain returns attributes as Casbin reads them: a list is an []any there, a time a number of
// seconds, and a parent a map.
func plain(a policy.AttributeSource) map[string]any {
	out := map[string]any{}
	values, _ := a.(policy.Values)
	for name, v := range values {
		switch x := v.(type) {
		case []string:
			anys := make([]any, len(x))
			for i, s := range x {
				anys[i] = s
			}
			v = anys
		case time.Time:
			v = float64(x.UnixMicro()) / 1e6
		case policy.Values:
			v = plain(x)
		}
		out[name] = v
	}
	return out
}

// environment is plain for what a request says of its surroundings: the actor is ” unless it
// says who acts.
func environment(a policy.AttributeSource) map[string]any {
	env := plain(a)
	if _, there := env[policy.EnvActor]; !there {
		env[policy.EnvActor] = ""
	}
	return env
}

// folder is a policy made of the standard model and the given files.
func folder(files map[string]string) fstest.MapFS {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		panic(err)
	}
	fsys := fstest.MapFS{"model.conf": {Data: model}}
	for name, content := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

// with is a policy of the standard model, the given rows and the test's attributes.
func with(rows ...string) fstest.MapFS {
	return folder(map[string]string{"policy.csv": strings.Join(rows, "\n"), "attributes.csv": testAttributes})
}

func mustLoad(t testing.TB, fsys fs.FS) *policy.Engine {
	t.Helper()
	e, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		t.Fatalf("the policy does not load:\n%v", err)
	}
	return e
}

func decide(t testing.TB, e *policy.Engine, r policy.Request) policy.Decision {
	t.Helper()
	d, err := e.Decide(t.Context(), r)
	if err != nil {
		t.Fatalf("deciding %+v: %v", r, err)
	}
	return d
}

type mapFile = fstest.MapFile
