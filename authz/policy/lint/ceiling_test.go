package lint_test

import (
	"testing"

	"github.com/reevehq/reeve/authz/policy/lint"
)

// The writer of a ceiling has meant all that it allows.
func TestATenantsFileWithinACeilingIsNoFinding(t *testing.T) {
	files := base(t)
	edit(files, "tenants/acme.csv: p, role:viewer, acme, invoice, archive, true, allow")
	if found := look(t, files, lint.Options{}); !has(found, "RV136") {
		t.Errorf("without a ceiling:\n%s", text(found))
	}
	files["ceiling.csv"] = "p, role:authenticated, *, invoice, archive\ng, role:clerk, acme\n"
	if found := look(t, files, lint.Options{}); has(found, "RV136") || has(found, "RV144") {
		t.Errorf("within the ceiling:\n%s", text(found))
	}
	files["ceiling.csv"] = "g, role:clerk, acme\n"
	if found := look(t, files, lint.Options{}); !has(found, "RV144") {
		t.Errorf("above the ceiling:\n%s", text(found))
	}
}
