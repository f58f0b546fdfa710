package main

import (
	"encoding/csv"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
)

type matrixCommand struct {
	Dir    string `arg:"" optional:"" help:"The folder of the policy. Default: policies, or the current folder."`
	Tenant string `help:"In one tenant. Default: in those that no row names." placeholder:"ID"`
	Format string `help:"table, csv, md or svg." enum:"table,csv,md,svg" default:"table"`
}

func (*matrixCommand) Help() string {
	return `Examples:

  reeve matrix
  reeve matrix policies --tenant acme --format svg > matrix.svg

A column is a role alone, a line an object and an action as rules write them: yes, no (.), or if a condition holds.

Exit codes: 0 fine, 2 usage, 3 the policy cannot be loaded.`
}

func (c *matrixCommand) Run(a *app) error {
	p, _, err := loadImpact(c.Dir)
	if err != nil {
		return err
	}
	m, err := p.Matrix(c.Tenant)
	if err != nil {
		return usage("%w", err)
	}
	switch c.Format {
	case "svg":
		a.printf("%s", svgOf(m))
	case "csv":
		w := csv.NewWriter(a.out)
		rows := [][]string{append([]string{"object", "action"}, m.Roles...)}
		for i, col := range m.Columns {
			row := []string{col.Object, col.Action}
			for _, x := range m.Access[i] {
				row = append(row, x.String())
			}
			rows = append(rows, row)
		}
		if err := w.WriteAll(rows); err != nil {
			return &exitError{codeLoad, err}
		}
	default:
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		header := table.Row{"object", "action"}
		for _, r := range m.Roles {
			header = append(header, strings.TrimPrefix(r, "role:"))
		}
		t.AppendHeader(header)
		for i, col := range m.Columns {
			row := table.Row{col.Object, col.Action}
			for _, x := range m.Access[i] {
				row = append(row, markOf(x))
			}
			t.AppendRow(row)
		}
		if c.Format == "md" {
			a.printf("%s\n", t.RenderMarkdown())
		} else {
			a.printf("%s\n", t.Render())
		}
	}
	return nil
}

func markOf(x impact.Access) string {
	switch {
	case x.Effect != policy.Allow:
		return "."
	case x.Condition != "":
		return "if"
	}
	return "yes"
}

// svgOf draws a matrix. Each square has its words as a title, and a sign beside its color.
func svgOf(m impact.Matrix) string {
	const side, font = 18, 11
	left, top := 0, 0
	for _, c := range m.Columns {
		left = max(left, utf8.RuneCountInString(c.Action+" "+c.Object)*7+16)
	}
	for _, r := range m.Roles {
		top = max(top, utf8.RuneCountInString(r)*7+16)
	}
	width, height := left+len(m.Roles)*side+top, top+len(m.Columns)*side+40
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="ui-monospace, monospace" font-size="%d" role="img">`+"\n", width, height, width, height, font)
	fmt.Fprintf(&b, "<title>%d roles, %d lines</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", len(m.Roles), len(m.Columns))
	for j, r := range m.Roles {
		x := left + j*side + side/2 + 4
		fmt.Fprintf(&b, `<text x="%d" y="%d" transform="rotate(-60 %d %d)">%s</text>`+"\n", x, top-6, x, top-6, html.EscapeString(strings.TrimPrefix(r, "role:")))
	}
	for i, c := range m.Columns {
		y := top + i*side
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+side-5, html.EscapeString(c.Action+" "+c.Object))
		for j, x := range m.Access[i] {
			fill, sign := "#f1f3f5", ""
			switch markOf(x) {
			case "yes":
				fill, sign = "#2f9e44", "✓"
			case "if":
				fill, sign = "#ffd43b", "?"
			}
			fmt.Fprintf(&b, `<g><title>%s: %s %s: %s</title><rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, html.EscapeString(m.Roles[j]), html.EscapeString(c.Action),
				html.EscapeString(c.Object), html.EscapeString(x.String()), left+j*side, y, side-1, side-1, fill)
			if sign != "" {
				fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+j*side+side/2, y+side-5, sign)
			}
			b.WriteString("</g>\n")
		}
	}
	fmt.Fprintf(&b, `<text x="8" y="%d">✓ allowed   ? allowed if a condition holds   empty: denied</text>`+"\n</svg>\n", height-12)
	return b.String()
}
