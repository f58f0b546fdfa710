package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// MappedValue is a part of a request that an index is given.
type MappedValue uint8

// The parts of a request. A [Mapping] lists them in the order of the model's [request_definition].
const (
	MapCaller MappedValue = iota + 1 // the user, a role of the session, or the name for anonymous callers
	MapTenant                        // the tenant's id, "" for an anonymous caller in no tenant
	MapRoute                         // the route template, such as "/invoices/:id", and never the URL
	MapMethod                        // the HTTP method in upper case; HEAD is decided as GET
)

// Mapping says how [FromIndex] writes a request for a Casbin model.
type Mapping struct {
	// Values are the parts of a request in the order of the model's [request_definition]:
	// {MapCaller, MapTenant, MapRoute, MapMethod} for r = sub, dom, obj, act. Required. Caller,
	// route and method stand there once each, and so does the tenant unless Tenant is set.
	Values []MappedValue

	// Tenant is the one tenant that a policy without domains is for. A request in any other
	// tenant is denied, and so is an anonymous one in no tenant. Required when Values has no
	// MapTenant, and an error otherwise.
	Tenant tenant.ID

	// UserPrefix precedes the ids of users in the policy, such as "user:" for user:alice.
	// Default: none. Without one, a user whose id is the name of a role in the policy is
	// refused: to Casbin they would have that role.
	UserPrefix string

	// SessionRoles asks also for each role of the caller's session, under RolePrefix. The caller
	// is allowed what the policy allows to one of these names, unless a rule denies it to
	// another one. Default: the roles of the session are not asked for, and the policy alone
	// says who has which role.
	SessionRoles bool

	// RolePrefix precedes the names of the session's roles in the policy, such as "role:".
	// Required with SessionRoles, and other than UserPrefix. A user whose name in the policy
	// begins with it is refused, so that nobody is taken for a role: give users a UserPrefix of
	// their own where ids may begin so. It has to end in a colon.
	RolePrefix string

	// Anonymous is the name that the policy has for callers without a session, such as
	// "anonymous". A user or a role that would be asked for by this name is refused. Default:
	// none, and anonymous callers are denied without asking.
	Anonymous string
}

// IndexPolicy decides by a [casbinindex.Index]. Its methods are safe for concurrent use. Only
// [FromIndex] makes one that allows anything: the zero IndexPolicy denies with [ErrNotLoaded].
type IndexPolicy struct {
	index   index
	mapping Mapping
}

// index has the methods of a casbinindex.Index that an IndexPolicy needs.
type index interface {
	EnforceEx(values ...any) (bool, []string, error)
	IsRole(name string) bool
	Revision() string
}

// FromIndex lets an index of a Casbin model decide in the place of an [Engine]: a service that has
// a Casbin policy keeps it. The index is asked about routes alone. A request about a typed
// object is an error that wraps [ErrMisused], since an index knows no object's tenant.
//
// A rule is held against the route template, as the router registered it, and never against the
// URL. The patterns of keyMatch2 and keyMatch3 match the parameters of templates. A pattern that
// says more about a parameter, such as the regular expression ^/invoices/[0-9]+$, matches no
// template: write a rule for the template in its place, above all where it denies.
//
// The error lists everything that is wrong with the mapping, each problem under its field.
func FromIndex(ix *casbinindex.Index, m Mapping) (*IndexPolicy, error) {
	if ix.Revision() == "" {
		return nil, fmt.Errorf("policy: index: %w", casbinindex.ErrNotLoaded)
	}
	if err := m.validate(ix.RequestValues()); err != nil {
		return nil, err
	}
	m.Values = slices.Clone(m.Values)
	return &IndexPolicy{index: ix, mapping: m}, nil
}

// validate checks a mapping against the names of a model's request values.
func (m *Mapping) validate(names []string) error {
	var problems configerr.Problems
	count := map[MappedValue]int{}
	for _, v := range m.Values {
		count[v]++
		if v < MapCaller || v > MapMethod {
			problems.Add("Mapping.Values", "%d is none of MapCaller, MapTenant, MapRoute and MapMethod", v)
		}
	}
	if len(m.Values) != len(names) {
		problems.Add("Mapping.Values", "%d values, and the model's request has %d: %s", len(m.Values), len(names), strings.Join(names, ", "))
	}
	for _, v := range []struct {
		value MappedValue
		name  string
	}{{MapCaller, "MapCaller"}, {MapRoute, "MapRoute"}, {MapMethod, "MapMethod"}} {
		if n := count[v.value]; n != 1 {
			problems.Add("Mapping.Values", "%s stands there %d times: once is needed", v.name, n)
		}
	}
	switch {
	case count[MapTenant] == 0 && m.Tenant.IsZero():
		problems.Add("Mapping.Tenant", "required without MapTenant: otherwise the rules would hold in every tenant")
	case count[MapTenant] > 1:
		problems.Add("Mapping.Values", "MapTenant stands there %d times", count[MapTenant])
	case count[MapTenant] == 1 && !m.Tenant.IsZero():
		problems.Add("Mapping.Tenant", "it has no effect beside MapTenant")
	}
	switch {
	case !m.SessionRoles && m.RolePrefix != "":
		problems.Add("Mapping.RolePrefix", "it has no effect without SessionRoles")
	case m.SessionRoles && m.RolePrefix == "":
		problems.Add("Mapping.RolePrefix", "required with SessionRoles, such as \"role:\": otherwise a user could be taken for a role")
	case m.SessionRoles && !strings.HasSuffix(m.RolePrefix, ":"):
		problems.Add("Mapping.RolePrefix", "it does not end in a colon, by which the names of roles are told from those of users")
	case m.SessionRoles && m.RolePrefix == m.UserPrefix:
		problems.Add("Mapping.RolePrefix", "it is UserPrefix: a user could be taken for a role")
	}
	return problems.Err("policy", nil)
}

// Decide answers a request about a route. An error comes with a Decision that denies, and so
// does a panic, which is an error too. A [Reason] of it has the text of the rule, and no position:
// a Casbin model keeps none.
func (p *IndexPolicy) Decide(ctx context.Context, r Request) (d Decision, err error) {
	d.Revision = p.Revision()
	if err := ctx.Err(); err != nil {
		return d, fmt.Errorf("policy: %w", err)
	}
	if p == nil || p.index == nil {
		return d, ErrNotLoaded
	}
	if err := r.validate(); err != nil {
		return d, err
	}
	if r.Object.Route == "" {
		return d, fmt.Errorf("%w: an index decides about routes alone, and not about an object of the type %s", ErrMisused, r.Object.Type)
	}
	if !p.mapping.Tenant.IsZero() && r.Tenant != p.mapping.Tenant {
		return d, nil
	}
	callers, err := p.callers(&r)
	if err != nil {
		return d, err
	}
	defer func() {
		if recovered := recover(); recovered != nil {
			d, err = Decision{Revision: d.Revision}, errors.New("policy: the index panics on the request")
		}
	}()
	return p.decide(d, callers, &r)
}

// decide asks for each name of the caller: one of them has to be allowed, and none denied by a
// rule.
func (p *IndexPolicy) decide(d Decision, callers []string, r *Request) (Decision, error) {
	refused := Decision{Revision: d.Revision}
	denied := false
	for _, name := range callers {
		allowed, rule, err := p.index.EnforceEx(p.values(name, r)...)
		if err != nil {
			return refused, fmt.Errorf("policy: index: %w", err)
		}
		reason := Reason{Rule: strings.Join(rule, ", "), Effect: Deny}
		switch {
		case !allowed && len(rule) > 0:
			denied = true
			refused.Reasons = append(refused.Reasons, reason)
		case allowed && d.Effect != Allow:
			d.Effect = Allow
			if reason.Effect = Allow; len(rule) > 0 {
				d.Reasons = []Reason{reason}
			}
		}
	}
	if denied {
		return refused, nil
	}
	return d, nil
}

// values are those of a request that is asked under one of the caller's names.
func (p *IndexPolicy) values(caller string, r *Request) []any {
	out := make([]any, len(p.mapping.Values))
	for i, v := range p.mapping.Values {
		switch v {
		case MapCaller:
			out[i] = caller
		case MapTenant:
			out[i] = r.Tenant.String()
		case MapRoute:
			out[i] = r.Object.Route
		case MapMethod:
			out[i] = string(r.Action)
		}
	}
	return out
}

// callers are the names by which the policy may know a caller: none for an anonymous one that
// has no name.
func (p *IndexPolicy) callers(r *Request) ([]string, error) {
	m := &p.mapping
	if r.Subject.ID == "" {
		if m.Anonymous == "" {
			return nil, nil
		}
		return []string{m.Anonymous}, nil
	}
	names := []string{m.UserPrefix + r.Subject.ID}
	if m.SessionRoles && strings.HasPrefix(names[0], m.RolePrefix) {
		return nil, fmt.Errorf("%w: the user's id begins as the name of a role does", ErrRequest)
	}
	if p.index.IsRole(names[0]) {
		return nil, fmt.Errorf("%w: the user's id is the name of a role in the policy", ErrRequest)
	}
	if m.SessionRoles && r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if role := r.Subject.Roles.At(i); validRole(role) {
				names = append(names, m.RolePrefix+role)
			}
		}
	}
	if m.Anonymous != "" && slices.Contains(names, m.Anonymous) {
		return nil, fmt.Errorf("%w: the caller has the name that stands for anonymous callers", ErrRequest)
	}
	return names, nil
}

// Revision returns a digest of the model and the rules that the index was made from.
func (p *IndexPolicy) Revision() string {
	if p == nil || p.index == nil {
		return ""
	}
	return p.index.Revision()
}

// Routes returns nil: the rules of an arbitrary model cannot be listed by route.
func (p *IndexPolicy) Routes() Routes { return nil }
