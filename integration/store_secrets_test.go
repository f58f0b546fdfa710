//go:build unix

package integration_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// The seal keys rotate as Options.SealKeys says, process by process, while sessions are
// created, loaded, changed and refreshed: nobody is signed out, and no read is an alarm.
func TestSealKeysRotateUnderLoadWithoutALostSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	ctx := context.Background()
	old, young := f.opts.SealKeys[0], secretKey(9)
	instance := func(keys ...session.SecretKey) *redisstore.Store {
		opts := f.opts
		opts.SealKeys = keys
		return open(t, f.server.URL(), opts)
	}
	var instances [3]atomic.Pointer[redisstore.Store]
	for i := range instances {
		instances[i].Store(instance(old))
	}
	pick := func(n int) *redisstore.Store { return instances[n%len(instances)].Load() }

	stop := make(chan struct{})
	var load sync.WaitGroup
	var done atomic.Int64
	var mu sync.Mutex
	var all []session.Ref
	for w := range 6 {
		load.Go(func() {
			s := draft()
			s.User = session.MustParseUserID(fmt.Sprintf("user-%d", w))
			s, err := pick(w).Create(ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("0")})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			all = append(all, s.Ref())
			mu.Unlock()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				store := pick(n)
				switch n % 3 {
				case 0:
					_, err = store.Load(ctx, s.Ref())
				case 1:
					s, err = store.Update(ctx, s)
				case 2:
					_, err = store.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest(fmt.Sprint(n / 3)), Next: digest(fmt.Sprint(n/3 + 1))})
				}
				if err != nil {
					t.Errorf("user %d, call %d: %v", w, n, err)
					return
				}
				done.Add(1)
			}
		})
	}
	still := f.create() // sealed with the old key, and only read
	for _, keys := range [][]session.SecretKey{{old, young}, {young, old}} {
		for i := range instances {
			before := done.Load()
			testwait.Until(t, "the instances are used", func() bool { return done.Load() >= before+100 || t.Failed() })
			instances[i].Store(instance(keys...))
		}
	}
	close(stop)
	load.Wait()
	for _, ref := range append(all, still.Ref()) {
		if _, err := pick(0).Load(ctx, ref); err != nil {
			t.Errorf("after the rotation: Load: %v", err)
		}
	}
	// The young key does not open what the old one sealed and nobody wrote since: the old one is
	// dropped when the longest session of its time has ended.
	if _, err := instance(young).Load(ctx, still.Ref()); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("without the old key: Load: %v", err)
	}
	if _, err := instance(young).Load(ctx, all[0]); err != nil {
		t.Errorf("written since, without the old key: Load: %v", err)
	}
}

// canaryEnv makes the test binary panic with sessions on its stack and on its lips.
const canaryEnv = "REEVE_TEST_PANIC"

// The things that an operator sees of Redis at work, and that a crash of the service prints, are no
// way to a session.
func TestSecretsAreNotInMonitorLogsAndPanics(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t)
	var logs bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logs, nil))
	store := open(t, server.URL(), storeOptions())
	ctx := context.Background()

	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "MONITOR\r\n")
	var seen bytes.Buffer
	buffer := make([]byte, 1<<16)
	read := func(until string) {
		t.Helper()
		for !strings.Contains(seen.String(), until) {
			_ = conn.SetReadDeadline(time.Now().Add(testwait.Limit))
			n, err := conn.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			seen.Write(buffer[:n])
		}
	}
	read("+OK")

	m, err := session.NewManager(store, session.Config{Key: session.NewSecretKey(bytes.Repeat([]byte("canary-key"), 4)), Limit: session.SessionLimit{Sessions: 2, Policy: session.EvictOldest}})
	if err != nil {
		t.Fatal(err)
	}
	user, home, away := session.MustParseUserID("canary-user"), tenant.MustParse("canary-home"), tenant.MustParse("canary-away")
	for _, id := range []tenant.ID{home, away} {
		if err := m.SetTenantStatus(ctx, id, tenant.Active); err != nil {
			t.Fatal(err)
		}
	}
	attributes, _ := session.NewAttributes(map[string]any{"canary-name": "canary-value"})
	otp, _ := session.NewMethods("canary-otp")
	canaries := []string{"canary-"} // a script has the word, too
	note := func(s session.Session, token session.RefreshToken, err error) session.Session {
		t.Helper()
		logger.Info("signed in", "session", s, "ref", s.Ref(), "token", token, "err", err)
		if err != nil {
			t.Fatal(err)
		}
		raw := s.ID.Bytes()
		canaries = append(canaries, string(raw), s.ID.Reveal(), hex.EncodeToString(raw), fmt.Sprintf("%q", raw)[1:20])
		if !token.IsZero() {
			canaries = append(canaries, token.Reveal(), token.Reveal()[20:60])
		}
		return s
	}
	signIn := func() (session.Session, session.RefreshToken, error) {
		return m.Create(ctx, session.SignIn{
			Tenant: home, User: user, Roles: session.MustRoles("canary-role"), Attributes: attributes,
			UserAgent: "canary-agent", Address: "canary-address",
		})
	}
	s, token, err := signIn()
	note(s, token, err)
	s, token, err = m.Refresh(ctx, token.Reveal())
	note(s, token, err)
	s, token, err = m.StepUp(ctx, s.Ref(), otp)
	note(s, token, err)
	s, token, err = m.SwitchTenant(ctx, s.Ref(), away, session.MustRoles("canary-role"), attributes)
	note(s, token, err)
	s, err = m.Impersonate(ctx, s.Ref(), session.Impersonation{User: session.MustParseUserID("canary-other"), Reason: "canary-reason", MaxAge: time.Minute})
	note(s, session.RefreshToken{}, err)
	for range 3 { // one makes room
		s, token, err = signIn()
		note(s, token, err)
	}
	if _, err := m.Events(ctx, home, user); err != nil {
		t.Fatal(err)
	}
	operator := session.WithActor(ctx, session.Actor{User: session.MustParseUserID("canary-operator")})
	if err := errors.Join(m.SetTenantStatus(operator, home, tenant.Suspended), m.SetTenantStatus(operator, home, tenant.Active)); err != nil {
		t.Fatal(err)
	}
	if events, err := m.Events(ctx, home, session.UserID{}); err != nil || len(events) != 3 || events[1].Actor.String() != "canary-operator" {
		t.Fatalf("the events of the tenant: %v, %v", events, err)
	}
	if err := errors.Join(m.RevokeOthers(ctx, s.Ref()), m.RevokeUser(ctx, home, user), m.RevokeTenant(ctx, away), m.RevokeAll(ctx)); err != nil {
		t.Fatal(err)
	}
	_, err = m.Load(ctx, s.Ref())
	logger.Info("signed out", "err", err)
	raw := server.Client()
	defer raw.Close()
	if err := raw.Do(ctx, "echo", "the-end").Err(); err != nil {
		t.Fatal(err)
	}
	read("the-end")
	if !strings.Contains(seen.String(), "xadd") && !strings.Contains(seen.String(), "XADD") {
		t.Error("the monitor has not seen the scripts at work")
	}

	crash := exec.Command(os.Args[0], "-test.run=^TestPanicWithSecrets$")
	crash.Env = append(os.Environ(), canaryEnv+"="+s.ID.Reveal()+" "+token.Reveal(), "GOTRACEBACK=all")
	dump, err := crash.CombinedOutput()
	if err == nil || !strings.Contains(string(dump), "panic:") || !strings.Contains(string(dump), "goroutine") {
		t.Fatalf("the child did not crash: %v %.300s", err, dump)
	}
	for what, text := range map[string]string{"MONITOR": seen.String(), "the panic": string(dump)} {
		for _, canary := range canaries {
			if strings.Contains(strings.ToLower(text), strings.ToLower(canary)) {
				t.Errorf("%s shows %q", what, canary)
			}
		}
	}
	// Logs name users and roles, that is what they are for, and no secret.
	for _, canary := range canaries[1:] {
		if strings.Contains(logs.String(), canary) {
			t.Errorf("the log shows %q", canary)
		}
	}
}

// TestPanicWithSecrets is the child of the test above; by itself it does nothing.
func TestPanicWithSecrets(t *testing.T) {
	text := os.Getenv(canaryEnv)
	if text == "" {
		return
	}
	raw, _, _ := strings.Cut(text, " ")
	id, err := session.ParseID(raw)
	if err != nil {
		t.Fatal(err)
	}
	panicWith(session.Session{ID: id, Tenant: acme, User: alice})
}

//go:noinline
func panicWith(s session.Session) {
	panic(fmt.Errorf("cannot serve %v of %+v: %#v", s.ID, s, s.Ref()))
}
