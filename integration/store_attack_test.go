//go:build unix

package integration_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// record returns the key of the one session record there is.
func (f *fixture) record() string {
	f.Helper()
	keys, err := f.raw.Keys(f.Context(), "*:s:*").Result()
	if err != nil || len(keys) != 1 {
		f.Fatalf("records: %v, %v", keys, err)
	}
	return keys[0]
}

func (f *fixture) do(args ...any) {
	f.Helper()
	if err := f.raw.Do(f.Context(), args...).Err(); err != nil {
		f.Fatalf("%v: %v", args[0], err)
	}
}

// Somebody who can write to Redis must not be able to write a session for themselves.
func TestStoreRefusesARecordThatWasTamperedWith(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	admin := draft()
	admin.Roles = session.MustRoles("admin")
	admin, err := f.store.Create(t.Context(), admin, session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	adminKey := f.record()
	stolen, err := f.raw.HGetAll(t.Context(), adminKey).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Revoke(t.Context(), admin.Ref()); err != nil {
		t.Fatal(err)
	}

	for name, attack := range map[string]func(key string, own map[string]string){
		"the record of another session":             func(key string, _ map[string]string) { f.do("hset", key, "d", stolen["d"]) },
		"the record and version of another session": func(key string, _ map[string]string) { f.do("hset", key, "d", stolen["d"], "v", stolen["v"]) },
		"a version that the record is not of":       func(key string, _ map[string]string) { f.do("hset", key, "v", "2") },
		"a version that is no number":               func(key string, _ map[string]string) { f.do("hset", key, "v", "0x1") },
		"a version with a leading zero":             func(key string, _ map[string]string) { f.do("hset", key, "v", "01") },
		"a record that is cut short":                func(key string, own map[string]string) { f.do("hset", key, "d", own["d"][:len(own["d"])-1]) },
		"a record with a bit turned":                func(key string, own map[string]string) { f.do("hset", key, "d", flip(own["d"], len(own["d"])/2)) },
		"a record with a bit of the header turned":  func(key string, own map[string]string) { f.do("hset", key, "d", flip(own["d"], 2)) },
		"garbage":                         func(key string, _ map[string]string) { f.do("hset", key, "d", strings.Repeat("x", 100)) },
		"an empty record":                 func(key string, _ map[string]string) { f.do("hset", key, "d", "") },
		"a record in clear":               func(key string, _ map[string]string) { f.do("hset", key, "d", `{"roles":["admin"]}`) },
		"no record":                       func(key string, _ map[string]string) { f.do("hdel", key, "d") },
		"no version":                      func(key string, _ map[string]string) { f.do("hdel", key, "v") },
		"a string in place of the hash":   func(key string, own map[string]string) { f.do("set", key, own["d"]) },
		"a list in place of the last use": func(key string, _ map[string]string) { f.replace(key, ":a:", "rpush") },
		"a last use that is no number":    func(key string, _ map[string]string) { f.do("set", strings.Replace(key, ":s:", ":a:", 1), "soon") },
		"a user epoch that is no number":  func(key string, _ map[string]string) { f.do("set", userKey(key, "e"), "1e3") },
		"a hash in place of the user epoch": func(key string, _ map[string]string) {
			f.do("del", userKey(key, "e"))
			f.do("hset", userKey(key, "e"), "a", "b")
		},
		"a record copied over a record of its index": func(key string, _ map[string]string) { f.do("copy", adminCopy(f, adminKey, stolen), key, "replace") },
	} {
		s := f.create()
		key := f.record()
		own, err := f.raw.HGetAll(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		attack(key, own)
		for _, m := range methods(s.Ref()) {
			switch m.name {
			case "Load", "Touch", "Refresh", "Update", "Rotate", "Rotate with a stale version", "List":
				if err := m.do(t.Context(), f.store); !errors.Is(err, session.ErrCorrupt) {
					t.Errorf("%s: %s: got %v, want ErrCorrupt", name, m.name, err)
				}
			}
		}
		f.do("del", key, userKey(key, "e"), userKey(key, "i"), strings.Replace(key, ":s:", ":a:", 1))
	}
}

func userKey(record, name string) string { return record[:strings.Index(record, ":s:")] + ":" + name }

func (f *fixture) replace(key, kind, command string) {
	name := strings.Replace(key, ":s:", kind, 1)
	f.do("del", name)
	f.do(command, name, "x")
}

// adminCopy puts the stolen record into a key of another name and returns the name.
func adminCopy(f *fixture, key string, fields map[string]string) string {
	name := strings.Replace(key, ":s:", ":stolen:", 1)
	for k, v := range fields {
		f.do("hset", name, k, v)
	}
	return name
}

func flip(s string, at int) string {
	b := []byte(s)
	b[at] ^= 1
	return string(b)
}

// Epochs that were lost or rolled back end sessions; they never revive any.
func TestStoreDoesNotReviveSessionsUnderARolledBackEpoch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	type level struct {
		name   string
		revoke func() error
		key    func(record string) []any // of the GET that reads the epoch
	}
	for _, l := range []level{
		{"user", func() error { return f.store.RevokeUser(t.Context(), acme, alice) }, func(r string) []any { return []any{"get", userKey(r, "e")} }},
		{"tenant", func() error { return f.store.RevokeTenant(t.Context(), acme) }, func(string) []any { return []any{"hget", f.one("*{t-*}"), "epoch"} }},
		{"everyone", func() error { return f.store.RevokeAll(t.Context()) }, func(string) []any { return []any{"get", f.one("*{g}")} }},
	} {
		dead := func(what string, ref session.Ref) {
			t.Helper()
			if _, err := f.store.Load(t.Context(), ref); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s: %s: Load: %v", l.name, what, err)
			}
		}
		old := f.create()
		key := f.record()
		get := l.key(key)
		before, err := f.raw.Do(t.Context(), get...).Text()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.revoke(); err != nil {
			t.Fatal(err)
		}
		dead("revoked", old.Ref())
		f.do("del", key)

		// A session of after the revocation does not live under the epoch of before it.
		young := f.create()
		set := []any{"set", get[1]}
		unset := []any{"del", get[1]}
		if get[0] == "hget" {
			set = []any{"hset", get[1], get[2]}
			unset = []any{"hdel", get[1], get[2]}
		}
		f.do(append(set, before)...)
		unaware := open(t, f.server.URL(), f.opts)
		if _, err := unaware.Load(t.Context(), young.Ref()); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: rolled back, on an instance that knows of no revocation: Load: %v", l.name, err)
		}
		// The instance that revoked puts the epoch back.
		if _, err := f.store.Load(t.Context(), young.Ref()); err != nil {
			t.Errorf("%s: rolled back and put back: Load: %v", l.name, err)
		}
		if _, err := unaware.Load(t.Context(), young.Ref()); err != nil {
			t.Errorf("%s: put back by another instance: Load: %v", l.name, err)
		}

		// An epoch that is lost is made anew at a value that no session has.
		f.do(unset...)
		dead("lost", young.Ref())
		if err := f.store.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
			t.Fatal(err)
		}
		if _, err := f.store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
		dead("lost and made anew", young.Ref())
		dead("lost and made anew", old.Ref())
		f.do("flushdb")
		if err := f.store.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
			t.Fatal(err)
		}
	}
}

// An audit must not name a reason that was given for something else.
func TestAReasonOpensOnlyInItsOwnEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	impersonate := func(as session.UserID, reason string) string {
		s := draft()
		s.User = as
		s.Actors, _ = session.NewActors(session.Actor{User: session.MustParseUserID("admin"), Reason: reason})
		if _, err := f.store.Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
		return redisstore.NewFeed(f.store).Topics(s.Ref()).User
	}
	bob := session.MustParseUserID("bob")
	stream := strings.TrimSuffix(impersonate(alice, "one"), "e") + "l"
	impersonate(alice, "two")
	others := strings.TrimSuffix(impersonate(bob, "three"), "e") + "l"
	entries, err := f.raw.XRange(t.Context(), stream, "-", "+").Result()
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	one, two := entries[0].Values, entries[1].Values
	if events, err := f.store.Events(t.Context(), acme, alice); err != nil || events[0].Reason != "one" || events[1].Reason != "two" {
		t.Errorf("before: %v, %v", events, err)
	}
	for name, forge := range map[string]struct {
		user session.UserID
		args []any
	}{
		"of another session": {alice, []any{"xadd", stream, "*", "k", "created", "s", two["s"], "r", one["r"]}},
		"of another user":    {bob, []any{"xadd", others, "*", "k", "created", "s", one["s"], "r", one["r"]}},
		"of no session":      {alice, []any{"xadd", stream, "*", "k", "created", "r", one["r"]}},
		"in clear":           {alice, []any{"xadd", stream, "*", "k", "created", "s", two["s"], "r", "a reason"}},
	} {
		f.do(forge.args...)
		if events, err := f.store.Events(t.Context(), acme, forge.user); !errors.Is(err, session.ErrCorrupt) || len(events) != 0 {
			t.Errorf("a reason %s: %d events, %v", name, len(events), err)
		}
		f.do("xtrim", forge.args[1], "maxlen", 0)
	}
}

// one returns the one key that matches.
func (f *fixture) one(pattern string) string {
	f.Helper()
	keys, err := f.raw.Keys(f.Context(), pattern).Result()
	if err != nil || len(keys) != 1 {
		f.Fatalf("%s: %v, %v", pattern, keys, err)
	}
	return keys[0]
}

// Backups, replicas and monitors of Redis must give nobody away.
func TestStoreLeavesNothingInClear(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := draft()
	s.Tenant = tenant.MustParse("canary-tenant")
	s.User = session.MustParseUserID("canary-user@example.org")
	s.Roles = session.MustRoles("canary-role")
	s.Attributes, _ = session.NewAttributes(map[string]any{"canary-name": "canary-value", "list": []string{"canary-element"}})
	if err := f.store.SetTenantStatus(t.Context(), s.Tenant, tenant.Active); err != nil {
		t.Fatal(err)
	}
	s, err := f.store.Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("canary-secret")})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = f.store.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	step := session.RefreshStep{Presented: digest("canary-secret"), Next: digest("canary-next"), Grace: time.Minute}
	if _, err := f.store.Refresh(t.Context(), s.Ref(), step); err != nil {
		t.Fatal(err)
	}
	next := s
	next.ID = session.NewID()
	if next, err = f.store.Rotate(t.Context(), s.Ref(), next, digest("canary-secret")); err != nil {
		t.Fatal(err)
	}
	f.do("save") // the snapshot, beside the log of all commands

	canaries := []string{"canary"}
	for _, id := range []session.ID{s.ID, next.ID} {
		raw := id.Bytes()
		canaries = append(canaries, string(raw), id.Reveal(), id.Fingerprint(), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw))
	}
	files := 0
	err = filepath.WalkDir(f.server.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".log") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(content), "reeve:") || strings.Contains(string(content), ":s:") {
			files++
		}
		for _, canary := range canaries {
			if strings.Contains(string(content), canary) {
				t.Errorf("%s holds %q in clear", filepath.Base(path), canary)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 2 {
		t.Errorf("the sessions are in %d files, want the log and the snapshot: this test looked at the wrong ones", files)
	}
}

// The end of a session is in its record: whoever takes the expiry off the keys keeps the
// keys and not the session.
func TestStoreEndsSessionsWhoseKeysNeverExpire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ lifetime, idle time.Duration }{
		"absolute expiry": {300 * time.Millisecond, time.Hour},
		"idle timeout":    {time.Hour, 300 * time.Millisecond},
	} {
		f := newFixture(t, 5*time.Second)
		s := draft()
		s.IdleTimeout = c.idle
		s, err := f.store.Create(t.Context(), s, session.CreateOptions{Lifetime: c.lifetime, Refresh: digest("first")})
		if err != nil {
			t.Fatal(err)
		}
		key := f.record()
		f.do("persist", key)
		f.do("persist", strings.Replace(key, ":s:", ":a:", 1))
		testwait.Until(t, name+" ends the session", func() bool { _, err = f.store.Load(t.Context(), s.Ref()); return err != nil })
		if !errors.Is(err, session.ErrNotFound) || f.record() != key {
			t.Errorf("%s: Load: %v", name, err)
		}
	}
}
