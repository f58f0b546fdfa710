//go:build unix

package attacks_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/integration/pgbouncer"
)

// steals is an expression that the attacker puts into a statement of the victim.
const steals = `pg_catalog.set_config('attack.stolen', pg_catalog.current_setting('reeve.context', true), false)`

// robbed reads the victim's notes with what was stolen: how many there are.
func robbed(t *testing.T, db *sql.DB) int {
	t.Helper()
	ctx := in(t, attacks.Attacker)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var value sql.NullString
	if err := tx.QueryRowContext(ctx, "SELECT set_config('reeve.context', coalesce(nullif(current_setting('attack.stolen', true), ''), current_setting('reeve.context')), true)").Scan(&value); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM note WHERE tenant_id = $1", attacks.Victim.String()).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// pgx keeps statements prepared under names that can be computed. SQL that the attacker has
// executed puts another statement under one of them, which the victim's next call runs, with the
// victim's context.
func TestAStatementThatATenantReplacedIsNotRunForAnother(t *testing.T) {
	const query = "SELECT title FROM note WHERE id = $1"
	digest := sha256.Sum256([]byte(query))
	name := "stmtcache_" + hex.EncodeToString(digest[:24])
	replace := fmt.Sprintf("EXECUTE 'DEALLOCATE %[1]s'; EXECUTE 'PREPARE %[1]s (text) AS SELECT title FROM note WHERE id = $1 AND ' || %[2]s || ' IS NOT NULL';",
		name, `$q$`+steals+`$q$`)
	for how, texts := range map[string][]string{
		"by a block":    {"DO $x$ BEGIN " + replace + " END $x$"},
		"by a function": {"CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE plpgsql AS $x$ BEGIN " + replace + " END $x$", "SELECT pg_temp.f()", "DROP FUNCTION pg_temp.f()"},
	} {
		t.Run(how, func(t *testing.T) {
			w := attacks.NewPostgres(t)
			db := scopedPool(t, connectors(t, w.App())["pgx"], w.Signer)
			for range 3 {
				var title string
				if err := db.QueryRowContext(in(t, attacks.Victim), query, "g-n1").Scan(&title); err != nil {
					t.Fatal(err)
				}
				_ = sqlTx(in(t, attacks.Attacker), db, func(r attacks.Runner) error {
					for _, text := range texts {
						if _, err := r.Exec(in(t, attacks.Attacker), text); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if n := robbed(t, db); n > 0 {
				t.Errorf("the attacker reads %d notes of the victim", n)
			}
		})
	}
}

// Types of the session's own schema come before the system's: the victim's cast calls a function
// of the attacker's.
func TestATypeThatATenantLeavesIsDropped(t *testing.T) {
	w := attacks.NewPostgres(t)
	for name, c := range connectors(t, w.App()) {
		db := scopedPool(t, c, w.Signer)
		if err := sqlTx(in(t, attacks.Attacker), db, func(r attacks.Runner) error {
			if _, err := r.Exec(in(t, attacks.Attacker), "CREATE FUNCTION pg_temp.steal(text) RETURNS bool LANGUAGE plpgsql AS $x$ BEGIN PERFORM "+steals+"; RETURN true; END $x$"); err != nil {
				return err
			}
			_, err := r.Exec(in(t, attacks.Attacker), "CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.steal(value))")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(in(t, attacks.Victim), "SELECT count(*) FROM note WHERE title <> 'x'::text").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n := robbed(t, db); n > 0 {
			t.Errorf("%s: the attacker reads %d notes of the victim", name, n)
		}
	}
}

// settled are settings of the session that change what the next tenant's statement means, or whether it
// is run, and what shows it.
var settled = map[string]struct{ set, show, want string }{
	"the path":                {"SELECT set_config('search_path', 'pg_catalog', false)", "SELECT count(*) FROM note", "3"},
	"how constants are read":  {"SELECT set_config('standard_conforming_strings', 'off', false)", `SELECT length('\''')`, ""},
	"how dates are read":      {"SELECT set_config('DateStyle', 'ISO, DMY', false)", "SELECT '01/02/2026'::date::text", "2026-01-02"},
	"the zone of times":       {"SELECT set_config('TimeZone', 'Pacific/Kiritimati', false)", "SELECT to_char('2026-01-01 12:00+00'::timestamptz, 'DD')", "01"},
	"a wait":                  {"SELECT set_config('statement_timeout', '1', false)", "SELECT count(*) FROM note, pg_sleep(0.05)", "3"},
	"that nothing is written": {"SELECT set_config('default_transaction_read_only', 'on', false)", "UPDATE note SET votes = 3 WHERE id = 'g-n1' RETURNING id", "g-n1"},
	"what = NULL means":       {"SELECT set_config('transform_null_equals', 'on', false)", "SELECT coalesce((NULLIF(1, 1) = NULL)::text, 'unknown')", "unknown"},
}

func TestNoSettingOfATenantIsLeftForTheNext(t *testing.T) {
	w := attacks.NewPostgres(t)
	for name, c := range connectors(t, w.App()) {
		db := scopedPool(t, c, w.Signer)
		for what, s := range settled {
			show := func() string {
				var got string
				if err := db.QueryRowContext(in(t, attacks.Victim), s.show).Scan(&got); err != nil {
					return err.Error()
				}
				return got
			}
			before := show()
			if s.want != "" && before != s.want {
				t.Fatalf("%s, %s: %s before", name, what, before)
			}
			if _, err := db.ExecContext(in(t, attacks.Attacker), s.set); err != nil {
				t.Fatal(err)
			}
			if after := show(); after != before {
				t.Errorf("%s, %s: the next tenant has %s, not %s", name, what, after, before)
			}
		}
	}
}

// Behind pgbouncer the server's connection is another's next, also of a new client.
func TestBehindPgbouncerNoSettingOfATenantIsLeftForTheNext(t *testing.T) {
	w := attacks.NewPostgres(t)
	through := pgbouncer.Start(t, w.App(), 1)
	one := scopedPool(t, connectors(t, through+"&default_query_exec_mode=exec")["pgx"], w.Signer)
	path := func(db *sql.DB) (got string) {
		t.Helper()
		if err := db.QueryRowContext(in(t, attacks.Victim), "SELECT current_setting('search_path')").Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := path(one)
	for range 3 {
		if _, err := one.ExecContext(in(t, attacks.Attacker), "SELECT set_config('search_path', 'pg_catalog', false)"); err != nil {
			t.Fatal(err)
		}
		if after := path(one); after != before {
			t.Errorf("the next tenant has the path %s", after)
		}
		other := scopedPool(t, connectors(t, through+"&default_query_exec_mode=exec")["pgx"], w.Signer)
		if after := path(other); after != before {
			t.Errorf("the next client has the path %s", after)
		}
	}
}
