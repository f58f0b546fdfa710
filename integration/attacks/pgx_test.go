//go:build unix

package attacks_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/integration/internal/notes"
	"github.com/reevehq/reeve/tenant/pgxscope"
)

// pgxTexts runs texts by what sqlc calls DBTX: a scope or its transaction.
type pgxTexts struct{ q notes.DBTX }

func (r pgxTexts) Query(ctx context.Context, text string) ([][]string, error) {
	return r.ask(ctx, text)
}

func (r pgxTexts) Exec(ctx context.Context, text string) (int64, error) {
	tag, err := r.q.Exec(ctx, text)
	return tag.RowsAffected(), err
}

// ask returns the rows before an error too.
func (r pgxTexts) ask(ctx context.Context, text string, args ...any) ([][]string, error) {
	rows, err := r.q.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return all, err
		}
		row := make([]string, len(values))
		for i, v := range values {
			if v != nil {
				row[i] = fmt.Sprint(v)
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func (r pgxTexts) do(ctx context.Context, text string, args ...any) (int, error) {
	tag, err := r.q.Exec(ctx, text, args...)
	return int(tag.RowsAffected()), err
}

// pgxStack is pgx with SQL by hand.
type pgxStack struct {
	pgxTexts
	db *pgxscope.DB
}

func (s *pgxStack) Name() string         { return "pgx" }
func (s *pgxStack) Store() attacks.Store { return sqlStore{s.pgxTexts} }

func (s *pgxStack) Tx(ctx context.Context, fn func(attacks.Runner) error) error {
	return s.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { return fn(pgxTexts{tx}) })
}

// Cases are attacks by what pgx alone has.
func (s *pgxStack) Cases() []attacks.Case {
	const all = "SELECT * FROM note"
	columns := []string{"tenant_id", "id", "project_id", "title", "body", "votes"}
	batch := func(a *attacks.Attack, texts ...string) {
		b := &pgx.Batch{}
		for _, text := range texts {
			b.Queue(text)
		}
		results := s.db.SendBatch(a.Context, b)
		for range texts {
			rows, err := results.Query()
			if err != nil {
				a.See(nil, err)
				continue
			}
			found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
			a.See(found, err)
		}
		a.See(nil, results.Close())
	}
	c := func(name string, run func(a *attacks.Attack)) attacks.Case {
		return attacks.Case{Family: "pgx", Name: name, Postgres: true, Run: run}
	}
	batched := func(name string, texts ...string) attacks.Case {
		return c("a batch "+name, func(a *attacks.Attack) { batch(a, texts...) })
	}
	copied := func(name string, rows ...[]any) attacks.Case {
		return c("a copy "+name, func(a *attacks.Attack) {
			n, err := s.db.CopyFrom(a.Context, pgx.Identifier{"note"}, columns, pgx.CopyFromRows(rows))
			a.See(n, err)
		})
	}
	return []attacks.Case{
		batched("of queries", all, all),
		batched("that commits", "COMMIT", all),
		batched("that rolls back", "ROLLBACK", all),
		batched("that forges a tenant", "SELECT set_config('reeve.tenant', 'globex', true), set_config('reeve.context', '', true)", all),
		batched("that turns the policies off", "SET LOCAL row_security = off", all),
		batched("that writes", "UPDATE note SET title = 'overwritten'", "DELETE FROM note_tag", all),
		batched("with a failure", "SELECT * FROM nothing_of_that_name", all),
		copied("of a foreign row", []any{"globex", "x-1", "g-p1", "planted", "", 0}),
		copied("of one's own and a foreign row", []any{"acme", "a-n8", "a-p1", "", "", 0}, []any{"globex", "x-1", "g-p1", "planted", "", 0}),
		copied("over a foreign row", []any{"globex", "g-n1", "g-p1", "overwritten", "", 0}),
		c("a query in simple mode", func(a *attacks.Attack) {
			rows, err := s.db.Query(a.Context, "COMMIT; "+all, pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				a.See(nil, err)
				return
			}
			found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
			a.See(found, err)
		}),
		c("a transaction in a transaction", func(a *attacks.Attack) {
			a.See(nil, s.db.InTx(a.Context, pgx.TxOptions{}, func(tx pgx.Tx) error {
				inner, err := tx.Begin(a.Context)
				if err != nil {
					return err
				}
				a.QueryOn(pgxTexts{inner}, "SELECT set_config('reeve.context', '', true)")
				a.See(nil, inner.Rollback(a.Context))
				a.QueryOn(pgxTexts{tx}, all)
				return nil
			}))
		}),
		c("a transaction after its end", func(a *attacks.Attack) {
			tx, err := s.db.Begin(a.As(attacks.Victim))
			if err != nil {
				a.See(nil, err)
				return
			}
			_ = tx.Rollback(a.As(attacks.Victim))
			a.QueryOn(pgxTexts{tx}, all)
		}),
		c("another's batch that was not read", func(a *attacks.Attack) {
			b := &pgx.Batch{}
			b.Queue(all)
			_ = s.db.SendBatch(a.As(attacks.Victim), b).Close()
			a.Query(all)
		}),
	}
}

// pgxScope is a scope on a pool of one connection.
func pgxScope(t *testing.T, w *attacks.PostgresFixture) *pgxscope.DB {
	t.Helper()
	config, err := pgxpool.ParseConfig(w.App())
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: w.Signer, Statuses: pgxscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func newPgx(t *testing.T, w *attacks.PostgresFixture) *pgxStack {
	t.Helper()
	db := pgxScope(t, w)
	return &pgxStack{pgxTexts{db}, db}
}

func TestPgxStopsEveryAttack(t *testing.T) {
	w := attacks.NewPostgres(t)
	attacks.Run(t, w, newPgx(t, w))
}

// TestPgxWorksForItsOwnTenant: a stack for which everything is an error stops every attack too.
func TestPgxWorksForItsOwnTenant(t *testing.T) {
	w := attacks.NewPostgres(t)
	works(t, w, newPgx(t, w))
}
