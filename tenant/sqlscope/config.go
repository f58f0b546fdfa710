package sqlscope

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// Config says where statements go and how it is said for whom.
type Config struct {
	// Connector makes connections to PostgreSQL. Required. Its role must not be a superuser, own
	// a table or have BYPASSRLS: PostgreSQL would not ask the policies.
	Connector driver.Connector

	// Context writes a tenant as the setting that the policies read. Required. It must be the
	// one that the policies were generated for: a signer, or rls.Plain, which an injected
	// set_config can forge.
	Context rls.Context

	// Statuses tells whether a tenant may be served; it is asked before each statement. Required:
	// usually the session manager, whose answers a cachestore keeps near. [InsecureAnyStatus]
	// asks nobody.
	Statuses tenant.Statuses
}

// InsecureAnyStatus are statuses that call each tenant active. They are for work that must be
// done for suspended tenants too, such as deleting their data, with a pool of its own.
type InsecureAnyStatus struct{}

// TenantStatus returns [tenant.Active].
func (InsecureAnyStatus) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	return tenant.Active, nil
}

// OpenDB returns a pool of scoped connections, or everything that is wrong with cfg. It sends
// nothing. The caller closes the pool.
func OpenDB(cfg Config) (*sql.DB, error) {
	c, err := NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// NewConnector returns a connector of scoped connections, for pools that others open, or
// everything that is wrong with cfg.
func NewConnector(cfg Config) (*Connector, error) {
	var problems configerr.Problems
	problems.Require("Connector", cfg.Connector, "")
	problems.Require("Context", cfg.Context, "")
	problems.Require("Statuses", cfg.Statuses, "the session manager, or InsecureAnyStatus to serve suspended tenants too")
	if err := problems.Err("sqlscope", nil); err != nil {
		return nil, err
	}
	return &Connector{cfg}, nil
}
