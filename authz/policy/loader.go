package policy

import (
	"hash/maphash"
	"slices"

	"github.com/reevehq/reeve/tenant"
)

// loader gathers the rows of all files.
type loader struct {
	conds   conditions
	names   *names
	files   []string
	rules   []rule
	reasons []Reason
	links   []link
	own     map[string]tenant.ID // the tenants with a file of their own
	seed    maphash.Seed
	seen    map[uint64]place
	p       *problems
}

// place is a row, and where it stands.
type place struct {
	file string
	row
}

func newLoader(s *schema, p *problems) *loader {
	return &loader{conds: newConditions(s), names: newNames(), seed: maphash.MakeSeed(), own: map[string]tenant.ID{}, seen: map[uint64]place{}, p: p}
}

func (l *loader) read(file string, only tenant.ID, content string) {
	l.files = append(l.files, file)
	for r := range rowsOf(file, content, l.p) {
		values := valuesIn(r.fields[0].text)
		switch {
		case values == nil:
			at, why := unknownSection(r.fields[0].text)
			l.p.add(file, r.line, r.column(r.fields[0], at), "%s", why)
		case len(r.fields) != len(values):
			miscounted(file, r, values, l.p, func(i int) (at int, why string) {
				if len(values) == len(grantValues) {
					return grantFault(r.fields, i, only)
				}
				return ruleFault(r.fields, i, only)
			})
		case !l.usable(file, r):
		case len(values) == len(grantValues):
			l.readGrant(file, only, r)
		default:
			l.readRule(file, only, r)
		}
	}
}

// valuesIn returns what the values of a section's rows are, nil for an unknown section.
func valuesIn(section string) []string {
	switch section {
	case "p":
		return ruleValues
	case "g":
		return grantValues
	}
	return nil
}

// usable reports whether a row has no empty value and stands there for the first time.
func (l *loader) usable(file string, r row) bool {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for i, f := range r.fields {
		if f.text == "" && i != 5 { // an empty condition has an error of its own
			l.p.add(file, r.line, f.col, "%s", emptyValue(r.fields[0].text, len(r.fields), i))
			return false
		}
		_, _ = h.WriteString(f.text)
		_ = h.WriteByte(0)
	}
	// Rows of one hash stand one after the other: whether two are the same is not left to it.
	key := h.Sum64()
	for ; ; key++ {
		first, taken := l.seen[key]
		if !taken {
			l.seen[key] = place{file, row{line: r.line, text: r.text}}
			return true
		}
		if first.same(r) {
			l.p.add(file, r.line, r.fields[0].col, "the same row stands in %s, line %d", first.file, first.line)
			return false
		}
	}
}

// same reports whether r has the values of a row that was read before.
func (p place) same(r row) bool {
	var none problems
	for first := range rowsOf(p.file, p.text, &none) {
		return slices.EqualFunc(first.fields, r.fields, func(a, b field) bool { return a.text == b.text })
	}
	return false
}
