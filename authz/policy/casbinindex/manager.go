package casbinindex

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/rbac"
	manager "github.com/casbin/casbin/v2/rbac/default-role-manager"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// managed has the settings of a role manager of Casbin's. Casbin has no methods that tell it, and
// to pass over a matching function would lose a deny that a role has by it. So the fields are
// looked at, and a manager whose fields are not known is refused.
type managed struct {
	own     bool // a role manager of the service's own, which has to be asked
	domains bool
	depth   int
	match   rbac.MatchingFunc // nil for none
	domain  rbac.MatchingFunc
}

// managedBy reads the manager of a section. Match may be given, and then is not looked for.
func managedBy(name string, rm rbac.RoleManager, match rbac.MatchingFunc) (managed, error) {
	var m managed
	v := reflect.ValueOf(rm)
	switch r := rm.(type) {
	case *manager.RoleManagerImpl:
	case *manager.DomainManager:
		m.domains = true
	case *manager.RoleManager:
		m.domains = true
		v = reflect.ValueOf(r.DomainManager)
	default:
		return managed{own: true}, nil
	}
	depth, names, domains := fieldsOf(v)
	if !depth.CanInt() || names.Kind() != reflect.Func || domains.Kind() != reflect.Func {
		return m, fmt.Errorf("%w: %s: this Casbin's role manager does not tell its matching functions: give New a model without one, by model.NewModelFromFile", ErrInvalid, name)
	}
	m.depth, m.match = int(depth.Int()), match
	if match == nil && !names.IsNil() {
		known := knownMatching(names.Pointer())
		switch {
		case known != nil:
			m.match = known.match
		case m.domains:
			return m, fmt.Errorf("%w: %s: the enforcer has a matching function for role names: pass it in Config.Matching[%q]", ErrInvalid, name, name)
		default:
			m.match = rm.Match // equal names apart, the function itself
		}
	}
	if m.domains && !domains.IsNil() {
		if known := knownMatching(domains.Pointer()); known != nil {
			m.domain = known.match
		} else {
			m.domain = rm.Match
		}
	}
	return m, nil
}

func fieldsOf(v reflect.Value) (depth, names, domains reflect.Value) {
	v = v.Elem()
	return v.FieldByName("maxHierarchyLevel"), v.FieldByName("matchingFunc"), v.FieldByName("domainMatchingFunc")
}

// unconditional refuses rows of conditional roles that nobody would check: a file has no
// condition functions, without which Casbin grants a role for good. A row whose parameters are
// all _, which is Casbin's word for none, is one like any other.
func unconditional(a *model.Assertion) error {
	for _, row := range a.Policy {
		for i := len(a.Tokens); i < len(row) && i < len(a.Tokens)+len(a.ParamsTokens); i++ {
			if row[i] != "_" {
				return fmt.Errorf("%w: %s, %s: nothing checks the condition %s, and the role would always be there: write _, or index the model of an enforcer that has it by AddNamedLinkConditionFunc",
					ErrInvalid, a.Key, strings.Join(row, ", "), hint.Quote(row[i]))
			}
		}
	}
	return nil
}

// unasked refuses conditions in domains that Casbin passes over: it asks for that of the first
// link alone, and takes the others to hold; and it looks for one under the domain of the
// request, so that one of a pattern is never found.
func unasked(a *model.Assertion, patterns bool) error {
	if len(a.Tokens) <= 2 {
		return nil
	}
	granted := map[string]bool{}
	for _, row := range a.Policy {
		if len(row) > 1 {
			granted[row[1]] = true
		}
	}
	for _, row := range a.Policy {
		if len(row) <= len(a.Tokens) || !slices.ContainsFunc(row[len(a.Tokens):], func(v string) bool { return v != "_" }) {
			continue
		}
		why := ""
		switch {
		case granted[row[0]]:
			why = hint.Quote(row[0]) + " is granted to others, and in domains Casbin asks for the condition of their first link alone: grant them " + hint.Quote(row[1]) + " itself, with the condition"
		case patterns && !ascii.All(row[2], isPlain):
			why = "Casbin looks for the condition under the domain that is asked for, and finds none under a pattern: write a row for each domain"
		default:
			continue
		}
		return fmt.Errorf("%w: %s, %s: %s", ErrInvalid, a.Key, strings.Join(row, ", "), why)
	}
	return nil
}

// conditional takes the enforcer's manager of conditional roles, whose conditions are
// functions that ask the clock or the service.
func (s *roleSection) conditional(a *model.Assertion) error {
	switch rm := a.CondRM.(type) {
	case *manager.ConditionalRoleManager, *manager.ConditionalDomainManager:
		// It would match the names of its rows against a text of the request.
		_, names, domains := fieldsOf(reflect.ValueOf(rm))
		if names.Kind() != reflect.Func || !names.IsNil() {
			return fmt.Errorf("%w: %s: conditional roles with a matching function for names cannot be asked safely", ErrInvalid, a.Key)
		}
		if err := unasked(a, domains.Kind() == reflect.Func && !domains.IsNil()); err != nil {
			return err
		}
	}
	s.manager, s.why = a.CondRM, "conditional roles, asked of the enforcer at each decision: a row without a condition function always holds"
	return nil
}
