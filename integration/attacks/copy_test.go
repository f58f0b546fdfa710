//go:build unix

package attacks_test

import (
	"context"
	"database/sql"
	"maps"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/reevehq/reeve/integration/attacks"
)

// COPY of lib/pq sends rows past every statement. PostgreSQL takes none into a table with row-level
// security, and what is left of the attempt is no connection that somebody else gets.
func TestACopyOfLibpqWritesNothing(t *testing.T) {
	const into = "COPY note (tenant_id, id, project_id, title, body, votes) FROM STDIN"
	copied := func(ctx context.Context, db *sql.DB, table string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		stmt, err := tx.PrepareContext(ctx, table)
		if err != nil {
			return err
		}
		for _, values := range [][]any{{"globex", "x-1", "g-p1", "planted", "", 0}, {}} {
			if _, err := stmt.ExecContext(ctx, values...); err != nil {
				return err
			}
		}
		if err := stmt.Close(); err != nil {
			return err
		}
		return tx.Commit()
	}
	ctx := in(t, attacks.Attacker)
	bare := attacks.NewPostgresWithoutWalls(t)
	if err := copied(ctx, one(t, sql.OpenDB(connectors(t, bare.App())["pq"])), into); err != nil {
		t.Fatalf("without walls: %v", err) // then it would prove nothing
	}
	w := attacks.NewPostgres(t)
	before, err := w.Foreign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db := scopedPool(t, connectors(t, w.App())["pq"], w.Signer)
	for name, table := range map[string]string{"the table": into, "with its schema": strings.Replace(into, "note", "public.note", 1)} {
		if err := copied(ctx, db, table); err == nil {
			t.Errorf("%s: rows of another tenant are copied", name)
		}
		for _, ctx := range []context.Context{in(t, attacks.Victim), ctx} {
			var n int
			if err := db.QueryRowContext(ctx, "SELECT count(*) FROM note").Scan(&n); err != nil || n != 3 {
				t.Errorf("%s: afterwards there are %d notes, %v", name, n, err)
			}
		}
	}
	after, err := w.Foreign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, after) {
		t.Errorf("rows of others were %v and are %v", before, after)
	}
}

// Queries by name and by lists are texts of sqlx's making, which the scope sees as any other.
func TestNamedQueriesOfSqlxAreScoped(t *testing.T) {
	w := attacks.NewPostgres(t)
	db := sqlx.NewDb(scopedPool(t, connectors(t, w.App())["pgx"], w.Signer), "pgx")
	ctx := in(t, attacks.Attacker)
	tenants := func(rows *sqlx.Rows, err error) (found []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			found = append(found, id)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return found
	}
	const named = "SELECT tenant_id FROM note WHERE id = :id OR tenant_id = :tenant OR 1 = 1"
	values := map[string]any{"id": "g-n1", "tenant": "globex"}
	stmt, err := db.PrepareNamedContext(ctx, named)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	list, args, err := sqlx.In("SELECT tenant_id FROM note WHERE id IN (?)", []string{"a-n1", "s-n1", "a-n2", "g-n1", "g-n2"})
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string][]string{
		"a named query":     tenants(sqlx.NamedQueryContext(ctx, db, named, values)),
		"one that is ready": tenants(stmt.QueryxContext(ctx, values)),
		"a list":            tenants(db.QueryxContext(ctx, db.Rebind(list), args...)),
	} {
		if len(found) != 3 {
			t.Errorf("%s finds %d rows", name, len(found))
		}
		for _, id := range found {
			if id != attacks.Attacker.String() {
				t.Errorf("%s finds a row of %s", name, id)
			}
		}
	}
	// The statement was prepared for one tenant and runs for whoever asks.
	for _, id := range tenants(stmt.QueryxContext(in(t, attacks.Victim), values)) {
		if id != attacks.Victim.String() {
			t.Errorf("a row of %s for %s", id, attacks.Victim)
		}
	}
	if _, err := stmt.QueryxContext(context.Background(), values); err == nil {
		t.Error("it runs for nobody")
	}
}
