package casbinindex

import (
	"fmt"
	"slices"

	"github.com/casbin/govaluate"
)

// roleManager has the methods of a role manager that an index needs.
type roleManager interface {
	HasLink(name1, name2 string, domain ...string) (bool, error)
}

// has answers g(args…): whether args[0] is or has args[1], in the domain args[2].
func (v *compiledModel) has(q *query, section int, args []string) (bool, error) {
	s := v.sections[section]
	if len(args) < 2 {
		return false, fmt.Errorf("%s needs two names", s.name)
	}
	if args[0] == args[1] {
		return true, nil
	}
	if s.manager != nil {
		return s.manager.HasLink(args[0], args[1], args[2:]...)
	}
	domain := ""
	if s.domains && len(args) > 2 {
		domain = args[2]
	}
	role := v.texts.Find(args[1])
	if s.closures != nil {
		if role == 0 {
			return false, nil
		}
		_, found := slices.BinarySearch(s.closures.Of(domain, v.texts.Find(domain), v.texts.Find(args[0])), role)
		return found, nil
	}
	return v.walked(q, section, args[0], args[1], domain, role)
}

// walked answers by a graph. A text that is no value of a rule is never matched as a pattern.
func (v *compiledModel) walked(q *query, section int, name, target, domain string, role uint32) (bool, error) {
	s := v.sections[section]
	if targets := v.targets[section]; targets != nil {
		var is bool
		if role, is = targets.number(target, v.texts); !is {
			return false, fmt.Errorf("%s is asked for a pattern that no rule holds", s.name)
		}
	} else if s.graph.match != nil {
		return false, fmt.Errorf("%s is asked for a pattern that no rule holds", s.name)
	}
	w, kept := q.walk(section, name, domain)
	if !kept {
		defer w.free()
	}
	if w.err == nil {
		return w.holds(role), nil
	}
	// Casbin asks for the two names first, and panics on the others only then.
	if s.graph.match != nil && s.graph.match(name, target) {
		return true, nil
	}
	return false, w.err
}

// walk returns what a name has, and whether q keeps it until it is decided.
func (q *query) walk(section int, name, domain string) (w *roleWalk, kept bool) {
	i := 0
	for ; i < len(q.walks) && q.walks[i] != nil; i++ {
		if w = q.walks[i]; w.section == section && w.name == name && w.domain == domain {
			return w, true
		}
	}
	v := q.v
	w = v.sections[section].graph.walk(v.targets[section], name, v.texts.Find(name), domain, v.texts.Find(domain))
	w.section = section
	if i == len(q.walks) {
		return w, false
	}
	q.walks[i] = w
	return w, true
}

// end gives back what q borrowed.
func (q *query) end() {
	for i, w := range q.walks {
		if w == nil {
			return
		}
		w.free()
		q.walks[i] = nil
	}
}

// function is g(…) for pieces of matchers that govaluate evaluates.
func (v *compiledModel) function(section int) govaluate.ExpressionFunction {
	return func(args ...any) (any, error) {
		names := make([]string, len(args))
		for i, a := range args {
			name, ok := a.(string)
			if !ok {
				return nil, fmt.Errorf("%s(…) of something that is no text", v.sections[section].name)
			}
			names[i] = name
		}
		q := newQuery(v, nil)
		defer q.end()
		return v.has(&q, section, names)
	}
}
