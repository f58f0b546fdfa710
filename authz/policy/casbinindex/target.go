package casbinindex

import (
	"fmt"
	"maps"
	"slices"
)

// roleCall is a call of g in a piece that govaluate evaluates.
type roleCall struct {
	section int
	role    *expr // the second value, nil when there is none
}

// addTargets compiles the names that g is asked for, in the sections whose names are
// patterns. A name that a request brings is refused: it would be matched as a pattern.
func (v *compiledModel) addTargets() error {
	names := map[int]map[string]bool{}
	ask := func(section int, role *expr, text string) error {
		s := v.sections[section]
		if s.graph == nil || s.graph.match == nil || role == nil {
			return nil
		}
		list := names[section]
		if list == nil {
			list = map[string]bool{}
			names[section] = list
		}
		switch {
		case role.kind == exprField:
			if v.ruleless || v.rows.count == 0 {
				list[""] = true // Casbin evaluates once, with empty values
			}
			for rule := range v.rows.count {
				if _, odd := v.rows.odd[uint32(rule)]; !odd {
					list[v.rows.field(rule, role.at)] = true
				}
			}
		case role.kind == exprLiteral:
			list[role.lit.s] = true
		case role.kind != exprFail:
			return fmt.Errorf("%w: %s: with a matching function the second value of %s is a pattern, which only a rule may bring: write p.…, or a text, in place of %s", ErrInvalid, text, s.name, role.text)
		}
		return nil
	}
	visit := func(e *expr) (err error) {
		e.walk(func(x *expr) {
			switch {
			case err != nil:
			case x.kind == exprRole && len(x.args) > 1:
				err = ask(x.at, x.args[1], x.text)
			case x.kind == exprGovaluate:
				for _, a := range x.govaluate.roleCalls {
					if err == nil {
						err = ask(a.section, a.role, x.text)
					}
				}
			}
		})
		return err
	}
	if err := visit(v.matcher); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(v.conditions)) {
		if err := visit(v.conditions[id]); err != nil {
			return err
		}
	}
	for section, list := range names {
		s := v.sections[section]
		targets, err := newRoleTargets(s.graph, s.name, slices.Sorted(maps.Keys(list)), v.texts)
		if err != nil {
			return err
		}
		if v.targets == nil {
			v.targets = make([]*roleTargets, len(v.sections))
		}
		v.targets[section] = targets
	}
	if v.targets == nil {
		v.targets = make([]*roleTargets, len(v.sections))
	}
	return nil
}
