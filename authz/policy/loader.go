package policy

import (
	"hash/maphash"
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/tenant"
)

// loader gathers the rows of all files.
type loader struct {
	schema  *condition.Schema
	listed  listed
	conds   *condition.Compiler
	names   *names
	files   []string
	owners  []tenant.ID // whose own file each is, zero for none's
	rules   []rule
	reasons []Reason
	links   []link
	ceiling *ceiling // nil for none
	ends    bool     // whether the model has times on g rows
	periods []period
	own     map[string]tenant.ID // the tenants with a file of their own
	seed    maphash.Seed
	seen    map[uint64]origin
	twins   twins
	p       *problems
}

// origin is a row, and where it stands.
type origin struct {
	file string
	line int
	text string
	own  tenant.ID // whose own file it stands in, zero for none's
}

func newLoader(s *condition.Schema, tables listed, p *problems) *loader {
	return &loader{schema: s, listed: tables, conds: condition.NewCompiler(s), names: newNames(), seed: maphash.MakeSeed(), own: map[string]tenant.ID{}, periods: []period{always}, seen: map[uint64]origin{}, twins: twins{}, p: p}
}

func (l *loader) read(file string, only tenant.ID, content string) {
	l.files, l.owners = append(l.files, file), append(l.owners, only)
	for r := range rowsOf(file, content, l.p) {
		values := l.valuesIn(r.Fields[0].Text, len(r.Fields))
		switch {
		case values == nil:
			at, why := unknownSection(r.Fields[0].Text)
			l.p.add(CodeRowSection, file, r.Number, r.Column(r.Fields[0], at), "%s", why)
		case !l.ends && len(r.Fields) > len(grantValues) && r.Fields[0].Text == "g" && looksTimed(r.Fields[4].Text):
			l.p.add(CodeGrantTime, file, r.Number, r.Fields[4].Col, "the model has no times on g rows: write g = _, _, _, (_, _) in "+ModelFile)
		case len(r.Fields) != len(values):
			miscounted(file, r, values, l.p, func(i int) (at int, why string) {
				if values[0] == "g" {
					return grantFault(r.Fields, i, only)
				}
				return ruleFault(r.Fields, i, only)
			})
		case !l.usable(file, only, r):
		case values[0] == "g":
			l.readGrant(file, only, r)
		default:
			l.readRule(file, only, r)
		}
	}
}

// valuesIn returns what the values of a section's row of n are, nil for an unknown section.
func (l *loader) valuesIn(section string, n int) []string {
	if section == "g" && l.ends && n > len(grantValues) {
		return timedGrantValues
	}
	switch section {
	case "p":
		return ruleValues
	case "g":
		return grantValues
	}
	return nil
}

// usable reports whether a row has no empty value and stands there for the first time. A row of
// another tenant's own file is none that counts: it cannot be right in both, and is wrong there.
func (l *loader) usable(file string, only tenant.ID, r *policycsv.Line) bool {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for i, f := range r.Fields {
		if f.Text == "" && (i != 5 || r.Fields[0].Text == "g") { // an empty condition has an error of its own
			l.p.add(CodeRowEmpty, file, r.Number, f.Col, "%s", emptyValue(l.valuesIn(r.Fields[0].Text, len(r.Fields)), len(r.Fields), i))
			return false
		}
		_, _ = h.WriteString(f.Text)
		_ = h.WriteByte(0)
	}
	// Rows of one hash stand one after the other: whether two are the same is not left to it.
	key := h.Sum64()
	for ; ; key++ {
		first, taken := l.seen[key]
		if !taken {
			l.seen[key] = origin{file, r.Number, r.Text, only}
			return true
		}
		if (first.own.IsZero() || first.own == only) && first.same(r) {
			l.p.add(CodeRowDuplicate, file, r.Number, r.Fields[0].Col, "the same row stands in %s, line %d", first.file, first.line)
			return false
		}
	}
}

// same reports whether r has the values of a row that was read before.
func (p origin) same(r *policycsv.Line) bool {
	var none problems
	for first := range rowsOf(p.file, p.text, &none) {
		return slices.EqualFunc(first.Fields, r.Fields, func(a, b policycsv.Field) bool { return a.Text == b.Text })
	}
	return false
}
