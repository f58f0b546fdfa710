//go:build unix

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/service/fleet"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

const (
	nameKey = "bmFtZS1rZXktbmFtZS1rZXktbmFtZS1rZXktMTIzNDU2"
	sealKey = "c2VhbC1rZXktc2VhbC1rZXktc2VhbC1rZXktMTIzNDU2"
)

// Each script is what an operator does, against a Redis of its own.
func TestOperatorScripts(t *testing.T) {
	program := testneed.Program(t, "redis-server", "install it (Debian: apt-get install redis-server)")
	p := scripts(filepath.Join("testdata", "operator"))
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		if err := setup(e); err != nil {
			return err
		}
		if model, err := os.ReadFile(filepath.Join(e.WorkDir, "policies", "model.conf")); err != nil {
			return err
		} else if err := os.MkdirAll(filepath.Join(e.WorkDir, "small"), 0o755); err != nil {
			return err
		} else if err := os.WriteFile(filepath.Join(e.WorkDir, "small", "model.conf"), model, 0o600); err != nil {
			return err
		}
		for _, name := range []string{"publish", "review", "stranger"} {
			if err := writeKeys(e, name); err != nil {
				return err
			}
		}
		e.Setenv("NAME_KEY", nameKey)
		e.Setenv("SEAL_KEY", sealKey)
		e.Setenv("POLICY_NAME", "billing")
		for _, name := range []string{"PUBLISH", "REVIEW"} {
			at := filepath.Join(e.WorkDir, strings.ToLower(name))
			e.Setenv(name+"_KEY_FILE", at+".pem")
			e.Setenv(name+"_KEYS_FILE", at+".pub")
		}
		return nil
	}
	p.Cmds["redis"] = func(ts *testscript.TestScript, neg bool, args []string) { startRedis(ts, program) }
	p.Cmds["seed"], p.Cmds["instance"], p.Cmds["shape"], p.Cmds["raw"], p.Cmds["tamper"], p.Cmds["revision"], p.Cmds["dump"], p.Cmds["setback"] = seed, instance, sameShape, raw, tamper, revisionOf, dump, setBack
	p.Cmds["tenantkey"], p.Cmds["tenantpem"], p.Cmds["tenantrows"], p.Cmds["tenantrevision"], p.Cmds["acl"] = tenantKey, tenantPEM, tenantRows, tenantRevision, tenantUser
	testscript.Run(t, p)
}

// ownKey is the key of a tenant in scripts.
func ownKey(id string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("the key of " + id))
	return ed25519.NewKeyFromSeed(seed[:])
}

// tenantKey is: tenantkey TENANT FILE: the ceiling names the tenant's key.
func tenantKey(ts *testscript.TestScript, neg bool, args []string) {
	public := ownKey(args[0]).Public().(ed25519.PublicKey)
	appendTo(ts, false, []string{args[1], "key, " + args[0] + ", " + base64.StdEncoding.EncodeToString(public)})
}

// tenantPEM is: tenantpem TENANT FILE: the tenant's private key.
func tenantPEM(ts *testscript.TestScript, neg bool, args []string) {
	der, err := x509.MarshalPKCS8PrivateKey(ownKey(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// tenantUser is: acl TENANT: REDIS_URL is that of a user who may publish the rows of the tenant and nothing else.
func tenantUser(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	own, err := redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: client, Name: "billing", Tenant: tenant.MustParse(args[0]), Key: session.NewPrivateKey(ownKey(args[0]))})
	ts.Check(err)
	for _, line := range []string{"ACL SETUSER " + args[0] + " on >secret", own.AccessList(args[0])} {
		var words []any
		for word := range strings.FieldsSeq(line) {
			words = append(words, word)
		}
		ts.Check(client.Do(context.Background(), words...).Err())
	}
	ts.Setenv("REDIS_URL", strings.Replace(ts.Getenv("REDIS_URL"), "redis://", "redis://"+args[0]+":secret@", 1))
}

// tenantRows is: tenantrows TENANT ROWS: the tenant publishes its own rows.
func tenantRows(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	own, err := redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: client, Name: "billing", Tenant: tenant.MustParse(args[0]), Key: session.NewPrivateKey(ownKey(args[0]))})
	ts.Check(err)
	_, err = own.PublishTenant(context.Background(), args[1]+"\n")
	ts.Check(err)
}

// tenantRevision is: tenantrevision FOLDER VAR: the revision of an instance that decides by a policy and
// the rows of acme that Redis holds.
func tenantRevision(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	rows, err := client.HGet(context.Background(), "reeve:policy:{billing}:tenant:acme", "rows").Result()
	ts.Check(err)
	b, err := policy.ReadBundle(os.DirFS(ts.MkAbs(args[0])))
	ts.Check(err)
	e, err := policy.LoadBundle(b.WithTenants(map[tenant.ID]policy.TenantRows{tenant.MustParse("acme"): {Rows: rows}}), policy.Options{})
	ts.Check(err)
	ts.Setenv(args[1], e.Revision())
}

// writeKeys writes a pair of keys: name.pem and name.pub.
func writeKeys(e *testscript.Env, name string) error {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	for ext, key := range map[string]any{".pem": private, ".pub": public} {
		block := &pem.Block{Type: "PRIVATE KEY"}
		if ext == ".pub" {
			block.Type = "PUBLIC KEY"
			block.Bytes, err = x509.MarshalPKIXPublicKey(key)
		} else {
			block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(e.WorkDir, name+ext), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startRedis is: redis: a server of the script's own, which REDIS_URL names.
func startRedis(ts *testscript.TestScript, program string) {
	logging.Disable() // of connections that are refused until it runs
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	addr := l.Addr().String()
	ts.Check(l.Close())
	_, port, _ := strings.Cut(addr, ":")
	server, err := testproc.Start(exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", ts.Getenv("WORK")))
	ts.Check(err)
	ts.Defer(func() {
		_ = server.Kill()
		_ = server.Wait()
	})
	ts.Setenv("REDIS_URL", "redis://"+addr)
	client := connect(ts)
	defer client.Close()
	for deadline := time.Now().Add(30 * time.Second); client.Ping(context.Background()).Err() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("redis-server on %s does not answer", addr)
		}
	}
}

func connect(ts *testscript.TestScript) *redis.Client {
	options, err := redis.ParseURL(ts.Getenv("REDIS_URL"))
	ts.Check(err)
	options.ContextTimeoutEnabled, options.MaxRetries, options.DialerRetries, options.DisableIdentity = true, -1, 1, true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Second, time.Second, time.Second
	return redis.NewClient(options)
}

// seed is: seed TENANT USER VAR…: the tenant is set up and the user has a session for each
// variable, which holds its digest.
func seed(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{NameKey: session.MustParseSecretKey(nameKey), SealKeys: []session.SecretKey{session.MustParseSecretKey(sealKey)}, Timeout: 5 * time.Second})
	ts.Check(err)
	defer store.Close()
	m, err := session.NewManager(store, session.Config{Key: session.NewSecretKey([]byte("refresh key of a test, 32 bytes."))})
	ts.Check(err)
	ctx := context.Background()
	t := tenant.MustParse(args[0])
	ts.Check(m.SetTenantStatus(ctx, t, tenant.Active))
	for _, name := range args[2:] {
		s, _, err := m.Create(ctx, session.SignIn{Tenant: t, User: session.MustParseUserID(args[1]), Roles: session.MustRoles("editor"), UserAgent: "Firefox on Linux", Address: "192.0.2.7"})
		ts.Check(err)
		ts.Setenv(name, s.ID.Fingerprint())
	}
}

// instance is: instance ID REVISION: an instance of billing that decides by a revision, until the script ends.
func instance(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	revision := args[1]
	m, err := fleet.NewMember(fleet.Config{Client: client, Name: "billing", ID: args[0], Host: "web-1", Version: "1.2.0", Heartbeat: fleet.MaxHeartbeat,
		State: func() string { return "running" }, Revision: func() string { return revision }})
	ts.Check(err)
	ts.Check(m.Start(context.Background()))
	ts.Defer(func() {
		_ = m.Close()
		_ = client.Close()
	})
	for deadline := time.Now().Add(30 * time.Second); m.Stats().Heartbeats == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("the instance is not listed: %v", m.Stats().Err)
		}
	}
}

// raw is: raw COMMAND…: a command of Redis, as somebody runs it who can write to it.
func raw(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	var words []any
	for _, a := range args {
		words = append(words, a)
	}
	ts.Check(client.Do(context.Background(), words...).Err())
}

// revisionOf is: revision FILE VAR: the first revision of reeve history --format json.
func revisionOf(ts *testscript.TestScript, neg bool, args []string) {
	_, rest, _ := strings.Cut(ts.ReadFile(args[0]), `"revision": "`)
	revision, _, found := strings.Cut(rest, `"`)
	if !found {
		ts.Fatalf("%s has no revision", args[0])
	}
	ts.Setenv(args[1], revision)
}

// setBack is: setback: the head is the oldest record of the history again, which is genuine.
func setBack(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	ctx := context.Background()
	record, err := client.LIndex(ctx, "reeve:policy:{billing}:history", -1).Result()
	ts.Check(err)
	ts.Check(client.Set(ctx, "reeve:policy:{billing}:head", record, 0).Err())
}

// dump is: dump FILE: every key and what it holds, as digests, and whether it ends.
func dump(ts *testscript.TestScript, neg bool, args []string) {
	client := connect(ts)
	defer client.Close()
	ctx := context.Background()
	keys, err := client.Keys(ctx, "*").Result()
	ts.Check(err)
	slices.Sort(keys)
	var text strings.Builder
	for _, k := range keys {
		data, err := client.Dump(ctx, k).Result()
		ts.Check(err)
		ttl, err := client.PTTL(ctx, k).Result()
		ts.Check(err)
		fmt.Fprintf(&text, "%s %x %t\n", k, sha256.Sum256([]byte(data)), ttl > 0)
	}
	if len(keys) < 10 {
		ts.Fatalf("%d keys", len(keys))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o600))
}

// tamper is: tamper FILE OLD NEW: the file with the first OLD replaced.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// Parts that differ from run to run are written so in what scripts expect.
var shapes = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-01-01T00:00:00Z"},
	{regexp.MustCompile(`\b1[78]\d{11}\b`), "1700000000000"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "0123456789ab"},
}

// sameShape is: shape stdout FILE: they are equal but for times, sequences and digests.
func sameShape(ts *testscript.TestScript, neg bool, args []string) {
	var texts [2]string
	for i, name := range args {
		texts[i] = ts.ReadFile(name)
		for _, s := range shapes {
			texts[i] = s.pattern.ReplaceAllString(texts[i], s.text)
		}
	}
	if texts[0] != texts[1] {
		ts.Fatalf("%s\n--- is not %s\n%s", texts[0], args[1], texts[1])
	}
}

func TestAShapeIsWrittenAsWhatItStandsFor(t *testing.T) {
	for _, s := range shapes {
		if !s.pattern.MatchString(s.text) {
			t.Errorf("%s does not match its own text", s.pattern)
		}
	}
	if len(short(strings.Repeat("a", 32))) != 12 {
		t.Error("a revision is shown at another length")
	}
}
