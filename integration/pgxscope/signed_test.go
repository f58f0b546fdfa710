//go:build unix

package pgxscope_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

// setup brings the function that the policies call into the form of rls.
func (w *fixture) setup(t testing.TB, config rls.Config) {
	t.Helper()
	config.Owner, config.App = w.OwnerRole, w.AppRole
	script, err := rls.SetupSQL(config)
	if err != nil {
		t.Fatal(err)
	}
	w.Exec(w.Owner(), script)
}

// signed makes the database believe signed contexts alone, and returns who signs them.
func (w *fixture) signed(t testing.TB, lifetime time.Duration) *rls.Signer {
	t.Helper()
	w.setup(t, rls.Config{NoRows: true})
	signer, err := rls.NewSigner(rls.SignerConfig{
		Key: session.NewSecretKey([]byte("a key of tests that has 32 bytes")), KeyID: "k1", Database: w.Name, Role: w.AppRole, Lifetime: lifetime,
	})
	if err != nil {
		t.Fatal(err)
	}
	owner, err := sql.Open("pgx", w.Owner())
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if err := signer.InstallKey(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestASignedTenantSeesItsRowsAlone(t *testing.T) {
	w := newFixture(t)
	signer := w.signed(t, 0)
	pool, counter := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	db := configured(t, pgxscope.Config{Pool: pool, Context: signer})
	for _, id := range []tenant.ID{acme, globex, acme} {
		sees(t, in(t, id), db, id)
		nobody(t, pool)
	}
	if n := counter.count(func() { sees(t, in(t, acme), db, acme) }); n != 1 {
		t.Errorf("%d flushes", n)
	}
	// A setting that is not signed is nobody's.
	plain := scoped(t, pool)
	if got, err := bodies(in(t, acme), plain); err != nil || len(got) > 0 {
		t.Errorf("a tenant that nobody signed sees %q, %v", got, err)
	}
	// A context that is signed for another database or role is an error.
	other, err := rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("a key of tests that has 32 bytes")), KeyID: "k1", Database: "other", Role: w.AppRole})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bodies(in(t, acme), configured(t, pgxscope.Config{Pool: pool, Context: other})); code(err) != "42501" {
		t.Errorf("signed for another database: %v", err)
	}
}

// calls are those that take a connection, and see rows of a tenant that has some.
func calls(ctx context.Context, db *pgxscope.DB) map[string]func() error {
	const count = "select 1 / (select count(*) from note)"
	return map[string]func() error{
		"Exec":     func() error { return second(db.Exec(ctx, count)) },
		"QueryRow": func() error { return db.QueryRow(ctx, count).Scan(new(int)) },
		"Query": func() error {
			rows, err := db.Query(ctx, count)
			if err != nil {
				return err
			}
			return second(pgx.CollectRows(rows, pgx.RowTo[int]))
		},
		"SendBatch": func() error { return db.SendBatch(ctx, batch(count)).Close() },
		"InTx": func() error {
			return db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { return second(tx.Exec(ctx, count)) })
		},
		"CopyFrom": func() error {
			return second(db.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"id", "tags"}, pgx.CopyFromRows([][]any{{77, []string{"late"}}})))
		},
	}
}

// A signed context lives for a second here. Neither a transaction nor a cursor that takes longer
// fails, and both stay in their tenant; nor does a call that waits longer for a connection.
func TestWhatTakesLongerThanASignedContextLivesGoesOn(t *testing.T) {
	w := newFixture(t)
	pool, _ := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	db, ctx := configured(t, pgxscope.Config{Pool: pool, Context: w.signed(t, time.Second)}), in(t, acme)
	waited := make(chan error)
	err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		for name, call := range calls(ctx, db) {
			go func() {
				if err := call(); err != nil {
					waited <- fmt.Errorf("%s after a wait for a connection: %w", name, err)
					return
				}
				waited <- nil
			}()
		}
		sees(t, ctx, tx, acme)
		if _, err := tx.Exec(ctx, "declare c cursor for select body from note order by body"); err != nil {
			return err
		}
		var first, last string
		if err := tx.QueryRow(ctx, "fetch 1 from c").Scan(&first); err != nil {
			return err
		}
		time.Sleep(1500 * time.Millisecond) // longer than the context of the transaction lives, by PostgreSQL's clock
		sees(t, ctx, tx, acme)
		if err := tx.QueryRow(ctx, "fetch last from c").Scan(&last); err != nil {
			return err
		}
		if first != "canary-acme-1" || last != "canary-acme-3" {
			t.Errorf("the cursor gives %s, %s", first, last)
		}
		rows, err := tx.Query(ctx, "select body, slow(0.5) from note")
		if err != nil {
			return err
		}
		got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (body string, err error) { return body, row.Scan(&body, nil) })
		if len(got) != 3 {
			t.Errorf("a slow statement gives %q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for range calls(ctx, db) {
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
	if got := w.Exec(w.Super(), "select tenant from note where id = 77"); got != "acme" {
		t.Errorf("the row is of %q", got)
	}
}
