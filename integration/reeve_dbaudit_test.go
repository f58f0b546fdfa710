//go:build unix

package integration_test

import (
	"fmt"
	"strings"
	"testing"
)

// The command finds what the library finds, and the SQL that it prints mends it.
func TestReeveAuditsADatabaseAndItsSQLMendsIt(t *testing.T) {
	t.Parallel()
	w := newRLSDatabase(t, rlsTables)
	dir := t.TempDir()
	audit := func(flags string) string {
		return runIn(t, dir, fmt.Sprintf("reeve db audit '%s' --owner %s --app %s %s; echo exit $?", w.App(), w.OwnerRole, w.AppRole, flags))
	}
	out := audit("")
	if !strings.HasSuffix(out, "exit 1\n") || !strings.Contains(out, "error public.project (rls-off): ") || !strings.Contains(out, "    ALTER TABLE \"public\".\"project\" ENABLE ROW LEVEL SECURITY;") {
		t.Errorf("an open database:\n%s", out)
	}
	if out := audit("--format json"); !strings.Contains(out, `"rule": "rls-off"`) {
		t.Errorf("as JSON:\n%s", out)
	}
	w.generate()
	out = audit("--fail-on info")
	sql, _, _ := strings.Cut(audit("--format sql --fail-on info"), "exit ")
	for range 3 { // the next round of SQL may find what this one makes possible
		if strings.HasSuffix(out, "exit 0\n") {
			break
		}
		w.asSuper("SET search_path = public;\n" + sql)
		out = audit("--fail-on warning")
		sql, _, _ = strings.Cut(audit("--format sql"), "exit ")
	}
	if !strings.HasSuffix(out, "exit 0\n") || !strings.Contains(out, "0 errors, 0 warnings") {
		t.Errorf("a database with the wall:\n%s", out)
	}
	w.asSuper(`ALTER TABLE project DISABLE ROW LEVEL SECURITY`)
	if out := audit(""); !strings.HasSuffix(out, "exit 1\n") || !strings.Contains(out, "project (rls-off)") {
		t.Errorf("a wall with a hole:\n%s", out)
	}
}
