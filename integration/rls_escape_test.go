//go:build unix

package integration_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// escape is a database with a way around a wall that is whole, by which SQL that somebody injects under
// the context of tenant a reads or writes rows of tenant b. The statements are run on one
// connection, each in a transaction that begins with the context; the last one's rows, or what
// a superuser sees after it, have the secret.
type escape struct {
	name, rule string
	setup      string // by a superuser
	attack     []string
	after      string // asked by a superuser
}

var escapes = []escape{
	{"a table without a tenant, from which one of tenants inherits", "inherits-past-policies", `
		CREATE TABLE entry (id int, body text); GRANT SELECT ON entry TO {app};
		CREATE TABLE letter (tenant_id text NOT NULL DEFAULT reeve.tenant() PRIMARY KEY) INHERITS (entry);
		ALTER TABLE letter ENABLE ROW LEVEL SECURITY; ALTER TABLE letter FORCE ROW LEVEL SECURITY;
		CREATE POLICY f ON letter AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant()));
		INSERT INTO letter VALUES (1, 'secret-of-b', 'b')`, []string{"SELECT body FROM entry"}, ""},
	{"a materialized view, by a role to become", "materialized-view", `
		CREATE MATERIALIZED VIEW slugs AS SELECT slug FROM project; CREATE ROLE {app}_reader; GRANT SELECT ON slugs TO {app}_reader;
		ALTER ROLE {app} NOINHERIT; GRANT {app}_reader TO {app}`, []string{"SET LOCAL ROLE {app}_reader;; SELECT slug FROM slugs"}, ""},
	{"a partition, by a role to become", "partition-direct", `
		CREATE TABLE log (tenant_id text NOT NULL DEFAULT reeve.tenant(), id int, body text, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id); CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
		ALTER TABLE log ENABLE ROW LEVEL SECURITY; ALTER TABLE log FORCE ROW LEVEL SECURITY; CREATE POLICY f ON log AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY b ON log USING (true);
		GRANT SELECT ON log TO {app}; INSERT INTO log VALUES ('b', 1, 'secret-of-b');
		CREATE ROLE {app}_logger; GRANT SELECT ON log_1 TO {app}_logger; ALTER ROLE {app} NOINHERIT; GRANT {app}_logger TO {app}`, []string{"SET LOCAL ROLE {app}_logger;; SELECT body FROM log_1"}, ""},
	{"the keys, by a role to become", "key-readable", `
		CREATE ROLE {app}_keeper; GRANT USAGE ON SCHEMA reeve TO {app}_keeper; GRANT SELECT ON reeve.context_key TO {app}_keeper; ALTER ROLE {app} NOINHERIT; GRANT {app}_keeper TO {app}`,
		[]string{"SET LOCAL ROLE {app}_keeper;; SELECT 'secret-of-b' FROM reeve.context_key"}, ""},
	{"a materialized view of what a function returns", "materialized-view", `
		CREATE FUNCTION all_projects() RETURNS TABLE (tenant_id text, slug text) LANGUAGE sql AS 'SELECT p.tenant_id, p.slug FROM public.project p';
		CREATE MATERIALIZED VIEW projects AS SELECT * FROM all_projects(); GRANT SELECT ON projects TO {app}`, []string{"SELECT slug FROM projects"}, ""},
	{"a rule of a superuser's table", "rule-past-policies", `
		CREATE TABLE ping (n int); GRANT SELECT, INSERT ON ping TO {app};
		CREATE TABLE pong (slug text); GRANT SELECT ON pong TO {app};
		CREATE RULE peek AS ON INSERT TO ping DO ALSO INSERT INTO pong SELECT slug FROM project`, []string{"INSERT INTO ping VALUES (1)", "SELECT slug FROM pong"}, ""},
	{"a rule of a superuser's view that asks as its caller", "rule-past-policies", `
		CREATE VIEW plan WITH (security_invoker) AS SELECT tenant_id, slug FROM project; GRANT SELECT, INSERT ON plan TO {app};
		CREATE RULE plant AS ON INSERT TO plan DO INSTEAD INSERT INTO project (tenant_id, slug) VALUES (NEW.tenant_id, NEW.slug)`,
		[]string{"INSERT INTO plan VALUES ('b', 'planted')"}, "SELECT 'secret-of-' || tenant_id FROM project WHERE slug = 'planted'"},
	{"a shared table of the application's own", "app-owns", "CREATE TABLE visit (id int, mark text); ALTER TABLE visit OWNER TO {app}", []string{
		"ALTER TABLE visit ALTER COLUMN mark SET DEFAULT set_config('attack.stolen', current_setting('reeve.context'), false)", "b: INSERT INTO visit (id) VALUES (1)",
		"SELECT set_config('reeve.context', current_setting('attack.stolen'), true);; SELECT slug FROM project"}, ""},
	{"a trigger of the application's on a shared table", "trigger-grant", "CREATE TABLE switch (id int, mark text); INSERT INTO switch VALUES (1, 'off'); GRANT ALL ON switch TO {app}", []string{
		"CREATE TRIGGER peek BEFORE UPDATE ON switch FOR EACH ROW WHEN (set_config('attack.stolen', current_setting('reeve.context'), false) IS NOT NULL) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
		"b: UPDATE switch SET mark = 'on'", "SELECT set_config('reeve.context', current_setting('attack.stolen'), true);; SELECT slug FROM project"}, ""},
	{"a function that reads the server's files", "server-files", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {app}", []string{"SELECT 'secret-of-b' WHERE pg_read_file('PG_VERSION') <> ''"}, ""},
	{"a view of the keys", "key-readable", "CREATE VIEW keys AS SELECT * FROM reeve.context_key; GRANT SELECT ON keys TO {app}", []string{"SELECT 'secret-of-b' FROM keys"}, ""},
	{"a trigger of a superuser's function", "definer-trigger", `
		CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
			'BEGIN NEW.title := (SELECT max(slug) FROM public.project WHERE slug LIKE ''secret%''); RETURN NEW; END';
		REVOKE ALL ON FUNCTION number() FROM PUBLIC; CREATE TRIGGER n BEFORE INSERT ON task FOR EACH ROW EXECUTE FUNCTION number()`,
		[]string{"INSERT INTO task (id, title) VALUES (78, coalesce('x', ''));; SELECT title FROM task WHERE id = 78"}, ""},
	{"a schema of the application's own, which its name finds first", "app-creates-schemas", "GRANT CREATE ON DATABASE {database} TO {app}", []string{
		"CREATE SCHEMA {app}", "CREATE TABLE {app}.loot (body text);; CREATE FUNCTION {app}.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO {app}.loot SELECT slug FROM public.project; RETURN NEW; END';; " +
			"CREATE TABLE {app}.task (LIKE public.task INCLUDING DEFAULTS);; CREATE TRIGGER t BEFORE INSERT ON {app}.task FOR EACH ROW EXECUTE FUNCTION {app}.keep()",
		"b: INSERT INTO task (id, tenant_id, title) VALUES (77, 'b', 'of b')", "SELECT body FROM {app}.loot"}, ""},
	{"a schema without tables in which the application may create", "app-creates", "CREATE SCHEMA tools; GRANT CREATE, USAGE ON SCHEMA tools TO {app}", []string{
		"CREATE TABLE tools.loot (body text)", "CREATE FUNCTION tools.same(bigint, integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO tools.loot SELECT slug FROM public.project; RETURN $1 OPERATOR(pg_catalog.=) $2; END';; " +
			"CREATE OPERATOR tools.= (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = tools.same)",
		"session: SELECT set_config('search_path', 'tools, pg_catalog, public', false)", "b: SELECT slug FROM project WHERE id = 3", "SELECT body FROM tools.loot"}, ""},
	{"a partition that is added later", "default-grants", `
		CREATE TABLE log (tenant_id text NOT NULL DEFAULT reeve.tenant(), id int, body text, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id); ALTER TABLE log OWNER TO {owner};
		ALTER TABLE log ENABLE ROW LEVEL SECURITY; ALTER TABLE log FORCE ROW LEVEL SECURITY; CREATE POLICY f ON log AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY b ON log USING (true);
		GRANT SELECT ON log TO {app}; ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {app}`, []string{
		"owner: CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (100) TO (200); SELECT pg_catalog.set_config('reeve.context', '{b}', true); INSERT INTO log VALUES ('b', 101, 'secret-of-b')", "SELECT body FROM log_2"}, ""},
}

// attack runs the statements of an escape on a connection of its own and returns what they show.
func (w *rlsFixture) attack(t *testing.T, e escape) string {
	t.Helper()
	db := openSQL(t, w.App())
	db.SetMaxOpenConns(1)
	defer db.Close()
	fresh := *w
	fresh.app = db
	var out string
	for _, texts := range e.attack {
		id, text := "a", w.roles(texts)
		if rest, is := strings.CutPrefix(text, "b: "); is {
			id, text = "b", rest
		}
		if rest, is := strings.CutPrefix(text, "session: "); is {
			if _, err := db.ExecContext(t.Context(), rest); err != nil {
				return err.Error()
			}
			continue
		}
		_, value, err := w.signer.Setting(t.Context(), tenant.MustParse(id))
		if err != nil {
			t.Fatal(err)
		}
		if rest, is := strings.CutPrefix(text, "owner: "); is {
			_, of, err := w.signer.Setting(t.Context(), tenant.MustParse("b"))
			if err != nil {
				t.Fatal(err)
			}
			w.asOwner(strings.Replace(rest, "{b}", of, 1))
			continue
		}
		if out, err = fresh.commits(value, strings.Split(text, ";; ")...); err != nil {
			return err.Error()
		}
	}
	if e.after != "" {
		return w.asSuper(e.after)
	}
	return out
}

// commits runs statements under a context, and commits.
func (w *rlsFixture) commits(value string, statements ...string) (out string, err error) {
	ctx := context.Background()
	tx, err := w.app.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT pg_catalog.set_config($1, $2, true)", rls.SignedSetting, value); err != nil {
		return "", err
	}
	for i, s := range statements {
		if i < len(statements)-1 || !strings.HasPrefix(s, "SELECT") {
			_, err = tx.ExecContext(ctx, s)
		} else {
			out, err = rowsOf(ctx, tx, s)
		}
		if err != nil {
			return "", err
		}
	}
	return out, tx.Commit()
}

// Each of these databases has a wall that is whole and a way around it. The audit names the way, and
// its SQL closes it.
func TestAWayAroundTheWallIsFoundAndClosed(t *testing.T) {
	for _, e := range escapes {
		t.Run(e.name, func(t *testing.T) {
			w := newRLSFixture(t, nil)
			w.cfg.Shared = []string{"visit", "switch"}
			t.Cleanup(func() {
				for _, role := range []string{"reader", "logger", "keeper"} {
					_, _ = w.TryExec(w.Super(), w.roles("DROP OWNED BY {app}_"+role)+"; DROP ROLE "+w.AppRole+"_"+role)
				}
			})
			if found := w.audit(); found.Err() != nil {
				t.Fatal(found)
			}
			w.asSuper(e.setup)
			found := w.audit()
			if !slices.ContainsFunc(found, func(f rls.Finding) bool { return f.Rule == e.rule && f.Severity >= rls.Warning }) {
				t.Errorf("the audit finds %v", found)
			}
			if got := w.attack(t, e); !strings.Contains(got, "secret-of-b") {
				t.Fatalf("the attack does not reach what is b's: %s", got)
			}
			for _, traces := range []string{"DELETE FROM project WHERE slug = 'planted'", "DROP SCHEMA IF EXISTS {app} CASCADE", "TRUNCATE pong", "DROP TABLE IF EXISTS log_2", "DELETE FROM task WHERE id = 78", "ALTER TABLE visit ALTER COLUMN mark DROP DEFAULT", "DROP TRIGGER peek ON switch",
				"DROP OPERATOR IF EXISTS tools.= (bigint, integer); DROP FUNCTION IF EXISTS tools.same; DROP TABLE IF EXISTS tools.loot"} {
				_, _ = w.TryExec(w.Super(), w.roles(traces)) // some are of other attacks
			}
			w.asSuper("SET search_path = '';\n" + found.SQL())
			if got := w.attack(t, e); strings.Contains(got, "secret-of-b") {
				t.Errorf("after\n%s the attack shows %s", found.SQL(), got)
			}
			if left := w.audit(); left.Err() != nil {
				t.Errorf("it still has %v", left)
			}
		})
	}
}
