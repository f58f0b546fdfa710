package policy

import (
	"iter"

	"github.com/reevehq/reeve/internal/policycsv"
)

// rowsOf returns the rows of a file, and reports every line that must not be believed. A row and
// its fields are good until the next.
func rowsOf(file, content string, p *problems) iter.Seq[*policycsv.Line] {
	return func(yield func(*policycsv.Line) bool) {
		said := "" // of how values are separated: once a file
		for l := range policycsv.Lines(content) {
			for _, f := range l.Faults {
				if f.Kind == policycsv.BadSeparator && f.Msg == said {
					continue
				}
				if f.Kind == policycsv.BadSeparator {
					said = f.Msg
				}
				p.add(codeOf(f.Kind), file, l.Number, f.Col, "%s", f.Msg)
			}
			if l.Kind == policycsv.Row && len(l.Faults) == 0 && !yield(l) {
				return
			}
		}
	}
}
