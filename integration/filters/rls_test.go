//go:build unix

package filters_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant/rls"
)

// walled is a database whose tables are behind the walls of tenants, and doc behind the policies
// that a policy generates.
type walled struct {
	*pgserver.Database
	owner, app *sql.DB
	signer     *rls.Signer
	config     policy.RLSConfig
	installed  string // the script that was run last
}

func newWalled(t testing.TB, docs []doc) *walled {
	t.Helper()
	pg := pgserver.New(t).Database(t)
	w := &walled{Database: pg, owner: open(t, "pgx", pg.Owner()), app: open(t, "pgx", pg.App()+"&default_query_exec_mode=exec"),
		config: policy.RLSConfig{Type: "doc", Table: "doc", App: pg.AppRole, Select: "read"}}
	pg.Exec(pg.Owner(), kinds[0].Replace(tables))
	database{"super", policy.Postgres, open(t, "pgx", pg.Super())}.fill(t, docs)
	script, err := rls.Generate(t.Context(), w.owner, rls.Config{Owner: pg.OwnerRole, App: pg.AppRole})
	if err != nil {
		t.Fatal(err)
	}
	pg.Exec(pg.Owner(), "BEGIN;\n"+script+"COMMIT;")
	w.signer, err = rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("a key of tests that has 32 bytes")), KeyID: "k1", Database: pg.Name, Role: pg.AppRole, Lifetime: rls.MaxLifetime})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.signer.InstallKey(t.Context(), w.owner); err != nil {
		t.Fatal(err)
	}
	return w
}

// install runs the script of a policy, unless it is there.
func (w *walled) install(t testing.TB, e *policy.Engine) error {
	t.Helper()
	script, err := policyrls.SQL(e, w.config)
	if err != nil || script == w.installed {
		return err
	}
	w.Exec(w.Owner(), script)
	w.installed = script
	return nil
}

// setting is the context of a caller.
func (w *walled) setting(t testing.TB, e *policy.Engine, r policy.Request) (name, value string, err error) {
	t.Helper()
	c, err := policyrls.NewContext(policyrls.Config{Signer: w.signer, Engine: e, Types: []policy.RLSConfig{w.config},
		Caller: func(context.Context) (policy.Request, error) { return r, nil }})
	if err != nil {
		return "", "", err
	}
	return c.Setting(t.Context(), r.Tenant)
}

// ids returns the ids that a caller finds by a query without a condition.
func (w *walled) ids(t testing.TB, e *policy.Engine, r policy.Request) ([]string, error) {
	t.Helper()
	if err := w.install(t, e); err != nil {
		return nil, err
	}
	name, value, err := w.setting(t, e, r)
	if err != nil {
		return nil, err
	}
	return w.with(t.Context(), name, value, "SELECT id FROM doc")
}

// with returns the first column of the rows of the last query, sorted, in a transaction of a context.
func (w *walled) with(ctx context.Context, name, value string, queries ...string) (ids []string, err error) {
	tx, err := w.app.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", name, value); err != nil {
		return nil, err
	}
	for _, query := range queries {
		if ids, err = firstColumn(ctx, tx, query); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func firstColumn(ctx context.Context, tx *sql.Tx, query string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for rows.Next() {
		cells := make([]any, len(columns))
		var id sql.NullString
		cells[0] = &id
		for i := range cells[1:] {
			cells[i+1] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			return nil, err
		}
		ids = append(ids, id.String)
	}
	slices.Sort(ids)
	return ids, rows.Err()
}

// same holds row-level security against what is allowed. Too many branches, and a text that
// PostgreSQL cannot hold, are refused, which is told.
func (w *walled) same(t *testing.T, e *policy.Engine, r policy.Request, want []string, text string) (refused bool) {
	t.Helper()
	got, err := w.ids(t, e, r)
	if errors.Is(err, policy.ErrTooManyBranches) || errors.Is(err, rls.ErrContextTooLong) {
		return true
	}
	if err != nil || !slices.Equal(got, want) {
		_, value, _ := w.setting(t, e, r)
		t.Errorf("row-level security, %s:\n got %q %v\nwant %q\n%s\n%s", text, got, err, want, value, w.installed)
	}
	return false
}

// A policy of a table is for one revision of its text: a context of another finds nothing, and the
// error says so.
func TestAContextOfAnotherRevisionFindsNothing(t *testing.T) {
	w := newWalled(t, []doc{{id: "1", tenant: "acme", status: "s", owner: "alice"}, {id: "2", tenant: "acme", status: "s", owner: "bob"}})
	load := func(rows ...string) *policy.Engine {
		e, err := load(t, strings.Join(rows, "\n")+grants, attributes)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	alice := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}}
	mine := load("p, role:editor, *, doc, read, r.obj.owner == r.sub.id, allow")
	if got, err := w.ids(t, mine, alice); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Fatal(got, err)
	}
	name, value, err := w.setting(t, load("p, role:editor, *, doc, read, r.obj.reviewer == r.sub.id, allow"), alice)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.with(t.Context(), name, value, "SELECT id FROM doc")
	if !errors.Is(rls.AsRevision(err), rls.ErrRevision) || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	if errors.Is(rls.AsRevision(errors.New("else")), rls.ErrRevision) || rls.AsRevision(nil) != nil {
		t.Error("any error is one of a revision")
	}
	// Other roles, grants and objects are no other text.
	for name, e := range map[string]*policy.Engine{
		"another role":         load("p, role:viewer, acme, doc, read, r.obj.owner == r.sub.id, allow"),
		"a user, twice":        load("p, user:alice, *, doc, *, r.obj.owner == r.sub.id, allow", "p, role:none, *, doc, read, r.obj.owner == r.sub.id, allow"),
		"a condition besides":  load("p, role:editor, *, doc, read, r.sub.id == 'alice' && r.obj.owner == r.sub.id, allow"),
		"spaces and the order": load("p, role:editor, *, doc, read, (r.sub.id==r.obj.owner), allow"),
	} {
		before := w.installed
		if got, err := w.ids(t, e, alice); err != nil || !slices.Equal(got, []string{"1"}) || w.installed != before {
			t.Errorf("%s: %q, %v, the same text %t", name, got, err, w.installed == before)
		}
	}
	// A context of the tenant alone says nothing of a caller.
	name, value, err = w.signer.Setting(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.with(t.Context(), name, value, "SELECT id FROM doc"); err == nil || !strings.Contains(err.Error(), "42501") {
		t.Errorf("without a caller: %q, %v", got, err)
	}
}
