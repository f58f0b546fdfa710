package casbinindex

import "github.com/reevehq/reeve/internal/lookup"

// rows are the rules of one section, such as p.
type rows struct {
	texts   *lookup.Symbols
	width   int
	ids     []uint32            // width of each rule
	odd     map[uint32][]string // rules of another width, which are an error when reached
	count   int
	effects []ruleEffect
}

type ruleEffect uint8

const (
	effectNone ruleEffect = iota // neither allow nor deny: Casbin calls it indeterminate
	effectAllow
	effectDeny
)

// newRows copies rules. Place eft is where the effect stands, or negative.
func newRows(t *lookup.Symbols, width, eft int, rules [][]string) *rows {
	r := &rows{
		texts: t, width: width, count: len(rules), odd: map[uint32][]string{},
		ids: make([]uint32, 0, len(rules)*width), effects: make([]ruleEffect, len(rules)),
	}
	// Neighbours are often alike: the number of the value above saves a look-up.
	above, numbers := make([]string, width), make([]uint32, width)
	for i, rule := range rules {
		if len(rule) != width {
			r.odd[uint32(i)] = append([]string(nil), rule...)
			r.ids = append(r.ids, make([]uint32, width)...)
			continue
		}
		for j, s := range rule {
			if numbers[j] == 0 || above[j] != s {
				above[j], numbers[j] = s, t.Add(s)
			}
			r.ids = append(r.ids, numbers[j])
		}
		r.effects[i] = effectAllow
		if eft >= 0 {
			r.effects[i] = effectOf(rule[eft])
		}
	}
	return r
}

// renumber gives the values the numbers that they have in the end.
func (r *rows) renumber(numbers []uint32) {
	for i, id := range r.ids {
		r.ids[i] = numbers[id]
	}
}

func effectOf(s string) ruleEffect {
	switch s {
	case "allow":
		return effectAllow
	case "deny":
		return effectDeny
	}
	return effectNone
}

func (r *rows) id(rule, field int) uint32 { return r.ids[rule*r.width+field] }

func (r *rows) field(rule, field int) string { return r.texts.Text(r.id(rule, field)) }

// row returns a rule as Casbin has it, the caller's own.
func (r *rows) row(rule int) []string {
	if odd, ok := r.odd[uint32(rule)]; ok {
		return append([]string(nil), odd...)
	}
	out := make([]string, r.width)
	for i := range out {
		out[i] = r.field(rule, i)
	}
	return out
}
