package rls

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// Context tells the database for which tenant a statement runs. A scope sends the setting with
// each statement, by set_config($1, $2, true), so that it ends with the transaction; the
// policies read it through reeve.tenant(). Implementations are safe for concurrent use.
type Context interface {
	// Setting returns the name of a setting and its value for a tenant, and for the caller of
	// ctx where policies ask who that is. The zero ID is an error that wraps
	// [tenant.ErrNoScope]. A value is for one transaction, which begins soon: it is asked for
	// anew each time and kept nowhere.
	Setting(ctx context.Context, id tenant.ID) (name, value string, err error)
}

// The settings that reeve.tenant() reads.
const (
	PlainSetting  = "reeve.tenant"  // the id of the tenant
	SignedSetting = "reeve.context" // the signed context of a [Signer]
)

// Plain returns the context that is the tenant's id, in the setting reeve.tenant. It costs
// nothing, and stops queries that forget their tenant. It does not stop an attacker who has
// their SQL executed: any role may call set_config. For that there is [NewSigner].
func Plain() Context { return plain{} }

type plain struct{}

func (plain) Setting(_ context.Context, id tenant.ID) (name, value string, err error) {
	if id.IsZero() {
		return "", "", noScope()
	}
	return PlainSetting, id.String(), nil
}

func noScope() error { return fmt.Errorf("rls: %w", tenant.ErrNoScope) }
