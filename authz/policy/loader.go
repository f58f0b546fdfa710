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
		if !l.usable(file, r) {
			continue
		}
		switch section := r.fields[0].text; section {
		case "p":
			l.readRule(file, only, r)
		case "g":
			l.readGrant(file, only, r)
		default:
			l.p.add(file, r.line, r.fields[0].col, "unknown section %s: rows begin with p or g", quote(section))
		}
	}
}

// usable reports whether a row has no empty value and stands there for the first time.
func (l *loader) usable(file string, r row) bool {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for i, f := range r.fields {
		if f.text == "" && i != 5 { // an empty condition has an error of its own
			l.p.add(file, r.line, f.col, "an empty value")
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
