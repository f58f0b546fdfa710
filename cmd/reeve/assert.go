package main

import (
	"github.com/reevehq/reeve/authz/policy/impact"
)

type assertCommand struct {
	File     string `arg:"" help:"A file of sentences, one a line; - for standard input."`
	Policies string `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`
	Format   string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
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
	p, _, err := loadImpact(c.Policies)
	if err != nil {
		return err
	}
	failures := p.Assert(list)
	if c.Format == "json" {
		type failure struct {
			File     string     `json:"file"`
			Line     int        `json:"line"`
			Sentence string     `json:"sentence"`
			Cells    []diffCell `json:"counterexamples"`
		}
		out := []failure{}
		for _, f := range failures {
			x := failure{c.File, f.Assertion.Line, f.Assertion.Text, nil}
			for _, cell := range f.Cells {
				x.Cells = append(x.Cells, cellOf(cell, false))
			}
			out = append(out, x)
		}
		if err := a.json(out); err != nil {
			return err
		}
	} else {
		for _, f := range failures {
			a.printf("%s %s:%d:1: %s\n", a.paint(red, "FAIL"), c.File, f.Assertion.Line, f.Assertion.Text)
			for _, cell := range f.Cells {
				a.printf("     %s\n", cellOf(cell, false).Sentence)
				if cell.May {
					a.printf("     may: nobody can tell whether this condition is ever true\n")
				} else {
					a.printf("     reeve can %s\n", exampleOf(cell))
				}
			}
		}
		a.printf("%s, %d not true\n", count(len(list), "sentence"), len(failures))
	}
	if len(failures) > 0 {
		return ends(codeFindings)
	}
	return nil
}
