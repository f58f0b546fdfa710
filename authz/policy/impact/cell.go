package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// Direction says what becomes of the requests of a [Cell].
type Direction uint8

// The directions. Of a question about one policy, every cell is Wider.
const (
	Wider    Direction = iota + 1 // denied before, allowed after
	Narrower                      // allowed before, denied after
)

// String returns "wider" or "narrower".
func (d Direction) String() string {
	return map[Direction]string{Wider: "wider", Narrower: "narrower"}[d]
}

// Cell is requests that are decided alike by one policy and alike by the other. A request is in it
// that is in each of the sets, and for which the condition is true.
type Cell struct {
	Direction Direction
	Who       Who
	Tenants   Set // of tenants; a caller in no tenant is in one that no row names
	Actions   Set // methods for routes, words for types
	Object    Pattern

	// When is the condition as policies write it, "" for always. "not" stands before what the
	// policy before allowed.
	When string

	// May says that nobody could tell whether the condition is ever true: no request was found,
	// and none ruled out. Then there is no Witness.
	May bool

	// Witness is a request in the cell. Both engines were asked about it.
	Witness policy.Request

	guard guard
	pair  *pair
}

// Set is some texts, or all but some.
type Set struct {
	Names  []string // sorted
	Others bool     // all but Names
}

// Has reports whether a text is in the set.
func (s Set) Has(text string) bool { return slices.Contains(s.Names, text) != s.Others }

// String returns "acme, globex", "*" or "* but acme".
func (s Set) String() string {
	switch names := strings.Join(s.Names, ", "); {
	case !s.Others:
		return names
	case names == "":
		return everything
	default:
		return "* but " + names
	}
}

// Pattern is objects: those of a rule's pattern, without those of others.
type Pattern struct {
	Of     string // as a rule writes it: "/admin/*", "invoice"
	Except []string

	of     target
	except []target
}

// String returns "/admin/* but /admin/users".
func (p Pattern) String() string {
	if len(p.Except) == 0 {
		return p.Of
	}
	return p.Of + " but " + strings.Join(p.Except, ", ")
}

func (p Pattern) has(o policy.Object) bool {
	return p.of.has(o) && !slices.ContainsFunc(p.except, func(t target) bool { return t.has(o) })
}

// String returns the cell as a line.
func (c Cell) String() string {
	text := fmt.Sprintf("%s: %s in %s: %s %s", c.Direction, c.Who, c.Tenants, c.Actions, c.Object)
	if c.May {
		return text + " may change when " + c.When
	}
	if c.When != "" {
		text += " when " + c.When
	}
	return text
}

// Contains reports whether a request is in the cell. Of the time, the hour and the weekday it
// knows what the request says. A cell that May change contains every request of its callers,
// tenants, actions and objects, whatever its condition says: some of them may be in a cell of
// those that do change, too.
func (c Cell) Contains(r policy.Request) bool {
	dom := r.Tenant.String()
	if !c.Tenants.Has(dom) || !c.Actions.Has(string(r.Action)) {
		return false
	}
	if !c.Object.has(r.Object) || !c.Who.has(r.Subject.ID == "", c.pair.names(r.Subject, dom)) {
		return false
	}
	return c.May || c.guard.holds(c.pair, lookupOf(&r), func(in side) ([]string, bool) { return c.pair.rolesAt(r.Subject, dom, in, timeOf(&r)), true })
}

// timeOf returns when a request is decided.
func timeOf(r *policy.Request) int64 {
	if r.Env != nil {
		if x, there := r.Env.Get(condition.EnvTime); there {
			v, _ := condition.ValueOf(condition.KindInt, x)
			return v.Int()
		}
	}
	return noon().Unix()
}

// lookupOf returns what conditions know of a request.
func lookupOf(r *policy.Request) condition.Lookup {
	return func(a *condition.Attribute) (condition.Value, []string) {
		from := r.Env
		switch a.Part() {
		case condition.PartSubject:
			if a.Name == "id" {
				return idOf(a.Kind, r.Subject.ID).v, nil
			}
			from = r.Subject.Attributes
		case condition.PartObject:
			if a.Name == "id" && a.Via == nil && r.Object.Route == "" {
				return idOf(a.Kind, r.Object.ID).v, nil
			}
			from = r.Object.Attributes
			if a.Via != nil && from != nil {
				x, _ := from.Get(a.Via.Name)
				from, _ = x.(policy.AttributeSource)
			}
		}
		if from != nil {
			if x, there := from.Get(a.Name); there {
				return a.ValueOf(x)
			}
		}
		if a.Part() == condition.PartEnv && a.Name == condition.EnvActor {
			return condition.String(""), nil
		}
		return condition.Value{}, nil
	}
}
