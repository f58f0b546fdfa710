package policy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/casbin/casbin/v2"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy"
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
	e.EnableAutoSave(false) // the file adapter cannot
	e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch)
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return oracle{e}
}

// allows asks Casbin, with the roles of the session as g rows for as long as it takes.
func (o oracle) allows(t testing.TB, r policy.Request) (bool, error) {
	t.Helper()
	sub := plain(r.Subject.Attributes)
	sub["Name"] = "anonymous"
	if r.Subject.ID != "" {
		sub["Name"], sub["id"] = "user:"+r.Subject.ID, r.Subject.ID
	}
	obj := plain(r.Object.Attributes)
	obj["Name"], obj["Type"] = r.Object.Route, ""
	if r.Object.Route == "" {
		obj["Name"], obj["Type"] = r.Object.Type, r.Object.Type
	}
	if r.Object.ID != "" {
		obj["Name"], obj["id"] = r.Object.Type+":"+r.Object.ID, r.Object.ID
	}
	if r.Subject.Roles != nil && r.Subject.Roles.Len() > 0 {
		before, err := o.e.GetGroupingPolicy()
		if err != nil {
			t.Fatal(err)
		}
		before = slices.Clone(before)
		for i := range r.Subject.Roles.Len() {
			if _, err := o.e.AddGroupingPolicy("user:"+r.Subject.ID, "role:"+r.Subject.Roles.At(i), r.Tenant.String()); err != nil {
				t.Fatal(err)
			}
		}
		// Removing one link can take another with it (the same one in "*"), so the
		// links are built anew.
		defer func() {
			after, err := o.e.GetGroupingPolicy()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range slices.Clone(after) {
				if !slices.ContainsFunc(before, func(old []string) bool { return slices.Equal(old, row) }) {
					if _, err := o.e.RemoveGroupingPolicy(row); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := o.e.BuildRoleLinks(); err != nil {
				t.Fatal(err)
			}
		}()
	}
	return o.e.Enforce(sub, r.Tenant.String(), obj, string(r.Action), plain(r.Env))
}

// plain returns attributes as Casbin reads them: a list is an []any there.
func plain(a policy.Attributes) map[string]any {
	out := map[string]any{}
	values, _ := a.(policy.Values)
	for name, v := range values {
		if list, ok := v.([]string); ok {
			anys := make([]any, len(list))
			for i, s := range list {
				anys[i] = s
			}
			v = anys
		}
		out[name] = v
	}
	return out
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
