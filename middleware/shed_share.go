package middleware

import (
	"context"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var _ session.Share = (*limitedLoader)(nil)

// Enter implements [session.Share]: what a handler reads of its tenant's sessions counts as a
// load of that tenant, and waits for a place like one.
func (l *limitedLoader) Enter(ctx context.Context, t tenant.ID) (leave func(), err error) {
	place, err := l.limiter.acquire(ctx, t)
	if err != nil {
		return nil, err
	}
	return func() { l.limiter.release(place) }, nil
}
