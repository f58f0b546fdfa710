//go:build unix

package integration_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

func TestAGeneratedWallKeepsTenantsApart(t *testing.T) {
	for name, plain := range map[string]bool{"signed": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			w := newRLSFixture(t, func(c *rls.Config) { c.Plain = plain })
			var c rls.Context = w.signer
			if plain {
				c = rls.Plain()
			}
			for _, s := range []struct{ query, want, err string }{
				{query: "SELECT string_agg(slug, ',' ORDER BY slug) FROM project", want: "one,two"},
				{query: "SELECT count(*) FROM project p JOIN task t ON t.project_id = p.id", want: "2"},
				{query: "SELECT count(*) FROM project WHERE slug = 'nothing' OR true", want: "2"},
				{query: "SELECT count(*) FROM country", want: "2"},
				{query: "INSERT INTO project (slug) VALUES ('secret-of-b') RETURNING tenant_id", want: "a"},
				{query: "INSERT INTO project (tenant_id, slug) VALUES ('b', 'planted')", err: "row-level security"},
				{query: "INSERT INTO project (slug) VALUES ('one')", err: "duplicate key"},
				{query: "INSERT INTO project (slug) VALUES ('secret-of-b') ON CONFLICT DO NOTHING RETURNING slug", want: "secret-of-b"},
				{query: "UPDATE project SET tenant_id = 'b'", err: "row-level security"},
				{query: "WITH x AS (UPDATE task SET title = title RETURNING tenant_id) SELECT string_agg(tenant_id, ',') FROM x", want: "a,a"},
				{query: "WITH x AS (DELETE FROM task RETURNING tenant_id) SELECT string_agg(tenant_id, ',') FROM x", want: "a,a"},
				{query: "INSERT INTO task (id, project_id, title) VALUES (99, 4, 'of another')", err: "foreign key"},
				{query: "INSERT INTO task (id, project_id, title) VALUES (4, 2, 'an id that b has') RETURNING id", want: "4"},
				{query: "TRUNCATE task", err: "permission denied"},
				{query: "ALTER TABLE task DISABLE ROW LEVEL SECURITY", err: "must be owner"},
				{query: "SELECT * FROM reeve.context_key", err: "permission denied"},
			} {
				got, err := w.as(c, "a", s.query)
				switch {
				case s.err != "":
					if err == nil || !strings.Contains(err.Error(), s.err) {
						t.Errorf("%s: %q, %v; want an error with %q", s.query, got, err, s.err)
					}
				case err != nil || got != s.want:
					t.Errorf("%s: %q, %v; want %q", s.query, got, err, s.want)
				}
			}
			// The owner is bound too, and ON DELETE SET NULL leaves the tenant alone.
			if _, err := w.TryExec(w.Owner(), "SELECT count(*) FROM project"); err == nil || !strings.Contains(err.Error(), "no tenant") {
				t.Errorf("the owner without a tenant: %v", err)
			}
			w.asSuper("UPDATE task SET parent_id = 1 WHERE id = 2; DELETE FROM task WHERE id = 1")
			if got := w.asSuper("SELECT tenant_id, parent_id IS NULL FROM task WHERE id = 2"); got != "a|t" {
				t.Errorf("after ON DELETE SET NULL: %q", got)
			}
		})
	}
}

// A setting that was local stays in the session, empty: that is nobody too.
func TestAStatementWithoutATenantIsAnErrorOrFindsNothing(t *testing.T) {
	for name, c := range map[string]rls.Config{"signed": {}, "plain": {Plain: true}, "signed, no rows": {NoRows: true}, "plain, no rows": {Plain: true, NoRows: true}} {
		t.Run(name, func(t *testing.T) {
			w := newRLSFixture(t, func(cfg *rls.Config) { cfg.Plain, cfg.NoRows = c.Plain, c.NoRows })
			w.app.SetMaxOpenConns(1)
			// Rows whose tenant is '' would be found by whoever comes with ''.
			w.asSuper("INSERT INTO project (tenant_id, slug) VALUES ('', 'of nobody')")
			for _, how := range []string{"never set", "set before", "empty"} {
				setting := ""
				if how == "empty" {
					setting = map[bool]string{true: rls.PlainSetting, false: rls.SignedSetting}[c.Plain]
				}
				got, err := w.with(setting, "", "SELECT count(*) FROM project")
				if c.NoRows && (err != nil || got != "0") || !c.NoRows && (err == nil || !strings.Contains(err.Error(), "42501")) {
					t.Errorf("%s: %q, %v", how, got, err)
				}
				var context rls.Context = w.signer
				if c.Plain {
					context = rls.Plain()
				}
				if got, err := w.as(context, "a", "SELECT count(*) FROM project"); got != "2" {
					t.Errorf("with a tenant: %q, %v", got, err)
				}
			}
		})
	}
}

func TestAGeneratedWallIsCleanAndStaysAsItIs(t *testing.T) {
	for name, plain := range map[string]bool{"signed": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			w := newRLSFixture(t, func(c *rls.Config) { c.Plain = plain })
			if found := w.audit(); len(found) > 0 {
				t.Errorf("the audit finds %v", found)
			}
			before := w.dump()
			again := w.generate()
			if strings.Contains(again, "POLICY") || strings.Contains(again, "CONSTRAINT") {
				t.Errorf("a second script changes tables:\n%s", again)
			}
			if after := w.dump(); after != before {
				t.Errorf("the second script has changed\n%s\nto\n%s", before, after)
			}
			// The scripts themselves may run twice.
			script, err := rls.SetupSQL(w.cfg)
			if err != nil {
				t.Fatal(err)
			}
			roles, err := rls.RolesSQL(w.cfg)
			if err != nil {
				t.Fatal(err)
			}
			w.asSuper(roles)
			w.asOwner(script)
			if after := w.dump(); after != before {
				t.Errorf("the setup has changed\n%s\nto\n%s", before, after)
			}
		})
	}
}

// Names are quoted wherever they stand: with spaces, quotes, parentheses and capital letters, of key
// words and of columns, in a partitioned table and in one that refers to itself.
func TestAWallStandsAroundTablesOfAnyName(t *testing.T) {
	w := newRLSDatabase(t, `CREATE SCHEMA "My 'Shop'";
		CREATE TABLE "My 'Shop'"."Order (s) ""x""" (tenant_id text, "user" bigint PRIMARY KEY, "Größe" text UNIQUE, parent bigint REFERENCES "My 'Shop'"."Order (s) ""x""" ON DELETE SET NULL);
		CREATE UNIQUE INDEX "by (name)" ON "My 'Shop'"."Order (s) ""x""" (lower("Größe")) WHERE parent IS NULL;
		CREATE TABLE "select" ("Tenant" text NOT NULL, at date NOT NULL, note text, PRIMARY KEY (at, "Tenant")) PARTITION BY RANGE (at);
		CREATE TABLE "select_2026" PARTITION OF "select" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`)
	w.cfg.Tables = map[string]string{"public.select": "Tenant", "public.select_2026": "Tenant"}
	w.generate()
	if found := w.audit(); found.Err() != nil {
		t.Errorf("the audit finds %v", found)
	}
	if again := w.generate(); strings.Contains(again, "POLICY") || strings.Contains(again, "CONSTRAINT") || strings.Contains(again, "INDEX") {
		t.Errorf("a second script changes tables:\n%s", again)
	}
	w.signer = w.newSigner(rls.SignerConfig{})
	if err := w.signer.InstallKey(t.Context(), w.owner); err != nil {
		t.Fatal(err)
	}
	w.asSuper(`INSERT INTO "My 'Shop'"."Order (s) ""x""" SELECT t, 1, 'one' FROM unnest(ARRAY['a', 'b']) t; INSERT INTO "select" SELECT t, '2026-05-01', t FROM unnest(ARRAY['a', 'b']) t`)
	for query, want := range map[string]string{
		`SELECT string_agg(tenant_id, ',') FROM "My 'Shop'"."Order (s) ""x"""`: "a",
		`SELECT string_agg("Tenant" || note, ',') FROM "select"`:               "aa",
	} {
		if got, err := w.as(w.signer, "a", query); err != nil || got != want {
			t.Errorf("%s: %q, %v", query, got, err)
		}
	}
	if got, err := w.as(w.signer, "a", `SELECT count(*) FROM select_2026`); err == nil {
		t.Errorf("a partition shows %q", got)
	}
	if err := rls.Erase(t.Context(), w.owner, w.cfg, w.signer, tenant.MustParse("a")); err != nil {
		t.Error(err)
	}
	if got := w.asSuper(`SELECT string_agg(tenant_id, ',') FROM "My 'Shop'"."Order (s) ""x"""; SELECT string_agg("Tenant", ',') FROM "select"`); strings.Contains(got, "a") || strings.Count(got, "b") != 2 {
		t.Errorf("after the erasure: %q", got)
	}
}

// The owner runs the script: a name in one of its comments, which a carriage return ends for PostgreSQL
// too, is no statement.
func TestANameEndsNoCommentOfTheScript(t *testing.T) {
	w := newRLSDatabase(t, "CREATE TABLE \"a\nCREATE TABLE planted (n int); --\" (tenant_id text); CREATE TABLE \"b\rCREATE TABLE planted (n int); --\" (tenant_id text)")
	w.generate()
	if got := w.asSuper("SELECT count(*) FROM pg_class WHERE relname = 'planted'"); got != "0" {
		t.Error("the script ran a statement that a table is named for")
	}
}

// A superuser who owns the tables is told so, and neither script takes anything from them.
func TestNoScriptTakesFromASuperuserWhatTheyAre(t *testing.T) {
	w := newRLSDatabase(t, rlsTables)
	w.asSuper("ALTER ROLE {owner} SUPERUSER")
	for _, script := range []string{w.generate(), w.audit().SQL()} {
		if strings.Contains(script, "SUPERUSER") || strings.Contains(script, "BYPASSRLS") {
			t.Errorf("the script has a role altered:\n%s", script)
		}
	}
	found := w.audit()
	if i := slices.IndexFunc(found, func(f rls.Finding) bool { return f.Rule == "owner-past-policies" }); i < 0 || found[i].Mend != "" {
		t.Errorf("the audit finds %v", found)
	}
}

// dump returns the tables, keys, policies, functions and grants of the catalog.
func (w *rlsFixture) dump() string {
	return w.asSuper(`SELECT 'table', oid::regclass, relrowsecurity, relforcerowsecurity, relacl FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'reeve') ORDER BY oid::regclass::text;
		SELECT 'key', conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0 AND connamespace::regnamespace::text IN ('public', 'reeve') ORDER BY 2, 3;
		SELECT 'index', indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid::regclass::text IN ('project', 'task') ORDER BY 2;
		SELECT 'policy', polname, polrelid::regclass, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy ORDER BY 2, 3;
		SELECT 'function', proname, prosrc, proacl, prosecdef, proconfig FROM pg_proc WHERE pronamespace::regnamespace::text = 'reeve';
		SELECT 'role', rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname IN ('{owner}', '{app}') ORDER BY 2`)
}

func TestRolesAreCreatedWithNothingThatPassesByPolicies(t *testing.T) {
	w := newRLSDatabase(t, "")
	cfg := rls.Config{Owner: w.OwnerRole, App: "fresh_" + w.AppRole}
	script, err := rls.RolesSQL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.asSuper("DROP ROLE " + cfg.App) })
	for range 2 {
		w.asSuper(script)
	}
	if got := w.asSuper("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin FROM pg_roles WHERE rolname = '" + cfg.App + "'"); got != "f|f|f|f|f|t" {
		t.Errorf("the application's role is %q", got)
	}
}

func TestAnUnsafeDatabaseIsRefusedWithAllThatIsWrong(t *testing.T) {
	w := newRLSDatabase(t, rlsTables)
	w.asOwner("GRANT SELECT, INSERT ON project, task TO {app}")
	err := w.audit().Err()
	if !errors.Is(err, rls.ErrUnsafe) {
		t.Fatal(err)
	}
	for _, want := range []string{"rls: the database does not keep tenants apart: ", "error: public.project (rls-off): ", "error: public.task (rls-off): ",
		"\n    ALTER TABLE \"public\".\"task\" FORCE ROW LEVEL SECURITY;", "(nullable-tenant)", "(foreign-key-across-tenants)", "reeve.tenant() (context-function)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if rls.Findings(nil).Err() != nil || (rls.Findings{{Severity: rls.Info}}).Err() != nil {
		t.Error("nothing, or information alone, is refused")
	}
	// A role that is not there is one finding, and a config that is none is an error.
	w.cfg.App = "nobody"
	if found := w.audit(); len(found) != 1 || found[0].Rule != "no-role" {
		t.Errorf("without the role: %v", found)
	}
	if _, err := rls.Audit(context.Background(), w.app, rls.Config{}); !errors.Is(err, rls.ErrInvalid) {
		t.Errorf("without a config: %v", err)
	}
}
