package impact

import (
	"iter"
	"sort"
	"strings"
	"sync"

	"github.com/reevehq/reeve/authz/policy"
)

// target is the extent of a rule's object: a set of names. Names of routes begin with a slash,
// and those of typed objects with their type. Of two targets one lies within the other, or they
// have no name in common.
type target struct {
	kind targetKind
	text string
}

type targetKind uint8

const (
	targetAll    targetKind = iota + 1
	targetType              // the type and every object of it
	targetPrefix            // all names that begin so
	targetOne
)

// allRoutes is every route.
var allRoutes = target{targetPrefix, "/"}

// targetOf reads an object that loads.
func targetOf(object string) target {
	if object == everything {
		return target{kind: targetAll}
	}
	if name, ok := strings.CutPrefix(object, "route:/"); ok {
		return target{targetOne, "/" + name}
	}
	if prefix, ok := strings.CutSuffix(object, everything); ok {
		return target{targetPrefix, prefix}
	}
	if object[0] == '/' || strings.Contains(object, ":") {
		return target{targetOne, object}
	}
	return target{targetType, object}
}

func (t target) isRoute() bool { return t.text != "" && t.text[0] == '/' }

// typ returns the type of the objects, "" for routes and for everything.
func (t target) typ() string {
	if t.isRoute() {
		return ""
	}
	typ, _, _ := strings.Cut(t.text, ":")
	return typ
}

// conditions returns what conditions of a rule are about: a type, or one route and its parameters.
func (t target) conditions() string {
	if t.isRoute() && t.kind == targetOne {
		return t.text
	}
	return t.typ()
}

// String returns the target as a rule writes it.
func (t target) String() string {
	switch {
	case t.kind == targetAll:
		return everything
	case t.kind == targetPrefix:
		return t.text + everything
	case t.kind == targetOne && t.isRoute() && strings.HasSuffix(t.text, everything):
		return "route:" + t.text
	}
	return t.text
}

// above yields the target and those that it lies within, the nearest first.
func (t target) above(yield func(target) bool) {
	if !yield(t) || t.kind == targetAll {
		return
	}
	if t.kind != targetType {
		n := len(t.text)
		if t.kind == targetPrefix {
			n--
		}
		for i := n - 1; i >= 0; i-- {
			if c := t.text[i]; (c == '/' || c == ':') && !yield(target{targetPrefix, t.text[:i+1]}) {
				return
			}
		}
		if !t.isRoute() && !yield(target{targetType, t.typ()}) {
			return
		}
	}
	yield(target{kind: targetAll})
}

// covers reports whether u lies within t.
func (t target) covers(u target) bool {
	switch t.kind {
	case targetAll:
		return true
	case targetType:
		return u.typ() == t.text
	case targetPrefix:
		return (u.kind == targetOne || u.kind == targetPrefix) && strings.HasPrefix(u.text, t.text)
	}
	return t == u
}

// has reports whether an object is one that t covers.
func (t target) has(o policy.Object) bool {
	if o.Route == "" && o.ID == "" {
		return t.kind == targetAll || t.kind == targetType && t.text == o.Type
	}
	name := o.Route
	if name == "" {
		name = o.Type + ":" + o.ID
	}
	return t.covers(target{targetOne, name})
}

// object returns the object of the one name that a target covers.
func (t target) object() policy.Object {
	if t.isRoute() {
		return policy.Route(t.text)
	}
	typ, id, _ := strings.Cut(t.text, ":")
	return policy.Object{Type: typ, ID: id}
}

// place is the rules of one policy for one tenant, or for all. They are found by what they cover.
type scope struct {
	of   *Policy // nil where there is none
	list []int32 // rules

	index sync.Once
	first map[target]int32 // the first rule for a target, by its scope in list, from 1
	next  []int32          // the next one for the same, likewise

	order  sync.Once
	sorted []target // by text
}

// at yields the rules for exactly a target.
func (p *scope) at(t target) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := p.head(t); i != 0 && yield(p.list[i-1]); i = p.next[i-1] {
		}
	}
}

// has reports whether there is a rule for exactly a target.
func (p *scope) has(t target) bool { return p.head(t) != 0 }

func (p *scope) head(t target) int32 {
	p.index.Do(func() {
		p.first, p.next = make(map[target]int32, len(p.list)), make([]int32, len(p.list))
		for i := len(p.list) - 1; i >= 0; i-- {
			t := p.of.rules[p.list[i]].target
			p.next[i], p.first[t] = p.first[t], int32(i+1)
		}
	})
	return p.first[t]
}

func (p *scope) sort() {
	p.order.Do(func() {
		p.head(target{})
		for t := range p.first {
			p.sorted = append(p.sorted, t)
		}
		sort.Slice(p.sorted, func(i, j int) bool {
			a, b := p.sorted[i], p.sorted[j]
			return a.text < b.text || a.text == b.text && a.kind < b.kind
		})
	})
}

// within yields the targets of rules that lie within t, and are not t.
func (p *scope) within(t target, yield func(target)) {
	if t.kind == targetOne {
		return
	}
	p.sort()
	from := sort.Search(len(p.sorted), func(i int) bool { return p.sorted[i].text >= t.text })
	for _, u := range p.sorted[from:] {
		if t.kind != targetAll && !strings.HasPrefix(u.text, t.text) {
			return
		}
		if u != t && u.kind != targetAll && t.covers(u) {
			yield(u)
		}
	}
}
