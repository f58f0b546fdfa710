package lint_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/lint"
)

// A file that does not load makes errors in those that are read by it. People mend the first line that they
// read, so that it has to be the cause.
func TestTheCauseOfOtherErrorsStandsFirst(t *testing.T) {
	for name, row := range map[string]struct {
		change func(files map[string]string)
		first  string
	}{
		"a kind that is none": {func(f map[string]string) {
			f["attributes.csv"] = strings.Replace(f["attributes.csv"], "string", "strng", 5)
		}, "attributes.csv"},
		"semicolons in attributes.csv":     {func(f map[string]string) { f["attributes.csv"] = strings.ReplaceAll(f["attributes.csv"], ",", ";") }, "attributes.csv"},
		"a mark before attributes.csv":     {func(f map[string]string) { f["attributes.csv"] = "\ufeff" + f["attributes.csv"] }, "attributes.csv"},
		"a model that differs":             {func(f map[string]string) { f["model.conf"] = strings.Replace(f["model.conf"], "&&", "||", 1) }, "model.conf"},
		"a merge in attributes.csv":        {func(f map[string]string) { f["attributes.csv"] = "<<<<<<< HEAD\n" + f["attributes.csv"] }, "attributes.csv"},
		"a ceiling that is none":           {func(f map[string]string) { f["ceiling.csv"] = "p, role:clerk, *, invoice\n" }, "ceiling.csv"},
		"a ceiling in the wrong separator": {func(f map[string]string) { f["ceiling.csv"] = "p; role:clerk; *; invoice; archive\n" }, "ceiling.csv"},
	} {
		files := base(t)
		row.change(files)
		files["policy.csv"] += "p, role:viewer, *, /a, GET, true, denny\n" // which follows from nothing
		found := look(t, files, lint.Options{})
		if len(found) == 0 || found[0].File != row.first {
			t.Errorf("%s: not first:\n%s", name, text(found))
		}
		if !has(found, "RV101") {
			t.Errorf("%s: a mistake of its own is left out:\n%s", name, text(found))
		}
	}
}

// Errors that may follow from another file's are left out, and that one says how many.
func TestWhatMayFollowFromAnotherFileIsLeftOutAndCounted(t *testing.T) {
	files := base(t)
	files["attributes.csv"] = strings.Replace(files["attributes.csv"], "invoice, owner,    string", "invoice, owner,    strng", 1)
	found := look(t, files, lint.Options{})
	if len(found) != 1 || !strings.HasSuffix(found[0].Message, "; left out is what may follow from this in other files: 1") {
		t.Errorf("one cause, and one condition that asks for the attribute:\n%s", text(found))
	}
	files = base(t)
	files["policy.csv"] += "p, role:viewer, *, invoice, read, r.obj.ownr == r.sub.id, allow\n"
	if found = look(t, files, lint.Options{}); !has(found, "RV117") {
		t.Errorf("with attributes that load nothing is left out:\n%s", text(found))
	}
	files = base(t)
	files["ceiling.csv"] = "p, role:clerk, *, invoice\n"
	if found = look(t, files, lint.Options{}); has(found, "RV144") || !strings.Contains(text(found), "what may follow from this in other files: 2") {
		t.Errorf("above a ceiling that does not load:\n%s", text(found))
	}
}
