package policytest_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/policies"
)

func mutated(t *testing.T, files fs.FS, name string) (policytest.Mutation, *policy.Engine) {
	t.Helper()
	engine, err := policy.Load(files, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := policytest.Load(files, name, engine.Attributes())
	if err != nil {
		t.Fatal(err)
	}
	m, err := policytest.Mutate(t.Context(), files, cases)
	if err != nil {
		t.Fatal(err)
	}
	return m, engine
}

// with returns a policy of the standard model with other rules and another table.
func with(t *testing.T, rules, attributes, rows string) fstest.MapFS {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"model.conf": {Data: model}, "policy.csv": {Data: []byte(rules)}, "attributes.csv": {Data: []byte(attributes)}, "policy_test.csv": {Data: []byte(rows)},
	}
}

// The table of the standard policy notices at least 95 in 100 of the mistakes that any request
// would, and of those too that none was found for.
func TestTheStandardTableKillsItsMutants(t *testing.T) {
	m, _ := mutated(t, policies.Files(), "policy_test.csv")
	for _, s := range m.Survivors {
		t.Logf("survives: %s\n\t%s", s, s.Suggestion)
	}
	for _, s := range m.Same {
		t.Logf("the same: %s", s)
	}
	all := m.Killed + len(m.Survivors) + len(m.Same)
	t.Logf("%d of %d mutants are killed, %d survive, %d are the same", m.Killed, all, len(m.Survivors), len(m.Same))
	if all < 80 || m.Score() < 0.95 || float64(m.Killed) < 0.95*float64(all) {
		t.Errorf("%d of %d mutants are killed: %.3f", m.Killed, all, m.Score())
	}
}

const (
	mutantRules = `
p, role:viewer, *, invoice, read, true, allow
p, role:editor, acme, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow
p, role:editor, *, invoice, seal, r.obj.amount >= 10 || r.obj.status in ('draft'), allow
p, role:authenticated, *, invoice, read, r.obj.status == 'it''s, secret', deny
p, role:viewer, *, /invoices/:id, GET, r.obj.id == r.sub.id, allow
g, role:editor, role:viewer, *
`
	mutantAttributes = `
invoice, owner, string, no, owner
invoice, status, string, no, status
invoice, amount, int, no, amount
`
)

// Suggested rows are rows: added to the table they pass, and kill what survived it.
func TestSuggestedRowsKillTheSurvivors(t *testing.T) {
	rules := strings.Replace(mutantRules, `r.obj.status == 'it''s, secret'`, `"r.obj.status == 'it\'s, secret'"`, 1)
	files := with(t, rules, mutantAttributes, "acme, user:bob, viewer, read, invoice:1, status=draft, allow, a viewer reads\n")
	before, engine := mutated(t, files, "policy_test.csv")
	if len(before.Survivors) < 25 || before.Killed == 0 {
		t.Fatalf("%d survive, %d are killed", len(before.Survivors), before.Killed)
	}
	var rows []string
	for _, s := range before.Survivors {
		rows = append(rows, s.Suggestion)
	}
	slices.Sort(rows)
	files["policy_test.csv"].Data = append(files["policy_test.csv"].Data, strings.Join(rows, "\n")...)
	cases, err := policytest.Load(files, "policy_test.csv", engine.Attributes())
	if err != nil {
		t.Fatalf("a suggestion is no row: %v", err)
	}
	results, _ := policytest.Evaluate(t.Context(), engine, cases)
	for _, r := range results {
		if err := r.Failure(); err != nil {
			t.Errorf("a suggestion does not pass: line %d: %v", r.Case.Line, err)
		}
	}
	after, _ := mutated(t, files, "policy_test.csv")
	if len(after.Survivors) != 0 || after.Score() != 1 || after.Killed != before.Killed+len(before.Survivors) || len(after.Same) != len(before.Same) {
		t.Errorf("%d survive of %d, %d are killed, %d are the same", len(after.Survivors), len(before.Survivors), after.Killed, len(after.Same))
	}
	for _, s := range after.Same {
		t.Logf("the same: %s", s)
	}
	if len(after.Same) > 4 {
		t.Errorf("no request was found that tells %d mutants apart", len(after.Same))
	}
}

// Mutants of each kind are made, and those that mean the same are no survivors.
func TestMutantsAreMistakesThatEditorsMake(t *testing.T) {
	files := with(t, `p, role:viewer, acme, invoice:7, read, r.obj.owner == 'a && b' && r.obj.amount < 3, allow
p, role:editor, *, invoice, seal, true, allow`+"\n", mutantAttributes,
		"acme, user:bob, viewer, read, invoice:8, , deny, x\n")
	m, _ := mutated(t, files, "policy_test.csv")
	var got []string
	for _, s := range slices.Concat(m.Survivors, m.Same) {
		got = append(got, s.Change)
	}
	for _, want := range []string{
		"the row is gone", "it is for role:authenticated", "it is for every tenant", "the action is *", "there is no condition", "the condition is turned round",
		"the condition is r.obj.owner != 'a && b' && r.obj.amount < 3", "the condition is r.obj.owner == 'a && b' || r.obj.amount < 3",
		"the condition is r.obj.owner == 'a && b' && r.obj.amount <= 3", "the effect is deny", "the object is invoice",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no mutant %q among %q", want, got)
		}
	}
	// The second rule covers the first: without the first nothing changes.
	files = with(t, "p, role:viewer, acme, invoice, read, true, allow\np, role:viewer, *, invoice, read, true, allow\n", "", "acme, user:bob, viewer, read, invoice, , allow, x\n")
	m, _ = mutated(t, files, "policy_test.csv")
	if !slices.ContainsFunc(m.Same, func(s policytest.Mutant) bool { return s.Line == 1 && s.Change == "the row is gone" }) {
		t.Errorf("a rule that another covers: %v", m.Same)
	}
}

// A table that fails tells nothing about mutants.
func TestMutateRefusesATableThatFails(t *testing.T) {
	files := with(t, "p, role:viewer, *, invoice, read, true, allow\n", "", "acme, user:bob, , read, invoice, , allow, x\n")
	engine, err := policy.Load(files, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := policytest.Load(files, "policy_test.csv", engine.Attributes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policytest.Mutate(t.Context(), files, cases); err == nil || !strings.Contains(err.Error(), "policy_test.csv:1") {
		t.Error(err)
	}
	if _, err := policytest.Mutate(t.Context(), os.DirFS(t.TempDir()), nil); err == nil {
		t.Error("an empty folder has mutants")
	}
}

func TestCoverageCountsTheCasesOfEachRule(t *testing.T) {
	files := with(t, "p, role:viewer, *, invoice, read, true, allow\np, role:editor, *, invoice, update, true, allow\n", "",
		"acme, user:bob, viewer, read, invoice, , allow, x\nacme, user:ann, viewer, read, invoice, , allow, y\n")
	engine, err := policy.Load(files, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := policytest.Load(files, "policy_test.csv", engine.Attributes())
	if err != nil {
		t.Fatal(err)
	}
	results, _ := policytest.Evaluate(t.Context(), engine, cases)
	covers := policytest.Coverage(engine.Rules(), results)
	if len(covers) != 2 || covers[0].Cases != 2 || covers[1].Cases != 0 || covers[1].Rule.Action != "update" {
		t.Errorf("%+v", covers)
	}
}
