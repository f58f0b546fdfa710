package impact

import (
	"maps"
	"slices"
	"strconv"
	"strings"

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

// pair is two policies whose rows are each of one or of both.
type pair struct {
	old, new *Policy             // old may be nil: it denies everything
	sides    [2]*Policy          // before and after
	unique   [2][]bool           // by rule: whether the other policy lacks it
	asking   [2][]bool           // by rule: whether it has it, and other g rows of which the condition asks
	types    map[string]side     // that are known
	turned   map[string][]string // who has a changed g row, by tenant
	changed  map[string][]target // of changed rules, by tenant
	conds    []cond
	numbers  map[string]int32
	memo     [2]map[condition.Expr]int32
	closures map[closureKey][]string
	pathsOf  map[closureKey]paths
	someone  string // who no row names, once asked for
	budget   int

	// inverse asks where the new policy denies instead of where it allows, when old is nil.
	inverse bool

	timed map[duringKey]int32
}

// pairRule is a rule of one of the policies, or of both.
type pairRule struct {
	sub, act string
	deny     bool
	cond     int32 // 0 is always
	in       side
}

// cond is a distinct condition.
type cond struct {
	expr  condition.Expr
	text  string
	wrap  bool   // whether parentheses stand around it in a larger one
	roles bool   // whether it asks for r.sub.roles
	in    side   // by whose g rows, 0 where they are alike
	open  bool   // whether its attributes have other kinds on the other side
	of    int    // the number of a side that has it
	typ   string // of which objects it may ask attributes
}

// maxWork bounds the search for values of conditions over a whole report. Beyond, cells say May.
const maxWork = 20_000_000

func newPair(old, new *Policy) *pair {
	p := &pair{old: old, new: new, sides: [2]*Policy{old, new}, types: map[string]side{}, turned: map[string][]string{},
		changed: map[string][]target{}, conds: make([]cond, 1), numbers: map[string]int32{}, timed: map[duringKey]int32{}, closures: map[closureKey][]string{}, pathsOf: map[closureKey]paths{}, budget: maxWork}
	for i, of := range p.sides {
		if of == nil {
			continue
		}
		p.memo[i] = map[condition.Expr]int32{}
		for typ := range of.types {
			p.types[typ] |= 1 << i
		}
	}
	if old == nil {
		return p
	}
	common := commonLines(old.bundle, new.bundle)
	p.compareGrants(common)
	p.compareRules(common)
	for _, typ := range slices.Sorted(maps.Keys(p.types)) {
		if p.types[typ] != both { // the other engine refuses every request about it
			p.changed[everything] = append(p.changed[everything], target{targetType, typ})
		}
	}
	return p
}

// row is the content of a rule, wherever it stands.
type row struct{ sub, dom, obj, act, cond, effect string }

func rowOf(r *policy.Rule) row {
	return row{r.Subject, r.Tenant, r.Object, r.Action, r.Condition, r.Effect.String()}
}

// compareRules finds the rules that one policy has alone. Most stand on lines that both have, so that
// few are looked up.
func (p *pair) compareRules(common [2]lines) {
	var rows [2]map[row]bool
	for i, of := range p.sides {
		rows[i] = map[row]bool{}
		for n := range of.rules {
			if r := of.rules[n].Rule; !common[i].has(r.File, r.Line) {
				rows[i][rowOf(r)] = true
			}
		}
	}
	redefines := p.redefines()
	for i, of := range p.sides {
		p.unique[i], p.asking[i] = make([]bool, len(of.rules)), make([]bool, len(of.rules))
		for n := range of.rules {
			r := &of.rules[n]
			if (common[i].has(r.File, r.Line) || rows[1-i][rowOf(r.Rule)]) && !(redefines && p.redefined(r.expr)) {
				if len(p.turned) > 0 && asksRoles(r.expr) {
					p.asking[i][n] = true
					p.changedWhereTurned(r)
				}
				continue
			}
			p.unique[i][n] = true
			p.changed[r.Tenant] = append(p.changed[r.Tenant], r.target)
		}
	}
}

// redefines reports whether the policies declare some attribute with different kinds, NULL with
// different meanings, or a parent of different types.
func (p *pair) redefines() bool {
	for name, a := range p.old.attributes {
		b, too := p.new.attributes[name]
		if too && (a.Kind != b.Kind || isNullable(&a) != isNullable(&b) || a.Kind == condition.KindParent && typeOfParent(&a) != typeOfParent(&b)) {
			return true
		}
	}
	return false
}

// changedWhereTurned notes that a rule which asks for roles decides otherwise where g rows differ.
func (p *pair) changedWhereTurned(r *rule) {
	if len(p.turned[everything]) > 0 || r.Tenant != everything {
		if p.turnedAt(r.Tenant) {
			p.changed[r.Tenant] = append(p.changed[r.Tenant], r.target)
		}
		return
	}
	for tenant := range p.turned {
		p.changed[tenant] = append(p.changed[tenant], r.target)
	}
}

// redefined reports whether a condition compares an attribute that the policies declare with
// different kinds, or NULL with different meanings.
func (p *pair) redefined(e condition.Expr) bool {
	return p.declaredOtherwise(e, func(a, b *condition.Attribute) bool { return a.Kind != b.Kind || isNullable(a) != isNullable(b) })
}

// open reports whether a condition compares an attribute that the policies declare with different
// kinds.
func (p *pair) open(e condition.Expr) bool {
	return p.declaredOtherwise(e, func(a, b *condition.Attribute) bool { return a.Kind != b.Kind })
}

func (p *pair) declaredOtherwise(e condition.Expr, differ func(a, b *condition.Attribute) bool) bool {
	if p.old == nil || e.Op() == condition.OpAlways {
		return false
	}
	for a := range e.Attributes() {
		x, there := p.old.declared(a)
		y, too := p.new.declared(a)
		if there && too && differ(&x, &y) {
			return true
		}
	}
	return false
}

// declared returns how a policy declares what a condition names so: an attribute of a parent is that
// of the type which the parent has there.
func (p *Policy) declared(a *condition.Attribute) (condition.Attribute, bool) {
	typ := a.Type
	if a.Via != nil {
		parent := p.attributes[a.Via.Type+"."+a.Via.Name]
		typ = typeOfParent(&parent)
	}
	found, there := p.attributes[typ+"."+a.Name]
	return found, there
}

// typeOfParent returns the type of the objects that a parent is one of, and "" for other attributes.
func typeOfParent(a *condition.Attribute) string {
	if a.Relation == nil {
		return ""
	}
	return a.Relation.Target
}

// isNullable reports whether NULL is a value of an attribute. Else it is none, whatever is declared.
func isNullable(a *condition.Attribute) bool { return a.Null == condition.NullValue }

func (p *pair) compareGrants(common [2]lines) {
	for i, of := range p.sides {
		other := p.sides[1-i]
		for n := range of.grants {
			g := &of.grants[n]
			if !common[i].has(g.File, g.Line) && !slices.Contains(other.grantedTo(at{g.Tenant, g.Member}), of.held[n]) && !slices.Contains(p.turned[g.Tenant], g.Member) {
				p.turned[g.Tenant] = append(p.turned[g.Tenant], g.Member)
			}
		}
	}
}

// rulesAt returns the rules for exactly a target, in a tenant and in all.
func (p *pair) rulesAt(list []pairRule, tenant string, t target) []pairRule {
	for i, of := range p.sides {
		if of == nil {
			continue
		}
		for _, at := range of.scopesOf(tenant) {
			for n := range at.at(t) {
				in := side(1) << i
				if p.old != nil && !p.unique[i][n] && !(p.asking[i][n] && p.turnedAt(tenant)) {
					if i == 0 {
						continue // the other policy has it
					}
					in = both
				}
				r := &of.rules[n]
				list = append(list, pairRule{sub: r.Subject, act: r.Action, deny: r.Effect == policy.Deny, cond: p.number(i, r), in: in})
			}
		}
	}
	return list
}

// scopesOf returns where the rules for a tenant stand.
func (p *Policy) scopesOf(tenant string) []*scope {
	list := []*scope{p.scopes[everything]}
	if own := p.scopes[tenant]; own != nil && tenant != everything {
		list = append(list, own)
	}
	return list
}

// scopes is placesOf both.
func (p *pair) scopes(tenant string) (list []*scope) {
	for _, of := range p.sides {
		if of != nil {
			list = append(list, of.scopesOf(tenant)...)
		}
	}
	return list
}

// number returns the number of a condition: equal ones have one, however they are spaced, in whatever
// order their operands stand, and whether ! stands before a part or before its operands.
func (p *pair) number(i int, r *rule) int32 {
	if r.expr.Op() == condition.OpAlways {
		return 0
	}
	n, there := p.memo[i][r.expr]
	if !there {
		n = p.numberOf(r.expr, i, r.target.conditions())
		p.memo[i][r.expr] = n
	}
	return n
}

func (p *pair) numberOf(e condition.Expr, i int, typ string) int32 {
	text := e.String()
	key := formOf(e, false).text()
	kinds := map[string]bool{}
	for a := range e.Attributes() {
		kind := a.Kind.String()
		if isNullable(a) {
			kind += "?"
		}
		kinds["\x00"+a.Type+"."+a.Name+":"+kind] = true
	}
	key += strings.Join(slices.Sorted(maps.Keys(kinds)), "")
	roles, in := asksRoles(e), side(0)
	if roles && len(p.turned) > 0 {
		in = side(1) << i
		key += "\x00" + strconv.Itoa(i)
		if in == before {
			text += " by the g rows before"
		}
	}
	open := p.open(e)
	if i == 0 && !open && p.redefined(e) { // the one after has the same text, and another number
		text += " by the attributes before"
	}
	n, there := p.numbers[key]
	if !there {
		n = int32(len(p.conds))
		op := e.Op()
		p.conds = append(p.conds, cond{expr: e, text: text, wrap: op == condition.OpOr || op == condition.OpAnd, open: open, of: i, typ: typ, roles: roles, in: in})
		p.numbers[key] = n
	}
	return n
}

// closureKey is whose roles are asked for, where, and by whose rows.
type closureKey struct {
	tenant, name string
	in           side
}

// closure returns a name and all roles that it has in a tenant by the rows of a policy, at any
// time, or at all times by those that both have. Nobody may write to it.
func (p *pair) closure(tenant, name string, in side) []string {
	key := closureKey{tenant, name, in}
	names, there := p.closures[key]
	if !there {
		names = slices.Clip(p.closureOf(tenant, name, in))
		if p.closures != nil {
			p.closures[key] = names
		}
	}
	return names
}

func (p *pair) closureOf(tenant, name string, in side) []string {
	names := []string{name}
	of := p.new
	if in == before {
		of = p.old
	}
	for i := 0; i < len(names); i++ {
		for _, dom := range [...]string{everything, tenant} {
			here := at{dom, names[i]}
			for _, h := range of.grantedTo(here) {
				if slices.Contains(names, h.role) || in == both && (h.during != always || p.old != nil && !slices.Contains(p.old.grantedTo(here), h)) {
					continue
				}
				names = append(names, h.role)
			}
			if tenant == "" {
				break
			}
		}
	}
	return names
}

// isTenant, isSubject and isAction report whether rows name something.
func (p *pair) isTenant(s string) bool {
	return slices.ContainsFunc(p.sides[:], func(of *Policy) bool { return of != nil && of.tenants[s] })
}

func (p *pair) isSubject(s string) bool {
	return slices.ContainsFunc(p.sides[:], func(of *Policy) bool {
		return of != nil && (of.subjects[s] != nil || slices.ContainsFunc(of.grants, func(g policy.Grant) bool { return g.Member == s }))
	})
}

func (p *pair) isAction(s string) bool {
	return slices.ContainsFunc(p.sides[:], func(of *Policy) bool { return of != nil && of.actions[s] })
}
