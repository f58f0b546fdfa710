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
	{"a backslash that is half a character", "set local client_encoding = 'SJIS'", "select E'\x83\\', set_config('reeve.mark', 'kept', false) --'"},
	{"the same, by its other name", "set local names 'SJIS'", "select E'\x83\\', set_config('reeve.mark', 'kept', false) --'"},
	{"a query in a constant", "", "select query_to_xml('select set_' || 'config(''reeve.mark'', ''kept'', false)', true, true, '')"},
	{"a query in a constant, with its schema", "", `select pg_catalog."query_to_xml_and_xmlschema"('select set_' || 'config(''reeve.mark'', ''kept'', false)', true, true, '')`},
	{"statistics of a query", "", "select * from ts_stat('select set_' || 'config(''reeve.mark'', ''kept'', false)::tsvector')"},
	{"a rewriting by a query", "", "select ts_rewrite('a', 'select ''a''::tsquery, set_' || 'config(''reeve.mark'', ''kept'', false)::tsquery')"},
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

// outliving are texts that leave something of a tenant's in the session, where it may make
// temporary objects.
var outliving = []struct{ name, set, sql string }{
	{"into the schema", "", "select body into pg_temp.leak from note"},
	{"into the schema, of a table", "", "select body into table pg_temp.leak from note"},
	{"into a local table", "", "select body into local temp leak from note"},
	{"into a global table", "", "select body into global temporary leak from note"},
	{"by explanation", "", "explain analyze create temp table leak as select body from note"},
	{"by explanation, with options", "", "explain (analyze, costs off) create table pg_temp.leak as select body from note"},
	{"a view of the session", "", "create or replace local temp view leak as select 'x' as body"},
	{"words that end nothing", "", "create temp table leak as select body, x.commit drop from note, (select 1 as commit) x"},
	{"by the path", "set local search_path = pg_temp, public", "create table leak as select body from note"},
	{"by the path in a constant", "set local search_path = 'pg_temp', public", "create table leak as select body from note"},
	{"by the path in quotes", `set local search_path to public, "pg_temp"`, "select body into temp leak from note"},
	{"by the schema", "set local schema 'pg_temp'", "create table leak as select body from public.note"},
	{"a type", "", "create domain pg_temp.leak as text"},
}

// Where a tenant may make temporary objects, no text leaves one for the next tenant.
func TestNoTextLeavesATemporaryObject(t *testing.T) {
	w := newFixture(t)
	w.Exec(w.Super(), "grant temporary on database "+w.Name+" to "+w.AppRole)
	db, pool, _ := w.direct()
	ctx := in(t, acme)
	const left = "select count(*) from pg_type where typname = 'leak' and typnamespace = pg_my_temp_schema()"
	for _, o := range outliving {
		run := func(tx pgx.Tx) error {
			if o.set != "" {
				if _, err := tx.Exec(ctx, o.set); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, o.sql)
			return err
		}
		if err := pgx.BeginFunc(ctx, pool, run); err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		var n int
		if err := pool.QueryRow(ctx, left).Scan(&n); err != nil || n != 1 {
			t.Fatalf("%s: it leaves nothing, %v", o.name, err)
		}
		if _, err := pool.Exec(ctx, "discard temp"); err != nil {
			t.Fatal(err)
		}
		if err := db.InTx(ctx, pgx.TxOptions{}, run); !errors.Is(err, pgxscope.ErrStatement) {
			t.Errorf("%s: %v", o.name, err)
		}
		if err := pool.QueryRow(ctx, left).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: it is left, %v", o.name, err)
			if _, err := pool.Exec(ctx, "discard temp"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
