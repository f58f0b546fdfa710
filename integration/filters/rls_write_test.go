//go:build unix

package filters_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

// Each command is bound by its own action, and one without an action is refused.
func TestRowLevelSecurityBoundsWhatIsWritten(t *testing.T) {
	w := newWalled(t, []doc{
		{id: "1", tenant: "acme", status: "draft", owner: "alice"}, {id: "2", tenant: "acme", status: "paid", owner: "alice"},
		{id: "3", tenant: "acme", status: "draft", owner: "bob"}, {id: "4", tenant: "globex", status: "draft", owner: "alice"},
	})
	w.config.Insert, w.config.Update = "create", "update"
	e, err := load(t, `p, role:authenticated, *, doc, read, true, allow
p, role:authenticated, *, doc, create, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, update, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, update, r.obj.status == 'paid', deny
p, role:authenticated, *, doc, delete, true, allow
`+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.install(t, e); err != nil {
		t.Fatal(err)
	}
	// The audit that lists the faults of a database finds none in the policies, and leaves them.
	findings, err := rls.Audit(t.Context(), w.app, rls.Config{Owner: w.OwnerRole, App: w.AppRole})
	if err != nil || findings.Err() != nil {
		t.Errorf("%v, %v", findings, err)
	}
	again, err := rls.Generate(t.Context(), w.owner, rls.Config{Owner: w.OwnerRole, App: w.AppRole})
	if err != nil {
		t.Fatal(err)
	}
	w.Exec(w.Owner(), again+w.installed) // twice is once
	if err := policyrls.Check(t.Context(), w.app, e, w.config); err != nil {
		t.Error(err)
	}
	for statement, want := range map[string]string{
		"INSERT INTO doc (id, status, owner) VALUES ('9', 'draft', 'alice') RETURNING id":                                                       "9",
		"INSERT INTO doc (id, status, owner) VALUES ('9', 'draft', 'bob') RETURNING id":                                                         "row-level security",
		"INSERT INTO doc (id, status, owner) VALUES ('9', 'draft', NULL) RETURNING id":                                                          "row-level security",
		"INSERT INTO doc (id, status, owner, tenant_id) VALUES ('9', 'draft', 'alice', 'globex') RETURNING id":                                  "row-level security",
		"UPDATE doc SET size = 1 RETURNING id":                                                                                                  "1",
		"UPDATE doc SET owner = 'bob' RETURNING id":                                                                                             "row-level security",
		"UPDATE doc SET status = 'paid' RETURNING id":                                                                                           "row-level security",
		"UPDATE doc SET size = 1 WHERE id = '3' RETURNING id":                                                                                   "",
		"DELETE FROM doc RETURNING id":                                                                                                          "",
		"INSERT INTO doc (id, status, owner) VALUES ('3', 'x', 'alice') ON CONFLICT (tenant_id, id) DO UPDATE SET owner = 'alice' RETURNING id": "row-level security",
	} {
		name, value, err := w.setting(t, e, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.with(t.Context(), name, value, statement)
		switch {
		case want == "row-level security":
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q, %v", statement, got, err)
			}
		case err != nil || !slices.Equal(got, strings.Fields(want)):
			t.Errorf("%s: %q, %v", statement, got, err)
		}
	}
}

// A table without its policies is open within the tenant, and no statement would say so.
func TestATableWithoutItsPoliciesIsFound(t *testing.T) {
	w := newWalled(t, nil)
	e, err := load(t, readers+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	other, err := load(t, "p, role:editor, *, doc, read, r.obj.owner == 'x', allow"+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	found := func(how string, e *policy.Engine, want bool) {
		t.Helper()
		if err := policyrls.Check(t.Context(), w.app, e, w.config); errors.Is(err, rls.ErrRevision) != want || !want && err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	found("none", e, true)
	if err := w.install(t, e); err != nil {
		t.Fatal(err)
	}
	found("all", e, false)
	w.Exec(w.Super(), "ALTER ROLE "+w.AppRole+" SET search_path = nowhere") // which changes how expressions are printed
	w.app.SetMaxIdleConns(0)
	found("all, with another search_path", e, false)
	found("of another policy", other, true)
	for _, change := range []string{
		"DROP POLICY reeve_delete ON doc", "ALTER POLICY reeve_select ON doc USING (true)", "ALTER POLICY reeve_update ON doc WITH CHECK (true)", "ALTER POLICY reeve_select ON doc TO " + w.OwnerRole,
		"ALTER TABLE doc NO FORCE ROW LEVEL SECURITY", "ALTER TABLE doc DISABLE ROW LEVEL SECURITY", "DROP POLICY reeve_select ON doc; CREATE POLICY reeve_select ON doc USING (true)", "COMMENT ON POLICY reeve_insert ON doc IS NULL",
	} {
		w.Exec(w.Owner(), change)
		found(change, e, true)
		w.Exec(w.Owner(), "ALTER TABLE doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
		w.installed = ""
		if err := w.install(t, e); err != nil {
			t.Fatal(err)
		}
		found("mended after "+change, e, false)
	}
	// Nor are they created where tenants are not kept apart.
	if _, err := w.TryExec(w.Owner(), "DROP POLICY reeve_tenant ON doc; "+w.installed); err == nil || !strings.Contains(err.Error(), "keeps tenants apart") {
		t.Error(err)
	}
}

type callerKey struct{}

// Scopes ask who the caller is for each statement, and send it in the same way as the tenant.
func TestEachScopeSaysWhoAsks(t *testing.T) {
	w, _ := callerFixture(t)
	e, err := load(t, readers+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := policyrls.NewContext(policyrls.Config{Signer: w.signer, Engine: e, Types: []policy.RLSConfig{w.config}, Caller: func(ctx context.Context) (policy.Request, error) {
		id, ok := ctx.Value(callerKey{}).(string)
		if !ok {
			return policy.Request{}, errors.New("nobody asks")
		}
		return policy.Request{Tenant: acme, Subject: policy.Subject{ID: id}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), w.App())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	byPgx, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: signed, Statuses: pgxscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := pgx.ParseConfig(w.App())
	if err != nil {
		t.Fatal(err)
	}
	bySQL, err := sqlscope.OpenDB(sqlscope.Config{Connector: stdlib.GetConnector(*parsed), Context: signed, Statuses: sqlscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bySQL.Close() })
	const query = "SELECT coalesce(string_agg(id, ',' ORDER BY id), '') FROM doc"
	acmeOnly, err := tenant.BindUnchecked(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	for how, ask := range map[string]func(ctx context.Context) (string, error){
		"pgx": func(ctx context.Context) (s string, err error) {
			err = byPgx.QueryRow(ctx, query).Scan(&s)
			return s, err
		},
		"a batch of pgx": func(ctx context.Context) (s string, err error) {
			b := new(pgx.Batch)
			b.Queue(query)
			br := byPgx.SendBatch(ctx, b)
			defer br.Close()
			err = br.QueryRow().Scan(&s)
			return s, err
		},
		"a transaction": func(ctx context.Context) (s string, err error) {
			err = byPgx.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { return tx.QueryRow(ctx, query).Scan(&s) })
			return s, err
		},
		"database/sql": func(ctx context.Context) (s string, err error) {
			err = bySQL.QueryRowContext(ctx, query).Scan(&s)
			return s, err
		},
		"its transaction": func(ctx context.Context) (s string, err error) {
			tx, err := bySQL.BeginTx(ctx, nil)
			if err != nil {
				return "", err
			}
			defer func() { _ = tx.Rollback() }()
			err = tx.QueryRowContext(ctx, query).Scan(&s)
			return s, err
		},
	} {
		for id, want := range map[string]string{"alice": "1,2", "bob": "3-of-bob", "carol": ""} {
			if got, err := ask(context.WithValue(acmeOnly, callerKey{}, id)); err != nil || got != want {
				t.Errorf("%s, %s: %q, %v", how, id, got, err)
			}
		}
		if got, err := ask(acmeOnly); err == nil || got != "" {
			t.Errorf("%s: nobody sees %q, %v", how, got, err)
		}
	}
}
