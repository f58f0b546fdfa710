package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// directory says which tenants were set up, in the data of this service. The session store
// cannot: a status that it has lost looks like one that was never set, and to set it again
// would serve a tenant that an operator has suspended. It is safe for concurrent use, also by
// several processes.
type directory struct{ db *sql.DB }

// tenantsFile cannot be a tenant's: no tenant id begins with '_'.
const tenantsFile = "_tenants.db"

const tenantsSchema = `CREATE TABLE IF NOT EXISTS tenants (id TEXT PRIMARY KEY) STRICT`

// errTenantLost means that a tenant was set up and its status is gone. Until an operator sets
// it nobody is served, which is an outage and not the fault of any password.
var errTenantLost = refusal{middleware.Problem{Status: http.StatusServiceUnavailable, Type: "/problems/auth-unavailable",
	Title: "Sign-in state cannot be checked now, try again", RetryAfter: 30}}

func openDirectory(ctx context.Context, dir string) (*directory, error) {
	db, err := openSQLite(ctx, filepath.Join(dir, tenantsFile), tenantsSchema)
	if err != nil {
		return nil, fmt.Errorf("tenants: %w", err)
	}
	return &directory{db}, nil
}

func (d *directory) close() error { return d.db.Close() }

// knows reports whether a tenant was set up before.
func (d *directory) knows(ctx context.Context, id tenant.ID) (known bool, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?)`, id.String()).Scan(&known)
	return known, err
}

// note records that a tenant is set up.
func (d *directory) note(ctx context.Context, id tenant.ID) error {
	_, err := d.db.ExecContext(ctx, `INSERT OR IGNORE INTO tenants (id) VALUES (?)`, id.String())
	return err
}

// setUpTenants makes the example tenants active, each once. One that was set up before has the
// status that an operator gave it; when that is lost, only an operator can say which it was, by
// -activate. Sessions in the process end with it, and so does what they say of tenants.
func (a *app) setUpTenants(ctx context.Context) error {
	for _, id := range a.tenants() {
		status, err := a.sessions.TenantStatus(ctx, id)
		if err != nil {
			return err
		}
		known, err := a.directory.knows(ctx, id)
		if err != nil {
			return err
		}
		decided := id.String() == a.activate
		if status == tenant.Unknown && known && a.remembers && !decided {
			a.logger.Error("the status of a tenant is lost, it is not served: start with -activate if it was not suspended", "tenant", id)
			continue
		}
		if status == tenant.Unknown || decided {
			if err := a.sessions.SetTenantStatus(ctx, id, tenant.Active); err != nil {
				return err
			}
		}
		if err := a.directory.note(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// tenants returns the tenants of all accounts.
func (a *app) tenants() []tenant.ID {
	var all []tenant.ID
	seen := map[tenant.ID]bool{}
	for _, acc := range a.accounts {
		if !seen[acc.tenant] {
			seen[acc.tenant] = true
			all = append(all, acc.tenant)
		}
	}
	return all
}

// isLost reports whether a tenant was set up and has no status.
func (a *app) isLost(ctx context.Context, id tenant.ID) (bool, error) {
	status, err := a.sessions.TenantStatus(ctx, id)
	if err != nil || status != tenant.Unknown {
		return false, err
	}
	return a.directory.knows(ctx, id)
}

// create signs an account in. The password was right: that the tenant's status is lost must
// not look like a wrong one.
func (a *app) create(ctx context.Context, n session.SignIn) (session.Session, session.RefreshToken, error) {
	s, refresh, err := a.sessions.Create(ctx, n)
	if errors.Is(err, tenant.ErrUnknown) {
		return s, refresh, fmt.Errorf("%w: the status of tenant %s is lost", errTenantLost, n.Tenant)
	}
	return s, refresh, err
}
