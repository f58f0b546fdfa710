package lint

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/internal/policycsv"
)

// lookAtColumns finds attributes whose column is that of another attribute of their type, or differs
// from their own name in one letter: decisions do not notice it, and lists select other rows.
func (l *linter) lookAtColumns(lines []policycsv.Line) {
	const atColumn = 4
	type entry struct{ typ, text string }
	names, columns := map[entry]string{}, map[entry]string{} // the other text of the row
	each := func(f func(r *row, typ, name, column string)) {
		for i := range lines {
			if fields := lines[i].Fields; lines[i].Kind == policycsv.Row && len(fields) == 5 && fields[4].Text != "" {
				f(&row{policy.AttributesFile, "", &lines[i]}, fields[0].Text, fields[1].Text, fields[4].Text)
			}
		}
	}
	relations := map[entry]string{}
	for i := range lines {
		f := lines[i].Fields
		if lines[i].Kind != policycsv.Row || len(f) <= 5 {
			continue
		}
		var path []string
		for _, v := range f[atColumn:] {
			path = append(path, v.Text)
		}
		at := entry{f[0].Text, strings.Join(path, ", ")}
		if other, taken := relations[at]; taken {
			l.at("RV147", policy.SeverityWarning, &row{policy.AttributesFile, "", &lines[i]}, atColumn, "give each relation a column, or a table, of its own", "%s of %s leads to the same rows as %s: %s", f[1].Text, f[0].Text, other, at.text)
			continue
		}
		relations[at] = f[1].Text
	}
	each(func(_ *row, typ, name, column string) { names[entry{typ, name}] = column })
	each(func(r *row, typ, name, column string) {
		other, taken := columns[entry{typ, column}]
		if !taken {
			columns[entry{typ, column}] = name
		}
		switch {
		case taken:
			l.at("RV147", policy.SeverityWarning, r, atColumn, "give each attribute a column of its own", "%s of %s has the column %s, which %s has already", name, typ, column, other)
		case column != name && names[entry{typ, column}] == name:
			l.at("RV147", policy.SeverityWarning, r, atColumn, "exchange the two columns", "%s of %s has the column %s, and %s has the column %s: have the two changed places?", name, typ, column, column, name)
		case column != name && hint.Near(column, name):
			l.at("RV147", policy.SeverityWarning, r, atColumn, "write the column as the table has it", "the column %s differs from the attribute %s in a letter: is it misspelt?", column, name)
		}
	})
}
