//go:build unix

package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// A chain, a cycle of two, one that refers to itself, and a table in between with RESTRICT.
const erasedTables = `
CREATE TABLE a_comment (tenant_id text NOT NULL, id int, page int, PRIMARY KEY (tenant_id, id));
CREATE TABLE b_page (tenant_id text NOT NULL, id int, parent int, author int, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, parent) REFERENCES b_page);
CREATE TABLE c_person (tenant_id text NOT NULL, id int, home int, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, home) REFERENCES b_page ON DELETE RESTRICT);
CREATE TABLE country (code text PRIMARY KEY);
ALTER TABLE a_comment ADD FOREIGN KEY (tenant_id, page) REFERENCES b_page ON DELETE RESTRICT;
ALTER TABLE b_page ADD FOREIGN KEY (tenant_id, author) REFERENCES c_person;
`

const erasedRows = `INSERT INTO b_page SELECT t, i, nullif(i - 1, 0), NULL FROM unnest(ARRAY['a', 'b']) t, generate_series(1, 3) i;
INSERT INTO c_person SELECT tenant_id, id, id FROM b_page;
UPDATE b_page SET author = id;
INSERT INTO a_comment SELECT tenant_id, id, id FROM b_page`

const erasedCount = `SELECT string_agg(DISTINCT tenant_id, ','), count(*) FROM (SELECT tenant_id FROM a_comment UNION ALL SELECT tenant_id FROM b_page UNION ALL SELECT tenant_id FROM c_person) x`

func TestErasingATenantFollowsItsReferences(t *testing.T) {
	ctx := context.Background()
	w := newRLSDatabase(t, erasedTables)
	w.generate()
	w.signer = w.newSigner(rls.SignerConfig{})
	if err := w.signer.InstallKey(ctx, w.owner); err != nil {
		t.Fatal(err)
	}
	w.asSuper(erasedRows)
	statements, err := rls.EraseSQL(ctx, w.owner, w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`DELETE FROM "public"."a_comment" WHERE "tenant_id" = $1`,
		`WITH d0 AS (DELETE FROM "public"."c_person" WHERE "tenant_id" = $1) DELETE FROM "public"."b_page" WHERE "tenant_id" = $1`}
	if !slices.Equal(statements, want) {
		t.Errorf("the statements are %q", statements)
	}
	a := tenant.MustParse("a")
	// A policy that hides rows from DELETE alone must not make a half erasure look whole.
	w.asOwner("CREATE POLICY keep ON c_person AS RESTRICTIVE FOR DELETE USING (id <> 2)")
	if err := rls.Erase(ctx, w.app, w.cfg, w.signer, a); err == nil {
		t.Error("rows that a policy keeps are called erased")
	}
	if got := w.asSuper(erasedCount); got != "a,b|18" {
		t.Errorf("after an erasure that failed: %q", got)
	}
	w.asOwner("DROP POLICY keep ON c_person; CREATE POLICY keep ON a_comment AS RESTRICTIVE FOR DELETE USING (false); ALTER TABLE a_comment DROP CONSTRAINT a_comment_tenant_id_page_fkey")
	if err := rls.Erase(ctx, w.app, w.cfg, w.signer, a); err == nil || !strings.Contains(err.Error(), `rows are left, nothing was erased: "public"."a_comment"`) {
		t.Errorf("rows that a policy keeps and nothing refers to: %v", err)
	}
	w.asOwner("DROP POLICY keep ON a_comment")
	for _, db := range []*sql.DB{w.app, w.owner} { // the second time there is nothing
		if err := rls.Erase(ctx, db, w.cfg, w.signer, a); err != nil {
			t.Error(err)
		}
	}
	if got := w.asSuper(erasedCount); got != "b|9" {
		t.Errorf("after the erasure: %q", got)
	}
	if err := rls.Erase(ctx, w.app, w.cfg, w.signer, tenant.ID{}); !errors.Is(err, tenant.ErrNoScope) {
		t.Errorf("no tenant: %v", err)
	}
	if err := rls.Erase(ctx, w.app, w.cfg, nil, a); err == nil {
		t.Error("without a context it erases")
	}
	w.asOwner("ALTER TABLE c_person ADD UNIQUE (id); CREATE TABLE badge (id int REFERENCES c_person (id))")
	if _, err := rls.EraseSQL(ctx, w.owner, w.cfg); err == nil || !strings.Contains(err.Error(), "public.badge has no tenant and refers to public.c_person") {
		t.Errorf("a table of nobody that refers: %v", err)
	}
}
