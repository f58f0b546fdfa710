package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

// PostgreSQL says how the database is reached. The service logs in by URL, as a role that owns
// nothing; OwnerURL is for migrations.
type PostgreSQL struct {
	URL      string            // of the service's role; "" is SQLite
	OwnerURL string            // of the tables' owner, who migrates at start; "" leaves that to others
	Key      session.SecretKey // signs the tenant of each statement; required
}

// tables are those of the types in the policy.
var tables = map[string]string{
	"organisation": "public.organisations", "project": "public.projects", "task": "public.tasks", "export": "public.exports",
}

// postgresDB is the database on PostgreSQL. The wall is row-level security that believes a
// signed tenant alone.
type postgresDB struct {
	postgresQueries // of scoped, or of a transaction
	scoped          *pgxscope.DB
	pool            *pgxpool.Pool
	probe           *pgxpool.Pool // of one connection, without a tenant, which sees no row
}

type postgresQueries interface {
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
}

// openPostgreSQL migrates where it may, refuses a database that does not keep tenants apart, and
// returns it.
func openPostgreSQL(ctx context.Context, cfg PostgreSQL, attributes []policy.Attribute, statuses tenant.Statuses) (_ *postgresDB, err error) {
	app, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("DATABASE_URL: it is no address of a PostgreSQL") // and may hold a password
	}
	signer, err := rls.NewSigner(rls.SignerConfig{Key: cfg.Key, KeyID: "tracker-1", Database: app.ConnConfig.Database, Role: app.ConnConfig.User})
	if err != nil {
		return nil, err
	}
	columns, err := policyrls.Columns(attributes, tables)
	if err != nil {
		return nil, err
	}
	wall := rls.Config{App: app.ConnConfig.User, Columns: columns}
	if cfg.OwnerURL != "" {
		if err := migrate(ctx, cfg.OwnerURL, &wall, signer); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
	}
	one := app.Copy()
	one.MinConns, one.MaxConns = 0, 1
	app.PrepareConn = pgxscope.RequireScope // nobody reaches the tables past the scope
	pool, err := pgxpool.NewWithConfig(ctx, app)
	if err != nil {
		return nil, err
	}
	if err := audit(ctx, app.ConnConfig, wall); err != nil {
		pool.Close()
		return nil, err
	}
	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: signer, Statuses: statuses})
	if err != nil {
		pool.Close()
		return nil, err
	}
	probe, err := pgxpool.NewWithConfig(ctx, one)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &postgresDB{db, db, pool, probe}, nil
}

// migrate creates the tables, walls them off, and gives the database the key.
func migrate(ctx context.Context, url string, wall *rls.Config, signer *rls.Signer) error {
	owner, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("DATABASE_OWNER_URL: it is no address of a PostgreSQL")
	}
	db := stdlib.OpenDB(*owner)
	defer db.Close()
	wall.Owner = owner.User
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	script, err := rls.Generate(ctx, db, *wall)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return err
	}
	if err := signer.InstallKey(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// audit asks the catalog, with the rights of the service, whether the wall stands.
func audit(ctx context.Context, app *pgx.ConnConfig, wall rls.Config) error {
	db := stdlib.OpenDB(*app)
	defer db.Close()
	if wall.Owner == "" {
		if err := db.QueryRowContext(ctx, `SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'tasks'`).Scan(&wall.Owner); errors.Is(err, sql.ErrNoRows) {
			return errors.New("there are no tables: set DATABASE_OWNER_URL, which of examples/service is TRACKER_DATABASE_OWNER_URL, to migrate")
		} else if err != nil {
			return err
		}
	}
	findings, err := rls.Audit(ctx, db, wall)
	if err != nil {
		return err
	}
	return findings.Err()
}

func (d *postgresDB) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := d.Exec(ctx, statement, args...)
	return tag.RowsAffected(), err
}

func (d *postgresDB) query(ctx context.Context, statement string, args []any, each func(scan) error) error {
	rows, err := d.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (d *postgresDB) inTx(ctx context.Context, do func(database) error) error {
	return d.scoped.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { return do(&postgresDB{postgresQueries: tx}) })
}

func (d *postgresDB) dialect() policy.Dialect { return policy.Postgres }

func (d *postgresDB) ping(ctx context.Context) error { return d.probe.Ping(ctx) }

func (d *postgresDB) close() error {
	d.probe.Close()
	d.pool.Close()
	return nil
}
