package authz

import (
	"context"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/crosstenant"
)

// The action and the type of a rule that lets support staff into another tenant.
const (
	crossTenantAction Action = "enter"
	crossTenantType   string = "tenant"
)

// CrossTenantGrants are the grants of a [crosstenant.Gate] by the policy: whether the caller, in
// their own tenant, may do the action "enter" to the object of type "tenant" whose id is that of
// the tenant to be entered. For support staff of the tenant vendor:
//
//	p, role:support, vendor, tenant, enter, true, allow
//
// It is a [Check], observed as any other. A caller who acts as somebody else does not enter.
func CrossTenantGrants() crosstenant.Grants { return crossTenantGrants{} }

type crossTenantGrants struct{}

// CrossTenant implements [crosstenant.Grants].
func (crossTenantGrants) CrossTenant(ctx context.Context, target tenant.ID) (string, error) {
	caller, ok := FromContext(ctx)
	if !ok {
		return "", ErrNoCaller
	}
	if caller.loaded().Actors.Len() > 0 {
		return "", session.ErrImpersonating
	}
	if _, err := Check(ctx, crossTenantAction, Object{Type: crossTenantType, ID: target.String(), Tenant: caller.Tenant()}); err != nil {
		return "", err
	}
	return caller.User().String(), nil
}
