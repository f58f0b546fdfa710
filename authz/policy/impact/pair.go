package impact

import (
	"maps"
	"slices"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// side is one of two policies, or both as bits.
type side uint8

const (
	before side = 1 << iota
	after
	both = before | after
)

// pair is two policies as one set of rows, each of one or of both.
type pair struct {
	old, new *Policy // old may be nil: it denies everything
	rules    []pairRule
	shared   *place
	own      map[string]*place
	types    map[string]side                   // that are known
	granted  map[string]map[string][]pairGrant // by tenant, then by who
	turned   map[string][]string               // who has a changed g row, by tenant
	changed  map[string][]target               // of changed rules, by tenant
	conds    []cond
	numbers  map[string]int32
	subjects map[string]bool // that rules name
	actions  map[string]bool // likewise
	budget   int

	// inverse asks where the new policy denies instead of where it allows, when old is nil.
	inverse bool
}

type pairRule struct {
	sub, act string
	deny     bool
	cond     int32 // 0 is always
	in       side
}

type pairGrant struct {
	role string
	in   side
}

// cond is a distinct condition.
type cond struct {
	expr condition.Expr
	text string
	wrap bool // whether parentheses stand around it in a larger one
	open bool // whether its attributes have other kinds on the other side
}

// maxWork bounds the search for values of conditions over a whole report. Beyond, cells say May.
const maxWork = 20_000_000

func newPair(old, new *Policy) *pair {
	p := &pair{old: old, new: new, shared: &place{rules: map[target][]int32{}}, own: map[string]*place{}, types: map[string]side{},
		granted: map[string]map[string][]pairGrant{}, turned: map[string][]string{}, changed: map[string][]target{},
		conds: make([]cond, 1), numbers: map[string]int32{}, subjects: map[string]bool{}, actions: map[string]bool{}, budget: maxWork}
	n := len(new.rules)
	if old != nil {
		n += len(old.rules)
	}
	p.rules = make([]pairRule, 0, n)
	p.addRules()
	p.addGrants()
	for _, t := range []struct {
		of *Policy
		in side
	}{{old, before}, {new, after}} {
		if t.of == nil {
			continue
		}
		for i := range t.of.rules {
			if typ := t.of.rules[i].target.typ(); typ != "" {
				p.types[typ] |= t.in
			}
		}
		for _, a := range t.of.attributes {
			if a.Type != "sub" && a.Type != "env" {
				p.types[a.Type] |= t.in
			}
		}
	}
	if old != nil {
		for _, typ := range slices.Sorted(maps.Keys(p.types)) {
			if p.types[typ] != both { // the other engine refuses every request about it
				p.changed[everything] = append(p.changed[everything], target{targetType, typ})
			}
		}
	}
	return p
}

// addRules adds what both policies have first, found by their values.
func (p *pair) addRules() {
	var olds map[policy.Rule]bool
	if p.old != nil {
		olds = make(map[policy.Rule]bool, len(p.old.rules))
		for i := range p.old.rules {
			olds[valuesOf(p.old.rules[i].Rule)] = true
		}
	}
	for i := range p.new.rules {
		r := &p.new.rules[i]
		key := valuesOf(r.Rule)
		if olds[key] && !p.redefined(r.expr) {
			delete(olds, key)
			p.addRule(r, both)
			continue
		}
		p.addRule(r, after)
	}
	if len(olds) == 0 {
		return
	}
	for i := range p.old.rules {
		if r := &p.old.rules[i]; olds[valuesOf(r.Rule)] {
			p.addRule(r, before)
		}
	}
}

func valuesOf(r policy.Rule) policy.Rule {
	r.File, r.Line = "", 0
	return r
}

// redefined reports whether a condition compares an attribute that the policies declare with
// different kinds.
func (p *pair) redefined(e condition.Expr) bool {
	if p.old == nil || e.Op() == condition.OpAlways {
		return false
	}
	for a := range e.Attributes() {
		x, there := p.old.attributes[a.Type+"."+a.Name]
		y, too := p.new.attributes[a.Type+"."+a.Name]
		if there && too && x.Kind != y.Kind {
			return true
		}
	}
	return false
}

func (p *pair) addRule(r *rule, in side) {
	i := int32(len(p.rules))
	p.subjects[r.Subject], p.actions[r.Action] = true, true
	p.rules = append(p.rules, pairRule{sub: r.Subject, act: r.Action, deny: r.Effect == policy.Deny, cond: p.number(r.expr), in: in})
	at := p.shared
	if r.Tenant != everything {
		if at = p.own[r.Tenant]; at == nil {
			at = &place{rules: map[target][]int32{}}
			p.own[r.Tenant] = at
		}
	}
	at.add(r.target, i)
	if in != both {
		p.changed[r.Tenant] = append(p.changed[r.Tenant], r.target)
	}
}

// number returns the number of a condition: equal ones have one, however they are spaced.
func (p *pair) number(e condition.Expr) int32 {
	if e.Op() == condition.OpAlways {
		return 0
	}
	key := e.Source()
	for a := range e.Attributes() {
		key += "\x00" + a.Type + "." + a.Name + ":" + a.Kind.String()
	}
	if n, ok := p.numbers[key]; ok {
		return n
	}
	text := e.String()
	full := text + key[len(e.Source()):]
	n, ok := p.numbers["\x01"+full]
	if !ok {
		n = int32(len(p.conds))
		p.conds = append(p.conds, cond{expr: e, text: text, wrap: e.Op() == condition.OpOr || e.Op() == condition.OpAnd, open: p.redefined(e)})
		p.numbers["\x01"+full] = n
	}
	p.numbers[key] = n
	return n
}

func (p *pair) addGrants() {
	sides := map[grant]side{}
	if p.old != nil {
		for _, g := range p.old.grants {
			sides[g] |= before
		}
	}
	for _, g := range p.new.grants {
		sides[g] |= after
	}
	add := func(g grant) {
		in := sides[g]
		if in == 0 {
			return
		}
		delete(sides, g)
		if p.old == nil {
			in = both // the policy that denies everything has any roles
		}
		if p.granted[g.tenant] == nil {
			p.granted[g.tenant] = map[string][]pairGrant{}
		}
		p.granted[g.tenant][g.who] = append(p.granted[g.tenant][g.who], pairGrant{g.role, in})
		if in != both && !slices.Contains(p.turned[g.tenant], g.who) {
			p.turned[g.tenant] = append(p.turned[g.tenant], g.who)
		}
	}
	for _, g := range p.new.grants {
		add(g)
	}
	if p.old != nil {
		for _, g := range p.old.grants {
			add(g)
		}
	}
}

// closure returns a name and all roles that it has in a tenant by the rows of all sides in.
func (p *pair) closure(tenant, name string, in side) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		for _, at := range [...]string{everything, tenant} {
			for _, g := range p.granted[at][names[i]] {
				if g.in&in == in && !slices.Contains(names, g.role) {
					names = append(names, g.role)
				}
			}
			if tenant == everything || tenant == "" {
				break
			}
		}
	}
	return names
}
