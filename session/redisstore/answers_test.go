package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme  = tenant.MustParse("acme")
	alice = session.MustParseUserID("alice")
)

// fake is a server that gives one answer to every command of the store, as raw RESP, in
// which NONCE is the nonce of the call. An empty answer closes the connection.
type fake struct {
	answer func(command string) string
	mu     sync.Mutex
	seen   []string
	conns  int
}

// withNonce is an answer that bears the nonce of its call.
func withNonce(answer string) string { return "*2\r\nNONCE" + answer }

func startFake(t *testing.T, answer func(command string) string) (*fake, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{answer: answer}
	var serving sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
			serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return f, l.Addr().String()
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		words, err := readCommand(r)
		if err != nil {
			return
		}
		name := strings.ToLower(words[0])
		answer := "-ERR unknown command\r\n" // a client bears it on connecting
		if name == "evalsha" && words[1] == redisstore.CheckSHA {
			answer = soundCheck(words[len(words)-1])
		} else if name != "hello" && name != "client" && name != "command" {
			f.mu.Lock()
			f.seen = append(f.seen, name)
			f.mu.Unlock()
			nonce := words[len(words)-1]
			answer = strings.ReplaceAll(f.answer(name), "NONCE", fmt.Sprintf("$%d\r\n%s\r\n", len(nonce), nonce))
		}
		if answer == "" {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// soundCheck is the answer to check.lua of a server that has lost nothing.
func soundCheck(nonce string) string {
	return fmt.Sprintf("*2\r\n$%d\r\n%s\r\n*7\r\n+1700000000000000\r\n+id\r\n$-1\r\n$0\r\n\r\n+noeviction\r\n+0\r\n+0a\r\n", len(nonce), nonce)
}

func readCommand(r *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		words[i] = string(b[:size])
	}
	return words, nil
}

func (f *fake) count(command string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, name := range f.seen {
		if name == command {
			n++
		}
	}
	return n
}

func openFake(t *testing.T, addr string) *redisstore.Store {
	t.Helper()
	opts := options()
	opts.Timeout = 5 * time.Second
	store, err := redisstore.Open("redis://"+addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// methods calls every method of the store, and complains of a value that came with an
// error.
func methods() map[string]func(context.Context, *redisstore.Store) error {
	digest := session.Digest{1}
	s := session.Session{ID: session.NewID(), Tenant: acme, User: alice, IdleTimeout: time.Hour, Version: 1}
	next := s
	next.ID = session.NewID()
	one := func(s session.Session, err error) error {
		if err != nil && !s.ID.IsZero() {
			return fmt.Errorf("a session came with the error %q", err)
		}
		return err
	}
	return map[string]func(context.Context, *redisstore.Store) error{
		"Load":  func(ctx context.Context, st *redisstore.Store) error { return one(st.Load(ctx, s.Ref())) },
		"Touch": func(ctx context.Context, st *redisstore.Store) error { return st.Touch(ctx, s.Ref()) },
		"Create": func(ctx context.Context, st *redisstore.Store) error {
			return one(st.Create(ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest}))
		},
		"Update": func(ctx context.Context, st *redisstore.Store) error { return one(st.Update(ctx, s)) },
		"Rotate": func(ctx context.Context, st *redisstore.Store) error {
			return one(st.Rotate(ctx, s.Ref(), next, digest))
		},
		"Refresh": func(ctx context.Context, st *redisstore.Store) error {
			out, err := st.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest, Next: session.Digest{2}})
			return one(out.Session, err)
		},
		"List":         func(ctx context.Context, st *redisstore.Store) error { _, err := st.List(ctx, acme, alice); return err },
		"Revoke":       func(ctx context.Context, st *redisstore.Store) error { return st.Revoke(ctx, s.Ref()) },
		"End":          func(ctx context.Context, st *redisstore.Store) error { return st.End(ctx, s.Ref(), 1) },
		"RevokeOthers": func(ctx context.Context, st *redisstore.Store) error { return st.RevokeOthers(ctx, s.Ref()) },
		"Events": func(ctx context.Context, st *redisstore.Store) error {
			_, err := st.Events(ctx, acme, alice)
			return err
		},
		"RevokeUser":   func(ctx context.Context, st *redisstore.Store) error { return st.RevokeUser(ctx, acme, alice) },
		"RevokeTenant": func(ctx context.Context, st *redisstore.Store) error { return st.RevokeTenant(ctx, acme) },
		"RevokeAll":    func(ctx context.Context, st *redisstore.Store) error { return st.RevokeAll(ctx) },
		"TenantStatus": func(ctx context.Context, st *redisstore.Store) error {
			_, err := st.TenantStatus(ctx, acme)
			return err
		},
		"SetTenantStatus": func(ctx context.Context, st *redisstore.Store) error {
			return st.SetTenantStatus(ctx, acme, tenant.Active)
		},
	}
}

// An answer of a server that is not one of our scripts lets nobody in and tells nobody that they are
// signed out, whatever it says.
func TestAnErrorOfRedisIsAnOutage(t *testing.T) {
	for _, text := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"CLUSTERDOWN Hash slot not served", "TRYAGAIN Multiple keys request during rehashing of slot",
		"MOVED 3999 127.0.0.1:1", "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair",
		"NOPERM this user has no permissions to run the 'evalsha' command", "OOM command not allowed when used memory > 'maxmemory'.",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
		"BUSY Redis is busy running a script.", "NOSCRIPT No matching script.", "NOREPLICAS Not enough good replicas to write.",
		"UNKILLABLE", "ERR max number of clients reached", "ERR", "", "gone", "revoked",
	} {
		t.Run(text, func(t *testing.T) {
			_, addr := startFake(t, func(string) string { return "-" + text + "\r\n" })
			store := openFake(t, addr)
			for name, do := range methods() {
				ctx, cancel := t.Context(), func() {}
				if strings.HasPrefix(text, "TRYAGAIN") { // it does, for as long as it may
					ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				}
				if err := do(ctx, store); !errors.Is(err, session.ErrUnavailable) || isAnswer(err) {
					t.Errorf("%s: got %v, want ErrUnavailable", name, err)
				}
				cancel()
			}
		})
	}
}

func TestAnAnswerOfAnotherShapeIsCorrupt(t *testing.T) {
	for name, raw := range map[string]string{
		"nil":                 "$-1\r\n",
		"a null array":        "*-1\r\n",
		"a number":            ":1\r\n",
		"a status":            "+OK\r\n",
		"gone":                "+gone\r\n",
		"an empty string":     "$0\r\n\r\n",
		"an empty array":      "*0\r\n",
		"an array of nil":     "*1\r\n$-1\r\n",
		"an array of numbers": "*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
		"an array of arrays":  "*2\r\n*0\r\n*0\r\n",
		"ok and no more":      "*1\r\n$2\r\nok\r\n",
		"two unknown words":   "*2\r\n$3\r\nyes\r\n$3\r\nyes\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, raw := range []string{raw, withNonce(raw)} {
				_, addr := startFake(t, func(string) string { return raw })
				store := openFake(t, addr)
				for method, do := range methods() {
					if method == "Events" && raw == withNonce("*0\r\n") {
						continue // nothing happened
					}
					err := do(t.Context(), store)
					if isAnswer(err) || !errors.Is(err, session.ErrCorrupt) {
						t.Errorf("%s: %q: got %v, want ErrCorrupt", method, raw, err)
					}
				}
			}
		})
	}
}

// Most answers do not say what they answer: ok to one revocation would do for another. A
// connection that is out of step gives them to whoever asks next (CVE-2023-28858), so that
// none is believed but the one that bears the nonce of its call.
func TestTheAnswerToAnotherCallIsBelievedByNobody(t *testing.T) {
	for name, raw := range map[string]string{
		"ok":             "$2\r\nok\r\n",
		"gone":           "*1\r\n$4\r\ngone\r\n",
		"reused":         "*1\r\n$6\r\nreused\r\n",
		"an epoch":       "*2\r\n$2\r\nok\r\n$16\r\n1800000000000000\r\n",
		"a tenant":       "*2\r\n$9\r\nsuspended\r\n$16\r\n1800000000000000\r\n",
		"nothing listed": "*0\r\n",
	} {
		for _, nonce := range []string{"", "*2\r\n$13\r\n3w5e11264sgsf\r\n", "*2\r\n$-1\r\n"} {
			_, addr := startFake(t, func(string) string { return nonce + raw })
			store := openFake(t, addr)
			for method, do := range methods() {
				if err := do(t.Context(), store); isAnswer(err) || !errors.Is(err, session.ErrCorrupt) {
					t.Errorf("%s: %s with the nonce %q: got %v, want ErrCorrupt", method, name, nonce, err)
				}
			}
		}
	}
}

// A connection that has answered another call is not asked again, whichever answer of
// several it was.
func TestAConnectionOutOfStepIsClosed(t *testing.T) {
	ref := session.Ref{Tenant: acme, User: alice, ID: session.NewID()}
	load := func(s *redisstore.Store) error { _, err := s.Load(context.Background(), ref); return err }
	peek := func(s *redisstore.Store) error {
		_, err := s.Peek(context.Background(), acme, alice, []session.ID{ref.ID})
		return err
	}
	for _, foreign := range []string{"*2\r\n$1\r\nx\r\n$2\r\nok\r\n", "+OK\r\n", "$5\r\nx:1:1\r\n"} {
		for name, c := range map[string]struct {
			do  func(*redisstore.Store) error
			nth int32 // answer of its trip
		}{"Load": {load, 1}, "Peek, first": {peek, 1}, "Peek, second": {peek, 2}, "Peek, third": {peek, 3}} {
			var answers atomic.Int32
			f, addr := startFake(t, func(string) string {
				if answers.Add(1) == c.nth {
					return foreign
				}
				return withNonce("*5\r\n$2\r\nok\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$0\r\n\r\n")
			})
			store := openFake(t, addr)
			if err := c.do(store); !errors.Is(err, session.ErrCorrupt) {
				t.Errorf("%q: %s: %v", foreign, name, err)
			}
			if answers.Load() < c.nth {
				t.Errorf("%s: %d answers were asked for", name, answers.Load())
			}
			for range 3 {
				if err := store.Revoke(t.Context(), ref); err != nil {
					t.Errorf("%q: Revoke on a new connection: %v", foreign, err)
				}
			}
			f.mu.Lock()
			if f.conns != 2 {
				t.Errorf("%q as answer of %s: %d connections were made, want a second one after the first was out of step", foreign, name, f.conns)
			}
			f.mu.Unlock()
		}
	}
}

// isAnswer reports whether an error tells the caller something about a session or tenant.
func isAnswer(err error) bool {
	for _, answer := range []error{
		session.ErrNotFound, session.ErrConflict, session.ErrExists, session.ErrRefreshReused, tenant.ErrUnknown, tenant.ErrSuspended,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// A client that lost the answer to a write and sends it again would revoke a session over
// a refresh that was the first, or report a conflict with its own change.
func TestAWriteIsNeverSentTwice(t *testing.T) {
	for _, client := range []string{"of Open", "of the caller", "of a cluster"} {
		f, addr := startFake(t, func(string) string { return "" })
		store := openFake(t, addr)
		var given redis.UniversalClient
		switch client {
		case "of the caller":
			given = redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: 1, DialTimeout: time.Second, ReadTimeout: time.Second})
		case "of a cluster":
			given = redis.NewClusterClient(&redis.ClusterOptions{
				ContextTimeoutEnabled: true, MaxRetries: 1, DialTimeout: time.Second, ReadTimeout: time.Second,
				ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
					return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: addr}}}}, nil
				},
			})
		}
		if given != nil {
			defer given.Close()
			var err error
			if store, err = redisstore.New(given, options()); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Revoke(t.Context(), session.Ref{Tenant: acme, User: alice, ID: session.NewID()}); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("client %s: Revoke: %v", client, err)
		}
		if n := f.count("evalsha"); n != 1 {
			t.Errorf("client %s: the script was sent %d times", client, n)
		}
		if _, err := store.Load(t.Context(), session.Ref{Tenant: acme, User: alice, ID: session.NewID()}); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("client %s: Load: %v", client, err)
		}
		if n := f.count("evalsha"); n < 2 {
			t.Errorf("client %s: the fake server was not asked", client)
		}
	}
}

// A script that the server does not know did not run, so it is sent again in full, once.
func TestAnUnknownScriptIsSentInFullOnce(t *testing.T) {
	f, addr := startFake(t, func(command string) string {
		if command == "eval" {
			return withNonce("*3\r\n$2\r\nok\r\n$-1\r\n$1\r\n1\r\n")
		}
		return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
	})
	store := openFake(t, addr)
	if err := store.RevokeAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.count("evalsha") != 1 || f.count("eval") != 1 {
		t.Errorf("EVALSHA %d times, EVAL %d times", f.count("evalsha"), f.count("eval"))
	}
}

// A server counts as told when what was sent has reached it: a pool may have connections of before a
// failover, which lead to another one.
func TestAPushThatReachesAnotherServerHasNotToldIt(t *testing.T) {
	f, addr := startFake(t, func(string) string { return withNonce("+0a\r\n") })
	store := openFake(t, addr)
	if err := store.PutBack(t.Context(), "0a"); err != nil {
		t.Errorf("the server itself: %v", err)
	}
	if n := f.count("evalsha"); n != 2 {
		t.Errorf("%d commands, want one that tells and one that asks who is told", n)
	}
	if err := store.PutBack(t.Context(), "0b"); !errors.Is(err, session.ErrUnavailable) || !strings.Contains(err.Error(), "another server") {
		t.Errorf("another server: %v", err)
	}
	if err := store.PutBack(t.Context(), ""); err != nil {
		t.Errorf("any server: %v", err)
	}
}
