//go:build unix

package integration_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant/rls"
)

// cleanTables are tables behind a wall that was written by hand, after what Generate writes.
const cleanTables = `
CREATE TABLE doc (tenant_id text NOT NULL DEFAULT reeve.tenant(), id bigint NOT NULL, body text, mail text NOT NULL DEFAULT '', rank numeric NOT NULL DEFAULT 0, published boolean NOT NULL DEFAULT false, PRIMARY KEY (tenant_id, id));
CREATE TABLE member (tenant_id text NOT NULL DEFAULT reeve.tenant(), login text NOT NULL, admin boolean NOT NULL DEFAULT false, PRIMARY KEY (tenant_id, login));
CREATE TABLE country (code text PRIMARY KEY, name text NOT NULL);
ALTER TABLE doc ENABLE ROW LEVEL SECURITY; ALTER TABLE doc FORCE ROW LEVEL SECURITY;
ALTER TABLE member ENABLE ROW LEVEL SECURITY; ALTER TABLE member FORCE ROW LEVEL SECURITY;
CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())) WITH CHECK (tenant_id = (SELECT reeve.tenant()));
CREATE POLICY reeve_tenant ON member AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant()));
CREATE POLICY reeve_base ON doc USING (true) WITH CHECK (true);
CREATE POLICY reeve_base ON member USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON doc TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON member TO {app};
GRANT SELECT ON country TO {app};
`

// bare takes the wall of doc away, so that a policy of the author's own stands alone.
const bare = "DROP POLICY reeve_tenant ON doc;\nDROP POLICY reeve_base ON doc;\n"

// rlsFaults are databases with one fault each: the name of the rule, and the statements that
// make the fault, by the owner, or by a superuser after "\\super".
var rlsFaults = map[string]string{
	"rls-off":                               "ALTER TABLE doc DISABLE ROW LEVEL SECURITY",
	"no-force":                              "ALTER TABLE doc NO FORCE ROW LEVEL SECURITY",
	"no-policy":                             bare,
	"no-floor":                              "DROP POLICY reeve_tenant ON doc",
	"no-floor: one command":                 "DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE FOR SELECT USING (tenant_id = (SELECT reeve.tenant()))",
	"no-floor: one role":                    "DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE TO {app} USING (tenant_id = (SELECT reeve.tenant()))",
	"no-floor: per row":                     "DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE USING (tenant_id = reeve.tenant())",
	"no-floor: a check apart":               "DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())) WITH CHECK (true)",
	"no-floor: permissive":                  "DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc USING (tenant_id = (SELECT reeve.tenant()))",
	"no-floor: another column":              "DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE USING (body = (SELECT reeve.tenant()))",
	"or-true":                               bare + "CREATE POLICY p ON doc USING (tenant_id = (SELECT reeve.tenant()) OR true)",
	"tautology":                             bare + "CREATE POLICY p ON doc USING (tenant_id = tenant_id)",
	"tautology: numbers":                    bare + "CREATE POLICY p ON doc USING (1 = 1)",
	"coalesce-means-all":                    bare + "CREATE POLICY p ON doc USING (tenant_id = coalesce(current_setting('app.tenant', true), tenant_id))",
	"empty-after-local":                     bare + "CREATE POLICY p ON doc USING (tenant_id = current_setting('app.tenant', true))",
	"open-move":                             bare + "CREATE POLICY p ON doc USING (tenant_id = (SELECT reeve.tenant())) WITH CHECK (true)",
	"restrictive-true":                      "DROP POLICY reeve_tenant ON doc; CREATE POLICY f ON doc AS RESTRICTIVE USING (true)",
	"restrictive-insert-empty":              "DROP POLICY reeve_tenant ON doc; CREATE POLICY f ON doc AS RESTRICTIVE FOR INSERT",
	"only-restrictive":                      "DROP POLICY reeve_base ON doc",
	"policy-false":                          "DROP POLICY reeve_base ON doc; CREATE POLICY p ON doc USING (false)",
	"permissive-stack":                      bare + "CREATE POLICY p ON doc USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY published ON doc FOR SELECT USING (published)",
	"read-policies-only":                    "DROP POLICY reeve_base ON doc; CREATE POLICY r ON doc FOR SELECT USING (true)",
	"view-of-owner":                         "CREATE VIEW docs AS SELECT * FROM doc; GRANT SELECT ON docs TO {app}",
	"view-of-owner: of a view":              "CREATE VIEW inner_docs WITH (security_invoker) AS SELECT * FROM doc; CREATE VIEW docs AS SELECT * FROM inner_docs; GRANT SELECT ON docs TO {app}",
	"view-filter-no-barrier":                "CREATE VIEW docs WITH (security_invoker) AS SELECT * FROM doc WHERE tenant_id = reeve.tenant(); GRANT SELECT ON docs TO {app}",
	"materialized-view":                     "SET row_security = off; ALTER TABLE doc NO FORCE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW docs AS SELECT * FROM doc; ALTER TABLE doc FORCE ROW LEVEL SECURITY; GRANT SELECT ON docs TO {app}",
	"definer-function":                      "CREATE FUNCTION bodies() RETURNS SETOF doc LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT * FROM public.doc'",
	"definer-search-path":                   "CREATE FUNCTION bodies() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.doc'; REVOKE ALL ON FUNCTION bodies() FROM PUBLIC; GRANT EXECUTE ON FUNCTION bodies() TO {app}",
	"bypass-role":                           "\\super ALTER ROLE {app} BYPASSRLS",
	"bypass-role: another":                  "\\super CREATE ROLE worker_{app} LOGIN BYPASSRLS; GRANT SELECT ON doc TO worker_{app}",
	"bypass-by-set-role":                    "\\super CREATE ROLE worker_{app} BYPASSRLS; GRANT worker_{app} TO {app}",
	"app-superuser":                         "\\super ALTER ROLE {app} SUPERUSER",
	"app-creates-roles":                     "\\super ALTER ROLE {app} CREATEROLE",
	"member-of-owner":                       "\\super GRANT {owner} TO {app}",
	"member-of-owner: reads":                "\\super GRANT pg_read_all_data TO {app}",
	"app-owns-table":                        "\\super ALTER TABLE doc OWNER TO {app}",
	"app-owns-database":                     "\\super ALTER DATABASE {database} OWNER TO {app}",
	"temporary-tables":                      "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC",
	"temporary-tables: the app alone":       "GRANT TEMPORARY ON DATABASE {database} TO {app}",
	"temporary-tables: by membership":       "\\super CREATE ROLE worker_{app}; GRANT worker_{app} TO {app}; GRANT TEMPORARY ON DATABASE {database} TO worker_{app}",
	"app-creates":                           "\\super GRANT CREATE ON SCHEMA public TO {app}",
	"app-creates: no table there":           "\\super CREATE SCHEMA tools; GRANT CREATE ON SCHEMA tools TO PUBLIC",
	"app-creates: its own":                  "\\super CREATE SCHEMA tools AUTHORIZATION {app}",
	"app-creates: by membership":            "\\super CREATE ROLE worker_{app}; ALTER ROLE {app} NOINHERIT; GRANT worker_{app} TO {app}; GRANT CREATE ON SCHEMA public TO worker_{app}",
	"app-creates-schemas":                   "\\super GRANT ALL ON DATABASE {database} TO {app}",
	"app-replicates":                        "\\super ALTER ROLE {app} REPLICATION",
	"member-of-owner: replicates":           "\\super CREATE ROLE worker_{app} REPLICATION; GRANT worker_{app} TO {app}",
	"member-of-owner: of the function":      "\\super CREATE ROLE worker_{app}; GRANT worker_{app} TO {app}; ALTER FUNCTION reeve.tenant() OWNER TO worker_{app}",
	"inherits-past-policies":                "CREATE TABLE base (id bigint NOT NULL); GRANT SELECT ON base TO {app}; ALTER TABLE doc INHERIT base",
	"inherits-past-policies: of another":    "CREATE TABLE base (id bigint NOT NULL); CREATE TABLE more (body text) INHERITS (base); GRANT UPDATE (id) ON base TO PUBLIC; ALTER TABLE doc INHERIT more",
	"rule-past-policies":                    "\\super CREATE TABLE ping (n int); CREATE RULE peek AS ON INSERT TO ping DO ALSO SELECT * FROM doc; GRANT INSERT ON ping TO {app}",
	"rule-past-policies: of a view":         "\\super CREATE VIEW docs WITH (security_invoker) AS SELECT * FROM doc; CREATE RULE d AS ON DELETE TO docs DO INSTEAD DELETE FROM doc WHERE id = OLD.id; GRANT DELETE ON docs TO {app}",
	"materialized-view: of a function":      "CREATE FUNCTION everything() RETURNS TABLE (tenant_id text) LANGUAGE sql AS 'SELECT ''x'''; CREATE MATERIALIZED VIEW docs AS SELECT * FROM everything(); GRANT SELECT ON docs TO {app}",
	"default-grants":                        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {app}",
	"default-grants: to everybody":          "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC",
	"truncate: by membership":               "\\super CREATE ROLE worker_{app}; ALTER ROLE {app} NOINHERIT; GRANT worker_{app} TO {app}; GRANT TRUNCATE ON doc TO worker_{app}",
	"unique-across-tenants: of a partition": "CREATE TABLE log (tenant_id text NOT NULL DEFAULT reeve.tenant(), id int NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id); CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100); CREATE UNIQUE INDEX ON log_1 (id); ALTER TABLE log ENABLE ROW LEVEL SECURITY; ALTER TABLE log FORCE ROW LEVEL SECURITY; CREATE POLICY f ON log AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY b ON log USING (true); GRANT SELECT ON log TO {app}",
	"owner-past-policies":                   "\\super ALTER TABLE doc OWNER TO postgres",
	"owner-past-policies: the owner":        "\\super ALTER ROLE {owner} BYPASSRLS",
	"definer-function: of who reads what has no policies": "\\super CREATE MATERIALIZED VIEW docs AS SELECT * FROM doc; CREATE ROLE worker_{app}; GRANT SELECT ON docs TO worker_{app}; CREATE FUNCTION bodies() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.docs'; ALTER FUNCTION bodies() OWNER TO worker_{app}",
	"definer-trigger":                  "\\super CREATE FUNCTION n() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON doc FOR EACH ROW EXECUTE FUNCTION n()",
	"app-creates: of a role to become": "\\super CREATE ROLE worker_{app}; CREATE SCHEMA tools AUTHORIZATION worker_{app}; GRANT worker_{app} TO {app}",
	"app-owns":                         "\\super CREATE TABLE visit (id int); ALTER TABLE visit OWNER TO {app}",
	"app-owns: a function":             "\\super CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f OWNER TO {app}",
	"app-owns: of a role to become":    "\\super CREATE ROLE worker_{app}; GRANT worker_{app} TO {app}; CREATE SEQUENCE s; ALTER SEQUENCE s OWNER TO worker_{app}; CREATE VIEW v AS SELECT 1; ALTER VIEW v OWNER TO worker_{app}",
	"key-readable: by a view":          "\\super CREATE VIEW keys WITH (security_invoker = false) AS SELECT k.id FROM reeve.context_key k; GRANT SELECT ON keys TO {app}",
	"context-function: with a setting": "\\super ALTER FUNCTION reeve.tenant() SET reeve.tenant = 'a'",
	"trigger-grant":                    "GRANT ALL ON country TO {app}; REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON country FROM {app}",
	"trigger-grant: on a view":         "CREATE VIEW docs WITH (security_invoker) AS SELECT * FROM doc; GRANT TRIGGER ON docs TO PUBLIC",
	"server-files":                     "\\super GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO {app}",
	"leakproof":                        "\\super CREATE FUNCTION shape(text) RETURNS int LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT 1'",
	"role-as-tenant":                   bare + "CREATE POLICY p ON doc USING (tenant_id = current_user)",
	"setting-raises":                   bare + "CREATE POLICY p ON doc USING (tenant_id = current_setting('app.tenant'))",
	"setting-unsigned":                 bare + "CREATE POLICY p ON doc USING (tenant_id = nullif(current_setting('app.tenant', true), ''))",
	"policy-reads-open-table":          "ALTER TABLE member DISABLE ROW LEVEL SECURITY; CREATE POLICY p ON doc FOR SELECT USING (tenant_id IN (SELECT m.tenant_id FROM member m WHERE m.login = current_setting('app.user', true)))",
	"pattern-match":                    bare + "CREATE POLICY p ON doc USING (tenant_id LIKE current_setting('app.tenant', true))",
	"pattern-match: regular":           bare + "CREATE POLICY p ON doc USING (tenant_id ~ current_setting('app.tenant', true))",
	"nullable-tenant":                  "ALTER TABLE doc DROP CONSTRAINT doc_pkey; ALTER TABLE doc ALTER tenant_id DROP NOT NULL",
	"user-writable-claim":              bare + "CREATE POLICY p ON doc USING (tenant_id = (SELECT reeve.tenant()) OR current_setting('app.claims', true)::jsonb -> 'user_metadata' ->> 'role' = 'admin')",
	"email-as-key":                     bare + "CREATE POLICY p ON doc USING (mail = current_setting('app.mail', true))",
	"unique-across-tenants":            "ALTER TABLE doc ADD UNIQUE (body)",
	"unique-across-tenants: primary":   "ALTER TABLE member DROP CONSTRAINT member_pkey; ALTER TABLE member ADD PRIMARY KEY (login); CREATE TABLE shift (tenant_id text NOT NULL DEFAULT reeve.tenant(), login text REFERENCES member, PRIMARY KEY (tenant_id, login))",
	"unique-across-tenants: index":     "CREATE UNIQUE INDEX ON doc (lower(body)) WHERE published",
	"foreign-key-across-tenants":       "ALTER TABLE member ADD UNIQUE (login); CREATE TABLE shift (tenant_id text NOT NULL DEFAULT reeve.tenant(), login text REFERENCES member (login) ON DELETE SET NULL, PRIMARY KEY (tenant_id))",
	"exists-without-caller":            bare + "CREATE POLICY p ON doc USING (tenant_id = (SELECT reeve.tenant()) OR EXISTS (SELECT FROM member m WHERE m.admin))",
	"unqualified-in-subquery":          bare + "CREATE POLICY p ON doc USING (EXISTS (SELECT FROM member m WHERE m.login = current_setting('app.user', true) AND m.tenant_id = tenant_id))",
	"partition-direct":                 "CREATE TABLE log (tenant_id text NOT NULL DEFAULT reeve.tenant(), id int NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id); CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100); GRANT SELECT ON log_1 TO {app}",
	"truncate":                         "GRANT TRUNCATE ON doc TO {app}",
	"truncate: references":             "GRANT REFERENCES ON doc TO {app}",
	"truncate: trigger":                "GRANT TRIGGER ON doc TO {app}",
	"self-recursion":                   "CREATE POLICY p ON member USING (login IN (SELECT x.login FROM member x WHERE x.admin))",
	"open-policy":                      "ALTER TABLE doc ADD COLUMN org text; DROP POLICY reeve_tenant ON doc; CREATE POLICY reeve_tenant ON doc AS RESTRICTIVE USING (org = (SELECT reeve.tenant())); ALTER TABLE doc DROP COLUMN org CASCADE",
	"open-write":                       bare + "CREATE POLICY r ON doc FOR SELECT USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY w ON doc FOR UPDATE USING (true)",
	"call-per-row":                     "CREATE FUNCTION whose() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''x'''; CREATE POLICY p ON doc FOR SELECT USING (body = whose())",
	"volatile-per-row":                 "CREATE FUNCTION whose() RETURNS text LANGUAGE sql AS 'SELECT ''x'''; CREATE POLICY p ON doc FOR SELECT USING (body = whose())",
	"array-function-per-row":           "CREATE FUNCTION mine() RETURNS text[] LANGUAGE sql STABLE AS 'SELECT ''{x}''::text[]'; CREATE POLICY p ON doc FOR SELECT USING (body = ANY (mine()))",
	"inner-table-policies":             "CREATE FUNCTION whose() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''x'''; CREATE POLICY m ON member FOR SELECT USING (login = whose()); CREATE POLICY p ON doc FOR SELECT USING (body IN (SELECT m.login FROM member m))",
	"row-argument":                     "CREATE FUNCTION may(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'; CREATE POLICY p ON doc FOR SELECT USING ((SELECT may(tenant_id)))",
	"join-from-the-row":                "CREATE POLICY p ON doc FOR SELECT USING (current_setting('app.user', true) IN (SELECT m.login FROM member m WHERE m.tenant_id = doc.tenant_id))",
	"no-index":                         "ALTER TABLE doc DROP CONSTRAINT doc_pkey",
	"index-second-column":              "ALTER TABLE doc DROP CONSTRAINT doc_pkey; CREATE INDEX ON doc (id, tenant_id)",
	"column-in-function":               bare + "CREATE POLICY p ON doc USING (lower(tenant_id) = (SELECT reeve.tenant()))",
	"unique-across-tenants: include":   "CREATE UNIQUE INDEX ON doc (body) INCLUDE (tenant_id)",
	"foreign-table":                    "\\super CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE old (tenant_id text NOT NULL, body text) SERVER files OPTIONS (filename '/dev/null'); GRANT SELECT ON old TO {app}",
	"public-grant":                     "GRANT SELECT ON doc TO PUBLIC",
	"tenant-type":                      "DROP POLICY reeve_tenant ON doc; ALTER TABLE doc ALTER tenant_id TYPE char(20)",
	"tenant-collation":                 "DROP POLICY reeve_tenant ON doc; CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); ALTER TABLE doc ALTER tenant_id TYPE text COLLATE ci",
	"no-default":                       "ALTER TABLE doc ALTER tenant_id DROP DEFAULT",
	"table-without-tenant":             "GRANT UPDATE ON country TO {app}",
	"key-readable":                     "GRANT SELECT ON reeve.context_key TO {app}",
	"context-function":                 "CREATE OR REPLACE FUNCTION reeve.tenant() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting(''reeve.tenant'', true)'",
	"context-function: open":           "GRANT EXECUTE ON FUNCTION reeve.tenant() TO PUBLIC",
	"context-function: invoker":        "ALTER FUNCTION reeve.tenant() SECURITY INVOKER",
	"context-function: the app's own":  "\\super ALTER FUNCTION reeve.tenant() OWNER TO {app}",
	"column-type":                      "",
	"column-type: a list of varchar":   "ALTER TABLE doc ADD tags varchar[]", // which no operator compares with text[]
	"column-missing":                   "ALTER TABLE doc DROP COLUMN rank",
	"column-nullable":                  "",
	"column-collation":                 "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); ALTER TABLE doc ALTER body TYPE text COLLATE ci",
}

// attributesOf are the columns that a fault needs declared.
var attributesOf = map[string][]rls.Column{
	"column-type":                    {{Table: "doc", Name: "rank", Kind: rls.KindFloat}, {Table: "doc", Name: "id", Kind: rls.KindInt, Required: true}},
	"column-type: a list of varchar": {{Table: "doc", Name: "tags", Kind: rls.KindStrings}},
	"column-missing":                 {{Table: "public.doc", Name: "rank", Kind: rls.KindFloat}},
	"column-nullable":                {{Table: "doc", Name: "body", Kind: rls.KindString, Required: true}},
	"column-collation":               {{Table: "doc", Name: "body", Kind: rls.KindString}},
}

// unmended are the rules whose SQL only the author can write.
var unmended = []string{"row-argument", "join-from-the-row", "column-missing"}

func newCleanFixture(t *testing.T) *rlsFixture {
	t.Helper()
	w := newRLSDatabase(t, "")
	setup, err := rls.SetupSQL(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.asOwner(setup + cleanTables + "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;")
	return w
}

func ruleNames(fs rls.Findings) []string {
	var names []string
	for _, f := range fs {
		names = append(names, f.Rule)
	}
	return names
}

func TestEachFaultIsFoundAndMended(t *testing.T) {
	w := newCleanFixture(t)
	if found := w.audit(); len(found) > 0 {
		t.Fatalf("the clean database has %v", found)
	}
	trial := newRLSTrial(w)
	for name, statements := range rlsFaults {
		t.Run(name, func(t *testing.T) {
			trial.begin(t)
			cfg := w.cfg
			cfg.Columns = attributesOf[name]
			if super, is := strings.CutPrefix(statements, "\\super "); is {
				trial.as("postgres", super)
			} else {
				trial.as(w.OwnerRole, statements)
			}
			rule, _, _ := strings.Cut(name, ":")
			found := trial.audit(cfg)
			i := slices.IndexFunc(found, func(f rls.Finding) bool { return f.Rule == rule })
			if i < 0 {
				t.Fatalf("it is not found, but %v", found)
			}
			f := found[i]
			if f.Object == "" || f.Gain == "" || f.Severity == 0 || (f.Mend == "") != slices.Contains(unmended, rule) {
				t.Errorf("the finding is not whole: %+v", f)
			}
			script := found.SQL()
			trial.as("postgres", "SET LOCAL search_path = '';\n"+script+"SET LOCAL search_path TO DEFAULT")
			for _, left := range trial.audit(cfg) {
				if !slices.Contains(unmended, left.Rule) {
					t.Errorf("after\n%s it still has %v", script, left)
				}
			}
		})
	}
}

// In another encoding texts are in another order than conditions compare them in.
func TestADatabaseOfAnotherEncodingIsFound(t *testing.T) {
	w := newRLSDatabase(t, "")
	w.asSuper("CREATE DATABASE {database}_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
	t.Cleanup(func() { _, _ = w.TryExec(w.Super(), "DROP DATABASE "+w.Name+"_latin WITH (FORCE)") })
	latin := openSQL(t, strings.Replace(w.App(), "/"+w.Name+"?", "/"+w.Name+"_latin?", 1))
	columns := []rls.Column{{Table: "doc", Name: "title", Kind: rls.KindString}}
	for _, row := range []struct {
		db      *sql.DB
		columns []rls.Column
		want    bool
	}{{latin, columns, true}, {latin, nil, false}, {w.app, columns, false}} {
		cfg := w.cfg
		cfg.Columns = row.columns
		found, err := rls.Audit(t.Context(), row.db, cfg)
		if err != nil || slices.Contains(ruleNames(found), "encoding") != row.want {
			t.Errorf("%v, %v; want %t", found, err, row.want)
		}
	}
}

func TestCleanDatabasesAreLeftAlone(t *testing.T) {
	w := newCleanFixture(t)
	trial := newRLSTrial(w)
	for name, statements := range map[string]string{
		"as generated":               "",
		"an invoker view":            "CREATE VIEW docs WITH (security_invoker, security_barrier) AS SELECT id, body FROM doc WHERE published; GRANT SELECT ON docs TO {app}",
		"a view of shared":           "CREATE VIEW countries AS SELECT * FROM country; GRANT SELECT ON countries TO {app}",
		"a view for the owner alone": "CREATE VIEW docs AS SELECT * FROM doc; CREATE MATERIALIZED VIEW countries AS SELECT * FROM country; GRANT SELECT ON countries TO {app}",
		"a definer that is needed":   "CREATE FUNCTION mine() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT m.login FROM public.member m'; REVOKE ALL ON FUNCTION mine() FROM PUBLIC; GRANT EXECUTE ON FUNCTION mine() TO {app}",
		"a policy within the tenant": "DROP POLICY reeve_base ON doc; CREATE POLICY published ON doc USING (published OR mail = current_setting('app.mail', true)) WITH CHECK (true)",
		"a second floor":             "CREATE POLICY more ON doc AS RESTRICTIVE FOR DELETE USING (NOT published)",
		"a reference to shared":      "CREATE TABLE place (tenant_id text NOT NULL DEFAULT reeve.tenant() PRIMARY KEY, code text REFERENCES country); ALTER TABLE place ENABLE ROW LEVEL SECURITY; ALTER TABLE place FORCE ROW LEVEL SECURITY; CREATE POLICY f ON place AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant()))",
		"partitions without a grant": "CREATE TABLE log (tenant_id text NOT NULL DEFAULT reeve.tenant(), id int NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id); CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100); ALTER TABLE log ENABLE ROW LEVEL SECURITY; ALTER TABLE log FORCE ROW LEVEL SECURITY; CREATE POLICY f ON log AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY b ON log USING (true); GRANT SELECT ON log TO {app}",
		"a varchar tenant":           "CREATE TABLE place (tenant_id varchar(63) NOT NULL DEFAULT reeve.tenant() PRIMARY KEY); ALTER TABLE place ENABLE ROW LEVEL SECURITY; ALTER TABLE place FORCE ROW LEVEL SECURITY; CREATE POLICY f ON place AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant()))",
	} {
		t.Run(name, func(t *testing.T) {
			trial.begin(t)
			trial.as(w.OwnerRole, statements)
			cfg := w.cfg
			cfg.Columns = []rls.Column{{Table: "doc", Name: "id", Kind: rls.KindInt, Required: true}, {Table: "doc", Name: "body", Kind: rls.KindString}, {Table: "doc", Name: "published", Kind: rls.KindBool}}
			if found := trial.audit(cfg); len(found) > 0 {
				t.Errorf("it has %v", found)
			}
		})
	}
}

// The collection of faults that is kept beside the repository, each on its own schema, with
// policies that know nothing of reeve.tenant().
func TestTheCollectedFaultsOfRowLevelSecurityAreFound(t *testing.T) {
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	text, err := os.ReadFile(filepath.Join(dir, "rls-rules", "rules.json"))
	if err != nil {
		t.Skip("the collection is not here: ", err)
	}
	if testing.Short() || testneed.Race {
		t.Skip("TestEachFaultIsFoundAndMended has the same faults")
	}
	type schema struct {
		ID, Setup string
		Roles     []struct{ Name, Options string }
	}
	var all struct{ Rules, Controls []schema }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Rules) < 46 || len(all.Controls) < 4 {
		t.Fatalf("%d rules, %d controls", len(all.Rules), len(all.Controls))
	}
	w := newRLSDatabase(t, "")
	trial := newRLSTrial(w)
	audit := func(t *testing.T, s schema) rls.Findings {
		trial.begin(t)
		cfg := w.cfg
		cfg.Column, cfg.HandWritten = "tenant", true
		worker := "worker_" + w.Name
		for _, r := range s.Roles {
			trial.as("postgres", "CREATE ROLE "+worker+" "+r.Options)
		}
		trial.as("postgres", strings.NewReplacer("AUTHORIZATION own", "AUTHORIZATION {owner}", "ROLE own", "ROLE {owner}", "TO app", "TO {app}", "FROM app", "FROM {app}",
			"AUTHORIZATION app", "AUTHORIZATION {app}", "ROLE app", "ROLE {app}", "worker", worker).Replace(s.Setup))
		return trial.audit(cfg)
	}
	// Faults that have another name here: what is left in the catalog.
	names := map[string]string{"cascade-drops-policy": "open-policy", "column-of-other-tenant-by-update-returning": "open-write"}
	for _, s := range all.Rules {
		t.Run(s.ID, func(t *testing.T) {
			rule := s.ID
			if names[rule] != "" {
				rule = names[rule]
			}
			if found := audit(t, s); !slices.Contains(ruleNames(found), rule) {
				t.Errorf("not found, but %v", found)
			}
		})
	}
	for _, s := range all.Controls {
		t.Run(s.ID, func(t *testing.T) {
			if err := audit(t, s).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
