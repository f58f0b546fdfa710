package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

type testCommand struct {
	Dir     string `arg:"" optional:"" help:"The folder of the policy. Default: policies, or the current folder. With --model the table: by default policy_test.csv beside policy.csv."`
	Run_    string `name:"run" help:"Run the cases whose name matches a regular expression alone: tenant, subject, action, object and note." placeholder:"RE"`
	Verbose bool   `short:"v" help:"Print every case."`
	Format  string `help:"pretty, json, github or junit." enum:"pretty,json,github,junit" default:"pretty"`

	Coverage bool `help:"Print how many cases each rule decides."`
	Mutate   bool `help:"Make mistakes in the policy, one at a time, and print those that no case notices."`
	Suggest  bool `help:"Print rows for the table that would notice them, and nothing else."`
	Min      int  `help:"Fail when the cases notice less than this share of the mistakes, in percent. Implies --mutate." placeholder:"N"`

	sourceFlags
	casbinFlags
}

func (*testCommand) Help() string {
	return `Examples:

  reeve test policies
  reeve test policies --run 'update invoice'
  reeve test policies --format junit > report.xml
  reeve test policies --coverage
  reeve test policies --mutate --min 95
  reeve test policies --suggest >> policies/policy_test.csv
  reeve test --model model.conf --policy policy.csv policy_test.csv

A table is a file beside policy.csv whose name ends in _test.csv. A failing case prints what was expected, what came, and why. Rules that no case is decided by are failures too, unless --run leaves cases out.

A mutant is the policy with one mistake in it: a row is gone, is for everybody or every tenant, has the other effect, a wider object or every action, a condition is gone, turned round or has another operator, or the roles of a grant are swapped. It survives when no case fails on it although some request tells it apart. --suggest prints such a request for each as a row, with what the policy says today: read it before it is kept.

` + sourceHelp + ` The tables are those of the folder, or of the one here. Rules that tenants have published are not idle.

A row of the table of a Casbin policy is the values of the model's request, then allow, deny or error, and a note.

Exit codes: 0 all pass, 2 usage, 3 the policy or a table cannot be loaded, 4 a case fails, a rule is idle, or less than --min percent of the mutants are killed.`
}

// outcome is the result of one case.
type outcome struct {
	policytest.Result
	why string // the explanation of a failure
}

func (c *testCommand) Run(a *app) error {
	only, err := regexp.Compile(c.Run_)
	if err != nil {
		return usage("--run: %w", err)
	}
	if err := errors.Join(c.check(), c.standardOnly(c.isCasbin())); err != nil {
		return err
	}
	if c.isCasbin() {
		return c.casbinTests(a, only)
	}
	if err := c.mutationUsage(); err != nil {
		return err
	}
	// As policytest.Run decides: a table has no other results tomorrow.
	noon := func() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }
	engine, from, err := c.engine(a, c.Dir, noon)
	if err != nil {
		return err
	}
	dir, tables, err := c.tables(from)
	if err != nil {
		return err
	}
	var cases []policytest.Case
	var bad []error
	for _, name := range tables {
		more, err := policytest.Load(os.DirFS(dir), name, engine.Attributes())
		if err != nil {
			bad = append(bad, inFolder(dir, err))
		}
		cases = append(cases, more...)
	}
	if len(bad) == 0 && len(cases) == 0 {
		bad = append(bad, fmt.Errorf("%s:1:1: no table of requests: its name ends in _test.csv", inDir(dir, policy.TestFile)))
	}
	if len(bad) > 0 {
		return &exitError{codeLoad, errors.Join(bad...)}
	}
	results, idle := policytest.Evaluate(context.Background(), engine, cases)
	if c.Run_ != "" {
		idle = nil
	}
	var outcomes []outcome
	for _, r := range results {
		if !only.MatchString(describe(r.Case)) {
			continue
		}
		r.Case.File = inDir(dir, r.Case.File)
		o := outcome{Result: r}
		if err := r.Failure(); err != nil {
			if errors.Is(err, policy.ErrTenantClosed) && !c.Published {
				a.notes([]string{"tenants with a key in " + policy.CeilingFile + " are closed here: --published takes what they have published, and --rows TENANT=FILE a file"})
			}
			if x, err := engine.Explain(context.Background(), r.Case.Request); err == nil {
				prefixFiles(from, &x)
				o.why = x.String()
			}
		}
		outcomes = append(outcomes, o)
	}
	// Rules that tenants have published are for their own tables.
	idle = slices.DeleteFunc(idle, func(r policy.Rule) bool { return from.isPublished(r.File) })
	for i := range idle {
		idle[i].File = from.name(idle[i].File)
	}
	if len(outcomes) == 0 {
		return usage("--run %s: no case matches", c.Run_)
	}
	if c.Suggest {
		return c.suggest(a, dir, cases)
	}
	failed, err := c.report(a, outcomes, idle)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	if c.Coverage {
		covers(a, from, policytest.Coverage(engine.Rules(), results))
	}
	if failed > 0 {
		return ends(codeTests)
	}
	if c.Mutate || c.Min > 0 {
		if err := c.mutate(a, dir, cases); err != nil {
			return err
		}
	}
	if len(idle) > 0 {
		return ends(codeTests)
	}
	return nil
}

// tables returns the folder of the tables, and their names. The policy in force has none: its are those of the
// folder here.
func (c *testCommand) tables(from *source) (dir string, names []string, err error) {
	if from.dir != "" {
		return from.dir, from.bundle.Tables(), nil
	}
	if dir, err = folderOf(""); err != nil {
		return "", nil, err
	}
	b, _ := policy.ReadBundle(os.DirFS(dir)) // which is not what is tested
	return dir, b.Tables(), nil
}

// describe returns what --run is held against.
func describe(c policytest.Case) string {
	r := c.Request
	subject, object := "anonymous", r.Object.Route
	if r.Subject.ID != "" {
		subject = "user:" + r.Subject.ID
	}
	if object == "" {
		object = r.Object.Type
		if r.Object.ID != "" {
			object += ":" + r.Object.ID
		}
	}
	return strings.Join(strings.Fields(strings.Join([]string{r.Tenant.String(), subject, string(r.Action), object, c.Note}, " ")), " ")
}

func (c *testCommand) report(a *app, outcomes []outcome, idle []policy.Rule) (failed int, err error) {
	for _, o := range outcomes {
		if o.Failure() != nil {
			failed++
		}
	}
	switch c.Format {
	case "json":
		return failed, c.json(a, outcomes, idle)
	case "junit":
		return failed, junitOf(a, outcomes, idle)
	case "github":
		for _, o := range outcomes {
			if err := o.Failure(); err != nil {
				a.printf("::error file=%s,line=%d::%s\n", escapeProperty(o.Case.File), o.Case.Line, escapeData(err.Error()))
			}
		}
		for _, r := range idle {
			a.printf("::error file=%s,line=%d::no case is decided by this rule\n", escapeProperty(r.File), r.Line)
		}
		return failed, nil
	}
	for _, o := range outcomes {
		err := o.Failure()
		switch {
		case err == nil && c.Verbose:
			a.printf("%s %s:%d: %s\n", a.paint(green, "ok  "), o.Case.File, o.Case.Line, describe(o.Case))
		case err != nil:
			a.printf("%s %s:%d: %s\n     %v\n", a.paint(red, "FAIL"), o.Case.File, o.Case.Line, describe(o.Case), err)
			for line := range strings.Lines(o.why) {
				a.printf("     %s", line)
			}
		}
	}
	if len(idle) > 0 {
		a.printf("%s no case is decided by these rules:\n", a.paint(red, "IDLE"))
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		t.AppendHeader(table.Row{"rule", "who", "tenant", "object", "action", "condition", "effect"})
		for _, r := range idle {
			t.AppendRow(table.Row{fmt.Sprintf("%s:%d", r.File, r.Line), r.Subject, r.Tenant, r.Object, r.Action, r.Condition, r.Effect})
		}
		a.printf("%s\n", t.Render())
	}
	a.printf("%s, %d failed, %s idle\n", count(len(outcomes), "case"), failed, count(len(idle), "rule"))
	return failed, nil
}

func (c *testCommand) json(a *app, outcomes []outcome, idle []policy.Rule) error {
	type testCase struct {
		File string `json:"file"`
		Line int    `json:"line"`
		Name string `json:"name"`
		Want string `json:"want"`
		Got  string `json:"got"`
		Pass bool   `json:"pass"`
		Err  string `json:"error,omitempty"`
		Why  string `json:"why,omitempty"`
	}
	type idleRule struct {
		File string `json:"file"`
		Line int    `json:"line"`
		Rule string `json:"rule"`
	}
	out := struct {
		Cases []testCase `json:"cases"`
		Idle  []idleRule `json:"idle"`
	}{[]testCase{}, []idleRule{}}
	for _, o := range outcomes {
		x := testCase{o.Case.File, o.Case.Line, describe(o.Case), o.Case.Want.String(), o.Decision.Effect.String(), true, "", o.why}
		if err := o.Failure(); err != nil {
			x.Pass, x.Err = false, err.Error()
		}
		out.Cases = append(out.Cases, x)
	}
	for _, r := range idle {
		out.Idle = append(out.Idle, idleRule{r.File, r.Line, r.String()})
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

func junitOf(a *app, outcomes []outcome, idle []policy.Rule) error {
	cases, rules := junitSuite{Name: "cases"}, junitSuite{Name: "idle rules"}
	for _, o := range outcomes {
		x := junitCase{Class: o.Case.File, Name: fmt.Sprintf("line %d %s", o.Case.Line, describe(o.Case)), File: o.Case.File, Line: o.Case.Line}
		if err := o.Failure(); err != nil {
			x.Failure = &junitFailure{Message: err.Error(), Type: "case", Text: o.why}
			cases.Failures++
		}
		cases.Cases = append(cases.Cases, x)
	}
	for _, r := range idle {
		rules.Cases = append(rules.Cases, junitCase{Class: r.File, Name: fmt.Sprintf("line %d", r.Line), File: r.File, Line: r.Line,
			Failure: &junitFailure{Message: "no case is decided by this rule", Type: "idle", Text: r.String()}})
		rules.Failures++
	}
	return writeSuites(a.out, "reeve test", cases, rules)
}
