package app

import (
	"context"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// tenants are the organisations of the program, each Active until the store of sessions says that it
// is suspended, so that of several instances none has to set one up.
type tenants struct{ sessions *session.Manager }

// TenantStatus implements [tenant.Statuses].
func (t tenants) TenantStatus(ctx context.Context, id tenant.ID) (tenant.Status, error) {
	status, err := t.sessions.TenantStatus(ctx, id)
	if err != nil || status != tenant.Unknown {
		return status, err
	}
	for _, o := range organisations {
		if o.id == id {
			return tenant.Active, nil
		}
	}
	return tenant.Unknown, nil
}
