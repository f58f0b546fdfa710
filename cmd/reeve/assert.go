package main

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy/impact"
)

type assertCommand struct {
	File     string `arg:"" help:"A file of sentences, one a line; - for standard input."`
	Policies string `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`
	Format   string `help:"pretty or json." enum:"pretty,json" default:"pretty"`

	AsWritten bool `help:"Take a name as it stands that differs in one letter from one that rows have."`

	sourceFlags
}

func (*assertCommand) Help() string {
	return `Examples:

  reeve assert policies/assert.txt
  echo 'no role but admin may delete' | reeve assert -

A sentence must hold of every request there can be:

  no role but admin may delete
  nobody outside acme may read invoice
  nobody with role:guest may update, delete invoice
  role:guest may not DELETE /admin/*
  anonymous may not anything invoice
  role:editor may create invoice in acme

"role:guest may" is about a session with this role alone, "nobody with role:guest" about every session that has it. Without an object a sentence is about all, and "anything" is every action. Where one does not hold, a request is printed for which it does not.

A sentence about a name that no row has holds whatever the rows say: that is told, and where rows have a name that is written nearly so, the sentence fails.

` + sourceHelp + `

Exit codes: 0 all hold, 1 one does not, 2 usage, 3 the policy or the file cannot be loaded.`
}

func (c *assertCommand) Run(a *app) error {
	text, err := a.read(c.File)
	if err != nil {
		return err
	}
	list, err := impact.ParseAssertions(c.File, text)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	p, _, err := c.impact(a, c.Policies)
	if err != nil {
		return err
	}
	failures := p.Assert(list)
	doubts := c.doubts(a, p, list)
	if c.Format == "json" {
		err = c.json(a, failures, doubts)
	} else {
		c.print(a, failures, doubts)
		a.printf("%s, %d not true\n", count(len(list), "sentence"), len(failures))
	}
	if err != nil {
		return err
	}
	if len(failures) > 0 || len(doubts) > 0 {
		return ends(codeFindings)
	}
	return nil
}

// doubt is a sentence about a name that seems to be misspelt.
type doubt struct {
	of  impact.Assertion
	why string
}

// doubts returns the sentences about names that seem to be misspelt, and tells of names that no row has.
func (c *assertCommand) doubts(a *app, p *impact.Policy, list []impact.Assertion) (doubts []doubt) {
	for _, s := range list {
		for _, u := range p.UnknownIn(s) {
			if u.Meant != "" && !c.AsWritten {
				doubts = append(doubts, doubt{s, u.String()})
			} else {
				a.notes([]string{fmt.Sprintf("%s:%d: %s", c.File, s.Line, u)})
			}
		}
	}
	return doubts
}

func (c *assertCommand) print(a *app, failures []impact.Failure, doubts []doubt) {
	for _, f := range failures {
		a.printf("%s %s:%d:1: %s\n", a.paint(red, "FAIL"), c.File, f.Assertion.Line, f.Assertion.Text)
		for _, cell := range f.Cells {
			a.printf("     %s\n", cellOf(cell, false).Sentence)
			switch line, why := exampleOf(cell); {
			case cell.May:
				a.printf("     may: nobody can tell whether this condition is ever true\n")
			case why != "":
				a.printf("     %s\n", why)
			default:
				a.printf("     reeve can %s\n", line)
			}
		}
	}
	for _, d := range doubts {
		a.printf("%s %s:%d:1: %s\n     %s\n", a.paint(red, "FAIL"), c.File, d.of.Line, d.of.Text, d.why)
	}
}

func (c *assertCommand) json(a *app, failures []impact.Failure, doubts []doubt) error {
	type failure struct {
		File     string     `json:"file"`
		Line     int        `json:"line"`
		Sentence string     `json:"sentence"`
		Cells    []diffCell `json:"counterexamples"`
		Why      string     `json:"why,omitempty"`
	}
	out := []failure{}
	for _, f := range failures {
		x := failure{c.File, f.Assertion.Line, f.Assertion.Text, nil, ""}
		for _, cell := range f.Cells {
			x.Cells = append(x.Cells, cellOf(cell, false))
		}
		out = append(out, x)
	}
	for _, d := range doubts {
		out = append(out, failure{c.File, d.of.Line, d.of.Text, []diffCell{}, d.why})
	}
	return a.json(out)
}
