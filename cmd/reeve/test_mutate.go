package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy/policytest"
)

// mutationUsage refuses flags that do not go together.
func (c *testCommand) mutationUsage() error {
	asks := c.Coverage || c.Mutate || c.Suggest || c.Min != 0
	switch {
	case (c.Mutate || c.Suggest || c.Min != 0) && (c.Published || len(c.Rows) > 0):
		return usage("mistakes are made in the folder's files alone: leave --published and --rows out")
	case c.Min < 0 || c.Min > 100:
		return usage("--min: %d is not between 0 and 100", c.Min)
	case asks && c.Format != "pretty":
		return usage("--format %s has no place for coverage and mutants", c.Format)
	case asks && c.Run_ != "":
		return usage("--run leaves cases out, so that coverage and mutants mean nothing")
	}
	return nil
}

// covers prints how many cases each rule decides.
func covers(a *app, from *source, list []policytest.Cover) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"cases", "rule", "who", "tenant", "object", "action", "condition", "effect"})
	covered := 0
	for _, x := range list {
		if x.Cases > 0 {
			covered++
		}
		r := x.Rule
		t.AppendRow(table.Row{x.Cases, fmt.Sprintf("%s:%d", from.name(r.File), r.Line), r.Subject, r.Tenant, r.Object, r.Action, r.Condition, r.Effect})
	}
	a.printf("%s\n%d of %s decide a case\n", t.Render(), covered, count(len(list), "rule"))
}

// mutation makes the mutants. Cases that fail already are told with their positions.
func mutation(dir string, cases []policytest.Case) (policytest.Mutation, error) {
	m, err := policytest.Mutate(context.Background(), os.DirFS(dir), cases)
	if err != nil {
		return m, &exitError{codeTests, inFolder(dir, err)}
	}
	return m, nil
}

// mutate prints the mutants that no case notices.
func (c *testCommand) mutate(a *app, dir string, cases []policytest.Case) error {
	m, err := mutation(dir, cases)
	if err != nil {
		return err
	}
	for _, x := range m.Survivors {
		x.File = inDir(dir, x.File)
		a.printf("%s %s\n         %s\n", a.paint(red, "SURVIVES"), x, x.Suggestion)
	}
	a.printf("%d of %s killed, %d survived; no request tells %d more from the policy\n",
		m.Killed, count(m.Killed+len(m.Survivors), "mutant"), len(m.Survivors), len(m.Same))
	if m.Score()*100 < float64(c.Min) {
		return ends(codeTests)
	}
	return nil
}

// suggest prints the rows that would kill the survivors, each once.
func (c *testCommand) suggest(a *app, dir string, cases []policytest.Case) error {
	m, err := mutation(dir, cases)
	if err != nil {
		return err
	}
	var rows []string
	for _, x := range m.Survivors {
		if !slices.Contains(rows, x.Suggestion) {
			rows = append(rows, x.Suggestion)
		}
	}
	for _, row := range rows {
		a.printf("%s\n", row)
	}
	return nil
}
