package authz

import (
	"fmt"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// VerifyError has the findings of [Verify] and [VerifyRoutes], as data. At least one of the lists is
// not empty.
type VerifyError struct {
	Unguarded []Unguarded   // where the middleware does not stand in front
	Unruled   []Unruled     // routes to which every request is refused
	Unrouted  []policy.Rule // rules for routes that the service does not have, with file and line
	Unopened  []string      // entries of OpenRoutes that are no routes of the service
	Exposed   []Exposed     // routes that a prefix opens to more callers than their own rule
	Edge      []EdgeRoute   // routes that are decided in an outage, or named so, and not both

	heading string
}

// Unguarded says where the middleware does not stand in front.
type Unguarded struct {
	Route  Route // the zero Route for what is wrong with the service as a whole
	Reason string
}

// Unruled is a route that no rule names, or can.
type Unruled struct {
	Route
	Reason string // and what to write
}

// Exposed is a route that Wide, an allow rule for role:anyone or role:authenticated, opens by
// a prefix, although Narrow says otherwise for that route or a longer prefix.
type Exposed struct {
	Route
	Wide, Narrow policy.Rule
	Reason       string // and what to write
}

// Error returns every problem on a line of its own.
func (e *VerifyError) Error() string {
	var b strings.Builder
	b.WriteString("authz: " + e.heading + ":")
	for _, u := range e.Unguarded {
		b.WriteString("\n" + u.Reason)
	}
	for _, u := range e.Unruled {
		b.WriteString("\nroute " + u.Method + " " + u.Path + " " + u.Reason)
	}
	for _, r := range e.Unrouted {
		fmt.Fprintf(&b, "\n%s:%d: the rule for %s %s has no route", r.File, r.Line, r.Action, r.Object)
	}
	for _, open := range e.Unopened {
		b.WriteString("\nOpenRoutes: the service has no route " + open)
	}
	for _, x := range e.Exposed {
		b.WriteString("\n" + x.Reason)
	}
	for _, r := range e.Edge {
		b.WriteString("\n" + r.Route + " " + r.Reason)
	}
	return b.String()
}

// orNil returns nil when nothing was found.
func (e *VerifyError) orNil() error {
	if len(e.Unguarded)+len(e.Unruled)+len(e.Unrouted)+len(e.Unopened)+len(e.Exposed)+len(e.Edge) == 0 {
		return nil
	}
	return e
}
