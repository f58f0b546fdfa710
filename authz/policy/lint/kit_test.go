package lint_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/policies"
)

// base is the policy of the quickstart, with two deny rules and a tenant's file.
func base(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(policies.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(policies.Files(), name)
		files[name] = string(data)
		return err
	})
	if err != nil || files["policy.csv"] == "" {
		t.Fatal(err, slices.Sorted(maps.Keys(files)))
	}
	files["policy.csv"] += "p, user:mallory, *, invoice, update, true, deny\np, role:editor, acme, invoice, update, r.obj.status == 'frozen', deny\n"
	files["tenants/acme.csv"] = "p, role:clerk, acme, invoice, archive, true, allow\ng, user:alice, role:clerk, acme\n"
	return files
}

func folder(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return m
}

func look(t testing.TB, files map[string]string, opts lint.Options) []lint.Finding {
	t.Helper()
	found, err := lint.Folder(folder(files), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Rule.ID == "" || f.Message == "" || f.File == "" || f.Line > 0 && (f.Col < 1 || f.EndCol < f.Col || f.Col > len(f.Source)+1 || f.EndCol > len(f.Source)+1) {
			t.Errorf("a finding that says too little: %+v", f)
		}
	}
	return found
}

func text(found []lint.Finding) string {
	var b strings.Builder
	for _, f := range found {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

func has(found []lint.Finding, id string) bool {
	return slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule.ID == id })
}
