package main

import (
	"encoding/csv"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
	"github.com/reevehq/reeve/authz/policy/impact"
)

// grid is a matrix as it is printed.
type grid struct {
	subjects []string
	fields   []string   // names of the values of a line
	lines    [][]string // the last value is an action
	squares  [][]square // by line, then by subject
	marks    []string   // that a square may have
}

// square is a permission of a subject.
type square struct {
	mark string // yes, no, if, some or error
	text string // "allow", "deny", "if …"
}

func gridOf(m impact.Matrix) grid {
	g := grid{subjects: m.Roles, fields: []string{"object", "action"}, marks: []string{"yes", "if"}}
	for i, c := range m.Columns {
		g.lines = append(g.lines, []string{c.Object, c.Action})
		row := make([]square, len(m.Access[i]))
		for j, x := range m.Access[i] {
			row[j] = square{"yes", x.String()}
			if x.Effect != policy.Allow {
				row[j].mark = "no"
			} else if x.Condition != "" {
				row[j].mark = "if"
			}
		}
		g.squares = append(g.squares, row)
	}
	return g
}

var casbinMarks = map[casbinsurvey.Answer]string{casbinsurvey.Allow: "yes", casbinsurvey.Deny: "no", casbinsurvey.Failed: "error", casbinsurvey.Some: "some"}

func gridOfCasbin(m casbinsurvey.Matrix) grid {
	g := grid{subjects: m.Subjects, fields: m.Fields, lines: m.Lines, marks: []string{"yes", "some", "error"}}
	for _, access := range m.Access {
		row := make([]square, len(access))
		for j, x := range access {
			row[j] = square{casbinMarks[x], x.String()}
		}
		g.squares = append(g.squares, row)
	}
	return g
}

// label returns a line as words: the action first.
func (g grid) label(i int) string {
	line := g.lines[i]
	last := len(line) - 1
	if last < 0 {
		return ""
	}
	return strings.Join(append([]string{line[last]}, line[:last]...), " ")
}

func shortRole(name string) string { return strings.TrimPrefix(name, "role:") }

func (g grid) table() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	var header table.Row
	for _, name := range g.fields {
		header = append(header, name)
	}
	for _, name := range g.subjects {
		header = append(header, shortRole(name))
	}
	t.AppendHeader(header)
	for i, line := range g.lines {
		var row table.Row
		for _, text := range line {
			row = append(row, text)
		}
		for _, s := range g.squares[i] {
			mark := s.mark
			if mark == "no" {
				mark = "."
			}
			row = append(row, mark)
		}
		t.AppendRow(row)
	}
	return t
}

func (g grid) csv(a *app) error {
	rows := [][]string{append(append([]string{}, g.fields...), g.subjects...)}
	for i, line := range g.lines {
		row := append([]string{}, line...)
		for _, s := range g.squares[i] {
			row = append(row, s.text)
		}
		rows = append(rows, row)
	}
	if err := csv.NewWriter(a.out).WriteAll(rows); err != nil {
		return &exitError{codeLoad, err}
	}
	return nil
}

// signs and colors are those of squares. A square that is not allowed has no sign, and a pale color.
var (
	signs  = map[string]string{"yes": "✓", "if": "?", "some": "~", "error": "!"}
	colors = map[string]string{"yes": "#2f9e44", "if": "#ffd43b", "some": "#ffd43b", "error": "#ff8787", "no": "#f1f3f5"}
)

// meanings are those of signs.
var meanings = map[string]string{"yes": "✓ allowed", "if": "? allowed if a condition holds", "some": "~ some of what the pattern matches is allowed", "error": "! an error, which allows nothing"}

// legend says what the signs mean.
func (g grid) legend() string {
	text := ""
	for _, mark := range g.marks {
		text += meanings[mark] + "   "
	}
	return text + "empty: denied"
}

// svg draws a matrix. Each square has its words as a title, and a sign beside its color.
func (g grid) svg() string {
	const side, font = 18, 11
	left, top := 0, 0
	for i := range g.lines {
		left = max(left, utf8.RuneCountInString(g.label(i))*7+16)
	}
	for _, r := range g.subjects {
		top = max(top, utf8.RuneCountInString(r)*7+16)
	}
	width, height := left+len(g.subjects)*side+top, top+len(g.lines)*side+40
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="ui-monospace, monospace" font-size="%d" role="img">`+"\n", width, height, width, height, font)
	fmt.Fprintf(&b, "<title>%d roles, %d lines</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", len(g.subjects), len(g.lines))
	for j, r := range g.subjects {
		x := left + j*side + side/2 + 4
		fmt.Fprintf(&b, `<text x="%d" y="%d" transform="rotate(-60 %d %d)">%s</text>`+"\n", x, top-6, x, top-6, html.EscapeString(shortRole(r)))
	}
	for i := range g.lines {
		y := top + i*side
		label := html.EscapeString(g.label(i))
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+side-5, label)
		for j, s := range g.squares[i] {
			fmt.Fprintf(&b, `<g><title>%s: %s: %s</title><rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, html.EscapeString(g.subjects[j]), label,
				html.EscapeString(s.text), left+j*side, y, side-1, side-1, colors[s.mark])
			if sign := signs[s.mark]; sign != "" {
				fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+j*side+side/2, y+side-5, sign)
			}
			b.WriteString("</g>\n")
		}
	}
	fmt.Fprintf(&b, `<text x="8" y="%d">%s</text>`+"\n</svg>\n", height-12, g.legend())
	return b.String()
}

// style is that of a page: it reads in light and dark, and its head stays while it scrolls.
const style = `:root{color-scheme:light dark}body{font:14px/1.4 ui-monospace,monospace;margin:1rem}table{border-collapse:collapse}
caption{text-align:left;padding:.5rem 0}th,td{border:1px solid #8886;padding:.2rem .5rem;white-space:nowrap}th{text-align:left;font-weight:normal}
thead th{position:sticky;top:0;background:Canvas;font-weight:bold}td{text-align:center}
td.yes{background:#2f9e44;color:#fff}td.if,td.some{background:#ffd43b;color:#000}td.error{background:#ff8787;color:#000}`

// html writes a matrix as a page of its own, without scripts.
func (g grid) html() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\"/>\n<title>Who may do what</title>\n<style>\n%s\n</style>\n<table>\n<caption>%d roles, %d lines. %s</caption>\n<thead>\n<tr>",
		style, len(g.subjects), len(g.lines), g.legend())
	for _, name := range g.fields {
		fmt.Fprintf(&b, `<th scope="col">%s</th>`, html.EscapeString(name))
	}
	for _, name := range g.subjects {
		fmt.Fprintf(&b, `<th scope="col">%s</th>`, html.EscapeString(shortRole(name)))
	}
	b.WriteString("</tr>\n</thead>\n<tbody>\n")
	for i, line := range g.lines {
		b.WriteString("<tr>")
		for _, text := range line {
			fmt.Fprintf(&b, `<th scope="row">%s</th>`, html.EscapeString(text))
		}
		for j, s := range g.squares[i] {
			fmt.Fprintf(&b, `<td class="%s" title="%s">%s</td>`, s.mark, html.EscapeString(g.subjects[j]+": "+g.label(i)+": "+s.text), signs[s.mark])
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n</html>\n")
	return b.String()
}
