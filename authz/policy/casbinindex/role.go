package casbinindex

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/internal/lookup"
)

// roleSection is one g section: who has what, and where. One of closures, graph and asked
// answers.
type roleSection struct {
	name    string
	domains bool
	depth   int

	closures *lookup.Closures // where the roles of each name are listed
	graph    *roleGraph       // where links are followed at each decision

	manager roleManager // conditional roles, or the service's own manager
	why     string      // why it is not closures

	calls bool // whether following links calls a function of the service
}

// addRoles prepares every g section. The keyMatch on domains is Casbin's own rule: its
// enforcers add it when the matcher holds the very text.
func (ix *Index) addRoles(m model.Model, cfg *Config) error {
	auto := m["m"]["m"] != nil && strings.Contains(m["m"]["m"].Value, "keyMatch(r_dom, p_dom)")
	for _, name := range slices.Sorted(maps.Keys(m["g"])) {
		s, err := newRoleSection(name, m["g"][name], cfg, auto, ix.texts)
		if err != nil {
			return err
		}
		ix.roles[name] = len(ix.sections)
		ix.sections = append(ix.sections, s)
	}
	return nil
}

// newRoleSection prepares a section by what options say of it, or the enforcer that the model
// came from.
func newRoleSection(name string, a *model.Assertion, cfg *Config, auto bool, t *lookup.Symbols) (s *roleSection, err error) {
	s = &roleSection{name: name, domains: len(a.Tokens) > 2, depth: maxDepth}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: its matching function panics on the names of the policy: %v", ErrInvalid, name, r)
		}
	}()
	match, domain := cfg.Matching[name], cfg.DomainMatching[name]
	if a.CondRM != nil {
		return s, s.conditional(a)
	}
	if err := unconditional(a); err != nil {
		return nil, err
	}
	if a.RM == nil && auto && s.domains && domain == nil {
		domain = util.KeyMatch
	}
	if a.RM != nil {
		m, err := managedBy(name, a.RM, match)
		switch {
		case err != nil:
			return nil, err
		case m.own && (match != nil || domain != nil):
			return nil, fmt.Errorf("%w: %s: a matching function has no effect on a role manager of the service's own", ErrInvalid, name)
		case m.own:
			s.manager, s.why, s.calls = a.RM, "a role manager of the service's own, asked at each decision", true
			return s, nil
		case !m.domains && domain != nil:
			return nil, fmt.Errorf("%w: DomainMatching: %q: it would have no effect, the enforcer's role manager knows no domains", ErrInvalid, name)
		}
		s.domains, s.depth, match = m.domains, m.depth, m.match
		if domain == nil {
			domain = m.domain
		}
	}
	links, err := groupingLinks(a)
	if err != nil {
		return nil, err
	}
	if match == nil && (domain == nil || isKeyMatch(domain)) {
		if s.closures = lookup.CloseRows(links, s.domains, domain != nil, s.depth, t); s.closures != nil {
			return s, nil
		}
		s.why = "the roles of all names are too many to list: links are followed at each decision"
	}
	s.graph, err = newRoleGraph(name, links, s, match, domain, t)
	if err != nil {
		return nil, err
	}
	s.describe()
	return s, nil
}

// describe says how the links of a graph are followed.
func (s *roleSection) describe() {
	p := s.graph.domains.match
	called := func(m *nameMatcher) bool { return m != nil && m.call != nil }
	s.calls = called(s.graph.holders) || called(p)
	switch {
	case s.calls:
		s.why = "links are followed at each decision, and a matching function of the service is called for each pattern"
	case s.why == "":
		s.why = "links are followed at each decision, with compiled patterns"
	}
}

// groupingLinks are the g rows as Casbin links them: who, role, domain.
func groupingLinks(a *model.Assertion) ([][]string, error) {
	n := strings.Count(a.Value, "_")
	if n < 2 {
		return nil, fmt.Errorf("%w: [role_definition] %s = %s: at least two _ are needed", ErrInvalid, a.Key, a.Value)
	}
	links := make([][]string, len(a.Policy))
	for i, row := range a.Policy {
		if len(row) < n {
			return nil, fmt.Errorf("%w: %s, %s: a row of %d values, %d are needed", ErrInvalid, a.Key, strings.Join(row, ", "), len(row), n)
		}
		links[i] = row[:n]
	}
	return links, nil
}
