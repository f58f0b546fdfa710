package middleware

import (
	"context"

	"github.com/reevehq/reeve/session"
)

// Edge stands between an [Authenticator] and its Loader, and may return a session that it
// remembers where the Loader has none because of an outage. The node of package insecureedge is
// one.
type Edge interface {
	// Load calls load once and returns what it returns, with remembered false, or a session
	// from memory in place of an outage, with remembered true.
	Load(ctx context.Context, ref session.Ref, load func(context.Context) (session.Session, error)) (s session.Session, remembered bool, err error)
}

// loadThrough is Load, by the edge where there is one.
func (a *Authenticator) loadThrough(ctx context.Context, ref session.Ref) (s session.Session, remembered bool, err error) {
	load := func(ctx context.Context) (session.Session, error) { return a.Load(ctx, ref) }
	if a.edge == nil {
		s, err = load(ctx)
		return s, false, err
	}
	return a.edge.Load(ctx, ref, load)
}
