//go:build unix

// Package pgxscope_test proves tenant/pgxscope on a real PostgreSQL, directly and behind
// pgbouncer.
package pgxscope_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

var acme, globex = tenant.MustParse("acme"), tenant.MustParse("globex")

// schema is a table with the walls that rls describes, written by hand, and one without.
const schema = `
create schema reeve;
create function reeve.tenant() returns text language sql stable as $$ select nullif(current_setting('reeve.tenant', true), '') $$;
create table note (
	tenant text not null default reeve.tenant(),
	id bigint not null,
	body text,
	at timestamptz,
	tags text[],
	parent bigint,
	primary key (tenant, id),
	foreign key (tenant, parent) references note (tenant, id) deferrable initially deferred,
	check (body <> 'refused')
);
create unique index on note (body);
create index on note (tenant, parent);
alter table note enable row level security, force row level security;
create policy base on note using (true) with check (true);
create policy tenant on note as restrictive using (tenant = (select reeve.tenant())) with check (tenant = (select reeve.tenant()));
create table country (code text primary key);
insert into country values ('DE'), ('FR');
grant usage on schema reeve to %[1]s;
grant select, insert, update, delete on note, country to %[1]s;
create function slow(n float8) returns float8 language sql as $$ select n from pg_sleep(n) $$;
`

// fixture is a database with the notes 1 to 3 of acme and globex.
type fixture struct {
	*pgserver.Database
	t testing.TB
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	w := &fixture{pgserver.New(t).Database(t), t}
	w.Exec(w.Owner(), fmt.Sprintf(schema, w.AppRole))
	for _, id := range []tenant.ID{acme, globex} {
		w.fill(id, 3)
	}
	return w
}

// fill gives a tenant notes with bodies that no other's have.
func (w *fixture) fill(id tenant.ID, notes int) {
	w.t.Helper()
	w.Exec(w.Super(), fmt.Sprintf("insert into note (tenant, id, body) select '%[1]s', n, 'canary-%[1]s-' || n from generate_series(1, %[2]d) n", id, notes))
}

// tap counts what is written on connections. Each Write is one flush of pgx.
type tap struct{ flushes, bytes atomic.Int64 }

func (t *tap) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &tapped{c, t}, err
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c *tapped) Write(b []byte) (int, error) {
	c.tap.flushes.Add(1)
	c.tap.bytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// count returns how many flushes fn takes.
func (t *tap) count(fn func()) int64 {
	before := t.flushes.Load()
	fn()
	return t.flushes.Load() - before
}

// open opens a pool with so many connections at most.
func open(t testing.TB, url string, conns int32, mode pgx.QueryExecMode) (*pgxpool.Pool, *tap) {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	var counter tap
	config.MaxConns = conns
	config.ConnConfig.DefaultQueryExecMode = mode
	config.ConnConfig.DialFunc = counter.dial
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, &counter
}

// scoped returns a DB on a pool, with plain contexts and tenants that are all active.
func scoped(t testing.TB, pool *pgxpool.Pool) *pgxscope.DB {
	t.Helper()
	return configured(t, pgxscope.Config{Pool: pool})
}

func configured(t testing.TB, config pgxscope.Config) *pgxscope.DB {
	t.Helper()
	if config.Context == nil {
		config.Context = rls.Plain()
	}
	if config.Statuses == nil {
		config.Statuses = pgxscope.InsecureAnyStatus{}
	}
	db, err := pgxscope.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// direct returns a DB on a pool of one connection, and the pool.
func (w *fixture) direct() (*pgxscope.DB, *pgxpool.Pool, *tap) {
	w.t.Helper()
	pool, counter := open(w.t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	return scoped(w.t, pool), pool, counter
}

// in returns a context of a tenant.
func in(t testing.TB, id tenant.ID) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// querier reads notes: a DB, a transaction or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// caller is called by sqlc: a DB, a transaction or a pool.
type caller interface {
	querier
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// bodies returns the bodies of all notes that are seen.
func bodies(ctx context.Context, db querier) ([]string, error) {
	rows, err := db.Query(ctx, "select body from note order by body")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// want are the bodies that fill gives a tenant.
func want(id tenant.ID, notes int) []string {
	var bodies []string
	for n := range notes {
		bodies = append(bodies, fmt.Sprintf("canary-%s-%d", id, n+1))
	}
	slices.Sort(bodies)
	return bodies
}

// sees checks that somebody sees the notes of a tenant, three, and nothing else.
func sees(t testing.TB, ctx context.Context, db querier, id tenant.ID) {
	t.Helper()
	got, err := bodies(ctx, db)
	if err != nil || !slices.Equal(got, want(id, 3)) {
		t.Errorf("%s sees %q, %v", id, got, err)
	}
}
