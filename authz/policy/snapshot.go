package policy

import (
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/lookup"
	"github.com/reevehq/reeve/tenant"
)

// snapshot is one loaded policy. Nothing in it changes after build, but for plans that are made when
// they are asked for.
//
// It stands on the structures of [Index]: texts number what it mentions, groups find its
// rules, and roleClosures list what each name has.
type snapshot struct {
	revision   string // of what decides
	source     string // of the files, which may say more than what decides
	held       []HeldTenant
	closed     map[tenant.ID]error  // nothing is decided for them
	good       map[tenant.ID]string // what each tenant's own file held when it last loaded
	schema     *condition.Schema
	listed     listed
	timed      bool   // whether some condition asks for the time
	roled      []bool // whether a condition asks for the caller's roles; nil where none does
	rules      []rule
	reasons    []Reason // by rule: the one that it can give, so that deciding makes none
	conditions []condition.Expr
	names      *names
	types      wordSet // the object types that some file names
	ruled      ruled
	shared     ruleTable // the rules for all tenants
	own        ruleTable // those for one
	lengths    lengths
	closures   *lookup.Closures
	links      []link // for explanations; closures decide
	periods    []period
	ending     *timedRoles // nil unless some g row has times
	files      []string
	plans      rlsPlans
}

// id returns the revision, and "" for no policy.
func (s *snapshot) id() string {
	if s == nil {
		return ""
	}
	return s.revision
}

// build loads a policy, or reports everything that is wrong with it.
func build(b *Bundle) (*snapshot, problems) {
	var p problems
	older, ends := checkModel(ModelFile, b.model, &p)

	schema, tables := readSchema(AttributesFile, b.attributes, &p)
	l := newLoader(schema, tables, &p)
	l.ends = ends
	l.read(PolicyFile, tenant.ID{}, b.policy)
	if b.bounded {
		l.ceiling = readCeiling(b.ceiling, b.ownFiles(), &p)
	}
	if len(l.rules) == 0 && len(p.list) == 0 {
		p.add(CodePolicyEmpty, PolicyFile, 0, 0, "no rule: a policy without a p row denies everything and is refused as a mistake")
	}
	for _, f := range b.tenants {
		before := len(l.rules) + len(l.links) + len(p.list)
		l.own[f.id.String()], p.about = f.id, f.id
		if f.delegated && l.ceiling == nil {
			p.add(CodeCeilingAbove, f.name, 0, 0, "the policy has no %s, so that this file may grant nothing", CeilingFile)
		}
		l.distinctFile(f.name, f.id)
		l.read(f.name, f.id, f.content)
		if len(l.rules)+len(l.links)+len(p.list) == before {
			p.add(CodeTenantEmpty, f.name, 0, 0, "no row: delete the file of a tenant without rules of its own")
		}
		p.about = tenant.ID{}
	}
	if older {
		l.refuseNamedRoutes()
	}
	l.number()
	if len(p.list) > 0 {
		return nil, p
	}
	closures := lookup.CloseEdges(edgesOf(l.links), l.names.tenants.Numbers(), l.names.numbers(), maxDepth)
	if closures == nil {
		p.tooLarge = true
		p.add(CodeRolesTooMany, PolicyFile, 0, 0, "the roles of all names are too many to list: at most %d altogether", lookup.MaxRoles)
		return nil, p
	}
	s := &snapshot{
		revision:   b.revision,
		source:     b.folder().revision,
		schema:     schema,
		listed:     tables,
		rules:      slices.Clip(l.rules),
		reasons:    slices.Clip(l.reasons),
		conditions: l.conds.Exprs(),
		names:      l.names,
		closures:   closures,
		links:      l.links,
		periods:    slices.Clip(l.periods),
		files:      l.files,
	}
	s.types, s.ruled = l.types(), newRuled(s.rules)
	for i, c := range s.conditions[1:] {
		s.timed = s.timed || timed(c)
		if asksRoles(c) {
			if s.roled == nil {
				s.roled = make([]bool, len(s.conditions))
			}
			s.roled[1+i] = true
		}
	}
	for i := range s.rules {
		if r := &s.rules[i]; r.shape == coversPrefix {
			s.lengths.add(len(s.names.objects.Text(r.rest)))
		}
	}
	s.ending = newTimedRoles(s)
	s.shared = newRuleTable(s, func(r *rule) bool { return r.tenant == 0 })
	s.own = newRuleTable(s, func(r *rule) bool { return r.tenant != 0 })
	return s, problems{}
}

// rule returns rule i as the policy has it. name is names.name.
func (s *snapshot) rule(i int, name func(uint32) string) Rule {
	r, n := &s.rules[i], s.names
	return Rule{
		Subject:   name(r.subject),
		Tenant:    orEverything(n.tenants, r.tenant),
		Object:    s.object(r),
		Action:    orEverything(n.words, r.action),
		Condition: s.conditions[r.when].Source(),
		Effect:    s.reasons[i].Effect,
		File:      s.reasons[i].File,
		Line:      s.reasons[i].Line,
	}
}

// object returns the object of a rule as the policy has it.
func (s *snapshot) object(r *rule) string {
	name := s.names.objects.Text(r.rest)
	if r.named {
		return routeSpace + name
	}
	if r.typ != 0 && r.shape != coversType {
		name = ":" + name
	}
	name = s.names.words.Text(r.typ) + name
	if r.shape == coversAll || r.shape == coversPrefix {
		name += everything
	}
	return name
}

// isRoute reports whether a rule names a route or a prefix of routes.
func (r *rule) isRoute() bool { return r.typ == 0 && r.shape != coversAll }

// types returns the object types that rules and attributes.csv name.
func (l *loader) types() wordSet {
	set := newWordSet(l.names.words.Numbers())
	for i := range l.rules {
		set.add(l.rules[i].typ)
	}
	for typ := range l.listed {
		set.add(l.names.words.Find(typ))
	}
	for typ := range l.schema.Types() {
		set.add(l.names.words.Find(typ))
	}
	return set
}

// wordSet is a set of words, by their numbers. Number 0, of what is no word, is never in it.
type wordSet []uint64

func newWordSet(numbers int) wordSet { return make(wordSet, numbers/64+1) }

func (s wordSet) add(id uint32) {
	if id != 0 {
		s[id/64] |= 1 << (id % 64)
	}
}

func (s wordSet) has(id uint32) bool { return s[id/64]>>(id%64)&1 != 0 }

// number ends reading: the names get the numbers that they keep, and the links their order.
func (l *loader) number() {
	for typ := range l.schema.Types() {
		l.names.addWord(typ)
	}
	moved, ok := l.names.seal()
	if !ok || len(l.rules) > maxRules {
		l.p.tooLarge = len(l.p.list) == 0
		l.p.add(CodePolicyTooLarge, PolicyFile, 0, 0, "the policy is too large: at most %d rules, and 4 GiB of names", maxRules)
		return
	}
	for i := range l.rules {
		r := &l.rules[i]
		r.subject, r.tenant = moved.name(r.subject), moved.tenants[r.tenant]
		r.action, r.typ, r.rest = moved.words[r.action], moved.words[r.typ], moved.objects[r.rest]
	}
	for i := range l.links {
		k := &l.links[i]
		k.domain, k.member, k.role = moved.tenants[k.domain], moved.name(k.member), moved.name(k.role)
	}
	l.links = sortedLinks(l.links)
	checkRoleCycles(l.names, l.files, l.links, l.own, l.p)
	l.checkTimes()
}
