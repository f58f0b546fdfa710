//go:build unix

package attacks

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the owner's driver

	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant/rls"
)

// PostgresFixture is a database of PostgreSQL with the tables of [Rows].
type PostgresFixture struct {
	*pgserver.Database
	Signer *rls.Signer // whose key the database has

	super  *sql.DB
	walled bool
}

const tables = `
CREATE TABLE project (tenant_id text NOT NULL, id text NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name));
CREATE TABLE tag (tenant_id text NOT NULL, id text NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE note (tenant_id text NOT NULL, id text NOT NULL, project_id text NOT NULL, title text NOT NULL DEFAULT '', body text NOT NULL DEFAULT '',
	votes integer NOT NULL DEFAULT 0, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id));
CREATE TABLE note_tag (tenant_id text NOT NULL, note_id text NOT NULL, tag_id text NOT NULL, PRIMARY KEY (tenant_id, note_id, tag_id),
	FOREIGN KEY (tenant_id, note_id) REFERENCES note (tenant_id, id), FOREIGN KEY (tenant_id, tag_id) REFERENCES tag (tenant_id, id));
CREATE VIEW note_view WITH (security_invoker = true) AS SELECT * FROM note;
CREATE FUNCTION note_function() RETURNS SETOF note LANGUAGE sql STABLE AS 'SELECT * FROM note';
CREATE STATISTICS note_texts (mcv) ON title, body FROM note;
GRANT SELECT, UPDATE ON note_view TO %[1]s;
`

// NewPostgres returns a database behind the generated row-level security, whose tenants are
// signed.
func NewPostgres(t *testing.T) *PostgresFixture { return newPostgres(t, true) }

// NewPostgresWithoutWalls returns a database without any security. Its application is the owner,
// so that an attack fails for no other reason than that it is none. A row that names no tenant
// is the attacker's.
func NewPostgresWithoutWalls(t *testing.T) *PostgresFixture { return newPostgres(t, false) }

func newPostgres(t *testing.T, walled bool) *PostgresFixture {
	t.Helper()
	w := &PostgresFixture{Database: pgserver.New(t).Database(t), walled: walled}
	w.Exec(w.Owner(), fmt.Sprintf(tables, w.AppRole))
	owner, err := sql.Open("pgx", w.Owner())
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if w.super, err = sql.Open("pgx", w.Super()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.super.Close() })
	if w.Signer, err = rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("a-key-of-32-bytes-for-the-walls!")), KeyID: "k1"}); err != nil {
		t.Fatal(err)
	}
	if walled {
		script, err := rls.Generate(t.Context(), owner, rls.Config{Owner: w.OwnerRole, App: w.AppRole})
		if err != nil {
			t.Fatal(err)
		}
		w.Exec(w.Owner(), "BEGIN;\n"+script+"\nCOMMIT;")
		if err := w.Signer.InstallKey(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
	} else {
		for _, table := range Tables {
			w.Exec(w.Owner(), "ALTER TABLE "+table+" ALTER tenant_id SET DEFAULT 'acme'")
		}
	}
	// The right that Generate takes is given back: code that looks at texts stops temporary tables
	// by that. No attack may hold up the others.
	w.Exec(w.Super(), fmt.Sprintf(`GRANT TEMPORARY ON DATABASE %[1]s TO PUBLIC;
		ALTER DATABASE %[1]s SET statement_timeout = '10s'; ALTER DATABASE %[1]s SET lock_timeout = '5s';
		ALTER DATABASE %[1]s SET idle_in_transaction_session_timeout = '20s'`, w.Name))
	if err := w.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Exec(w.Super(), "ANALYZE")
	return w
}

// App returns the address for the application.
func (w *PostgresFixture) App() string {
	if !w.walled {
		return w.Owner()
	}
	return w.Database.App()
}

// Dialect implements [World].
func (w *PostgresFixture) Dialect() Dialect { return Postgres }

// Signed implements [World].
func (w *PostgresFixture) Signed() bool { return w.walled }

// Reset implements [World], as the superuser, whom no policy binds.
func (w *PostgresFixture) Reset(ctx context.Context) error {
	var text strings.Builder
	// An attack may have left a transaction open, with its locks.
	text.WriteString("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'")
	for _, table := range slices.Backward(Tables) {
		fmt.Fprintf(&text, ";\nDELETE FROM public.%s", table)
	}
	for _, r := range Rows() {
		values := make([]string, len(r.Values))
		for i, v := range r.Values {
			values[i] = fmt.Sprintf("'%v'", v)
		}
		fmt.Fprintf(&text, ";\nINSERT INTO public.%s (%s) VALUES (%s)", r.Table, strings.Join(r.Columns, ", "), strings.Join(values, ", "))
	}
	_, err := w.super.ExecContext(ctx, text.String())
	return err
}

// Foreign implements [World].
func (w *PostgresFixture) Foreign(ctx context.Context) (map[string]string, error) {
	var parts []string
	for _, table := range Tables {
		parts = append(parts, fmt.Sprintf("SELECT '%[1]s ' || (to_jsonb(t) - 'votes' - 'title' - 'body' - 'name')::text, t::text FROM %[1]s t WHERE tenant_id <> '%[2]s'", table, Attacker))
	}
	rows, err := w.super.QueryContext(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var key, row string
		if err := rows.Scan(&key, &row); err != nil {
			return nil, err
		}
		found[key] = row
	}
	return found, rows.Err()
}
