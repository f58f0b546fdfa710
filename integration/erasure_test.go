//go:build unix && !race

// SQLite in Go takes a minute to compile with the race detector, which finds nothing here.

package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/erasure"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/redisscope"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// A service keeps sessions and a cache in Redis, tables in PostgreSQL, a file of SQLite and a policy
// for each tenant. One call erases a tenant from all of them, one of its users before that, and
// nothing of another tenant.
func TestOneCallErasesATenantFromEverythingThatAServiceKeeps(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := newFixture(t, 5*time.Second)
	manager, err := session.NewManager(f.store, session.Config{Key: secretKey(3)})
	if err != nil {
		t.Fatal(err)
	}
	globex, bob := tenant.MustParse("globex"), session.MustParseUserID("bob")
	if err := manager.SetTenantStatus(ctx, globex, tenant.Active); err != nil {
		t.Fatal(err)
	}

	w := newRLSDatabase(t, `CREATE TABLE member (tenant_id text NOT NULL, id text, PRIMARY KEY (tenant_id, id));
		CREATE TABLE note (tenant_id text NOT NULL, id int, member text, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, member) REFERENCES member)`)
	w.generate()
	w.signer = w.newSigner(rls.SignerConfig{})
	if err := w.signer.InstallKey(ctx, w.owner); err != nil {
		t.Fatal(err)
	}
	w.asSuper(`INSERT INTO member SELECT t, u FROM unnest(ARRAY['acme', 'globex']) t, unnest(ARRAY['alice', 'bob']) u;
		INSERT INTO note SELECT tenant_id, row_number() OVER (), id FROM member`)

	dir := filepath.Join(t.TempDir(), "files")
	files, err := sqlitescope.New(sqlitescope.Config{Dir: dir, Statuses: manager, Migrate: func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS draft (body TEXT NOT NULL) STRICT`)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	cache, err := redisscope.New(redisscope.Config{Client: f.raw, SealKeys: []redisscope.Key{secretKey(4)}, Statuses: manager})
	if err != nil {
		t.Fatal(err)
	}
	policies := t.TempDir()
	policyOf := func(id tenant.ID) string { return filepath.Join(policies, id.FileName()+".csv") }
	sessions := map[tenant.ID]session.Session{}
	for _, id := range []tenant.ID{acme, globex} {
		bound := scopeOf(t, id)
		if _, err := files.DB().ExecContext(bound, `INSERT INTO draft VALUES ('of a member')`); err != nil {
			t.Fatal(err)
		}
		key, err := cache.Key(bound, "basket")
		if err == nil {
			err = cache.Set(bound, key, "of "+id.String(), 0).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(policyOf(id), []byte("p, role:viewer, "+id.String()+", note, read, true, allow\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, u := range []session.UserID{alice, bob} {
			s, _, err := manager.Create(ctx, session.SignIn{Tenant: id, User: u})
			if err != nil {
				t.Fatal(err)
			}
			sessions[id] = s // bob's
		}
	}

	usersOf := func(ctx context.Context, id tenant.ID) iter.Seq2[session.UserID, error] {
		return func(yield func(session.UserID, error) bool) {
			users, err := w.as(w.signer, id.String(), `SELECT coalesce(string_agg(id, ','), '') FROM member`)
			if err != nil {
				yield(session.UserID{}, err)
				return
			}
			for text := range strings.SplitSeq(users, ",") {
				if text == "" {
					continue
				}
				if u, err := session.ParseUserID(text); !yield(u, err) {
					return
				}
			}
		}
	}
	broken := errors.New("the disk is gone")
	eraser, err := erasure.New(erasure.Config{
		Sessions: manager,
		Users:    usersOf,
		UserSteps: []erasure.UserStep{{Name: "tables", Erase: func(_ context.Context, id tenant.ID, u session.UserID) error {
			w.asSuper(`DELETE FROM note WHERE tenant_id = '` + id.String() + `' AND member = '` + u.String() + `';
				DELETE FROM member WHERE tenant_id = '` + id.String() + `' AND id = '` + u.String() + `'`)
			return nil
		}}},
		TenantSteps: []erasure.TenantStep{
			{Name: "policy", Erase: func(_ context.Context, id tenant.ID) error {
				if err := broken; err != nil {
					broken = nil
					return err
				}
				if err := os.Remove(policyOf(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
				return nil
			}},
			{Name: "tables", Erase: func(ctx context.Context, id tenant.ID) error { return rls.Erase(ctx, w.owner, w.cfg, w.signer, id) }},
			{Name: "files", Erase: files.Erase},
			{Name: "cache", Erase: func(ctx context.Context, id tenant.ID) error { _, err := cache.Erase(ctx, id); return err }},
		},
		Settle: -1, // one process
	})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := eraser.User(ctx, acme, alice); err != nil {
		t.Fatal(err)
	}
	if got := w.asSuper(`SELECT string_agg(tenant_id || '/' || member, ' ' ORDER BY tenant_id, member) FROM note`); got != "acme/bob globex/alice globex/bob" {
		t.Errorf("after the erasure of a user: %s", got)
	}
	if _, _, err := manager.Create(ctx, session.SignIn{Tenant: acme, User: alice}); !errors.Is(err, session.ErrBlocked) {
		t.Errorf("the user signs in again: %v", err)
	}

	if report, err := eraser.Tenant(ctx, acme); err == nil || err.Error() != "erasure: tenant: policy: the disk is gone" {
		t.Errorf("%v, %+v", err, report)
	}
	for range 2 { // the second time there is nothing
		if report, err := eraser.Tenant(ctx, acme); err != nil || len(report.Steps) != 6 {
			t.Fatalf("%v, %+v", err, report)
		}
	}
	if got := w.asSuper(`SELECT string_agg(tenant_id || '/' || member, ' ' ORDER BY tenant_id, member) FROM note`); got != "globex/alice globex/bob" {
		t.Errorf("tables: %s", got)
	}
	if _, err := os.Stat(policyOf(acme)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("policy: %v", err)
	}
	for key, value := range everything(t, f.raw) {
		if strings.Contains(key+value, "acme") {
			t.Errorf("cache: %s", key)
		}
	}
	if _, err := manager.Load(ctx, sessions[acme].Ref()); !errors.Is(err, tenant.ErrSuspended) {
		t.Errorf("session: %v", err)
	}
	for id, want := range map[tenant.ID]bool{acme: false, globex: true} {
		found, err := filepath.Glob(filepath.Join(dir, "*"+id.FileName()+"*"))
		if err != nil || (len(found) > 0) != want {
			t.Errorf("files of %s: %q, %v", id, found, err)
		}
	}

	if _, err := manager.Load(ctx, sessions[globex].Ref()); err != nil {
		t.Errorf("session of another tenant: %v", err)
	}
	if got := cache.Get(scopeOf(t, globex), "t:{globex}:basket").Val(); got != "of globex" {
		t.Errorf("cache of another tenant: %q", got)
	}
	var body string
	if err := files.DB().QueryRowContext(scopeOf(t, globex), `SELECT body FROM draft`).Scan(&body); err != nil || body != "of a member" {
		t.Errorf("file of another tenant: %q, %v", body, err)
	}
}
