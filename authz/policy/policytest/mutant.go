package policytest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/policycsv"
)

// Mutant is a policy with one mistake in it, such as editors make.
type Mutant struct {
	File   string
	Line   int    // of the row, from 1
	Row    string // as it is
	Change string // what the mistake is, such as "the action is *"

	// Suggestion is a row for the table that would kill the mutant: a request on which the policy
	// and the mutant differ, with what the policy says. It is "" where none was found, as of a
	// mutant that means the same.
	Suggestion string

	content string // of the file with the mistake
}

// String returns where the mutant is and what its mistake is.
func (m Mutant) String() string { return fmt.Sprintf("%s:%d: %s: %s", m.File, m.Line, m.Change, m.Row) }

// mutantsOf returns the mutants of a file of rules, in the order of its rows.
func mutantsOf(name, content string) []Mutant {
	var mutants []Mutant
	for _, l := range policycsv.Parse(content).Lines() {
		if l.Kind != policycsv.Row || len(l.Fields) == 0 || len(l.Faults) > 0 {
			continue
		}
		add := func(change string, edit func(f *policycsv.File) error) {
			f := policycsv.Parse(content)
			if edit(f) == nil {
				mutants = append(mutants, Mutant{File: name, Line: l.Number, Row: l.Text, Change: change, content: f.String()})
			}
		}
		set := func(field int, value, change string) {
			if l.Fields[field].Text != value {
				add(change, func(f *policycsv.File) error { return f.SetField(l.Number, field, value) })
			}
		}
		add("the row is gone", func(f *policycsv.File) error { return f.Delete(l.Number) })
		if l.Fields[0].Text == "g" && len(l.Fields) == 6 {
			set(4, "_", "it has no start")
			set(5, "_", "it has no end")
		}
		switch kind := l.Fields[0].Text; {
		case kind == "p" && len(l.Fields) == 7:
			mutateRule(l, set)
		case kind == "g" && len(l.Fields) >= 4 && strings.HasPrefix(l.Fields[1].Text, "role:"):
			add("the roles are swapped", func(f *policycsv.File) error {
				if err := f.SetField(l.Number, 1, l.Fields[2].Text); err != nil {
					return err
				}
				return f.SetField(l.Number, 2, l.Fields[1].Text)
			})
		}
	}
	return mutants
}

// mutateRule makes the mistakes in a p row.
func mutateRule(l policycsv.Line, set func(field int, value, change string)) {
	text := func(i int) string { return l.Fields[i].Text }
	switch subject := text(1); subject {
	case "role:anyone":
		set(1, "role:authenticated", "it is for role:authenticated")
	case "role:authenticated":
		set(1, "role:anyone", "it is for role:anyone")
	default:
		set(1, "role:authenticated", "it is for role:authenticated")
	}
	if text(2) != "*" {
		set(2, "*", "it is for every tenant")
	}
	object := text(3)
	switch typ, id, typed := strings.Cut(object, ":"); {
	case strings.HasPrefix(object, "/"):
		if at := strings.LastIndexByte(strings.TrimSuffix(object, "/*"), '/'); at > 0 {
			set(3, object[:at]+"/*", "the object is "+object[:at]+"/*")
		}
	case typed && id != "*":
		set(3, typ, "the object is "+typ)
	case object != "*" && text(5) == "true" && text(4) != "*":
		set(3, "*", "the object is *")
	}
	set(4, "*", "the action is *")
	condition := text(5)
	if condition != "true" {
		set(5, "true", "there is no condition")
		set(5, "!("+condition+")", "the condition is turned round")
		for _, c := range conditions(condition) {
			set(5, c, "the condition is "+c)
		}
	}
	if text(6) == "allow" {
		set(6, "deny", "the effect is deny")
	} else {
		set(6, "allow", "the effect is allow")
	}
}

// operators are exchanged in mutants of conditions. Texts are left alone.
var operators = regexp.MustCompile(`'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|&&|\|\||==|!=|<=|>=|<|>`)

var turned = map[string][]string{
	"&&": {"||"}, "||": {"&&"}, "==": {"!="}, "!=": {"=="},
	"<": {"<=", ">"}, "<=": {"<", ">="}, ">": {">=", "<"}, ">=": {">", "<="},
}

// conditions returns a condition with one operator exchanged.
func conditions(c string) (all []string) {
	for _, at := range operators.FindAllStringIndex(c, -1) {
		for _, other := range turned[c[at[0]:at[1]]] {
			all = append(all, c[:at[0]]+other+c[at[1]:])
		}
	}
	return slices.Compact(all)
}
