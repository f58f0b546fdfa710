//go:build unix

package attacks_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

// connectors are the drivers of database/sql for PostgreSQL.
func connectors(t *testing.T, url string) map[string]driver.Connector {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pq.NewConnector(url)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]driver.Connector{"pgx": stdlib.GetConnector(*config), "pq": other}
}

// one keeps a pool at one connection, on which every residue is found.
func one(t *testing.T, db *sql.DB) *sql.DB {
	t.Helper()
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// scopedPool is a pool in the tenant of the context.
func scopedPool(t *testing.T, c driver.Connector, context rls.Context) *sql.DB {
	t.Helper()
	db, err := sqlscope.OpenDB(sqlscope.Config{Connector: c, Context: context, Statuses: sqlscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	return one(t, db)
}

func TestDatabaseSQLStopsEveryAttack(t *testing.T) {
	w := attacks.NewPostgres(t)
	for name, c := range connectors(t, w.App()) {
		t.Run(name, func(t *testing.T) { attacks.Run(t, w, newSQL("database/sql on "+name, scopedPool(t, c, w.Signer))) })
	}
}

// TestEveryAttackDoesHarmWithoutWalls: what an attack could not do anyhow proves nothing.
func TestEveryAttackDoesHarmWithoutWalls(t *testing.T) {
	w := attacks.NewPostgresWithoutWalls(t)
	c := connectors(t, w.App())
	attacks.Live(t, w, &gormStack{"GORM", openGORM(t, one(t, sql.OpenDB(c["pgx"])))},
		newSQL("pgx", one(t, sql.OpenDB(c["pgx"]))), newSQL("pq", one(t, sql.OpenDB(c["pq"]))))
}

// TestTheEngineStopsEveryAttackWithoutATenant is the wall of the database alone, with a pool
// that nothing scopes.
func TestTheEngineStopsEveryAttackWithoutATenant(t *testing.T) {
	w := attacks.NewPostgres(t)
	w.Exec(w.Super(), "REVOKE TEMPORARY ON DATABASE "+w.Name+" FROM PUBLIC") // temporary tables have no policies
	attacks.Run(t, w, newSQL("an unscoped pool", one(t, sql.OpenDB(connectors(t, w.App())["pgx"]))))
}

// TestTheEngineStopsEveryAttackByItself is the wall of the database alone: the tenant is set, and
// no text is looked at.
func TestTheEngineStopsEveryAttackByItself(t *testing.T) {
	w := attacks.NewPostgres(t)
	s := &bare{db: one(t, sql.OpenDB(connectors(t, w.App())["pgx"])), context: w.Signer}
	w.Exec(w.Super(), "REVOKE TEMPORARY ON DATABASE "+w.Name+" FROM PUBLIC")
	beyond := []string{ // what the engine does not know of
		"a cursor WITH HOLD of another", "a cursor WITH HOLD of another's transaction",
		"the statement of another in one's transaction",
	}
	attacks.RunSome(t, w, s, func(c attacks.Case) bool { return !slices.Contains(beyond, c.Name) })
}

// bare sets the tenant as everybody does by hand.
type bare struct {
	db      *sql.DB
	context rls.Context
}

func (b *bare) Name() string         { return "set_config by hand" }
func (b *bare) Store() attacks.Store { return nil }

func (b *bare) Tx(ctx context.Context, fn func(attacks.Runner) error) error {
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	name, value, err := b.context.Setting(ctx, id)
	if err != nil {
		return err
	}
	return sqlTx(ctx, b.db, func(r attacks.Runner) error {
		if _, err := r.(texts).q.ExecContext(ctx, "SELECT set_config($1, $2, true)", name, value); err != nil {
			return fmt.Errorf("set: %w", err)
		}
		return fn(r)
	})
}

func (b *bare) Query(ctx context.Context, text string) (rows [][]string, err error) {
	e := b.Tx(ctx, func(r attacks.Runner) error { rows, err = r.Query(ctx, text); return err })
	if err == nil {
		err = e
	}
	return rows, err
}

func (b *bare) Exec(ctx context.Context, text string) (n int64, err error) {
	e := b.Tx(ctx, func(r attacks.Runner) error { n, err = r.Exec(ctx, text); return err })
	if err == nil {
		err = e
	}
	return n, err
}
