package casbinindex

import (
	"maps"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/configerr"
)

// Config tells [New], [Load] and [LoadFS] what a model does not say. The zero Config is fine for a
// model whose matchers call Casbin's own functions. An entry that would have no effect is
// refused. The maps are read while the index is made and not kept.
type Config struct {
	// Functions are the functions of the service that matchers may call, by name, as AddFunction
	// of an enforcer takes them. They have to be safe for concurrent use. The names of Casbin's
	// own functions and of the model's g sections cannot be taken. Default: none.
	Functions map[string]func(args ...any) (any, error)

	// Matching has the role names of a section such as "g" matched as patterns. The function is
	// called with a name first and a pattern of the policy second, never with a text of a
	// request as the pattern. Casbin's util.KeyMatch, KeyMatch2 to KeyMatch5 and RegexMatch are
	// compiled when the policy is loaded. Any other function is called for each pattern at each
	// decision, and has to be safe for concurrent use. Default: names are equal or not, but for
	// what the enforcer that the model comes from was told.
	Matching map[string]func(name, pattern string) bool

	// DomainMatching has the domains of a section such as "g" matched as patterns, by functions
	// as in Matching. Default: as for Matching.
	DomainMatching map[string]func(domain, pattern string) bool
}

// validate returns everything that is wrong with c for a model, joined. It wraps [ErrInvalid].
func (c *Config) validate(m model.Model) error {
	var p configerr.Problems
	own := builtins()
	for _, name := range slices.Sorted(maps.Keys(c.Functions)) {
		switch {
		case c.Functions[name] == nil:
			p.Add("Functions", "%q: the function is nil", name)
		case own[name] != nil || name == "eval":
			p.Add("Functions", "%q: this is Casbin's own function, which cannot be replaced: name yours otherwise, also in the matcher", name)
		case m["g"][name] != nil:
			p.Add("Functions", "%q: the model defines a role section of that name", name)
		case !isFunctionName(name):
			p.Add("Functions", "%q: no matcher can call it: a name is made of letters, digits and _", name)
		}
	}
	checkSections(&p, m, "Matching", c.Matching, false)
	checkSections(&p, m, "DomainMatching", c.DomainMatching, true)
	return p.Err("casbinindex", ErrInvalid)
}

func checkSections(p *configerr.Problems, m model.Model, field string, given map[string]func(string, string) bool, domains bool) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		a := m["g"][name]
		switch {
		case given[name] == nil:
			p.Add(field, "%q: the function is nil", name)
		case a == nil && len(m["g"]) == 0:
			p.Add(field, "%q: the model has no [role_definition]", name)
		case a == nil:
			p.Add(field, "%q: the model does not define it under [role_definition], but %s", name, strings.Join(slices.Sorted(maps.Keys(m["g"])), ", "))
		case domains && len(a.Tokens) <= 2:
			p.Add(field, "%q: it would have no effect, %s = %s has no domain", name, name, a.Value)
		case a.CondRM != nil:
			p.Add(field, "%q: it would have no effect on conditional roles: add the function to the enforcer that they are asked of", name)
		}
	}
}

func isFunctionName(name string) bool {
	return name != "" && !ascii.IsDigit(name[0]) && strings.IndexFunc(name, func(r rune) bool {
		return r < 0x80 && !ascii.IsLower(byte(r)) && !ascii.IsUpper(byte(r)) && !ascii.IsDigit(byte(r)) && r != '_'
	}) < 0
}
