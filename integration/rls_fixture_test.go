//go:build unix

package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// rlsTables is a service's schema as its author would write it for one tenant's eyes: keys
// of one column, and a tenant's column that nothing looks at.
const rlsTables = `
CREATE TABLE country (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE project (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text, slug text NOT NULL UNIQUE, country text REFERENCES country);
CREATE TABLE task (id bigint PRIMARY KEY, tenant_id text NOT NULL, project_id bigint REFERENCES project ON DELETE CASCADE,
	parent_id bigint REFERENCES task ON DELETE SET NULL, title varchar(200) NOT NULL, done boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX task_title ON task (lower(title)) WHERE NOT done;
INSERT INTO country VALUES ('at', 'Austria'), ('ch', 'Switzerland');
GRANT SELECT ON country TO {app};
`

// rlsFixture is a database of one test with the wall and rows of two tenants.
type rlsFixture struct {
	*pgserver.Database
	t          *testing.T
	cfg        rls.Config
	owner, app *sql.DB
	signer     *rls.Signer
}

var rlsKey = session.NewSecretKey([]byte("a-key-of-32-bytes-for-the-walls!"))

func openSQL(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newRLSDatabase creates tables, with {app} and {owner} for the roles, and no wall.
func newRLSDatabase(t *testing.T, tables string) *rlsFixture {
	t.Helper()
	db := pgserver.New(t).Database(t)
	w := &rlsFixture{Database: db, t: t, cfg: rls.Config{Owner: db.OwnerRole, App: db.AppRole}, owner: openSQL(t, db.Owner()), app: openSQL(t, db.App())}
	w.asOwner(tables)
	return w
}

func (w *rlsFixture) roles(statements string) string {
	return strings.NewReplacer("{app}", w.AppRole, "{owner}", w.OwnerRole, "{database}", w.Name).Replace(statements)
}

func (w *rlsFixture) asOwner(statements string) { w.t.Helper(); w.Exec(w.Owner(), w.roles(statements)) }
func (w *rlsFixture) asSuper(statements string) string {
	w.t.Helper()
	return w.Exec(w.Super(), w.roles(statements))
}

// newRLSFixture is newRLSDatabase with the generated wall, a key, and two rows of each tenant.
func newRLSFixture(t *testing.T, change func(*rls.Config)) *rlsFixture {
	t.Helper()
	w := newRLSDatabase(t, rlsTables)
	if change != nil {
		change(&w.cfg)
	}
	w.generate()
	w.signer = w.newSigner(rls.SignerConfig{})
	if err := w.signer.InstallKey(context.Background(), w.owner); err != nil {
		t.Fatal(err)
	}
	w.asSuper(`INSERT INTO project (tenant_id, slug) VALUES ('a', 'one'), ('a', 'two'), ('b', 'one'), ('b', 'secret-of-b');
		INSERT INTO task (id, tenant_id, project_id, title) SELECT id, tenant_id, id, 'task of ' || slug FROM project`)
	return w
}

// allowTemporary gives the application back what Generate takes: an attacker with functions and
// tables of their own can do more.
func (w *rlsFixture) allowTemporary() {
	w.t.Helper()
	w.asSuper("GRANT TEMPORARY ON DATABASE {database} TO {app}")
}

func (w *rlsFixture) newSigner(cfg rls.SignerConfig) *rls.Signer {
	w.t.Helper()
	if cfg.Key == nil {
		cfg.Key = rlsKey
	}
	if cfg.KeyID == "" {
		cfg.KeyID = "k1"
	}
	s, err := rls.NewSigner(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *rlsFixture) generate() string {
	w.t.Helper()
	script, err := rls.Generate(context.Background(), w.owner, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.asOwner("BEGIN;\n" + script + "COMMIT;")
	return script
}

func (w *rlsFixture) audit() rls.Findings {
	w.t.Helper()
	findings, err := rls.Audit(context.Background(), w.app, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return findings
}

// as returns the rows of a query of the application under a context, and its error.
func (w *rlsFixture) as(c rls.Context, id string, query string) (string, error) {
	w.t.Helper()
	name, value, err := c.Setting(w.t.Context(), tenant.MustParse(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.with(name, value, query)
}

// with runs a query as a scope does: the setting first, in the transaction of the statement.
func (w *rlsFixture) with(name, value string, queries ...string) (string, error) {
	ctx := context.Background()
	tx, err := w.app.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }()
	if name != "" {
		if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", name, value); err != nil {
			return "", err
		}
	}
	var out string
	for _, query := range queries {
		if out, err = rowsOf(ctx, tx, query); err != nil {
			return "", err
		}
	}
	return out, nil
}

func rowsOf(ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, query string) (string, error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		cells, texts := make([]any, len(columns)), make([]string, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			return "", err
		}
		for i, cell := range cells {
			texts[i] = fmt.Sprint(*cell.(*any))
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	return strings.Join(lines, "\n"), rows.Err()
}

func keyOf(text string) session.SecretKey { return session.NewSecretKey([]byte(text)) }
