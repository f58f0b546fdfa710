package pgxscope

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// Config says where a [DB] sends queries and how it says for whom.
type Config struct {
	// Pool has the connections. Required. Its role must not be a superuser, own a table or have
	// BYPASSRLS: PostgreSQL would not ask the policies. The caller closes it.
	//
	// The simple protocol (pgx.QueryExecModeSimpleProtocol) is refused: with it an injected text
	// can hold further statements. Behind pgbouncer before 1.21 choose pgx.QueryExecModeExec or
	// pgx.QueryExecModeCacheDescribe, which leave no prepared statement on a server.
	Pool *pgxpool.Pool

	// Context writes a tenant as the setting that the policies read. Required. It must be the
	// one that the policies were generated for: a signer, or rls.Plain, which an injected
	// set_config can forge.
	Context rls.Context

	// Statuses tells whether a tenant may be served; it is asked at each call. Required: usually
	// the session manager, whose answers a cachestore keeps near. [InsecureAnyStatus] asks
	// nobody.
	Statuses tenant.Statuses
}

// InsecureAnyStatus are statuses that call each tenant active. They are for work that must be
// done for suspended tenants too, such as deleting their data, with a [DB] of its own.
type InsecureAnyStatus struct{}

// TenantStatus returns [tenant.Active].
func (InsecureAnyStatus) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	return tenant.Active, nil
}

// New returns a DB, or everything that is wrong with cfg. It sends nothing.
func New(cfg Config) (*DB, error) {
	var problems configerr.Problems
	switch {
	case cfg.Pool == nil:
		problems.Add("Pool", "required")
	case cfg.Pool.Config().ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol:
		problems.Add("Pool", "the simple protocol lets an injected text hold further statements, use pgx.QueryExecModeExec")
	}
	problems.Require("Context", cfg.Context, "")
	problems.Require("Statuses", cfg.Statuses, "the session manager, or InsecureAnyStatus to serve suspended tenants too")
	if err := problems.Err("pgxscope", nil); err != nil {
		return nil, err
	}
	return &DB{pool: cfg.Pool, context: cfg.Context, statuses: cfg.Statuses}, nil
}

// RequireScope is for pgxpool.Config.PrepareConn of a pool that only a [DB] uses: it refuses a
// connection to a context without a tenant, so that code that was given the pool by mistake
// gets [tenant.ErrNoScope] and not an empty answer. Pool.Ping then needs a tenant too.
func RequireScope(ctx context.Context, _ *pgx.Conn) (bool, error) {
	_, err := tenant.Require(ctx)
	return true, err
}
