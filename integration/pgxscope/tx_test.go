//go:build unix

package pgxscope_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

// A rollback to a savepoint brings back the setting that was there before it, so nothing may
// depend on a setting that was sent earlier.
func TestASavepointBringsNoOlderTenantBack(t *testing.T) {
	w := newFixture(t)
	db, _, _ := w.direct()
	ctx := in(t, acme)
	err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		for round := range 3 {
			nested, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			sees(t, ctx, nested, acme)
			deeper, err := nested.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := deeper.Exec(ctx, "insert into note (id, body) values ($1, 'gone')", 10+round); err != nil {
				return err
			}
			if _, err := deeper.Exec(ctx, "select 1/0"); code(err) != "22012" {
				t.Errorf("round %d: %v", round, err)
			}
			if _, err := deeper.Query(ctx, "select 1"); code(err) != "25P02" {
				t.Errorf("a statement after a failure: %v", err)
			}
			if err := deeper.Rollback(ctx); err != nil {
				return err
			}
			if err := deeper.Rollback(ctx); !errors.Is(err, pgx.ErrTxClosed) {
				t.Errorf("a second rollback: %v", err)
			}
			sees(t, ctx, nested, acme)
			if round == 1 {
				err = nested.Commit(ctx)
			} else {
				err = nested.Rollback(ctx)
			}
			if err != nil {
				return err
			}
			if _, err := nested.Exec(ctx, "select 1"); !errors.Is(err, pgx.ErrTxClosed) {
				t.Errorf("a statement of a savepoint that is over: %v", err)
			}
			sees(t, ctx, tx, acme)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sees(t, in(t, globex), db, globex)
	sees(t, ctx, db, acme)
}

func TestAStatementOfAnotherTenantThanTheTransactionIsAMismatch(t *testing.T) {
	w := newFixture(t)
	db, _, counter := w.direct()
	ctx, other := in(t, acme), in(t, globex)
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	nested, err := tx.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	before := counter.bytes.Load()
	for name, err := range map[string]error{
		"Exec":             second(tx.Exec(other, "delete from note")),
		"Query":            second(tx.Query(other, "select 1")),
		"QueryRow":         tx.QueryRow(other, "select 1").Scan(new(int)),
		"SendBatch":        tx.SendBatch(other, batch("select 1")).Close(),
		"CopyFrom":         second(tx.CopyFrom(other, pgx.Identifier{"note"}, []string{"id"}, pgx.CopyFromRows([][]any{{7}}))),
		"Begin":            second(tx.Begin(other)),
		"Exec of nested":   second(nested.Exec(other, "delete from note")),
		"Commit of nested": nested.Commit(other),
		"Commit":           tx.Commit(other),
	} {
		if !errors.Is(err, tenant.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := counter.bytes.Load() - before; n != 0 {
		t.Errorf("%d bytes were sent", n)
	}
	sees(t, ctx, tx, acme)
	if err := tx.Commit(ctx); err != nil { // it is not over
		t.Error(err)
	}
	if _, err := tx.Exec(ctx, "select 1"); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("after the commit: %v", err)
	}
	if _, err := nested.Exec(ctx, "select 1"); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("a savepoint after the commit: %v", err)
	}
	if err := tx.Commit(ctx); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("a second commit: %v", err)
	}
	before = counter.bytes.Load()
	if err := tx.Rollback(ctx); !errors.Is(err, pgx.ErrTxClosed) || counter.bytes.Load() != before {
		t.Errorf("a rollback after the commit: %v", err)
	}
}

// changing are statuses that change.
type changing struct{ status atomic.Value }

func (c *changing) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	if err, ok := c.status.Load().(error); ok {
		return tenant.Active, err
	}
	return c.status.Load().(tenant.Status), nil
}

func TestATenantThatIsSuspendedMeanwhileGetsNoFurtherStatement(t *testing.T) {
	w := newFixture(t)
	pool, counter := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	var statuses changing
	statuses.status.Store(tenant.Active)
	db, ctx := configured(t, pgxscope.Config{Pool: pool, Statuses: &statuses}), in(t, acme)
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "delete from note"); err != nil {
		t.Fatal(err)
	}
	statuses.status.Store(tenant.Suspended)
	before := counter.bytes.Load()
	for name, err := range map[string]error{"Exec": second(tx.Exec(ctx, "select 1")), "Commit": tx.Commit(ctx), "Begin": second(db.Begin(ctx))} {
		if !errors.Is(err, tenant.ErrSuspended) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if counter.bytes.Load() != before {
		t.Error("something was sent")
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Error(err)
	}
	statuses.status.Store(tenant.Active)
	sees(t, ctx, db, acme)
}

func TestATransactionThatFailsIsRolledBack(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	ctx := in(t, acme)
	remove := func(tx pgx.Tx) {
		if _, err := tx.Exec(ctx, "delete from note"); err != nil {
			t.Error(err)
		}
	}
	errOwn := errors.New("own")
	if err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { remove(tx); return errOwn }); !errors.Is(err, errOwn) {
		t.Errorf("an error: %v", err)
	}
	func() {
		defer func() {
			if recover() != "own" {
				t.Error("the panic is gone")
			}
		}()
		_ = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { remove(tx); panic("own") })
	}()
	cancelled, cancel := context.WithCancel(ctx)
	err := db.InTx(cancelled, pgx.TxOptions{}, func(tx pgx.Tx) error { remove(tx); cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
	err = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		remove(tx)
		_, _ = tx.Exec(ctx, "select 1/0")
		return nil // the error is swallowed
	})
	if !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("a failure that was swallowed: %v", err)
	}
	if err := db.InTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return second(tx.Exec(ctx, "delete from note"))
	}); code(err) != "25006" {
		t.Errorf("a transaction for reading: %v", err)
	}
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are out", n)
	}
	sees(t, ctx, db, acme)
}

// numbered is a context whose values differ and tell how many there were.
type numbered struct{ n atomic.Int64 }

func (c *numbered) Setting(_ context.Context, id tenant.ID) (name, value string, err error) {
	return "reeve.tenant", fmt.Sprintf("%s.%d", id, c.n.Add(1)), nil
}

// A context lives for seconds: the one that a transaction began with is refused later, so that each
// statement, and the end, brings a new one.
func TestEachStatementOfATransactionHasAContextOfItsOwn(t *testing.T) {
	w := newFixture(t)
	w.Exec(w.Owner(), `
create table trace (value text);
grant select, insert on trace to `+w.AppRole+`;
create function seen() returns text language sql as $$ select current_setting('reeve.tenant') $$;
create function trace() returns trigger language plpgsql as $$ begin insert into trace values (current_setting('reeve.tenant')); return null; end $$;
create constraint trigger late after insert on country deferrable initially deferred for each row execute function trace();`)
	pool, _ := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	db, ctx := configured(t, pgxscope.Config{Pool: pool, Context: &numbered{}}), in(t, acme)
	const current = "select seen()"
	var values []string
	read := func(q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}) {
		var value string
		if err := q.QueryRow(ctx, current).Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { // 1
		read(tx)                                                                     // 2
		if _, err := tx.Exec(ctx, "insert into country values ('XX')"); err != nil { // 3
			return err
		}
		read(tx) // 4
		return nil
	}) // 5
	if err != nil {
		t.Fatal(err)
	}
	read(db) // 6
	if got := fmt.Sprint(values); got != "[acme.2 acme.4 acme.6]" {
		t.Error(got)
	}
	if got := w.Exec(w.Super(), "select * from trace"); got != "acme.5" {
		t.Errorf("what is deferred to the end had %s", got)
	}
}

func TestACursorIsReadInParts(t *testing.T) {
	w := newFixture(t)
	db, _, _ := w.direct()
	for _, id := range []tenant.ID{acme, globex} {
		ctx := in(t, id)
		var got []string
		err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "declare c cursor for select body from note order by body"); err != nil {
				return err
			}
			for {
				rows, err := tx.Query(ctx, "fetch 2 from c")
				if err != nil {
					return err
				}
				part, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil || len(part) == 0 {
					return err
				}
				got = append(got, part...)
			}
		})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want(id, 3)) {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
}

// The ways round the scope that a transaction of pgx has are closed.
func TestATransactionGivesNoConnectionAway(t *testing.T) {
	w := newFixture(t)
	db, _, _ := w.direct()
	ctx := in(t, acme)
	err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if tx.Conn() != nil {
			t.Error("Conn is the connection")
		}
		if _, err := tx.Prepare(ctx, "p", "select 1"); !errors.Is(err, pgxscope.ErrStatement) {
			t.Errorf("Prepare: %v", err)
		}
		for _, sql := range []string{"commit", "rollback", "savepoint a", "set role x", "select set_config('reeve.tenant', 'globex', true)"} {
			if _, err := tx.Exec(ctx, sql); !errors.Is(err, pgxscope.ErrStatement) {
				t.Errorf("%s: %v", sql, err)
			}
		}
		nested, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if nested.Conn() != nil {
			t.Error("Conn of a savepoint is the connection")
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a large object was made")
				}
			}()
			large := tx.LargeObjects()
			_, _ = large.Create(ctx, 0)
		}()
		b := batch("select body from note order by body")
		b.QueuedQueries[0].Query(func(rows pgx.Rows) error {
			if rows.Conn() != nil {
				t.Error("Conn of rows is the connection")
			}
			got, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if fmt.Sprint(got) != fmt.Sprint(want(acme, 3)) {
				t.Errorf("%q", got)
			}
			return err
		})
		br := tx.SendBatch(ctx, b)
		if br.Tx() != nil {
			t.Error("a batch has a transaction")
		}
		return br.Close()
	})
	if err != nil {
		t.Error(err)
	}
}

// Each statement of a transaction reads what the signature allows at that time. See
// rls.Signer: a transaction that takes longer than a context lives goes on.
func TestATransactionMayTakeLongerThanAContextLives(t *testing.T) {
	w := newFixture(t)
	pool, _ := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	w.Exec(w.Owner(), `create or replace function reeve.tenant() returns text language plpgsql stable as $$
declare parts text[] := string_to_array(current_setting('reeve.tenant', true), '@');
begin
	if parts[2]::timestamptz < statement_timestamp() then raise exception 'expired' using errcode = '42501'; end if;
	return nullif(parts[1], '');
end $$`)
	db, ctx := configured(t, pgxscope.Config{Pool: pool, Context: expiring(100 * time.Millisecond)}), in(t, acme)
	err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		sees(t, ctx, tx, acme)
		time.Sleep(150 * time.Millisecond) // longer than a context lives, by PostgreSQL's clock
		sees(t, ctx, tx, acme)
		// A statement that takes longer reads what it began to read.
		rows, err := tx.Query(ctx, "select body, slow(0.06) from note order by body")
		if err != nil {
			return err
		}
		got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (body string, err error) {
			return body, row.Scan(&body, nil)
		})
		if len(got) != 3 {
			t.Errorf("%q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// expiring is a context that lives so long.
type expiring time.Duration

func (e expiring) Setting(_ context.Context, id tenant.ID) (name, value string, err error) {
	return rls.PlainSetting, id.String() + "@" + time.Now().Add(time.Duration(e)).Format(time.RFC3339Nano), nil
}
