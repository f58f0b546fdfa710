//go:build unix

package pgxscope_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// source makes so many rows in one slice, which it uses again, and may fail at one.
type source struct {
	rows, failAt int
	at           int
	values       []any
	body         []byte
}

var errSource = errors.New("source")

func (s *source) Next() bool { s.at++; return s.at <= s.rows }

func (s *source) Values() ([]any, error) {
	if s.at == s.failAt {
		return nil, errSource
	}
	if s.values == nil {
		s.values, s.body = make([]any, 4), make([]byte, 0, 64)
	}
	s.body = fmt.Appendf(s.body[:0], "row %05d", s.at)
	s.values[0], s.values[1], s.values[2], s.values[3] = 100+s.at, s.body, time.Unix(int64(s.at), 0), []string{"a", fmt.Sprint(s.at)}
	return s.values, nil
}

func (s *source) Err() error { return nil }

var copied = []string{"id", "body", "at", "tags"}

func TestACopyWritesRowsOfItsTenantAlone(t *testing.T) {
	w := newFixture(t)
	super, _ := open(t, w.Super()+"&session_replication_role=replica", 1, pgx.QueryExecModeCacheStatement) // without triggers
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe} {
		pool, counter := open(t, w.App(), 1, mode)
		db, ctx := scoped(t, pool), in(t, acme)
		// PostgreSQL itself has no COPY here, which is why there is none.
		if _, err := pool.CopyFrom(t.Context(), pgx.Identifier{"note"}, copied, &source{rows: 1}); code(err) != "0A000" {
			t.Errorf("COPY: %v", err)
		}
		for _, n := range []int{0, 1, 100, 101, 1000, 1001, 2500} {
			for name, run := range map[string]func() (int64, error){
				"DB": func() (int64, error) { return db.CopyFrom(ctx, pgx.Identifier{"note"}, copied, &source{rows: n}) },
				"Tx": func() (rows int64, err error) {
					err = db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
						rows, err = tx.CopyFrom(ctx, pgx.Identifier{"note"}, copied, &source{rows: n})
						return err
					})
					return rows, err
				},
			} {
				flushes := counter.count(func() {
					if got, err := run(); err != nil || got != int64(n) {
						t.Errorf("%s of %d rows: %d, %v", name, n, got, err)
					}
				})
				if most := int64(n/1000 + 8); flushes > most { // some prepare
					t.Errorf("%s of %d rows takes %d flushes", name, n, flushes)
				}
				check := fmt.Sprintf("select count(*) = %d and coalesce(bool_and(tenant = 'acme' and body = 'row ' || lpad((id - 100)::text, 5, '0') and at = to_timestamp(id - 100) and tags = array['a', (id - 100)::text]), true) from note where id > 100", n)
				var right bool
				if err := super.QueryRow(ctx, check).Scan(&right); err != nil || !right {
					t.Errorf("%s of %d rows wrote others, %v", name, n, err)
				}
				if _, err := super.Exec(ctx, "delete from note where id > 100"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestACopyThatFailsWritesNothing(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	ctx := in(t, acme)
	super, _ := open(t, w.Super(), 1, pgx.QueryExecModeCacheStatement)
	none := func(what string) {
		t.Helper()
		var rows int
		if err := super.QueryRow(ctx, "select count(*) from note where id > 100").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%s: %d rows, %v", what, rows, err)
		}
		if n := pool.Stat().AcquiredConns(); n != 0 {
			t.Errorf("%s: %d connections are out", what, n)
		}
	}
	for _, at := range []int{1, 900, 1500} {
		if n, err := db.CopyFrom(ctx, pgx.Identifier{"note"}, copied, &source{rows: 2500, failAt: at}); n != 0 || !errors.Is(err, errSource) {
			t.Errorf("%d, %v", n, err)
		}
		none("a source that fails")
		// In a transaction that goes on all the same.
		err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if n, err := tx.CopyFrom(ctx, pgx.Identifier{"note"}, copied, &source{rows: 2500, failAt: at}); n != 0 || !errors.Is(err, errSource) {
				t.Errorf("%d, %v", n, err)
			}
			return second(tx.Exec(ctx, "select 1"))
		})
		if err != nil {
			t.Error(err)
		}
		none("a source that fails in a transaction")
	}
	for _, n := range []int{1, 500, 2500} {
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{"acme", 1000 + i}
		}
		rows[n-1][0] = "globex"
		if n, err := db.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"tenant", "id"}, pgx.CopyFromRows(rows)); n != 0 || code(err) != "42501" {
			t.Errorf("a row of another tenant: %d, %v", n, err)
		}
		none("a row of another tenant")
	}
	if _, err := db.CopyFrom(ctx, pgx.Identifier{"absent"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}})); code(err) != "42P01" {
		t.Error(err)
	}
	if _, err := db.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"id", "body"}, pgx.CopyFromRows([][]any{{1}})); err == nil {
		t.Error("a row with too few values")
	}
	// Names are quoted.
	if _, err := db.CopyFrom(ctx, pgx.Identifier{`country" values ('YY'); --`}, []string{`code") values ('YY'); --`}, pgx.CopyFromRows([][]any{{1}})); code(err) != "42P01" {
		t.Error(err)
	}
	none("an error")
}

func TestABatchCallsWhatWasQueuedWithIt(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	ctx := in(t, acme)
	var b pgx.Batch
	var calls []string
	b.Queue("select count(*) from note").QueryRow(func(row pgx.Row) error {
		var n int
		err := row.Scan(&n)
		calls = append(calls, fmt.Sprintf("%d notes", n))
		return err
	})
	b.Queue("update note set at = now()")
	b.Queue("select body from note where id = @id", pgx.NamedArgs{"id": 2}).Query(func(rows pgx.Rows) error {
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		calls = append(calls, got...)
		if rows.Conn() != nil {
			t.Error("rows have a connection")
		}
		return err
	})
	if err := db.SendBatch(ctx, &b).Close(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(calls, []string{"3 notes", "canary-acme-2"}) {
		t.Errorf("%q", calls)
	}
	// The batch is the caller's: nothing was put into it.
	if b.Len() != 3 || b.QueuedQueries[0].SQL != "select count(*) from note" {
		t.Errorf("the batch has %d queries now", b.Len())
	}
	// An error ends the calls, and the transaction has none of the writes.
	var failing pgx.Batch
	failing.Queue("delete from note")
	failing.Queue("select 1/0")
	failing.Queue("select 1").QueryRow(func(pgx.Row) error { t.Error("it was called after an error"); return nil })
	br := db.SendBatch(ctx, &failing)
	if err := br.Close(); code(err) != "22012" || br.Close() != err {
		t.Errorf("%v, and then %v", err, br.Close())
	}
	if _, err := br.Exec(); err == nil {
		t.Error("a batch that is closed has results")
	}
	// A callback that panics gives the connection back.
	var panicking pgx.Batch
	panicking.Queue("select 1").QueryRow(func(pgx.Row) error { panic("own") })
	func() {
		defer func() { _ = recover() }()
		_ = db.SendBatch(ctx, &panicking).Close()
	}()
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are out", n)
	}
	for name, read := range map[string]func(br pgx.BatchResults) error{
		"Exec":     func(br pgx.BatchResults) error { return second(br.Exec()) },
		"Query":    func(br pgx.BatchResults) error { return second(br.Query()) },
		"QueryRow": func(br pgx.BatchResults) error { return br.QueryRow().Scan() },
	} {
		br := db.SendBatch(ctx, batch("select 1"))
		_, _ = br.Exec()
		if err := read(br); err == nil {
			t.Errorf("%s: there is one more result", name)
		}
		if err := br.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := db.SendBatch(ctx, new(pgx.Batch)).Close(); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	sees(t, ctx, db, acme)
}
