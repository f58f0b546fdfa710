package impact

import (
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// maxSubsets is of how many texts every list is tried.
const maxSubsets = 6

// listsOf returns the values of a list that is compared with another.
func (d *domain) listsOf(c *component) (all []any) {
	texts := distinct(c.texts)
	if c.pairs {
		texts = d.textsOf(c)
	}
	if len(texts) <= maxSubsets {
		for set := 1<<len(texts) - 1; set >= 0; set-- {
			list := []string{}
			for i, s := range texts {
				if set>>i&1 != 0 {
					list = append(list, s)
				}
			}
			all = append(all, list)
		}
		return all
	}
	d.complete = false
	for _, list := range mostLists(texts) {
		all = append(all, list)
	}
	return all
}

// mostLists returns lists of some texts, where there are too many to try every one.
func mostLists(texts []string) [][]string {
	all := [][]string{texts, {}}
	for i := range texts {
		all = append(all, []string{texts[i]}, slices.Concat(texts[:i], texts[i+1:]))
	}
	return all
}

// isList reports whether an attribute is a list that the request says.
func isList(a *condition.Attribute) bool {
	return a.Kind == condition.KindStrings && !isRoles(a)
}

// findLate finds the lists that are compared with no other list but r.sub.roles.
func (d *domain) findLate(leaves []condition.Expr) {
	for i := range d.vars {
		d.vars[i].late = isList(d.vars[i].attr)
	}
	for _, e := range leaves {
		l := e.Leaf()
		for _, sides := range [...][2]condition.Term{{l.A, l.B}, {l.B, l.A}} {
			of, other := sides[0], sides[1]
			if of.Attr == nil || !isList(of.Attr) {
				continue
			}
			v := &d.vars[d.index[of.Attr]]
			switch l.Op {
			case condition.OpHas, condition.OpIsNull:
			case condition.OpIn, condition.OpContainsAny, condition.OpContainsAll:
				v.beside = append(v.beside, other)
				v.beyond = v.beyond || l.Op == condition.OpContainsAll && of.Attr == l.B.Attr
				v.late = v.late && (other.Attr == nil || !isList(other.Attr))
			default:
				v.late = false
			}
		}
	}
}

// listsNow returns lists that tell apart all that comparisons say of an attribute beside what is
// tried of those that it is compared with. A comparison asks whether the list has some or all of
// a set of texts, or none outside one. Texts that are in the same sets are alike in that: it
// counts whether the list has all of them, some or none.
func (s *search) listsNow(v *variable) (values []value) {
	sets := s.setsBeside(v)
	alike, kinds, texts := map[string]int{}, [][]string{}, []string{}
	for _, set := range sets {
		for _, text := range set {
			if slices.Contains(texts, text) {
				continue
			}
			texts = append(texts, text)
			in := make([]byte, len(sets))
			for i, set := range sets {
				if slices.Contains(set, text) {
					in[i] = 1
				}
			}
			n, there := alike[string(in)]
			if !there {
				n = len(kinds)
				alike[string(in)], kinds = n, append(kinds, nil)
			}
			kinds[n] = append(kinds[n], text)
		}
	}
	lists, many := [][]string{{}}, 1
	for _, k := range kinds {
		if many *= min(len(k), 2) + 1; many > maxMade {
			s.cut = true
			lists = mostLists(texts)
			break
		}
	}
	if many <= maxMade {
		for _, k := range kinds {
			var longer [][]string
			for _, list := range lists {
				longer = append(longer, slices.Concat(list, k))
				if len(k) > 1 {
					longer = append(longer, slices.Concat(list, k[:1]))
				}
				longer = append(longer, list)
			}
			lists = longer
		}
	}
	for _, list := range lists {
		w, list := condition.ValueOf(v.attr.Kind, list)
		values = append(values, value{list, w, list})
	}
	return values
}

// setsBeside returns the sets of texts that a list is compared with.
func (s *search) setsBeside(v *variable) (sets [][]string) {
	for _, t := range v.beside {
		switch {
		case t.Attr == nil && t.Value.Kind() == condition.KindString:
			sets = append(sets, []string{t.Value.Text()})
		case t.Attr == nil:
			sets = append(sets, t.Texts)
		case isRoles(t.Attr):
			for _, n := range s.g.conds() {
				if c := &s.p.conds[n]; c.roles {
					if roles, known := s.rolesNow(c.in); known {
						sets = append(sets, roles)
					}
				}
			}
		default:
			if w, _ := s.at(t.Attr); w.Kind() == condition.KindString || w.Kind() == condition.KindUUID {
				sets = append(sets, []string{w.Text()})
			}
		}
	}
	if v.beyond {
		sets = append(sets, []string{fresh("other", func(word string) bool {
			return slices.ContainsFunc(sets, func(set []string) bool { return slices.Contains(set, word) })
		})})
	}
	return sets
}
