// Package reqctx carries what the middleware knows of a request in one context node.
//
// Three separate context.WithValue calls cost six allocations and three hops for each
// look-up; the node costs one and answers all three. It is internal, so nothing outside
// this module can put a caller into a context.
package reqctx

import "context"

// Key selects what a context is asked for.
type Key uint8

// The keys. Each is answered with what its package asks for.
const (
	TenantKey  Key = iota + 1 // *tenant.ID
	SessionKey                // interface{ Session() (session.Session, bool) }
	CallerKey                 // *authz.Caller
	ShareKey                  // session.Share
)

// Node is a context that answers the keys. The fields hold typed pointers, or nil where
// there is none; they are set before the node is shared and never after.
// A nil field hides the same key of the parent: an anonymous request inherits nobody.
type Node struct {
	context.Context
	Tenant, Session, Caller, Share any
}

// Value implements [context.Context].
func (n *Node) Value(key any) any {
	if k, ok := key.(Key); ok {
		switch k {
		case TenantKey:
			return n.Tenant
		case SessionKey:
			return n.Session
		case CallerKey:
			return n.Caller
		case ShareKey:
			return n.Share
		}
	}
	return n.Context.Value(key)
}
