package casbinsurvey

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Matrix says what the subjects of rows are allowed of all that rows are about.
type Matrix struct {
	Subjects []string // roles, and users who have rows of their own; sorted
	Fields   []string // of a line: those of a request without the subject
	Lines    [][]string
	Access   [][]Answer // by line, then by subject
}

// subject returns the field that role links begin with, or that is called so, or the first one.
func (p *Policy) subject() int {
	for i, f := range p.fields {
		if slices.ContainsFunc(f.links, func(l link) bool { return l.section == "g" && !l.domain }) {
			return i
		}
	}
	return max(slices.IndexFunc(p.fields, func(f field) bool { return slices.Contains([]string{"sub", "subject", "user"}, f.name) }), 0)
}

// tenant returns the field of domains, -1 for none.
func (p *Policy) tenant() int {
	for i, f := range p.fields {
		if slices.ContainsFunc(f.links, func(l link) bool { return l.domain }) {
			return i
		}
	}
	return slices.IndexFunc(p.fields, func(f field) bool { return slices.Contains([]string{"dom", "domain", "tenant"}, f.name) })
}

// Matrix returns who may do what, of the lines that rows are about; in one tenant unless it is "".
// The error wraps [ErrModel].
func (p *Policy) Matrix(tenant string) (Matrix, error) {
	sub, dom := p.subject(), p.tenant()
	if tenant != "" && dom < 0 {
		return Matrix{}, fmt.Errorf("%w: its requests have no tenant", ErrModel)
	}
	names := map[string]bool{}
	for _, c := range p.fields[sub].columns {
		for _, row := range p.model["p"][c.section].Policy {
			names[row[c.at]] = true
		}
	}
	for _, l := range p.fields[sub].links {
		for _, row := range p.model["g"][l.section].Policy {
			names[row[1]] = true
		}
	}
	m := Matrix{Subjects: slices.Sorted(maps.Keys(names))}
	for i, f := range p.fields {
		if i != sub {
			m.Fields = append(m.Fields, f.name)
		}
	}
	lines := map[string]bool{}
	for _, row := range p.model["p"]["p"].Policy {
		line := make([]string, len(p.fields))
		for i, f := range p.fields {
			line[i] = "other"
			if at := slices.IndexFunc(f.columns, func(c column) bool { return c.section == "p" }); at >= 0 {
				line[i] = row[f.columns[at].at]
			}
			if i == dom && tenant != "" {
				line[i] = tenant
			}
		}
		rest := slices.Delete(slices.Clone(line), sub, sub+1)
		if key := strings.Join(rest, "\x00"); !lines[key] {
			lines[key] = true
			m.Lines = append(m.Lines, rest)
		}
	}
	slices.SortFunc(m.Lines, slices.Compare)
	if len(m.Lines)*len(m.Subjects) > maxAsked {
		return Matrix{}, fmt.Errorf("%w: more than %d requests are told apart by its rows", ErrModel, maxAsked)
	}
	for _, rest := range m.Lines {
		line := slices.Insert(slices.Clone(rest), sub, "")
		texts := make([][]string, len(line))
		for i := range line {
			texts[i] = p.representatives(i, line[i])
		}
		access := make([]Answer, len(m.Subjects))
		for j, name := range m.Subjects {
			texts[sub] = []string{name}
			access[j] = p.askAll(texts)
		}
		m.Access = append(m.Access, access)
	}
	return m, nil
}

// representatives returns the texts that stand for a value of a row: itself, or what it matches.
func (p *Policy) representatives(i int, value string) []string {
	for _, c := range p.fields[i].columns {
		if texts := matched(value, c.by); len(texts) > 0 {
			return texts
		}
	}
	return []string{value}
}

// askAll returns what becomes of all requests that are made of some texts.
func (p *Policy) askAll(texts [][]string) Answer {
	request, first, all := make([]string, len(texts)), Deny, Deny
	asked := false
	for at := range requests(texts) {
		for i, n := range at {
			request[i] = texts[i][n]
		}
		switch a := p.ask(request); {
		case !asked:
			first, all, asked = a, a, true
		case a != first:
			all = Some
		}
	}
	return all
}
