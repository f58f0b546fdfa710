package main

import (
	"errors"
	"fmt"

	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
)

type matrixCommand struct {
	Dir    string `arg:"" optional:"" help:"The folder of the policy. Default: policies, or the current folder."`
	Tenant string `help:"In one tenant. Default: in those that no row names; with --model in those of the rows." placeholder:"ID"`
	Format string `help:"table, csv, md, html or svg." enum:"table,csv,md,html,svg" default:"table"`

	sourceFlags
	casbinFlags
}

func (*matrixCommand) Help() string {
	return `Examples:

  reeve matrix
  reeve matrix policies --tenant acme --format svg > matrix.svg
  reeve matrix --model model.conf --policy policy.csv --format html > matrix.html

A column is a role alone, a line an object and an action as rules write them: yes, no (.), or if a condition holds. Of a Casbin policy a column is a role or a user of its rows, a pattern is asked about by texts that it matches, and a square may also be some of these, or an error.

` + sourceHelp + `

Exit codes: 0 fine, 2 usage, 3 the policy cannot be loaded.`
}

func (c *matrixCommand) Run(a *app) error {
	g, err := c.grid(a)
	if err != nil {
		return err
	}
	switch c.Format {
	case "svg":
		a.printf("%s", g.svg())
	case "html":
		a.printf("%s", g.html())
	case "csv":
		return g.csv(a)
	case "md":
		a.printf("%s\n", g.table().RenderMarkdown())
	default:
		a.printf("%s\n", g.table().Render())
	}
	return nil
}

func (c *matrixCommand) grid(a *app) (grid, error) {
	if err := errors.Join(c.check(), c.standardOnly(c.isCasbin())); err != nil {
		return grid{}, err
	}
	if !c.isCasbin() {
		p, _, err := c.impact(a, c.Dir)
		if err != nil {
			return grid{}, err
		}
		m, err := p.Matrix(c.Tenant)
		if err != nil {
			return grid{}, usage("%w", err)
		}
		return gridOf(m), nil
	}
	if c.Dir != "" {
		return grid{}, usage("--model and --policy stand without a folder")
	}
	p, err := c.survey()
	if err != nil {
		return grid{}, err
	}
	m, err := p.Matrix(c.Tenant)
	if errors.Is(err, casbinsurvey.ErrModel) && c.Tenant != "" {
		return grid{}, usage("--tenant: %w", err)
	}
	if err != nil {
		return grid{}, &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", c.Policy, err)}
	}
	a.notes(p.Notes())
	return gridOfCasbin(m), nil
}

// notes says what an answer leaves out, each once.
func (a *app) notes(list []string) {
	for _, text := range list {
		if a.printed[text] {
			continue
		}
		if a.printed == nil {
			a.printed = map[string]bool{}
		}
		a.printed[text] = true
		fmt.Fprintln(a.diagnostics, "reeve: note: "+printableLine(text)) // a tenant's words may be in it
	}
}
