//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
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

// A tenant's user of Redis and its key are enough to publish its own rows to a running fleet, and
// for nothing else: each server call beyond is denied, and what is written in its own place by
// another key is refused.
func TestATenantPublishesItsOwnRowsToAFleet(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, redispolicy.FollowerConfig{Pause: 10 * time.Millisecond})
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	files := policyFiles("p, role:admin, *, doc, write, true, allow\n")
	files[policy.CeilingFile] = &fstest.MapFile{Data: []byte("p, role:authenticated, *, doc, read\nkey, acme, " + base64.StdEncoding.EncodeToString(public) + "\n")}
	if _, err := f.publisher.Publish(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	says := func(id tenant.ID, want string) {
		t.Helper()
		for _, i := range f.instances {
			testwait.Until(t, fmt.Sprintf("%s is %s", id, want), func() bool {
				d, err := i.engine.Decide(context.Background(), policy.Request{Tenant: id, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
				got := d.Effect.String()
				if errors.Is(err, policy.ErrTenantClosed) {
					got = "closed"
				}
				return got == want
			})
		}
	}
	says(acme, "closed")
	says(globex, "deny")

	own, err := redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: f.client, Name: "shop", Tenant: acme, Key: session.NewPrivateKey(private)})
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
	cfg := redispolicy.TenantPublisherConfig{Client: limited, Name: "shop", Tenant: acme, Key: session.NewPrivateKey(private)}
	if own, err = redispolicy.NewTenantPublisher(cfg); err != nil {
		t.Fatal(err)
	}
	first, err := own.PublishTenant(t.Context(), "p, user:alice, acme, doc, read, true, allow\n")
	if err != nil {
		t.Fatal(err)
	}
	says(acme, "allow")
	replayed, err := f.client.HGetAll(t.Context(), "reeve:policy:{shop}:tenant:acme").Result()
	if err != nil {
		t.Fatal(err)
	}
	second, err := own.PublishTenant(t.Context(), "p, user:alice, acme, doc, read, true, deny\n")
	if err != nil || second.Sequence <= first.Sequence {
		t.Fatal(second, err)
	}
	says(acme, "deny")

	// Its user of Redis may touch nothing else.
	for _, command := range []string{
		"SET " + policyHead + " x", "HSET " + policyBundles + " x x", "HSET reeve:policy:{shop}:tenant:globex record x", "DEL reeve:policy:{shop}:tenant:acme",
		"GET " + policyHead, "HGET reeve:policy:{shop}:tenant:globex record", "PUBLISH other x", "FLUSHALL", "CONFIG GET *",
	} {
		if err := limited.Do(t.Context(), aclWords(command)...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%s: %v", command, err)
		}
	}
	cfg.Tenant = globex
	if other, err := redispolicy.NewTenantPublisher(cfg); err != nil {
		t.Fatal(err)
	} else if _, err := other.PublishTenant(t.Context(), "p, user:alice, globex, doc, read, true, allow\n"); !errors.Is(err, redispolicy.ErrMisconfigured) {
		t.Error(err)
	}

	// An attacker who may write everything brings back an older record, or one of another key.
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want error) {
		t.Helper()
		for _, i := range f.instances {
			testwait.Until(t, "it is refused", func() bool {
				s := i.follower.Stats()
				return errors.Is(s.Err, want) && errors.Is(s.Err, policy.ErrTenantHeld) && len(s.Tenants) == 1 && s.Tenants[0].Sequence == second.Sequence
			})
		}
		says(acme, "deny")
	}
	if err := f.client.HSet(t.Context(), "reeve:policy:{shop}:tenant:acme", replayed).Err(); err != nil {
		t.Fatal(err)
	}
	f.client.Publish(t.Context(), "reeve:policy:{shop}:announce", "x")
	refused(redispolicy.ErrReplayed)
	cfg = redispolicy.TenantPublisherConfig{Client: f.client, Name: "shop", Tenant: acme, Key: session.NewPrivateKey(foreign)}
	if own, err = redispolicy.NewTenantPublisher(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := own.PublishTenant(t.Context(), "p, user:alice, acme, doc, read, true, allow\n"); err != nil {
		t.Fatal(err)
	}
	refused(redispolicy.ErrUntrusted)

	// With the common policy at hand, a mistake is found before it is published.
	if cfg.Common, err = policy.ReadBundle(files); err != nil {
		t.Fatal(err)
	}
	cfg.Key = session.NewPrivateKey(private)
	if own, err = redispolicy.NewTenantPublisher(cfg); err != nil {
		t.Fatal(err)
	}
	for _, rows := range []string{"p, role:anyone, acme, doc, read, true, allow\n", "p, user:alice, globex, doc, read, true, allow\n", "", "p, x"} {
		if _, err := own.PublishTenant(t.Context(), rows); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%q is published: %v", rows, err)
		}
	}
	if _, err := own.PublishTenant(t.Context(), strings.Repeat("#\n", 1<<18)); !errors.Is(err, redispolicy.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := own.PublishTenant(t.Context(), "p, user:alice, acme, doc, read, true, allow\n"); err != nil {
		t.Fatal(err)
	}
	says(acme, "allow")
	says(globex, "deny")

	// A place of one tenant that holds anything else stops no publication.
	if err := f.client.Set(t.Context(), "reeve:policy:{shop}:tenant:acme", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	files["policy.csv"].Data = []byte("p, user:alice, globex, doc, read, true, allow\n")
	if _, err := f.publisher.Publish(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	says(globex, "allow")
	says(acme, "allow")
}

// The user of a reader may read what tenants have published, and changes nothing; without any one
// permission that this needs the error names it. The user of a tenant reads its own rows alone.
func TestWhatTenantsHavePublishedIsReadByAUserWhoMayOnlyRead(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, redispolicy.FollowerConfig{})
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	ceiling, own := "p, role:authenticated, *, doc, read\n", map[tenant.ID]*redispolicy.TenantPublisher{}
	for _, id := range []tenant.ID{acme, globex} {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ceiling += "key, " + id.String() + ", " + base64.StdEncoding.EncodeToString(public) + "\n"
		if own[id], err = redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: f.client, Name: "shop", Tenant: id, Key: session.NewPrivateKey(private)}); err != nil {
			t.Fatal(err)
		}
	}
	files := policyFiles("p, role:admin, *, doc, write, true, allow\n")
	files[policy.CeilingFile] = &fstest.MapFile{Data: []byte(ceiling)}
	common, err := policy.ReadBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	const rows = "p, user:alice, acme, doc, read, true, allow\n"
	if _, err := own[acme].Published(t.Context()); !errors.Is(err, redispolicy.ErrUnknown) {
		t.Errorf("before the first publication: %v", err)
	}
	first, err := own[acme].PublishTenant(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	as := func(list string) *redis.Client {
		t.Helper()
		name := strings.Fields(list)[2]
		for _, line := range []string{"ACL SETUSER " + name + " reset on >secret", list} {
			if err := f.client.Do(t.Context(), aclWords(line)...).Err(); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		client := redis.NewClient(&redis.Options{Addr: f.server.Addr(), Username: name, Password: "secret", ContextTimeoutEnabled: true, MaxRetries: -1, DisableIdentity: true})
		t.Cleanup(func() { client.Close() })
		return client
	}
	reader := func(client *redis.Client) *redispolicy.Reader {
		t.Helper()
		r, err := redispolicy.NewReader(redispolicy.ReaderConfig{Client: client, Name: "shop", Keys: []ed25519.PublicKey{f.public}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	list := reader(f.client).AccessList("reader")
	limited := as(list)
	published, err := reader(limited).TenantFiles(t.Context(), common)
	if err != nil || len(published) != 1 || published[acme].Err != nil || published[acme].Rows != rows || published[acme].Sequence != first.Sequence {
		t.Fatalf("%+v %v", published, err)
	}
	for _, command := range []string{"HSET reeve:policy:{shop}:tenant:acme record x", "DEL reeve:policy:{shop}:tenant:acme", "GET other", "PUBLISH reeve:policy:{shop}:announce x", "EVAL return 0", "FLUSHALL"} {
		if err := limited.Do(t.Context(), aclWords(command)...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%s: %v", command, err)
		}
	}
	lacking := 0
	for _, rule := range strings.Fields(list)[6:] {
		if rule == "+get" || rule == "+lrange" { // the common policy alone is read by these
			continue
		}
		lacking++
		published, err := reader(as(strings.Replace(list+" ", " "+rule+" ", " ", 1))).TenantFiles(t.Context(), common)
		if !errors.Is(err, redispolicy.ErrMisconfigured) || errors.Is(err, redispolicy.ErrUnavailable) || !strings.Contains(err.Error(), reader(f.client).AccessList("<user>")) || published != nil {
			t.Errorf("without %s: %v %v", rule, published, err)
		}
	}
	if lacking < 3 {
		t.Errorf("%d permissions are taken away of %s", lacking, list)
	}

	// A tenant's own user reads what it has published, and not what others have.
	mine := as(own[acme].AccessList("acme"))
	if _, err := reader(mine).TenantFiles(t.Context(), common); !errors.Is(err, redispolicy.ErrMisconfigured) {
		t.Errorf("the user of a tenant reads another's: %v", err)
	}
}
