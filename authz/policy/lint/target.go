package lint

import (
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// target is the extent of a rule's object: a name, and all names that begin so.
type target struct {
	typ    string // of a typed object
	route  bool
	exact  string // the one name; "" when there is none
	prefix string // how the others begin; all has none
	many   bool   // whether there are others
}

// targetOf reads an object that loads. Names of routes begin with a slash, and those of objects
// with their type and a colon.
func targetOf(object string) target {
	if object == everything {
		return target{many: true}
	}
	if name, ok := strings.CutPrefix(object, "route:/"); ok {
		return target{route: true, exact: "/" + name}
	}
	prefix, pattern := strings.CutSuffix(object, everything)
	if strings.HasPrefix(object, "/") {
		if pattern {
			return target{route: true, prefix: prefix, many: true}
		}
		return target{route: true, exact: object}
	}
	typ, _, one := strings.Cut(object, ":")
	switch {
	case pattern:
		return target{typ: typ, prefix: prefix, many: true}
	case one:
		return target{typ: typ, exact: object}
	}
	return target{typ: typ, exact: object, prefix: object + ":", many: true}
}

// conditions says of which objects a condition may ask attributes: those of the type, or the
// parameters of the one route.
func (t target) conditions() string {
	if t.route && !t.many {
		return t.exact
	}
	return t.typ
}

func (t target) isAll() bool { return t.many && t.prefix == "" }

// covers reports whether u lies within t.
func (t target) covers(u target) bool {
	if t.isAll() {
		return true
	}
	return t.coversName(u.exact, u.exact == "") && (!u.many || t.many && u.prefix != "" && strings.HasPrefix(u.prefix, t.prefix))
}

func (t target) coversName(name string, none bool) bool {
	return none || name == t.exact || t.many && strings.HasPrefix(name, t.prefix)
}

// targets finds rules of one effect by what they cover.
type targets struct {
	rules  []*ruleRow
	byName map[string][]int  // by exact and by prefix + "*"
	sorted []string          // the keys of byName, without the star
	at     map[string]*offer // of byName
	below  map[string]*offer // of all names that begin so
}

func newTargets(rules []*ruleRow, allow bool) *targets {
	t := &targets{byName: map[string][]int{}, at: map[string]*offer{}, below: map[string]*offer{}}
	for _, r := range rules {
		if r.allow != allow {
			continue
		}
		i := len(t.rules)
		t.rules = append(t.rules, r)
		if r.target.exact != "" {
			t.byName[r.target.exact] = append(t.byName[r.target.exact], i)
		}
		if r.target.many {
			key := r.target.prefix + everything
			t.byName[key] = append(t.byName[key], i)
		}
	}
	for key := range t.byName {
		t.sorted = append(t.sorted, strings.TrimSuffix(key, everything))
	}
	slices.Sort(t.sorted)
	t.sorted = slices.Compact(t.sorted)
	return t
}

// above calls f with every rule that covers some name of u and is not below u, until it returns
// true.
func (t *targets) above(u target, f func(*ruleRow) bool) bool {
	for _, key := range namesOver(u) {
		for _, i := range t.byName[key] {
			if f(t.rules[i]) {
				return true
			}
		}
	}
	return false
}

// meet reports whether two values, either of which may be *, have one in common.
func meet(a, b string) bool { return a == b || a == everything || b == everything }

// within reports whether a value, which may be *, is covered by another.
func within(a, by string) bool { return by == everything || a == by }
