// Package authz is the front door of Reeve: one line puts authentication, sessions, tenant
// binding and policy decisions in front of every route of an Echo service.
//
//	e.Use(authz.Middleware(authz.Config{Tokens: verifier, Sessions: manager, Policy: engine}))
//
// A request reaches its handler only when its token verifies, its session is live, its
// tenant is served, and a policy rule allows the matched route and method. There is no
// list of exceptions: public routes have a rule for role:anyone in the policy file.
//
// For most uses [Middleware] guards the service, and a handler calls [Check] once it has loaded an
// object. Use [Require] for an object that is known before the handler runs, [Can] for a page that
// shows what its reader may do, and [Filter] for the condition of a list. A service on net/http uses
// package httpauthz in the place of Middleware, programs in other languages stand behind package
// forwardauth, and work outside requests is decided by [Guard.As].
//
// [FromContext] finds the caller. [Verify] compares routes and rules before the service starts.
package authz

import (
	"github.com/reevehq/reeve/authz/policy"
)

// The words of decisions, from package policy.
type (
	Action   = policy.Action
	Object   = policy.Object
	Decision = policy.Decision
	Values   = policy.Values
)

// Mapper makes objects of rows: see [NewMapper].
type Mapper[T any] = policy.Mapper[T]

// NewMapper returns the [Mapper] of rows of type T: see [policy.NewMapper].
//
//	var tasks = authz.Must(authz.NewMapper[Task]("task"))
//
//	_, err := authz.Check(ctx, "update", tasks.Object(&row))
func NewMapper[T any](objectType string) (*Mapper[T], error) { return policy.NewMapper[T](objectType) }
