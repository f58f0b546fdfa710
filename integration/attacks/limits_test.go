//go:build unix

package attacks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/integration/attacks"
)

// No wall stops the accesses that docs/tenants.md names. A limit that is gone should leave the page too.
func TestWhatNoWallStopsIsToldAsThePageSays(t *testing.T) {
	w := attacks.NewPostgres(t)
	s, other := newPgx(t, w), newPgx(t, w)
	attacker, victim := in(t, attacks.Attacker), in(t, attacks.Victim)
	query := func(text string) string {
		t.Helper()
		rows, err := s.Query(attacker, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		return fmt.Sprint(rows)
	}

	t.Run("how many rows all tenants have", func(t *testing.T) {
		if got := query("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM note"); !strings.Contains(got, "Rows Removed by Filter: 6") {
			t.Errorf("a plan says %s", got)
		}
		if got := query("SELECT reltuples FROM pg_class WHERE relname = 'note'"); got != "[[9]]" {
			t.Errorf("the catalog says %s", got)
		}
	})
	t.Run("texts of statements, and no parameters", func(t *testing.T) {
		literal, parameter := attacks.Canary(attacks.Victim, "literal"), attacks.Canary(attacks.Victim, "parameter")
		var got string
		if err := s.db.QueryRow(victim, "SELECT $1::text || '"+literal+"'", parameter).Scan(&got); err != nil || got != parameter+literal {
			t.Fatal(got, err)
		}
		if got := query("SELECT statement FROM pg_prepared_statements"); !strings.Contains(got, literal) || strings.Contains(got, parameter) {
			t.Errorf("statements of the connection are %s", got)
		}
		for _, of := range []*pgxStack{s, other} {
			if rows, err := of.Query(attacker, "SELECT query FROM pg_stat_activity WHERE datname = current_database()"); err != nil || strings.Contains(fmt.Sprint(rows), parameter) {
				t.Errorf("statements of the database are %s, %v", rows, err)
			}
		}
	})
	t.Run("advisory locks", func(t *testing.T) {
		err := other.db.InTx(victim, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(victim, "SELECT pg_advisory_xact_lock(7)"); err != nil {
				return err
			}
			if got := query("SELECT pg_try_advisory_xact_lock(7)"); got != "[[false]]" {
				t.Errorf("the lock of another is free: %s", got)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("large objects", func(t *testing.T) {
		kept := attacks.Canary(attacks.Victim, "large")
		if _, err := s.Query(victim, "SELECT lo_from_bytea(4711, '"+kept+"')"); err != nil {
			t.Fatal(err)
		}
		if got := query("SELECT convert_from(lo_get(4711), 'UTF8')"); got != "[["+kept+"]]" {
			t.Errorf("the object of another is %s", got)
		}
	})
	t.Run("whether others have a value that is guessed", func(t *testing.T) {
		w.Exec(w.Super(), "CREATE INDEX ON note (title); INSERT INTO note (tenant_id, id, project_id, title) SELECT 'globex', 'g-m' || n, 'g-p1', CASE n WHEN 1 THEN 'a rare title' ELSE 'a common title' END FROM generate_series(1, 300) n; ANALYZE note")
		plan := func(text string) string {
			t.Helper()
			var got string
			err := s.db.InTx(attacker, pgx.TxOptions{}, func(tx pgx.Tx) error {
				if _, err := tx.Exec(attacker, "SET LOCAL enable_seqscan = off"); err != nil {
					return err
				}
				rows, err := tx.Query(attacker, text)
				if err != nil {
					return err
				}
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				got = strings.Join(lines, "\n")
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return got
		}
		const explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM note WHERE title = "
		if has, not := plan(explain+"'a rare title'"), plan(explain+"'nobody has it'"); !strings.Contains(has, "Rows Removed by Filter: 1") || strings.Contains(not, "Removed") {
			t.Errorf("what an index finds is told as\n%s\n%s", has, not)
		}
		estimate := func(title string) (rows int) {
			_, after, _ := strings.Cut(plan("EXPLAIN SELECT * FROM note WHERE title = '"+title+"'"), "rows=")
			_, _ = fmt.Sscanf(after, "%d", &rows)
			return rows
		}
		if has, not := estimate("a common title"), estimate("nobody has it"); has <= 10*not {
			t.Errorf("what is common is estimated as %d, and else %d", has, not)
		}
	})
	t.Run("notifications", func(t *testing.T) {
		listener, err := pgx.Connect(t.Context(), w.App())
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close(t.Context())
		if _, err := listener.Exec(t.Context(), "LISTEN jobs"); err != nil {
			t.Fatal(err)
		}
		query("SELECT pg_notify('jobs', 'of globex')")
		if n, err := listener.WaitForNotification(t.Context()); err != nil || n.Payload != "of globex" {
			t.Errorf("the service hears %v, %v", n, err)
		}
	})
}
