package middleware

import (
	"context"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var _ session.Share = (*limitedLoader)(nil)

// Enter implements [session.Share]: what a handler reads of its tenant's sessions waits for a
// place of that tenant as a load does. No tenant has more of these than its share, also after a
// deploy.
func (l *limitedLoader) Enter(ctx context.Context, t tenant.ID) (leave func(), err error) {
	place, err := l.lists.acquire(ctx, t)
	if err != nil {
		return nil, err
	}
	return func() { l.lists.release(place) }, nil
}
