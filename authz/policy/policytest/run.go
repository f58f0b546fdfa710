package policytest

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// Result is how one case went.
type Result struct {
	Case     Case
	Decision policy.Decision
	Err      error // of the decision; a test of a malformed request is a mistake
}

// Failure returns what is wrong, or nil. An error of the decision is wrapped.
func (r Result) Failure() error {
	switch {
	case r.Err != nil:
		return r.Err
	case r.Decision.Effect == r.Case.Want:
		return nil
	case len(r.Decision.Reasons) == 0:
		return fmt.Errorf("want %s, but no rule matches", r.Case.Want)
	}
	why := r.Decision.Reasons[0]
	return fmt.Errorf("want %s, got %s by %s:%d: %s", r.Case.Want, r.Decision.Effect, why.File, why.Line, why.Rule)
}

// Evaluate asks the engine about every case. It returns a result for each, and the rules that
// decided none of them: such a rule could be deleted and no case would notice.
func Evaluate(ctx context.Context, engine *policy.Engine, cases []Case) (results []Result, idle []policy.Rule) {
	type position struct {
		file string
		line int
	}
	decided := map[position]bool{}
	for _, c := range cases {
		d, err := engine.Decide(ctx, c.Request)
		results = append(results, Result{c, d, err})
		for _, r := range d.Reasons {
			decided[position{r.File, r.Line}] = true
		}
	}
	for _, r := range engine.Rules() {
		if !decided[position{r.File, r.Line}] {
			idle = append(idle, r)
		}
	}
	return results, idle
}

// Run loads the policy in fsys and the table of that name beside it, which ends in _test.csv so
// that it is not taken for rules that nobody reads (see [policy.ReadBundle]), and fails t for every
// case that goes wrong and every rule that decides no case.
func Run(t *testing.T, fsys fs.FS, name string) {
	t.Helper()
	engine, err := policy.Load(fsys, policy.Options{Clock: noon})
	if err != nil {
		t.Fatalf("the policy does not load:\n%v", err)
	}
	cases, err := Load(fsys, name, engine.Attributes())
	if err != nil {
		t.Fatalf("the table does not load:\n%v", err)
	}
	results, idle := Evaluate(t.Context(), engine, cases)
	for _, r := range results {
		t.Run(r.Case.Name(), func(t *testing.T) {
			if err := r.Failure(); err != nil {
				t.Errorf("%s:%d: %v", r.Case.File, r.Case.Line, err)
			}
		})
	}
	for _, r := range idle {
		t.Errorf("%s:%d: no case of %s is decided by this rule: %s", r.File, r.Line, name, r)
	}
}
