package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/rbac"
	manager "github.com/casbin/casbin/v2/rbac/default-role-manager"
	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"
)

// roleSection is one g section: who has what, and where.
type roleSection struct {
	name    string
	domains bool
	depth   int

	// closures answers without asking; nil when a manager has to be asked.
	closures *roleClosures

	asked rbac.RoleManager // Casbin's own manager, or the caller's
	why   string           // why it is asked
}

// addRoles prepares every g section. The keyMatch on domains is Casbin's own rule: its
// enforcers add it when the matcher holds the very text.
func (ix *Index) addRoles(m model.Model, o *indexOptions) error {
	auto := m["m"]["m"] != nil && strings.Contains(m["m"]["m"].Value, "keyMatch(r_dom, p_dom)")
	for name, a := range m["g"] {
		s, err := newRoleSection(name, a, o, auto, ix.texts)
		if err != nil {
			return err
		}
		ix.roles[name] = len(ix.sections)
		ix.sections = append(ix.sections, s)
	}
	return nil
}

// newRoleSection prepares a section. What its manager is told by options, or knows from the
// enforcer that the model came from, decides whether the index can follow links itself.
func newRoleSection(name string, a *model.Assertion, o *indexOptions, auto bool, t *texts) (*roleSection, error) {
	s := &roleSection{name: name, domains: len(a.Tokens) > 2, depth: maxDepth}
	match, domain := o.matching[name], o.domainMatching[name]
	if a.CondRM != nil || a.RM == nil && len(a.ParamsTokens) > 0 {
		return s, s.conditional(a)
	}
	if auto && s.domains && domain == nil && a.RM == nil {
		domain = util.KeyMatch
	}
	if a.RM != nil {
		if live := s.inspect(a.RM, match != nil, &domain); live != "" {
			s.asked, s.why = a.RM, live
			return s, nil
		}
	}
	switch {
	case match != nil:
		s.why = "a matching function for role names"
	case domain != nil && !isKeyMatch(domain):
		s.why = "a matching function for domains other than keyMatch"
	}
	links, err := groupingLinks(a)
	if err != nil {
		return nil, err
	}
	if s.why != "" {
		return s, s.own(a, match, domain)
	}
	s.closures = closeRoles(links, s, domain != nil, t)
	if s.closures == nil {
		s.why = "the roles of all names are too many to list"
		return s, s.own(a, nil, domain)
	}
	return s, nil
}

// groupingLinks are the g rows as Casbin links them: who, role, domain.
func groupingLinks(a *model.Assertion) ([][]string, error) {
	n := strings.Count(a.Value, "_")
	if n < 2 {
		return nil, fmt.Errorf("%w: [role_definition] %s: at least two _ are needed", ErrInvalid, a.Key)
	}
	links := make([][]string, len(a.Policy))
	for i, row := range a.Policy {
		if len(row) < n {
			return nil, fmt.Errorf("%w: %s: a row of %d values, %d are needed", ErrInvalid, a.Key, len(row), n)
		}
		links[i] = row[:n]
	}
	return links, nil
}

// inspect reads the settings of a manager of Casbin's that an enforcer made: it returns why
// it has to be asked itself, or "". What it is told already need not be found there.
func (s *roleSection) inspect(rm rbac.RoleManager, matched bool, domain *rbac.MatchingFunc) string {
	v := reflect.ValueOf(rm)
	switch m := rm.(type) {
	case *manager.RoleManagerImpl:
		s.domains = false
	case *manager.DomainManager:
		s.domains = true
	case *manager.RoleManager:
		s.domains = true
		v = reflect.ValueOf(m.DomainManager)
	default:
		return "a role manager of the service's own, asked at each decision"
	}
	v = v.Elem()
	depth, names, places := v.FieldByName("maxHierarchyLevel"), v.FieldByName("matchingFunc"), v.FieldByName("domainMatchingFunc")
	if !depth.CanInt() || names.Kind() != reflect.Func || places.Kind() != reflect.Func {
		return "a role manager of another Casbin, asked at each decision"
	}
	s.depth = int(depth.Int())
	if !matched && !names.IsNil() {
		return "the enforcer's matching function for role names, asked at each decision"
	}
	if s.domains && *domain == nil && !places.IsNil() {
		if places.Pointer() != reflect.ValueOf(util.KeyMatch).Pointer() {
			return "the enforcer's matching function for domains, asked at each decision"
		}
		*domain = util.KeyMatch
	}
	return ""
}

func isKeyMatch(f rbac.MatchingFunc) bool {
	return reflect.ValueOf(f).Pointer() == reflect.ValueOf(util.KeyMatch).Pointer()
}

// own builds a manager of Casbin's that nobody else has.
func (s *roleSection) own(a *model.Assertion, match, domain rbac.MatchingFunc) error {
	var rm rbac.RoleManager = manager.NewRoleManagerImpl(s.depth)
	if s.domains {
		rm = manager.NewRoleManager(s.depth)
	}
	if match != nil {
		rm.AddMatchingFunc(s.name, match)
	}
	if domain != nil {
		rm.AddDomainMatchingFunc(s.name, domain)
	}
	s.asked = rm
	m := detached(s.name, a)
	return m.BuildRoleLinks(map[string]rbac.RoleManager{s.name: rm})
}

// conditional takes the enforcer's manager of conditional roles, whose conditions are
// functions that ask the clock, or builds one without conditions.
func (s *roleSection) conditional(a *model.Assertion) error {
	s.why = "conditional roles, asked at each decision"
	if a.CondRM != nil {
		s.asked = a.CondRM
		return nil
	}
	var rm rbac.ConditionalRoleManager = manager.NewConditionalRoleManager(s.depth)
	if s.domains {
		rm = manager.NewConditionalDomainManager(s.depth)
	}
	s.asked = rm
	m := detached(s.name, a)
	return m.BuildConditionalRoleLinks(map[string]rbac.ConditionalRoleManager{s.name: rm})
}

// detached is a model of one g section with rows of its own.
func detached(name string, a *model.Assertion) model.Model {
	m := model.NewModel()
	m["g"] = model.AssertionMap{name: {
		Key: a.Key, Value: a.Value, Tokens: slices.Clone(a.Tokens), ParamsTokens: slices.Clone(a.ParamsTokens), Policy: cloneRows(a.Policy),
	}}
	return m
}

func cloneRows(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = slices.Clone(r)
	}
	return out
}

// has answers g(args…): whether args[0] is or has args[1], in the domain args[2].
func (s *roleSection) has(t *texts, args []string) (bool, error) {
	if len(args) < 2 {
		return false, fmt.Errorf("%s needs two names", s.name)
	}
	if args[0] == args[1] {
		return true, nil
	}
	if s.closures == nil {
		return s.asked.HasLink(args[0], args[1], args[2:]...)
	}
	domain := ""
	if s.domains && len(args) > 2 {
		domain = args[2]
	}
	role := t.find(args[1])
	if role == 0 {
		return false, nil
	}
	_, found := slices.BinarySearch(s.closures.of(domain, t.find(domain), t.find(args[0])), role)
	return found, nil
}

// function is g(…) for pieces of matchers that govaluate evaluates.
func (s *roleSection) function(t *texts) govaluate.ExpressionFunction {
	return func(args ...any) (any, error) {
		names := make([]string, len(args))
		for i, a := range args {
			name, ok := a.(string)
			if !ok {
				return nil, fmt.Errorf("%s(…) of something that is no text", s.name)
			}
			names[i] = name
		}
		return s.has(t, names)
	}
}
