//go:build unix

package pgxscope_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/integration/pgbouncer"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
)

// nobody checks that a pool without a scope sees no row, and can write none, on each of its
// connections: after a scope, a custom setting is ” for the session and not NULL.
func nobody(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	ctx := context.Background()
	if got, err := bodies(ctx, pool); err != nil || len(got) > 0 {
		t.Errorf("nobody sees %q, %v", got, err)
	}
	if _, err := pool.Exec(ctx, "insert into note (tenant, id) values ('', 1)"); code(err) != "42501" {
		t.Errorf("nobody writes a row of '': %v", err)
	}
	if _, err := pool.Exec(ctx, "insert into note (id) values (1)"); code(err) != "42501" && code(err) != "23502" {
		t.Errorf("nobody writes a row: %v", err)
	}
	var set *string
	if err := pool.QueryRow(ctx, "select nullif(current_setting('reeve.tenant', true), '')").Scan(&set); err != nil || set != nil {
		t.Errorf("%v is left of a tenant, %v", set, err)
	}
}

func TestNothingIsLeftOfATenantForTheNextUserOfAConnection(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	nobody(t, pool)
	for name, use := range map[string]func(ctx context.Context){
		"a query":           func(ctx context.Context) { sees(t, ctx, db, acme) },
		"a query that ends": func(ctx context.Context) { rows, _ := db.Query(ctx, "select 1 from note"); rows.Close() },
		"a failure":         func(ctx context.Context) { _, _ = db.Exec(ctx, "select 1/0") },
		"a wrong text":      func(ctx context.Context) { _, _ = db.Exec(ctx, "selekt") },
		"a wrong argument":  func(ctx context.Context) { _, _ = db.Exec(ctx, "select $1::int", "x") },
		"a batch":           func(ctx context.Context) { _ = db.SendBatch(ctx, batch("select 1", "select 1/0")).Close() },
		"a transaction": func(ctx context.Context) {
			_ = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { sees(t, ctx, tx, acme); return nil })
		},
		"a transaction that fails": func(ctx context.Context) {
			_ = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { sees(t, ctx, tx, acme); return errors.New("no") })
		},
		"a copy": func(ctx context.Context) {
			_, _ = db.CopyFrom(ctx, pgx.Identifier{"country"}, []string{"code"}, pgx.CopyFromRows([][]any{{"X1"}}))
		},
		"a context that ends": func(ctx context.Context) {
			ctx, cancel := context.WithCancel(ctx)
			rows, _ := db.Query(ctx, "select n from generate_series(1, 1000000) n")
			rows.Next()
			cancel()
			for rows.Next() {
			}
			if rows.Err() == nil {
				t.Error("it was read to its end")
			}
		},
	} {
		use(in(t, acme))
		nobody(t, pool)
		sees(t, in(t, globex), db, globex)
		if n := pool.Stat().AcquiredConns(); n != 0 {
			t.Errorf("%s: %d connections are out", name, n)
		}
	}
}

// The control: what many do, a setting of the session, is what the test above would find.
func TestASettingOfTheSessionWouldBeFound(t *testing.T) {
	w := newFixture(t)
	_, pool, _ := w.direct()
	if _, err := pool.Exec(t.Context(), "select set_config('reeve.tenant', 'acme', false)"); err != nil {
		t.Fatal(err)
	}
	sees(t, t.Context(), pool, acme)
}

func TestAPoolForScopesAloneServesNobodyElse(t *testing.T) {
	w := newFixture(t)
	config, err := pgxpool.ParseConfig(w.App())
	if err != nil {
		t.Fatal(err)
	}
	config.PrepareConn = pgxscope.RequireScope
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), "select 1"); !errors.Is(err, tenant.ErrNoScope) {
		t.Errorf("the pool itself: %v", err)
	}
	sees(t, in(t, acme), scoped(t, pool), acme)
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are out", n)
	}
}

// Behind pgbouncer in transaction mode two pools share one session of the server. The mode that
// keeps statements prepared fails there, as it does without a scope, and crosses no wall.
func TestBehindPgbouncerEachTransactionHasItsTenant(t *testing.T) {
	w := newFixture(t)
	through := pgbouncer.Start(t, w.App(), 1)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec} {
		t.Run(mode.String(), func(t *testing.T) {
			one, counter := open(t, through, 1, mode)
			two, _ := open(t, through, 1, mode)
			raw, _ := open(t, through, 1, pgx.QueryExecModeExec)
			a, b := scoped(t, one), scoped(t, two)
			for range 5 {
				sees(t, in(t, acme), a, acme)
				nobody(t, raw)
				sees(t, in(t, globex), b, globex)
				err := a.InTx(in(t, globex), pgx.TxOptions{}, func(tx pgx.Tx) error {
					sees(t, in(t, globex), tx, globex)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				nobody(t, raw)
				sees(t, in(t, acme), b, acme)
				_, _ = b.Exec(in(t, acme), "select 1/0")
			}
			want := int64(1)
			if mode == pgx.QueryExecModeDescribeExec {
				want = 2 // it asks for the types each time
			}
			if n := counter.count(func() { sees(t, in(t, acme), a, acme) }); n != want {
				t.Errorf("%d flushes", n)
			}
		})
	}
	t.Run("cache statement", func(t *testing.T) {
		one, _ := open(t, through, 1, pgx.QueryExecModeCacheStatement)
		two, _ := open(t, through, 1, pgx.QueryExecModeCacheStatement)
		failed := 0
		for n := range 6 {
			id := []tenant.ID{acme, globex}[n%2]
			got, err := bodies(in(t, id), scoped(t, []*pgxpool.Pool{one, two}[n/2%2]))
			if err != nil {
				failed++
			} else if fmt.Sprint(got) != fmt.Sprint(want(id, 3)) {
				t.Errorf("%s sees %q", id, got)
			}
		}
		if failed == 0 {
			t.Error("this pgbouncer keeps prepared statements apart: the documentation may say so")
		}
	})
}

// A statement that would leave something in a session for the next tenant is refused. A statement
// that the filter cannot see (here, in a function) shows what the filter is for.
func TestWhatWouldOutliveATransactionIsRefused(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	ctx, other := in(t, acme), in(t, globex)
	for _, sql := range []string{
		"declare c cursor with hold for select body from note", "create temp table copy as select * from note", "select * into temp copy from note", "set session my.note = 'x'", "prepare p as select 1", "listen note",
	} {
		if _, err := db.Exec(ctx, sql); !errors.Is(err, pgxscope.ErrStatement) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// Without the filter the cursor would have been open, with the rows of acme.
	if _, err := pool.Exec(ctx, "begin; select set_config('reeve.tenant', 'acme', true); declare c cursor with hold for select body from note; commit"); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(other, "fetch all from c")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !strings.Contains(strings.Join(got, " "), "canary-acme") {
		t.Errorf("the cursor gives %q, %v: is there still a reason to refuse it?", got, err)
	}
	// Temporary tables are refused where they are not dropped by the commit.
	err = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "create temp table copy on commit drop as select * from note"); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "select count(*) from copy").Scan(new(int))
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.QueryRow(other, "select count(*) from copy").Scan(new(int)); code(err) != "42P01" {
		t.Errorf("the table is there: %v", err)
	}
}

// Texts of errors name no other tenant's values: for tables with row-level security PostgreSQL
// gives no details.
func TestAViolationTellsNothingOfOtherTenantsRows(t *testing.T) {
	w := newFixture(t)
	w.Exec(w.Owner(), `create extension if not exists btree_gist;
create table room (tenant text not null default reeve.tenant(), id int, name text, during int4range, exclude using gist (during with &&));
alter table room enable row level security, force row level security;
create policy base on room using (true) with check (true);
create policy tenant on room as restrictive using (tenant = (select reeve.tenant())) with check (tenant = (select reeve.tenant()));
grant select, insert, update, delete on room to `+w.AppRole)
	w.Exec(w.Super(), "insert into room values ('globex', 1, 'canary-globex', '[1234500,1234599)')")
	db, _, _ := w.direct()
	ctx := in(t, acme)
	for name, row := range map[string]struct{ sql, code string }{
		"unique":          {"insert into note (id, body) values (9, 'canary-globex-1')", "23505"},
		"unique, changed": {"update note set body = 'canary-globex-2' where id = 1", "23505"},
		"exclusion":       {"insert into room (id, during) values (1, '[1234550,1234560)')", "23P01"},
		"check":           {"update note set body = 'refused' where id = 1", "23514"},
		"not null":        {"update note set id = null where body = 'canary-acme-1'", "23502"},
		"foreign key":     {"insert into note (id, parent) values (9, 1234)", "23503"},
		"policy":          {"update note set tenant = 'globex' where id = 1", "42501"},
	} {
		_, err := db.Exec(ctx, row.sql)
		if code(err) != row.code {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := fmt.Sprintf("%+v %#v", err, *pgError(err)); strings.Contains(text, "canary") || strings.Contains(text, "12345") || strings.Contains(text, "(tenant, ") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
