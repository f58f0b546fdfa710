//go:build unix

package integration_test

import (
	"context"
	"testing"

	"github.com/reevehq/reeve/tenant/rls"
)

// leakyPolicies read as if they compared the tenant, and show the rows of every tenant to tenant a. A setting
// that is not there is app.nobody.
var leakyPolicies = map[string]string{
	"what is not false may be unknown":        "(tenant_id = current_setting('app.nobody', true)) IS NOT FALSE",
	"what differs from false may be unknown":  "(tenant_id = current_setting('app.nobody', true)) IS DISTINCT FROM false",
	"unknown":                                 "(tenant_id = current_setting('app.nobody', true)) IS NULL",
	"the others":                              "(tenant_id = current_setting('app.tenant', true)) = false",
	"not true":                                "(tenant_id = current_setting('app.tenant', true)) IS NOT TRUE",
	"a list that names no caller":             "tenant_id IN (SELECT m.tenant_id FROM member m)",
	"an array that names no caller":           "tenant_id = ANY (ARRAY(SELECT m.tenant_id FROM member m))",
	"a row that is found by the row":          "tenant_id = (SELECT m.tenant_id FROM member m WHERE m.login = doc.owner)",
	"itself, in a sub-select":                 "tenant_id = (SELECT doc.tenant_id)",
	"itself, in a sub-select with a setting":  "tenant_id = (SELECT CASE WHEN current_setting('app.tenant', true) <> 'b' THEN doc.tenant_id END)",
	"another column":                          "tenant_id = origin",
	"a function of the row":                   "tenant_id = whose(doc)",
	"a function of the row, in a sub-select":  "tenant_id = (SELECT whose(doc))",
	"a function of the column in a subselect": "tenant_id = (SELECT same(doc.tenant_id))",
}

func TestAPolicyThatOnlyLooksAsIfItComparedTheTenantIsFound(t *testing.T) {
	w := newRLSDatabase(t, `CREATE TABLE doc (tenant_id text NOT NULL, id int, owner text, origin text, PRIMARY KEY (tenant_id, id));
		CREATE TABLE member (tenant_id text NOT NULL, login text, PRIMARY KEY (tenant_id, login));
		ALTER TABLE doc ENABLE ROW LEVEL SECURITY; GRANT SELECT ON doc, member TO {app};
		CREATE FUNCTION whose(doc) RETURNS text LANGUAGE sql STABLE AS 'SELECT ($1).tenant_id'; CREATE FUNCTION same(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1';
		INSERT INTO member VALUES ('a', 'alice'), ('b', 'bob'); INSERT INTO doc VALUES ('a', 1, 'alice', 'a'), ('b', 2, 'bob', 'b')`)
	cfg := w.cfg
	cfg.HandWritten, cfg.Shared = true, []string{"member"}
	trial := newRLSTrial(w)
	for name, using := range leakyPolicies {
		t.Run(name, func(t *testing.T) {
			trial.begin(t)
			trial.as(w.OwnerRole, "CREATE POLICY p ON doc FOR SELECT USING ("+using+")")
			trial.run("SET LOCAL ROLE {app}; SET LOCAL app.tenant = 'a'")
			got, err := rowsOf(context.Background(), trial.db, "SELECT id FROM doc WHERE tenant_id = 'b'")
			trial.run("RESET ROLE")
			if err != nil || got != "2" {
				t.Fatalf("it shows %q of b, %v", got, err)
			}
			for _, f := range trial.audit(cfg) {
				if f.Severity == rls.Error && f.Object == "public.doc policy p" {
					return
				}
			}
			t.Errorf("it is not found, but %v", trial.audit(cfg))
		})
	}
	for name, using := range map[string]string{
		"a list of the caller's":             "tenant_id IN (SELECT m.tenant_id FROM member m WHERE m.login = current_setting('app.user', true))",
		"a list that is the caller's for it": "tenant_id IN (SELECT m.tenant_id FROM member m)",
		"a function of the service":          "tenant_id = (SELECT same('a'))",
		"a list with the tenant":             "tenant_id = current_setting('app.tenant', true) AND owner IN (SELECT m.login FROM member m)",
		"one of the row's":                   "tenant_id IN (SELECT m.tenant_id FROM member m WHERE m.tenant_id = doc.tenant_id AND m.login = current_setting('app.user', true))",
	} {
		t.Run(name, func(t *testing.T) {
			trial.begin(t)
			if name == "a list that is the caller's for it" {
				trial.as(w.OwnerRole, "ALTER TABLE member ENABLE ROW LEVEL SECURITY; CREATE POLICY m ON member FOR SELECT USING (login = current_setting('app.user', true))")
			}
			trial.as(w.OwnerRole, "CREATE POLICY p ON doc FOR SELECT USING ("+using+")")
			for _, f := range trial.audit(cfg) {
				if f.Severity == rls.Error {
					t.Error(f)
				}
			}
		})
	}
}
