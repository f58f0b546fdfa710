package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
)

// casbinDiff prints the requests that two policies of any Casbin model decide differently.
func (c *diffCommand) casbinDiff(a *app) error {
	if c.New == "" {
		c.New, c.Policy = c.Policy, ""
	}
	switch {
	case c.Model == "":
		return usage("--policy stands beside --model")
	case c.Policy != "":
		return usage("--policy is the new policy: give it, or NEW")
	case c.New == "":
		return usage("one policy: give OLD and NEW")
	}
	old := casbinFlags{Model: c.Model, Policy: c.Old, Engine: c.Engine}
	if c.OldModel != "" {
		old.Model = c.OldModel
	}
	before, err := old.survey()
	if err != nil {
		return err
	}
	after, err := (&casbinFlags{Model: c.Model, Policy: c.New, Engine: c.Engine}).survey()
	if err != nil {
		return err
	}
	report, err := casbinsurvey.Diff(before, after)
	if err != nil {
		return &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", c.New, err)}
	}
	a.notes(report.Notes)
	if c.Format == "json" {
		err = a.casbinJSON(before.Fields(), report)
	} else {
		a.casbinTable(before.Fields(), report, c.Format)
	}
	if err != nil {
		return err
	}
	if report.IsWider() || c.FailOn == "any" && len(report.Changes) > 0 {
		return ends(codeFindings)
	}
	return nil
}

func (a *app) casbinTable(fields []string, report casbinsurvey.Report, format string) {
	if len(report.Changes) == 0 {
		a.printf("no decision changes\n")
		return
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	header := table.Row{"change"}
	for _, name := range fields {
		header = append(header, name)
	}
	t.AppendHeader(append(header, "example"))
	counts := map[casbinsurvey.Direction]int{}
	for _, x := range report.Changes {
		counts[x.Direction]++
		word := x.Direction.String()
		if format == "md" && x.Direction == casbinsurvey.Wider {
			word = "**wider**"
		}
		row := table.Row{word}
		for _, texts := range x.Values {
			row = append(row, texts.String())
		}
		t.AppendRow(append(row, shellLine(x.Witness)))
	}
	if format == "md" {
		a.printf("%s\n", t.RenderMarkdown())
	} else {
		a.printf("%s\n", t.Render())
	}
	a.printf("\n%d wider, %d narrower", counts[casbinsurvey.Wider], counts[casbinsurvey.Narrower])
	if n := counts[casbinsurvey.Fails] + counts[casbinsurvey.Mended]; n > 0 {
		a.printf(", %d to or from an error", n)
	}
	a.printf("\n")
}

func (a *app) casbinJSON(fields []string, report casbinsurvey.Report) error {
	type value struct {
		Field    string   `json:"field"`
		Texts    []string `json:"texts"`
		AnyOther bool     `json:"any_other"`
		All      bool     `json:"all"`
	}
	type change struct {
		Change  string   `json:"change"`
		Values  []value  `json:"values"`
		Example []string `json:"example"`
	}
	out := []change{}
	for _, x := range report.Changes {
		line := change{Change: x.Direction.String(), Example: x.Witness}
		for i, t := range x.Values {
			line.Values = append(line.Values, value{fields[i], notNil(t.Names), t.Others, t.All})
		}
		out = append(out, line)
	}
	return a.json(out)
}
