//go:build unix

package pgxscope_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/tenant/pgxscope"
)

// The application may create in some schema, which the audit reports: its injected SQL puts a
// set_config of its own there, before the system's, and is given each later tenant's context. With it
// the wall would open.
func TestAFunctionThatShadowsTheSystemsIsNotGivenTheContext(t *testing.T) {
	w := newFixture(t)
	signer := w.signed(t, 0)
	w.Exec(w.Super(), fmt.Sprintf("create schema extra; grant create, usage on schema extra to %s", w.AppRole))
	w.Exec(w.App(), fmt.Sprintf(`
		create table extra.stolen (value text);
		create function extra.set_config(text, text, boolean) returns text language plpgsql as $$ begin
			insert into extra.stolen values ($2);
			return pg_catalog.set_config($1, $2, $3);
		end $$;
		alter role %s set search_path = extra, pg_catalog, public`, w.AppRole))
	pool, _ := open(t, w.App(), 1, pgx.QueryExecModeCacheStatement)
	db := configured(t, pgxscope.Config{Pool: pool, Context: signer})
	sees(t, in(t, globex), db, globex)
	if err := db.InTx(in(t, globex), pgx.TxOptions{}, func(tx pgx.Tx) error { sees(t, in(t, globex), tx, globex); return nil }); err != nil {
		t.Error(err)
	}
	// The attacker uses it past every scope.
	err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), "select pg_catalog.set_config('reeve.context', (select value from extra.stolen limit 1), true)"); err != nil {
			return err
		}
		got, err := bodies(context.Background(), tx)
		if slices.Equal(got, want(globex, 3)) {
			t.Error("who stole a context reads the rows of its tenant")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if n := w.Exec(w.Super(), "select count(*) from extra.stolen"); n != "0" {
		t.Errorf("%s contexts were stolen", n)
	}
}
