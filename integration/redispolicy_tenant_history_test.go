//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A tenant's last versions are kept under its own key of Redis, by a user who may write nothing else.
// Going back is publishing one of them, and nothing is believed that the tenant's key did not sign.
func TestATenantGoesBackToOlderRows(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, redispolicy.FollowerConfig{Pause: 10 * time.Millisecond})
	acme := tenant.MustParse("acme")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	files := policyFiles("p, role:admin, *, doc, write, true, allow\n")
	files[policy.CeilingFile] = &fstest.MapFile{Data: []byte("p, role:authenticated, *, doc, *\nkey, acme, " + base64.StdEncoding.EncodeToString(public) + "\n")}
	if _, err := f.publisher.Publish(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	common, err := policy.ReadBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	cfg := redispolicy.TenantPublisherConfig{Client: f.client, Name: "shop", Tenant: acme, Key: session.NewPrivateKey(private)}
	own, err := redispolicy.NewTenantPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"ACL SETUSER acme on >secret", own.AccessList("acme")} {
		if err := f.client.Do(t.Context(), aclWords(line)...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	limited := redis.NewClient(&redis.Options{Addr: f.server.Addr(), Username: "acme", Password: "secret", ContextTimeoutEnabled: true, MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { limited.Close() })
	cfg.Client = limited
	if own, err = redispolicy.NewTenantPublisher(cfg); err != nil {
		t.Fatal(err)
	}
	reader, err := redispolicy.NewReader(redispolicy.ReaderConfig{Client: f.client, Name: "shop", Keys: []ed25519.PublicKey{public}})
	if err != nil {
		t.Fatal(err)
	}
	rows := func(n int) string { return fmt.Sprintf("p, user:alice, acme, doc, read%d, true, allow\n", n) }
	// history is the versions by their numbers, with - for one whose rows are lost.
	history := func(want string, wantErr error) {
		t.Helper()
		for name, read := range map[string]func() ([]redispolicy.TenantFile, error){
			"publisher": func() ([]redispolicy.TenantFile, error) { return own.History(t.Context()) },
			"reader":    func() ([]redispolicy.TenantFile, error) { return reader.TenantHistory(t.Context(), common, acme) },
		} {
			list, err := read()
			got, last := "", uint64(1<<63)
			for _, v := range list {
				mark := "?"
				for n := range 12 {
					if v.Rows == rows(n) {
						mark = fmt.Sprint(n)
					}
				}
				if v.Err != nil && v.Rows == "" && errors.Is(v.Err, redispolicy.ErrCorrupt) {
					mark = "-"
				}
				if got += mark + " "; v.Sequence >= last || v.Tenant != acme || v.PublishedAt.IsZero() {
					t.Errorf("%s: %+v behind %d", name, v, last)
				}
				last = v.Sequence
			}
			if got != want || !errors.Is(err, wantErr) || wantErr == nil && err != nil {
				t.Errorf("the %s says %q, %v; want %q, %v", name, got, err, want, wantErr)
			}
		}
	}
	history("", nil)
	for n := range 9 {
		if _, err := own.PublishTenant(t.Context(), rows(n)); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			history("1 0 ", nil)
		}
	}
	history("8 7 6 5 4 3 ", nil)

	list, err := own.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back, err := own.PublishTenant(t.Context(), list[3].Rows)
	if err != nil || back.Hash != list[3].Hash || back.Sequence <= list[0].Sequence {
		t.Fatalf("%+v, %v", back, err)
	}
	history("5 8 7 6 5 4 ", nil)
	for action, want := range map[policy.Action]policy.Effect{"read5": policy.Allow, "read8": policy.Deny} {
		testwait.Until(t, "the older rows decide", func() bool {
			d, err := f.instances[0].engine.Decide(context.Background(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: action, Object: policy.Object{Type: "doc"}})
			return err == nil && d.Effect == want
		})
	}

	// A writer to Redis can lose a version and can forge none.
	key := "reeve:policy:{shop}:tenant:acme"
	before, err := f.client.HGetAll(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client, cfg.Key, cfg.Name = f.client, session.NewPrivateKey(foreign), "shop"
	stranger, err := redispolicy.NewTenantPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.PublishTenant(t.Context(), rows(0)); err != nil {
		t.Fatal(err)
	}
	forged, err := f.client.HGet(t.Context(), key, "record").Result()
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		set  []any
		want string
		err  error
	}{
		"a record of another key":     {[]any{"record.0", forged, "rows.0", rows(0)}, "5 8 7 6 5 ", redispolicy.ErrUntrusted},
		"a record that is none":       {[]any{"record.0", "x"}, "5 8 7 6 5 ", redispolicy.ErrUntrusted},
		"rows of another version":     {[]any{"rows.0", rows(0)}, "5 8 7 6 5 - ", nil},
		"rows that are gone":          {[]any{"rows.0", ""}, "5 8 7 6 5 - ", nil},
		"the published version again": {[]any{"record.0", before["record"], "rows.0", before["rows"]}, "5 8 7 6 5 ", nil},
		"the published one, damaged":  {[]any{"record.0", before["record"], "rows.0", "x"}, "5 8 7 6 5 ", nil},
	} {
		f.client.Del(t.Context(), key)
		f.client.HSet(t.Context(), key, before)
		slot := ""
		for _, s := range []string{"0", "1", "2", "3", "4"} { // that of version 4
			if before["rows."+s] == rows(4) {
				slot = s
			}
		}
		for i := 0; i < len(row.set); i += 2 {
			field, _ := row.set[i].(string)
			row.set[i] = field[:len(field)-1] + slot
		}
		if err := f.client.HSet(t.Context(), key, row.set...).Err(); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		history(row.want, row.err)
	}

	// A place that is none does not keep anybody from publishing.
	for _, slot := range []string{"x", "-1", "1.5", "inf", "nan", "99999999999999999999", ""} {
		if err := f.client.HSet(t.Context(), key, "slot", slot).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := own.PublishTenant(t.Context(), rows(9)); err != nil {
			t.Errorf("slot %q: %v", slot, err)
		}
		if n, err := f.client.HLen(t.Context(), key).Result(); err != nil || n != 2+2*redispolicy.TenantHistoryLength+1 {
			t.Errorf("slot %q: %d fields, %v", slot, n, err)
		}
	}
}
