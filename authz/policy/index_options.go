package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/rbac"
	"github.com/casbin/govaluate"
)

// IndexOption tells [NewIndex] what a model does not say. An option that would have no effect
// is refused.
type IndexOption func(*indexOptions)

type indexOptions struct {
	functions                map[string]govaluate.ExpressionFunction
	matching, domainMatching map[string]rbac.MatchingFunc
	problems                 []error
}

// WithFunction names a function that matchers may call, as AddFunction of an enforcer does.
// It has to be safe for concurrent use. The names of Casbin's own functions and of the
// model's g sections cannot be taken.
func WithFunction(name string, fn govaluate.ExpressionFunction) IndexOption {
	return func(o *indexOptions) {
		o.once("WithFunction", name, o.functions[name] != nil, fn == nil)
		o.functions[name] = fn
	}
}

// WithMatchingFunc has the role names of a section such as "g" matched as patterns. It is
// called with a name first and a pattern of the policy second, never with a text of a request
// as the pattern. Casbin's util.KeyMatch, KeyMatch2 to KeyMatch5 and RegexMatch are compiled
// when the policy is loaded. Any other function is called for each pattern at each decision,
// and has to be safe for concurrent use.
func WithMatchingFunc(section string, fn rbac.MatchingFunc) IndexOption {
	return func(o *indexOptions) {
		o.once("WithMatchingFunc", section, o.matching[section] != nil, fn == nil)
		o.matching[section] = fn
	}
}

// WithDomainMatchingFunc has the domains of a section such as "g" matched as patterns, by a
// function as [WithMatchingFunc] takes it.
func WithDomainMatchingFunc(section string, fn rbac.MatchingFunc) IndexOption {
	return func(o *indexOptions) {
		o.once("WithDomainMatchingFunc", section, o.domainMatching[section] != nil, fn == nil)
		o.domainMatching[section] = fn
	}
}

func (o *indexOptions) once(option, name string, twice, none bool) {
	if twice {
		o.problem("%s(%q): given twice", option, name)
	}
	if none {
		o.problem("%s(%q): the function is nil", option, name)
	}
}

func (o *indexOptions) problem(format string, args ...any) {
	o.problems = append(o.problems, fmt.Errorf(format, args...))
}

// gatherOptions applies options and refuses those that a model has no use for.
func gatherOptions(m model.Model, options []IndexOption) (*indexOptions, error) {
	o := &indexOptions{
		functions: map[string]govaluate.ExpressionFunction{},
		matching:  map[string]rbac.MatchingFunc{}, domainMatching: map[string]rbac.MatchingFunc{},
	}
	for _, option := range options {
		if option == nil {
			o.problem("an option is nil")
			continue
		}
		option(o)
	}
	own := builtins()
	for _, name := range slices.Sorted(maps.Keys(o.functions)) {
		switch {
		case own[name] != nil || name == "eval":
			o.problem("WithFunction(%q): this is Casbin's own function, which cannot be replaced: name yours otherwise, also in the matcher", name)
		case m["g"][name] != nil:
			o.problem("WithFunction(%q): the model defines a role section of that name", name)
		case !isFunctionName(name):
			o.problem("WithFunction(%q): no matcher can call it: a name is made of letters, digits and _", name)
		}
	}
	o.checkSections(m, "WithMatchingFunc", o.matching, false)
	o.checkSections(m, "WithDomainMatchingFunc", o.domainMatching, true)
	if err := errors.Join(o.problems...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return o, nil
}

func (o *indexOptions) checkSections(m model.Model, option string, given map[string]rbac.MatchingFunc, domains bool) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		a := m["g"][name]
		switch {
		case a == nil && len(m["g"]) == 0:
			o.problem("%s(%q): the model has no [role_definition]", option, name)
		case a == nil:
			o.problem("%s(%q): the model does not define it under [role_definition], but %s", option, name, strings.Join(slices.Sorted(maps.Keys(m["g"])), ", "))
		case domains && len(a.Tokens) <= 2:
			o.problem("%s(%q): it would have no effect, %s = %s has no domain", option, name, name, a.Value)
		case a.CondRM != nil:
			o.problem("%s(%q): it would have no effect on conditional roles: add the function to the enforcer that they are asked of", option, name)
		}
	}
}

func isFunctionName(name string) bool {
	return name != "" && !isDigit(name[0]) && strings.IndexFunc(name, func(r rune) bool {
		return r < 0x80 && !isLower(byte(r)) && !isUpper(byte(r)) && !isDigit(byte(r)) && r != '_'
	}) < 0
}
