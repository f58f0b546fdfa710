package impact

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// Question narrows what is asked of a policy. The zero Question is about every request.
type Question struct {
	Tenant string // "" is all of them
	Action string // "" and "*" are every one; it goes with the object as in a rule
	Object string // as a rule writes it, "" is every one
}

func (q Question) validate() error {
	if q.Tenant != "" {
		if _, err := tenant.Parse(q.Tenant); err != nil {
			return fmt.Errorf("impact: %w", err)
		}
	}
	if why := policy.WhyNoRule(cmp.Or(q.Object, everything), cmp.Or(q.Action, everything)); why != "" {
		return fmt.Errorf("impact: %s", why)
	}
	return nil
}

func (q Question) ask() *query {
	out := &query{targets: []target{{kind: targetAll}}, action: strings.TrimPrefix(q.Action, everything)}
	if q.Object != "" {
		out.targets[0] = targetOf(q.Object)
	}
	return out
}

// WhoCan returns who is allowed what a question is about: cells of which each request is allowed,
// and which hold every request that is.
func (p *Policy) WhoCan(q Question) ([]Cell, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	return newPair(nil, p).answer(q, q.ask()), nil
}

// WhatCan returns what a caller is allowed, within a question. Of the subject the id and the
// roles count: attributes stay conditions.
func (p *Policy) WhatCan(s policy.Subject, q Question) ([]Cell, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	pair, ask := newPair(nil, p), q.ask()
	var parts []part
	for _, t := range pair.tenantsOf(q) {
		names := pair.names(s, t)
		ask.matches = func(c *cube) bool {
			if !c.open && !c.callers.has(s.ID == "", names) {
				return false
			}
			c.callers = pair.only(s)
			return true
		}
		parts = append(parts, pair.differ(t, ask)...)
	}
	return pair.gather(parts, pair.allTenants(), q.Tenant == ""), nil
}

// only returns a caller as the one of its kind.
func (p *pair) only(s policy.Subject) Who {
	if s.ID == "" {
		return Who{Callers: Anonymous}
	}
	w := Who{Callers: SignedIn, Any: [][]string{{"user:" + s.ID}}, exact: &policy.Subject{ID: s.ID, Roles: s.Roles}}
	if s.Roles != nil {
		for i := range s.Roles.Len() {
			w.Any = append(w.Any, []string{"role:" + s.Roles.At(i)})
		}
	}
	return w
}

// allTenants returns those that rows name.
func (p *pair) allTenants() []string {
	set := maps.Clone(p.new.tenants)
	delete(set, everything)
	return slices.Sorted(maps.Keys(set))
}

// tenantsOf returns the tenants that a question is about, "" for those that no row names.
func (p *pair) tenantsOf(q Question) []string {
	if q.Tenant == "" {
		return append([]string{""}, p.allTenants()...)
	}
	return []string{q.Tenant}
}

// answer returns the cells of one policy.
func (p *pair) answer(q Question, ask *query) []Cell {
	var parts []part
	for _, t := range p.tenantsOf(q) {
		parts = append(parts, p.differ(t, ask)...)
	}
	return p.gather(parts, p.allTenants(), q.Tenant == "")
}
