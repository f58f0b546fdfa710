//go:build unix

package pgxscope_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/tenant/pgxscope"
)

// hidden are texts in which PostgreSQL calls set_config, and a reader who ends a constant elsewhere
// finds that word within one. Set is a setting of the transaction under which it does.
var hidden = []struct{ name, set, sql string }{
	{"an escape in the second part of a constant", "", "select E'x'\n'\\'', set_config('reeve.mark', 'kept', false) --'"},
	{"a comment between the parts", "", "select E'x' -- a part\n -- another\n '\\'', set_config('reeve.mark', 'kept', false) --'"},
	{"a third part", "", "select e''\n'a'\n'\\'', set_config('reeve.mark', 'kept', false) --'"},
	{"an escape, and a backslash that is none", "", "select E'x' -- a part\n'\\'' || 'b\\' || set_config('reeve.mark', 'kept', false) || 'c'"},
	{"an escape in any constant", "set local standard_conforming_strings = off", `select '\'', set_config('reeve.mark', 'kept', false) --'`},
}

// No constant hides a word from the scope that PostgreSQL runs, whatever the session makes of
// backslashes. Each text does on a pool alone what nobody may do in a scope: its setting is there for
// the next tenant.
func TestNoConstantHidesAWordThatPostgreSQLRuns(t *testing.T) {
	w := newFixture(t)
	db, pool, _ := w.direct()
	ctx := in(t, acme)
	const left = "select coalesce(current_setting('reeve.mark', true), '')"
	for _, h := range hidden {
		if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if h.set != "" {
				if _, err := tx.Exec(ctx, h.set); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, h.sql)
			return err
		}); err != nil {
			t.Fatalf("%s: %v", h.name, err)
		}
		var got string
		if err := pool.QueryRow(ctx, left).Scan(&got); err != nil || got != "kept" {
			t.Fatalf("%s: PostgreSQL does not call set_config: %q, %v", h.name, got, err)
		}
		if _, err := pool.Exec(ctx, "reset reeve.mark"); err != nil {
			t.Fatal(err)
		}
		err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if h.set != "" {
				if _, err := tx.Exec(ctx, h.set); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, h.sql)
			return err
		})
		if !errors.Is(err, pgxscope.ErrStatement) {
			t.Errorf("%s: %v", h.name, err)
		}
		if err := pool.QueryRow(ctx, left).Scan(&got); err != nil || got != "" {
			t.Errorf("%s: for the next tenant there is %q, %v", h.name, got, err)
			if _, err := pool.Exec(ctx, "reset reeve.mark"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
