//go:build unix

package pgxscope_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
)

func TestEachCallSeesTheRowsOfItsTenantAlone(t *testing.T) {
	w := newFixture(t)
	db, _, _ := w.direct()
	for range 3 { // prepared and not yet, on the connection that the other tenant had
		for _, id := range []tenant.ID{acme, globex} {
			ctx := in(t, id)
			sees(t, ctx, db, id)
			var n int
			if err := db.QueryRow(ctx, "select count(*) from note").Scan(&n); err != nil || n != 3 {
				t.Errorf("QueryRow: %d, %v", n, err)
			}
			if tag, err := db.Exec(ctx, "update note set at = now()"); err != nil || tag.RowsAffected() != 3 {
				t.Errorf("Exec: %s, %v", tag, err)
			}
			if tag, err := db.Exec(ctx, "insert into note (id, body) values (4, 'new')"); err != nil || tag.RowsAffected() != 1 {
				t.Errorf("INSERT: %s, %v", tag, err)
			}
			if tag, err := db.Exec(ctx, "delete from note where id = any($1)", []int64{4, 5}); err != nil || tag.RowsAffected() != 1 {
				t.Errorf("DELETE: %s, %v", tag, err)
			}
			var b pgx.Batch
			b.Queue("select body from note order by body")
			b.Queue("select count(*) from note where id > $1", 1)
			br := db.SendBatch(ctx, &b)
			rows, err := br.Query()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !slices.Equal(got, want(id, 3)) {
				t.Errorf("SendBatch: %q, %v", got, err)
			}
			if err := br.QueryRow().Scan(&n); err != nil || n != 2 {
				t.Errorf("SendBatch: %d, %v", n, err)
			}
			if err := br.Close(); err != nil {
				t.Error(err)
			}
			err = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
				sees(t, ctx, tx, id)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if _, err := db.Exec(ctx, "insert into note (tenant, id) values ($1, 9)", map[tenant.ID]string{acme: "globex", globex: "acme"}[id]); code(err) != "42501" {
				t.Errorf("a row of another tenant: %v", err)
			}
		}
	}
}

// pgError returns the error of PostgreSQL in an error, or an empty one.
func pgError(err error) *pgconn.PgError {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e
	}
	return new(pgconn.PgError)
}

// code returns the code of an error of PostgreSQL.
func code(err error) string { return pgError(err).Code }

func TestACallIsOneFlush(t *testing.T) {
	w := newFixture(t)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeExec} {
		pool, counter := open(t, w.App(), 1, mode)
		db, ctx := scoped(t, pool), in(t, acme)
		for name, call := range map[string]func() error{
			"Exec": func() error {
				_, err := db.Exec(ctx, "update note set at = now() where id = $1", 1)
				return err
			},
			"Exec without arguments": func() error {
				_, err := db.Exec(ctx, "update note set at = now()")
				return err
			},
			"Query": func() error {
				_, err := bodies(ctx, db)
				return err
			},
			"QueryRow": func() error {
				return db.QueryRow(ctx, "select count(*) from note where id > $1", 1).Scan(new(int))
			},
			"SendBatch": func() error {
				var b pgx.Batch
				b.Queue("select 1")
				b.Queue("select body from note")
				return db.SendBatch(ctx, &b).Close()
			},
			"CopyFrom": func() error {
				_, err := db.CopyFrom(ctx, pgx.Identifier{"country"}, []string{"code"}, pgx.CopyFromRows([][]any{{mode.String() + strconv.FormatInt(counter.flushes.Load(), 10)}}))
				return err
			},
		} {
			if err := call(); err != nil { // prepares
				t.Fatalf("%s, %s: %v", mode, name, err)
			}
			if n := counter.count(func() {
				if err := call(); err != nil {
					t.Fatalf("%s, %s: %v", mode, name, err)
				}
			}); n != 1 {
				t.Errorf("%s: %s takes %d flushes", mode, name, n)
			}
		}
		begin := func() (tx pgx.Tx) {
			tx, err := db.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return tx
		}
		for range 2 {
			tx := begin()
			if _, err := tx.Exec(ctx, "update note set at = now() where id = $1", 1); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		var tx pgx.Tx
		for name, step := range []func(){
			func() { tx = begin() },
			func() { _, _ = tx.Exec(ctx, "update note set at = now() where id = $1", 1) },
			func() { _ = tx.Commit(ctx) },
			func() { tx = begin() },
			func() { _ = tx.Rollback(ctx) },
		} {
			if n := counter.count(step); n != 1 {
				t.Errorf("%s: step %d of a transaction takes %d flushes", mode, name, n)
			}
		}
	}
}

func TestWithoutATenantNothingIsSentOnAnOpenConnection(t *testing.T) {
	w := newFixture(t)
	db, _, counter := w.direct()
	ctx, nobody := in(t, acme), t.Context()
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
		"Exec":             second(db.Exec(nobody, "delete from note")),
		"Query":            second(db.Query(nobody, "select 1")),
		"QueryRow":         db.QueryRow(nobody, "select 1").Scan(new(int)),
		"SendBatch":        db.SendBatch(nobody, batch("select 1")).Close(),
		"CopyFrom":         second(db.CopyFrom(nobody, pgx.Identifier{"note"}, []string{"id"}, pgx.CopyFromRows([][]any{{7}}))),
		"Begin":            second(db.Begin(nobody)),
		"Exec of tx":       second(tx.Exec(nobody, "delete from note")),
		"Query of tx":      second(tx.Query(nobody, "select 1")),
		"QueryRow of tx":   tx.QueryRow(nobody, "select 1").Scan(new(int)),
		"SendBatch of tx":  tx.SendBatch(nobody, batch("select 1")).Close(),
		"CopyFrom of tx":   second(tx.CopyFrom(nobody, pgx.Identifier{"note"}, []string{"id"}, pgx.CopyFromRows([][]any{{7}}))),
		"Begin of tx":      second(tx.Begin(nobody)),
		"Commit of nested": nested.Commit(nobody),
		"Exec of nested":   second(nested.Exec(nobody, "delete from note")),
		"Commit of tx":     tx.Commit(nobody),
	} {
		if !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := counter.bytes.Load() - before; n != 0 {
		t.Errorf("%d bytes were sent", n)
	}
	// Rollback needs nobody, and sends.
	if err := tx.Rollback(nobody); err != nil || counter.bytes.Load() == before {
		t.Errorf("Rollback: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func batch(queries ...string) *pgx.Batch {
	var b pgx.Batch
	for _, sql := range queries {
		b.Queue(sql)
	}
	return &b
}

// An error is the same as that of the pool without a scope: text, type and position.
func TestAnErrorIsThatOfTheQuery(t *testing.T) {
	w := newFixture(t)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec} {
		pool, _ := open(t, w.App(), 1, mode)
		db, ctx := scoped(t, pool), in(t, acme)
		for name, row := range map[string]struct {
			sql  string
			args []any
		}{
			"of the text":         {"select nothing frm note", nil},
			"of a table":          {"select $1::int from absent", []any{1}},
			"of a value":          {"select 1 / $1::int", []any{0}},
			"of a later row":      {"select 1 / (3 - n) from generate_series(1, 5) n where n < $1", []any{9}},
			"of a constraint":     {"insert into country values ($1)", []any{"DE"}},
			"of an argument":      {"select $1::int", []any{"no number"}},
			"of too few":          {"select $1::int, $2::int", []any{1}},
			"of too many":         {"select $1::int", []any{1, 2}},
			"of a named argument": {"select @a::int / 0", []any{pgx.NamedArgs{"a": 1}}},
		} {
			for method, run := range map[string]func(db caller) error{
				"Exec": func(db caller) error {
					return second(db.Exec(ctx, row.sql, row.args...))
				},
				"Query": func(db caller) error {
					rows, err := db.Query(ctx, row.sql, row.args...)
					for rows.Next() {
						_, _ = rows.Values()
					}
					if err != nil && rows.Err().Error() != err.Error() {
						t.Errorf("Query has two errors: %v, %v", err, rows.Err())
					}
					return rows.Err()
				},
				"QueryRow": func(db caller) error {
					return db.QueryRow(ctx, row.sql, row.args...).Scan(new(int))
				},
			} {
				alone, with := run(pool), run(db)
				if alone == nil && with == nil && method == "QueryRow" {
					continue // one row is read
				}
				// Of a number of arguments, pgx itself has two texts.
				if alone == nil || with == nil || alone.Error() != with.Error() && !strings.HasPrefix(name, "of too") {
					t.Errorf("%s, %s, %s: %v, want %v", mode, method, name, with, alone)
				}
				a, b := pgError(alone), pgError(with)
				if a.Code != b.Code || a.Position != b.Position || a.ConstraintName != b.ConstraintName || a.Detail != b.Detail {
					t.Errorf("%s, %s, %s: %#v, want %#v", mode, method, name, b, a)
				}
				sees(t, ctx, db, acme) // the connection is of use
			}
		}
	}
}

// A setting that the server does not take is an error of the call, whatever the query is.
func TestAnErrorOfTheScopeWins(t *testing.T) {
	w := newFixture(t)
	pool, _ := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	db, ctx := configured(t, pgxscope.Config{Pool: pool, Context: setting{"session_authorization", "nobody"}}), in(t, acme)
	for range 2 {
		for name, err := range map[string]error{
			"Exec":      second(db.Exec(ctx, "insert into country values ('XX')")),
			"Query":     second(db.Query(ctx, "select 1")),
			"QueryRow":  db.QueryRow(ctx, "select 1/0").Scan(new(int)),
			"SendBatch": db.SendBatch(ctx, batch("insert into country values ('XX')")).Close(),
			"CopyFrom":  second(db.CopyFrom(ctx, pgx.Identifier{"country"}, []string{"code"}, pgx.CopyFromRows([][]any{{"XX"}}))),
			"Begin":     begun(db.Begin(ctx)),
		} {
			if err == nil || !strings.Contains(err.Error(), "nobody") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if got := w.Exec(w.Super(), "select count(*) from country where code = 'XX'"); got != "0" {
		t.Errorf("%s rows were written", got)
	}
}

// begun ends a transaction, if there is one.
func begun(tx pgx.Tx, err error) error {
	if err == nil {
		_ = tx.Rollback(context.Background())
	}
	return err
}

// setting is a context of one setting.
type setting struct{ name, value string }

func (s setting) Setting(context.Context, tenant.ID) (name, value string, err error) {
	return s.name, s.value, nil
}

// A check that is deferred to the end of the transaction fails when the call ends.
func TestADeferredConstraintFailsTheCall(t *testing.T) {
	w := newFixture(t)
	db, _, _ := w.direct()
	ctx := in(t, acme)
	const sql = "insert into note (id, parent) values (7, 99) returning id"
	if _, err := db.Exec(ctx, sql); code(err) != "23503" {
		t.Errorf("Exec: %v", err)
	}
	if err := db.QueryRow(ctx, sql).Scan(new(int)); code(err) != "23503" {
		t.Errorf("QueryRow: %v", err)
	}
	rows, err := db.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.CollectRows(rows, pgx.RowTo[int]); code(err) != "23503" {
		t.Errorf("Query: %v", err)
	}
	if err := db.SendBatch(ctx, batch(sql)).Close(); code(err) != "23503" {
		t.Errorf("SendBatch: %v", err)
	}
	err = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { return second(tx.Exec(ctx, sql)) })
	if code(err) != "23503" {
		t.Errorf("InTx: %v", err)
	}
	sees(t, ctx, db, acme)
}

// Rows that are closed early, and a scan that panics, give the connection back.
func TestRowsThatAreNotReadGiveTheConnectionBack(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	ctx := in(t, acme)
	for range 3 {
		rows, err := db.Query(ctx, "select n from generate_series(1, 100000) n")
		if err != nil || !rows.Next() || rows.TypeMap() == nil {
			t.Fatal(err)
		}
		conn := rows.Conn()
		rows.Close()
		rows.Close()
		if conn != nil {
			t.Fatal("rows have the connection")
		}
		if rows.Err() != nil || pool.Stat().AcquiredConns() != 0 {
			t.Fatalf("%v, %d connections are out", rows.Err(), pool.Stat().AcquiredConns())
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.QueryRow(ctx, "select 'a'").Scan(panics{})
		}()
		if err := db.QueryRow(ctx, "select 'a'").Scan(new(int)); err == nil {
			t.Error("a text was scanned as a number")
		}
		if err := db.QueryRow(ctx, "select 1 where false").Scan(new(int)); !errors.Is(err, pgx.ErrNoRows) {
			t.Error(err)
		}
		if n := pool.Stat().AcquiredConns(); n != 0 {
			t.Fatalf("%d connections are out", n)
		}
		sees(t, ctx, db, acme)
	}
	if n := pool.Stat().NewConnsCount(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
}

type panics struct{}

func (panics) ScanText(any) error { panic("scan") }
func (panics) Scan(any) error     { panic("scan") }
