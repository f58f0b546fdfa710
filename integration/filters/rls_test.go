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
	scripts    *sql.DB
	contexts   *policyrls.Context // of the engine and the config it was made for
	engine     *policy.Engine
	of         policy.RLSConfig
}

// newWalled fills a database and puts walls around its tables but for those that are shared, by
// "schema.table", which the application may read as they are.
func newWalled(t testing.TB, docs []doc, shared ...string) *walled {
	t.Helper()
	pg := pgserver.New(t).Database(t)
	w := &walled{Database: pg, owner: open(t, "pgx", pg.Owner()), app: open(t, "pgx", pg.App()+"&default_query_exec_mode=exec"),
		scripts: open(t, "pgx", pg.Owner()+"&default_query_exec_mode=simple_protocol"),
		config:  policy.RLSConfig{Type: "doc", Table: "doc", App: pg.AppRole, Select: "read"}}
	pg.Exec(pg.Owner(), kinds[0].Replace(tables))
	database{"super", policy.Postgres, open(t, "pgx", pg.Super())}.fill(t, docs)
	script, err := rls.Generate(t.Context(), w.owner, rls.Config{Owner: pg.OwnerRole, App: pg.AppRole, Shared: shared})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range shared {
		script += "GRANT SELECT ON " + table + " TO " + pg.AppRole + ";\n"
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

// requestKey is the key of the request of a caller in a context.
type requestKey struct{}

// install runs the script of a policy, unless it is there.
func (w *walled) install(t testing.TB, e *policy.Engine) error {
	t.Helper()
	script, err := policyrls.SQL(e, w.config)
	if err != nil || script == w.installed {
		return err
	}
	if _, err := w.scripts.ExecContext(t.Context(), script); err != nil { // one implicit transaction
		t.Fatalf("%v\n%s", err, script)
	}
	w.installed = script
	return nil
}

// setting is the context of a caller.
func (w *walled) setting(t testing.TB, e *policy.Engine, r policy.Request) (name, value string, err error) {
	t.Helper()
	if w.engine != e || w.of != w.config {
		c, err := policyrls.NewContext(policyrls.Config{Signer: w.signer, Engine: e, Types: []policy.RLSConfig{w.config},
			Caller: func(ctx context.Context) (policy.Request, error) {
				return ctx.Value(requestKey{}).(policy.Request), nil
			}})
		if err != nil {
			return "", "", err
		}
		w.contexts, w.engine, w.of = c, e, w.config
	}
	return w.contexts.Setting(context.WithValue(t.Context(), requestKey{}, r), r.Tenant)
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

func firstColumn(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
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

// A table of members or of parents may have no wall of its own, as one that a directory fills for
// all tenants: the policies ask for the tenant of its rows themselves.
func TestRowsOfAnotherTenantCountNothingWithoutAWall(t *testing.T) {
	w := newWalled(t, []doc{
		{id: "1", tenant: "acme", status: "s", project: "p4"}, // a project of globex, and globex' members
		{id: "2", tenant: "acme", status: "s", project: "p1", members: []string{"alice"}, leads: []string{"alice"}},
		{id: "3", tenant: "globex", status: "s", project: "p4", members: []string{"alice"}, leads: []string{"alice"}},
	}, "public.doc_member", "public.project", "public.project_member")
	alice := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}}
	if got := w.Exec(w.App(), "SELECT count(DISTINCT tenant_id) FROM doc_member"); got != "3" {
		t.Fatalf("the application reads members of %s tenants: there is a wall", got)
	}
	for condition, want := range map[string][]string{
		"'alice' in r.obj.members":                       {"2"},
		"r.sub.id in r.obj.members":                      {"2"},
		"!('alice' in r.obj.members)":                    {"1"},
		"r.obj.status == 'x' || 'alice' in r.obj.leads":  {"2"},
		"containsAny(r.obj.members, ('alice', 'bob'))":   {"2"},
		"containsAll(r.sub.regions, r.obj.members)":      {"1", "2"},
		"size(r.obj.members) == 0":                       {"1"},
		"r.obj.status == 'x' || size(r.obj.leads) > 0":   {"2"},
		"has(r.obj, 'project')":                          {"2"},
		"!(has(r.obj, 'project'))":                       {"1"},
		"r.obj.project.owner == r.sub.id":                {"2"},
		"r.obj.status == 'x' || r.obj.project.size == 1": {"2"},
		"'alice' in r.obj.project.members":               {"2"},
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(condition)+", allow"+grants, attributes)
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		alice.Subject.Attributes = policy.Values{"regions": []string{"alice"}}
		if got, err := w.ids(t, e, alice); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", condition, got, err, want)
		}
	}
}

// No row hides that a context is of another revision: each asks something of the caller, also one
// that a branch allows by itself, or that none could.
func TestAContextOfAnotherRevisionIsAnErrorWhateverTheRow(t *testing.T) {
	w := newWalled(t, nil)
	super := database{"super", policy.Postgres, open(t, "pgx", w.Super())}
	alice := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"level": int64(1)}}}
	setting := func(rules string) (name, value string) {
		e, err := load(t, rules+grants, attributes)
		if err != nil {
			t.Fatalf("%s: %v", rules, err)
		}
		if name, value, err = w.setting(t, e, alice); err != nil {
			t.Fatal(err)
		}
		return name, value
	}
	rows := []doc{
		{id: "1", tenant: "acme", status: "s"},
		{id: "2", tenant: "acme", status: "open", owner: "alice", reviewer: "alice", public: true, locked: true, size: int64(1), parts: int64(1)},
		{id: "3", tenant: "acme", status: "open", owner: "bob", reviewer: "bob", public: false, locked: false, size: int64(5), parts: int64(9)},
		{id: "4", tenant: "acme", status: "sealed", owner: "bob", public: false, size: int64(0)},
	}
	for _, rules := range [][]string{
		{"r.obj.public"},
		{"r.obj.public && r.obj.owner == r.sub.id"},
		{"r.obj.public && (r.obj.owner == r.sub.id || r.obj.reviewer == r.sub.id)"},
		{"r.obj.public || r.obj.owner == r.sub.id"},
		{"(r.obj.public || r.obj.owner == r.sub.id) && r.obj.locked"},
		{"r.obj.public && r.obj.locked && r.obj.size < r.sub.level", "r.obj.locked && r.obj.reviewer == r.sub.id"},
		{"r.obj.public", "r.obj.owner == r.sub.id"},
		{"r.obj.public", "r.obj.status == 'open' && r.obj.size < r.sub.level", "r.obj.locked"},
		{"r.obj.public", "true"},
		{"r.obj.owner == r.sub.id", "r.obj.public", "r.obj.status == 'open' && r.obj.size < r.sub.level", "deny r.obj.status == 'sealed'"},
		{"r.obj.status == 'open' && r.obj.size < r.sub.level", "deny r.obj.status == 'sealed' && r.obj.owner == r.sub.id"},
	} {
		var all []string
		for _, condition := range rules {
			effect := "allow"
			if deny, is := strings.CutPrefix(condition, "deny "); is {
				condition, effect = deny, "deny"
			}
			all = append(all, "p, role:authenticated, *, doc, read, "+csvQuote(condition)+", "+effect)
		}
		text := strings.Join(all, "\n")
		e, err := load(t, text+grants, attributes)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := w.install(t, e); err != nil {
			t.Fatal(err)
		}
		name, other := setting("p, role:authenticated, *, doc, read, r.obj.owner == 'nobody', allow")
		_, own := setting(text)
		for _, row := range rows {
			super.exec(t, "DELETE FROM doc")
			super.exec(t, "INSERT INTO doc (id, tenant_id, status, owner, reviewer, public, locked, size, parts) VALUES ("+placeholders(9)+")", row.id, row.tenant, row.status, row.owner, row.reviewer, row.public, row.locked, row.size, row.parts)
			if got, err := w.with(t.Context(), name, other, "SELECT id FROM doc"); !errors.Is(rls.AsRevision(err), rls.ErrRevision) {
				t.Errorf("%s\nrow %s: %q, %v", text, row.id, got, err)
			}
			if _, err := w.with(t.Context(), name, own, "SELECT id FROM doc"); err != nil {
				t.Errorf("%s\nrow %s: %v", text, row.id, err)
			}
		}
	}
}

// Each value of the caller that a row is asked for is a context that is verified once more, so a row
// is asked for no more than decides: one that a rule allows, whoever asks, not for its owner.
func TestARowIsAskedForNoMoreOfTheCallerThanDecides(t *testing.T) {
	w := newWalled(t, nil)
	super := database{"super", policy.Postgres, open(t, "pgx", w.Super())}
	w.Exec(w.Super(), "ALTER ROLE "+w.AppRole+" SET track_functions = 'all'")
	w.app.SetMaxIdleConns(0) // calls are counted by connection
	e, err := load(t, `p, role:authenticated, *, doc, read, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, read, r.obj.public, allow
p, role:authenticated, *, doc, read, r.obj.status == 'open' && r.obj.size < r.sub.level, allow
p, role:authenticated, *, doc, read, r.obj.status == 'sealed', deny
`+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.install(t, e); err != nil {
		t.Fatal(err)
	}
	alice := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"level": int64(3)}}}
	for _, c := range []struct {
		name string
		row  doc
		sees bool
		most string
	}{
		{"public", doc{status: "done", owner: "bob", public: true}, true, "1"},
		{"public and her own", doc{status: "done", owner: "alice", public: true}, true, "1"},
		{"her own", doc{status: "done", owner: "alice", public: false}, true, "1"},
		{"open and small", doc{status: "open", owner: "bob", public: false, size: int64(1)}, true, "1"},
		{"of another", doc{status: "done", owner: "bob", public: false}, false, "1"},
		{"open and large", doc{status: "open", owner: "bob", public: false, size: int64(9)}, false, "2"},
		{"sealed and public", doc{status: "sealed", owner: "bob", public: true}, false, "2"},
	} {
		super.exec(t, "DELETE FROM doc")
		super.exec(t, "INSERT INTO doc (id, tenant_id, status, owner, public, size) VALUES ('1', 'acme', $1, $2, $3, $4)", c.row.status, c.row.owner, c.row.public, c.row.size)
		name, value, err := w.setting(t, e, alice)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.with(t.Context(), name, value, "SELECT id FROM doc"); err != nil || (len(got) == 1) != c.sees {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if got, err := w.with(t.Context(), name, value, "SELECT id FROM doc", "SELECT calls FROM pg_stat_xact_user_functions WHERE schemaname = 'reeve' AND funcname = 'argument'"); err != nil || len(got) != 1 || got[0] == "0" || got[0] > c.most {
			t.Errorf("%s: asked %s times, of at most %s: %v", c.name, got, c.most, err)
		}
		if got, err := w.with(t.Context(), name, value, "SELECT id FROM doc", "SELECT calls FROM pg_stat_xact_user_functions WHERE schemaname = 'reeve' AND funcname = 'tenant'"); err != nil || !slices.Equal(got, []string{"1"}) {
			t.Errorf("%s: the tenant is asked %s times: %v", c.name, got, err)
		}
	}
}
