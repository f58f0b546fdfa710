package policy

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// snapshot is one loaded policy. Nothing in it changes after build.
type snapshot struct {
	revision string
	schema   *schema
	timed    bool   // whether some condition asks for the time
	rules    []rule // in the order of the files
	names    *names
	shared   scope
	tenants  map[tenant.ID]*scope
}

// id returns the revision, and "" for no policy.
func (s *snapshot) id() string {
	if s == nil {
		return ""
	}
	return s.revision
}

// scope is what holds in one tenant, or in all.
type scope struct {
	actions map[string]*targets // by action; everything for any
	reaches map[int32]reach
	grants  map[int32][]link // who is granted what, for explanations; reaches decide
}

// targets finds the rules for an action by what they cover.
type targets struct {
	all    []entry
	types  map[string][]entry
	one    map[objectName][]entry
	prefix map[objectName][]entry
}

// objectName is a route, with typ "", or a typed object. Two strings, so that finding one
// needs no joining.
type objectName struct{ typ, rest string }

// entry is a rule for a name. Entries are sorted by who, then by rule.
type entry struct{ who, rule int32 }

// build loads a policy, or reports everything that is wrong with it, p included.
func build(b bundle, p problems) (*snapshot, error) {
	if len(p.list) > 0 {
		return nil, p.err()
	}
	checkModel(modelFile, b.model, &p)

	l := loader{
		conds: conditions{schema: readSchema(attributesFile, b.attributes, &p), done: map[[2]string]*node{}},
		seen:  map[string]Reason{},
		p:     &p,
	}
	l.read(policyFile, tenant.ID{}, b.policy)
	if len(l.rules) == 0 && len(p.list) == 0 {
		p.add(policyFile, 0, 0, "no rule: a policy without a p row denies everything and is refused as a mistake")
	}
	for _, f := range b.tenants {
		before := len(l.rules) + len(l.grants) + len(p.list)
		l.read(f.name, f.id, f.content)
		if len(l.rules)+len(l.grants)+len(p.list) == before {
			p.add(f.name, 0, 0, "no row: delete the file of a tenant without rules of its own")
		}
	}
	s := &snapshot{
		revision: b.revision,
		schema:   l.conds.schema,
		rules:    l.rules,
		names:    newNames(),
		shared:   scope{actions: map[string]*targets{}},
		tenants:  map[tenant.ID]*scope{},
	}
	for _, n := range l.conds.done {
		s.timed = s.timed || n.timed()
	}
	s.addGrants(l.grants, &p)
	if len(p.list) > 0 {
		return nil, p.err()
	}
	s.addRules()
	return s, nil
}

// loader gathers the rows of all files.
type loader struct {
	conds  conditions
	rules  []rule
	grants []grant
	seen   map[string]Reason
	p      *problems
}

func (l *loader) read(file string, only tenant.ID, content string) {
	for _, r := range readRows(file, content, l.p) {
		if !l.usable(file, r) {
			continue
		}
		switch section := r.fields[0].text; section {
		case "p":
			if rule, ok := readRule(file, only, r, &l.conds, l.p); ok {
				l.rules = append(l.rules, rule)
			}
		case "g":
			if grant, ok := readGrant(file, only, r, l.p); ok {
				l.grants = append(l.grants, grant)
			}
		default:
			l.p.add(file, r.line, r.fields[0].col, "unknown section %s: rows begin with p or g", quote(section))
		}
	}
}

// usable reports whether a row has no empty value and stands there for the first time.
func (l *loader) usable(file string, r row) bool {
	texts := make([]string, len(r.fields))
	for i, f := range r.fields {
		if f.text == "" && i != 5 { // an empty condition has an error of its own
			l.p.add(file, r.line, f.col, "an empty value")
			return false
		}
		texts[i] = f.text
	}
	key := strings.Join(texts, "\x00")
	if first, twice := l.seen[key]; twice {
		l.p.add(file, r.line, r.fields[0].col, "the same row stands in %s, line %d", first.File, first.Line)
		return false
	}
	l.seen[key] = Reason{File: file, Line: r.line}
	return true
}

// scopeOf returns the scope of a rule's or grant's tenant.
func (s *snapshot) scopeOf(name string) *scope {
	if name == everything {
		return &s.shared
	}
	id := tenant.MustParse(name) // checkTenant parsed it
	if s.tenants[id] == nil {
		s.tenants[id] = &scope{actions: map[string]*targets{}}
	}
	return s.tenants[id]
}

func (s *snapshot) addGrants(grants []grant, p *problems) {
	shared, own := newLinks(), map[*scope]*links{}
	var order []*scope
	for i := range grants {
		g := &grants[i]
		sc := s.scopeOf(g.tenant)
		if sc == &s.shared {
			shared.add(s.names, g)
			continue
		}
		if own[sc] == nil {
			own[sc] = newLinks()
			order = append(order, sc)
		}
		own[sc].add(s.names, g)
	}
	s.shared.grants = shared.out
	before := len(p.list)
	s.shared.reaches = closeOver(shared, newLinks(), nil, p)
	if len(p.list) > before {
		return // every tenant would report the same again
	}
	for _, sc := range order {
		sc.grants = own[sc].out
		sc.reaches = closeOver(own[sc], shared, s.shared.reaches, p)
	}
}

func (s *snapshot) addRules() {
	for i := range s.rules {
		r := &s.rules[i]
		actions := s.scopeOf(r.Tenant).actions
		if actions[r.Action] == nil {
			actions[r.Action] = &targets{
				types: map[string][]entry{}, one: map[objectName][]entry{}, prefix: map[objectName][]entry{},
			}
		}
		actions[r.Action].add(r.target, entry{s.names.id(r.Subject), int32(i)})
	}
	s.shared.sort()
	for _, sc := range s.tenants {
		sc.sort()
	}
}

func (t *targets) add(goal target, e entry) {
	name := objectName{goal.typ, goal.rest}
	switch goal.shape {
	case coversAll:
		t.all = append(t.all, e)
	case coversType:
		t.types[goal.typ] = append(t.types[goal.typ], e)
	case coversOne:
		t.one[name] = append(t.one[name], e)
	case coversPrefix:
		t.prefix[name] = append(t.prefix[name], e)
	}
}

func (sc *scope) sort() {
	byWho := func(a, b entry) int {
		if a.who != b.who {
			return int(a.who) - int(b.who)
		}
		return int(a.rule) - int(b.rule)
	}
	for _, t := range sc.actions {
		slices.SortFunc(t.all, byWho)
		for _, list := range t.types {
			slices.SortFunc(list, byWho)
		}
		for _, list := range t.one {
			slices.SortFunc(list, byWho)
		}
		for _, list := range t.prefix {
			slices.SortFunc(list, byWho)
		}
	}
}
