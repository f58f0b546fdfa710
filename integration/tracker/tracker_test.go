//go:build unix

// Package tracker_test proves examples/tracker on a real PostgreSQL.
package tracker_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/examples/tracker/app"
	"github.com/reevehq/reeve/examples/tracker/trackertest"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/tenanttest"
)

var key = session.NewSecretKey([]byte("0123456789abcdefghijklmnopqrstuv"))

// config is that of a tracker on a database, which may migrate it.
func config(t *testing.T, db *pgserver.Database) app.Config {
	return app.Config{
		PostgreSQL: app.PostgreSQL{URL: db.App(), OwnerURL: db.Owner(), Key: key},
		Unchecked:  authztest.Unchecked(t), Logger: slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T, cfg app.Config) *app.App {
	t.Helper()
	a, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestTenantsAreApartOnPostgreSQL(t *testing.T) {
	db := pgserver.New(t).Database(t)
	a := start(t, config(t, db))
	s := trackertest.Service(t, a, rows(t, db))
	if testing.Short() {
		s.Requests = trackertest.Only("GET /search?q=t", "GET /tasks/{task}", "POST /exports")
	}
	tenanttest.Run(t, s)
}

// rows reads past the wall, as the superuser.
func rows(t *testing.T, db *pgserver.Database) func(context.Context, string) ([]string, error) {
	t.Helper()
	super, err := sql.Open("pgx", db.Super())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { super.Close() })
	var union []string
	for _, table := range []string{"organisations", "members", "projects", "tasks", "comments", "attachments", "exports"} {
		union = append(union, fmt.Sprintf(`SELECT '%[1]s: ' || row_to_json(x)::text FROM %[1]s x WHERE tenant_id = $1`, table))
	}
	return func(ctx context.Context, name string) (all []string, err error) {
		found, err := super.QueryContext(ctx, strings.Join(union, " UNION ALL "), name)
		if err != nil {
			return nil, err
		}
		defer found.Close()
		for found.Next() {
			var row string
			if err := found.Scan(&row); err != nil {
				return nil, err
			}
			all = append(all, row)
		}
		return all, found.Err()
	}
}

// Statements that a service may well write, and by which rows of another tenant are read or
// changed where no wall stands: as the superuser each of them does.
var mistakes = map[string]string{
	"a query without the tenant":        `SELECT title FROM tasks`,
	"the tenant of the caller":          `SELECT 'acme' || title FROM tasks WHERE id IN ('task-1001', 'task-2001')`,
	"a row by its id":                   `SELECT title FROM tasks WHERE id = 'task-2001' OR id = 'task-1001'`,
	"a join of which one is scoped":     `SELECT c.body || m.name FROM comments c JOIN members m ON m.user_id = c.author WHERE c.tenant_id = 'acme'`,
	"a search by OR":                    `SELECT title FROM tasks WHERE tenant_id = 'acme' AND title LIKE '%t%' OR body LIKE '%t%'`,
	"an update by id":                   `UPDATE tasks SET body = body WHERE id IN ('task-1001', 'task-2001') RETURNING title`,
	"a deletion by id":                  `DELETE FROM comments WHERE id IN ('comment-1001', 'comment-2001') RETURNING body`,
	"another tenant by name":            `SELECT name FROM projects WHERE tenant_id IN ('acme', 'globex')`,
	"a job that reads all":              `SELECT string_agg(body, ',') FROM tasks`,
	"an export with everybody's titles": `UPDATE exports SET content = (SELECT string_agg(title, ',') FROM tasks) RETURNING content || requested_by`,
}

func TestTheMistakesOfServicesFindNothingBehindTheWall(t *testing.T) {
	db := pgserver.New(t).Database(t)
	start(t, config(t, db))
	pool := func(url string) *pgxpool.Pool {
		p, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		return p
	}
	signer, err := rls.NewSigner(rls.SignerConfig{Key: key, KeyID: "tracker-1", Database: db.Name, Role: db.AppRole})
	if err != nil {
		t.Fatal(err)
	}
	scoped, err := pgxscope.New(pgxscope.Config{Pool: pool(db.App()), Context: signer, Statuses: pgxscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err != nil {
		t.Fatal(err)
	}
	super := pool(db.Super())
	for name, statement := range mistakes {
		t.Run(name, func(t *testing.T) {
			tx, err := super.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			without, err := texts(tx.Query(t.Context(), statement))
			if err := errors.Join(err, tx.Rollback(t.Context())); err != nil || !foreign(without) {
				t.Fatalf("it does no harm without the wall: %q, %v", without, err)
			}
			own, err := scoped.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			behind, err := texts(own.Query(ctx, statement))
			if err := errors.Join(err, own.Rollback(ctx)); err != nil || len(behind) == 0 || foreign(behind) {
				t.Errorf("%q, %v", behind, err)
			}
		})
	}
}

func texts(found pgx.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

// foreign reports whether there is a word of globex.
func foreign(texts []string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	return strings.Contains(all, "glob") || strings.Contains(all, "carol")
}

// A part of the wall that an operator or a migration took down is noticed at start, and mended by
// the next migration.
func TestADatabaseWithoutItsWallIsNotServed(t *testing.T) {
	db := pgserver.New(t).Database(t)
	migrating := config(t, db)
	serving := migrating
	serving.PostgreSQL.OwnerURL = ""
	if _, err := app.New(t.Context(), serving); err == nil || !strings.Contains(err.Error(), " DATABASE_OWNER_URL") || !strings.Contains(err.Error(), " TRACKER_DATABASE_OWNER_URL") {
		t.Fatalf("a database without tables: %v", err)
	}
	start(t, migrating)
	start(t, serving)
	db.Exec(db.Owner(), `ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY`)
	if _, err := app.New(t.Context(), serving); !errors.Is(err, rls.ErrUnsafe) {
		t.Fatalf("a table without row-level security: %v", err)
	}
	start(t, migrating)
	start(t, serving)

	other := serving
	other.PostgreSQL.Key = session.NewSecretKey([]byte("vutsrqponmlkjihgfedcba9876543210"))
	if _, err := app.New(t.Context(), other); err == nil {
		t.Error("a tenant that another key signed is believed")
	}
}
