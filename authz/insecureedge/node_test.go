package insecureedge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func TestASessionThatWasLoadedIsRememberedUntilTheListExpires(t *testing.T) {
	w := listed(t)
	if !w.remembered() {
		t.Fatal("the session is not remembered")
	}
	w.clock.Pass(58 * time.Second)
	if !w.remembered() {
		t.Error("the list has not expired")
	}
	w.clock.Pass(2 * time.Second)
	if w.remembered() {
		t.Error("the list has expired")
	}
	w.see()
	w.clock.Pass(time.Second)
	w.mustAccept(w.list())
	if !w.remembered() {
		t.Error("the store was back, and a list is there")
	}
	stats := w.node.Stats()
	if stats.Remembered != 3 || stats.Refused != 1 || stats.Sessions != 1 || stats.Revision == "" || !stats.ListIssued.Equal(w.clock.Wall) {
		t.Errorf("%+v", stats)
	}
}

// TestListsDoNotGoOnForEver: a publisher that still hears the store does not keep a node going that
// lost it.
func TestListsDoNotGoOnForEver(t *testing.T) {
	w := listed(t)
	for range 5 {
		if !w.remembered() {
			t.Fatal("within the minute")
		}
		w.clock.Pass(10 * time.Second)
		w.mustAccept(w.list())
	}
	w.clock.Pass(10 * time.Second)
	w.mustAccept(w.list())
	if w.remembered() {
		t.Error("a minute without the store, and it is still decided")
	}
}

func TestOnlyAnOutageOfTheStoreIsBridged(t *testing.T) {
	for _, err := range []error{
		session.ErrNotFound, tenant.ErrSuspended, tenant.ErrUnknown, session.ErrCorrupt, fmt.Errorf("%w: %w", session.ErrCorrupt, session.ErrUnavailable),
		middleware.ErrOverloaded, fmt.Errorf("%w: %w", middleware.ErrOverloaded, session.ErrUnavailable), middleware.ErrUnavailable,
		errors.New("something else"), context.DeadlineExceeded,
	} {
		w := listed(t)
		if _, remembered, got := w.load(w.s, err); remembered || !errors.Is(got, err) {
			t.Errorf("%v: %t, %v", err, remembered, got)
		}
	}
}

// TestWhatIsKnownOfASessionIsNeverForgottenInItsFavour has each a reason not to be decided on.
func TestWhatIsKnownOfASessionIsNeverForgottenInItsFavour(t *testing.T) {
	topics := func(w *fixture) session.Topics { return w.feed.Topics(w.s.Ref()) }
	later := func(w *fixture) time.Time { return w.clock.Wall.Add(30 * time.Second) }
	for name, change := range map[string]func(w *fixture){
		"no list":   nil,
		"no policy": nil,
		"a session that was never loaded": func(w *fixture) {
			w.s.ID = session.NewID()
		},
		"a session that the store refused, revoked before the cut": func(w *fixture) { _, _, _ = w.load(w.s, session.ErrNotFound) },
		"another session of the user was refused": func(w *fixture) {
			other := w.s
			other.ID = session.NewID()
			_, _, _ = w.load(other, session.ErrNotFound)
		},
		"the tenant was refused": func(w *fixture) {
			other := w.s
			other.User, other.ID = session.MustParseUserID("bob"), session.NewID()
			_, _, _ = w.load(other, tenant.ErrSuspended)
		},
		"the session is in the list": func(w *fixture) {
			w.clock.Pass(time.Minute)
			w.mustAccept(w.list(insecureedge.Change{Scope: session.ScopeSession, Topic: topics(w).Session, At: later(w)}))
		},
		"its user is in the list": func(w *fixture) {
			w.clock.Pass(time.Minute)
			w.mustAccept(w.list(insecureedge.Change{Scope: session.ScopeUser, Topic: topics(w).User, At: later(w)}))
		},
		"its tenant is in the list": func(w *fixture) {
			w.clock.Pass(time.Minute)
			w.mustAccept(w.list(insecureedge.Change{Scope: session.ScopeTenant, Topic: topics(w).Tenant, At: later(w)}))
		},
		"everyone is in the list": func(w *fixture) {
			w.clock.Pass(time.Minute)
			l := w.list()
			l.All = later(w)
			w.mustAccept(l)
		},
		"a scope that is none is everyone": func(w *fixture) {
			w.clock.Pass(time.Minute)
			w.mustAccept(w.list(insecureedge.Change{Scope: 77, Topic: "x", At: later(w)}))
		},
		"it changed as it was loaded, by a clock that differs": func(w *fixture) {
			w.mustAccept(w.with(insecureedge.Change{Scope: session.ScopeUser, Topic: topics(w).User, At: w.s.CreatedAt.Add(-4 * time.Second)}))
		},
		"the list is complete from later on": func(w *fixture) {
			w.clock.Pass(10 * time.Second)
			l := w.list()
			l.Since = w.s.CreatedAt
			w.mustAccept(l)
		},
		"the clock was moved back":    func(w *fixture) { w.clock.Wall = w.clock.Wall.Add(-30 * time.Second) },
		"the clock was moved forward": func(w *fixture) { w.clock.Wall = w.clock.Wall.Add(30 * time.Second) },
		"the clock was moved back while the machine slept": func(w *fixture) {
			w.clock.Pass(time.Hour)
			w.clock.Wall = w.clock.Wall.Add(-time.Hour)
		},
		"the machine slept": func(w *fixture) { w.clock.Wall = w.clock.Wall.Add(50 * time.Second) },
		"the session has expired": func(w *fixture) {
			w.change(func(s *session.Session) { s.ExpiresAt = w.clock.Wall.Add(4 * time.Second) })
		},
		"the session was idle too long":   func(w *fixture) { w.change(func(s *session.Session) { s.IdleTimeout = 5 * time.Second }) },
		"the session is bound to a key":   func(w *fixture) { w.change(func(s *session.Session) { s.Attributes = bound(w.t) }) },
		"the session was stepped up":      func(w *fixture) { w.change(func(s *session.Session) { s.AuthTime = s.CreatedAt.Add(time.Second) }) },
		"the session is an impersonation": func(w *fixture) { w.change(func(s *session.Session) { s.Actors = actors(w.t) }) },
		"the session is a provider's": func(w *fixture) {
			w.change(func(s *session.Session) {
				s.Provider = session.NewProvider(session.ProviderClaims{Issuer: "https://idp.test"})
			})
		},
		"the session is stale": func(w *fixture) { w.change(func(s *session.Session) { s.Stale = true }) },
		"the store answered with another session": func(w *fixture) {
			_, _, _ = w.node.Load(w.t.Context(), w.s.Ref(), func(context.Context) (session.Session, error) {
				other := w.s
				other.ID = session.NewID()
				return other, nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := listed(t)
			if !w.remembered() {
				t.Fatal("the session is not remembered to begin with")
			}
			w.see()
			switch name {
			case "no list":
				w = newFixture(t)
				w.see()
			case "no policy":
				w = listed(t)
				w.clock.Pass(time.Hour)
				w.see()
				w.clock.Pass(time.Second)
				w.mustAccept(w.list())
			default:
				change(w)
			}
			if w.remembered() {
				t.Error("it is decided on")
			}
		})
	}
}

// with is a list of the same moment and a nanosecond.
func (w *fixture) with(changes ...insecureedge.Change) insecureedge.List {
	w.clock.Pass(time.Nanosecond)
	return w.list(changes...)
}

// change has the store answer another state of the session from now on.
func (w *fixture) change(f func(*session.Session)) {
	f(&w.s)
	w.s.Version++
	w.see()
}

func bound(t testing.TB) session.Attributes {
	t.Helper()
	a, err := session.NewAttributes(map[string]any{session.KeyAttribute: "thumbprint"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestALoadThatIsOvertakenRemembersNothing: the store refuses while an older answer is under way.
func TestALoadThatIsOvertakenRemembersNothing(t *testing.T) {
	w := listed(t)
	if _, _, err := w.node.Load(t.Context(), w.s.Ref(), func(context.Context) (session.Session, error) {
		w.clock.Pass(time.Millisecond)
		if _, _, err := w.load(w.s, session.ErrNotFound); err == nil {
			t.Error("the revoked session is loaded")
		}
		return w.s, nil // as it was before
	}); err != nil {
		t.Fatal(err)
	}
	if w.remembered() {
		t.Error("the answer from before the revocation is remembered")
	}
	// Nor does it bring back older roles.
	w = listed(t)
	old := w.s
	if _, _, err := w.node.Load(t.Context(), old.Ref(), func(context.Context) (session.Session, error) {
		w.clock.Pass(time.Millisecond)
		w.change(func(s *session.Session) { s.Roles = session.MustRoles("none") })
		return old, nil
	}); err != nil {
		t.Fatal(err)
	}
	if s, remembered, _ := w.load(w.s, session.ErrUnavailable); remembered && s.Roles.Has("viewer") {
		t.Error("roles from before are remembered")
	}
}

func TestAListIsRefusedUnlessItIsTheNewestOfOurKeys(t *testing.T) {
	foreign, _ := newKey(t)
	for name, row := range map[string]struct {
		of   func(w *fixture) []byte
		want error
	}{
		"another key's": {func(w *fixture) []byte { return insecureedge.SignList(foreign, w.feed, w.with()) }, insecureedge.ErrInvalid},
		"nothing":       {func(*fixture) []byte { return nil }, insecureedge.ErrInvalid},
		"no envelope":   {func(*fixture) []byte { return []byte("{}") }, insecureedge.ErrInvalid},
		"one that was changed": {func(w *fixture) []byte {
			return bytes.Replace(insecureedge.SignList(w.key, w.feed, w.with()), []byte(`"payload":"e`), []byte(`"payload":"f`), 1)
		}, insecureedge.ErrInvalid},
		"an older one, replayed": {func(w *fixture) []byte {
			l := w.list()
			l.Issued = l.Issued.Add(-time.Second)
			return insecureedge.SignList(w.key, w.feed, l)
		}, insecureedge.ErrOlder},
		"the same one": {func(w *fixture) []byte { return insecureedge.SignList(w.key, w.feed, w.list()) }, insecureedge.ErrOlder},
		"one that has expired": {func(w *fixture) []byte {
			l := w.with()
			l.Expires = w.clock.Wall
			return insecureedge.SignList(w.key, w.feed, l)
		}, insecureedge.ErrExpired},
		"one from the future": {func(w *fixture) []byte {
			w.clock.Pass(time.Second)
			l := w.list()
			l.Issued = l.Issued.Add(6 * time.Second)
			return insecureedge.SignList(w.key, w.feed, l)
		}, insecureedge.ErrExpired},
		"one for too long": {func(w *fixture) []byte {
			l := w.with()
			l.Expires = l.Expires.Add(time.Second)
			return insecureedge.SignList(w.key, w.feed, l)
		}, insecureedge.ErrInvalid},
		"one that begins nowhere": {func(w *fixture) []byte {
			l := w.with()
			l.Since = time.Time{}
			return insecureedge.SignList(w.key, w.feed, l)
		}, insecureedge.ErrInvalid},
		"one that ends before": {func(w *fixture) []byte {
			l := w.with()
			l.Since = l.Issued.Add(1)
			return insecureedge.SignList(w.key, w.feed, l)
		}, insecureedge.ErrInvalid},
		"one of another store": {func(w *fixture) []byte { return insecureedge.SignList(w.key, &feed{prefix: "other:"}, w.with()) }, insecureedge.ErrInvalid},
		"a policy": {func(w *fixture) []byte {
			b, _ := insecureedge.SignPolicy(w.key, bundle(w.t, rules), time.Hour)
			return b
		}, insecureedge.ErrInvalid},
		"an old one, clock set so": {func(w *fixture) []byte {
			old := w.list()
			old.Issued = old.Issued.Add(time.Millisecond)
			signed := insecureedge.SignList(w.key, w.feed, old)
			w.clock.Pass(time.Hour)
			w.s.LastSeenAt = w.clock.Wall
			w.see() // the store's clock says how late it is
			w.clock.Wall = w.clock.Wall.Add(-time.Hour)
			return signed
		}, insecureedge.ErrExpired},
	} {
		w := listed(t)
		before := w.node.Stats().ListIssued
		if err := w.node.AcceptRevocations(row.of(w)); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if !w.node.Stats().ListIssued.Equal(before) {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestASignedPolicyHasToAllowTooAndExpires(t *testing.T) {
	w := newFixture(t)
	ask := func(route, action string) (policy.Decision, error) {
		return w.node.Decide(t.Context(), policy.Request{
			Tenant: acme, Subject: policy.Subject{ID: "alice", Roles: session.MustRoles("viewer")}, Action: policy.Action(action), Object: policy.Route(route),
		})
	}
	for route, want := range map[string]bool{"/notes/:id": true, "/own": true, "/elsewhere": false} {
		if d, err := ask(route, "GET"); err != nil || d.Allowed() != want {
			t.Errorf("%s: %v %v", route, d, err)
		}
	}
	newer, err := insecureedge.SignPolicy(w.key, bundle(t, strings.ReplaceAll(rules, "allow", "deny")), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	old, err := insecureedge.SignPolicy(w.key, bundle(t, rules), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := newKey(t)
	forged, err := insecureedge.SignPolicy(foreign, bundle(t, rules), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.node.AcceptPolicy(old); err != nil {
		t.Fatal(err)
	}
	if err := w.node.AcceptPolicy(newer); !errors.Is(err, insecureedge.ErrOlder) {
		t.Errorf("an older bundle: %v", err)
	}
	for name, signed := range map[string][]byte{"another key's": forged, "nothing": nil, "a list": insecureedge.SignList(w.key, w.feed, w.list())} {
		if err := w.node.AcceptPolicy(signed); !errors.Is(err, insecureedge.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.clock.Pass(61 * time.Second)
	if _, err := ask("/notes/:id", "GET"); !errors.Is(err, insecureedge.ErrExpired) {
		t.Errorf("an expired policy decides: %v", err)
	}
	if err := w.node.AcceptPolicy(old); !errors.Is(err, insecureedge.ErrExpired) {
		t.Errorf("an expired policy is taken: %v", err)
	}
	if _, err := insecureedge.SignPolicy(w.key, bundle(t, rules), 25*time.Hour); err == nil {
		t.Error("a policy for more than a day is signed")
	}
	if _, err := insecureedge.SignPolicy(w.key, bundle(t, "p, nonsense\n"), time.Hour); err == nil {
		t.Error("a policy that does not load is signed")
	}
	if _, err := insecureedge.SignPolicy(session.NewSecretKey(bytes.Repeat([]byte("k-"), 16)), bundle(t, rules), time.Hour); err == nil {
		t.Error("a secret signs")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	_, public := newKey(t)
	node, err := insecureedge.NewNode(insecureedge.NodeConfig{Feed: &feed{}, Keys: []ed25519.PublicKey{public}, Routes: []string{"GET /x"}, MaxSessions: 10})
	if err != nil {
		t.Fatal(err)
	}
	w := newFixture(t)
	w.node = node
	for n := range 1000 {
		w.s.ID, w.s.User = session.NewID(), session.MustParseUserID(fmt.Sprint("u", n))
		w.see()
		other := w.s
		other.ID = session.NewID()
		_, _, _ = w.load(other, session.ErrNotFound)
		if got := node.Stats().Sessions; got > 10 {
			t.Fatalf("%d sessions", got)
		}
	}
}

func TestAnInvalidConfigIsNamedByItsFields(t *testing.T) {
	key, public := newKey(t)
	node := insecureedge.NodeConfig{Feed: &feed{}, Keys: []ed25519.PublicKey{public}, Routes: []string{"GET /x"}}
	for want, change := range map[string]func(*insecureedge.NodeConfig){
		"Feed: required":   func(c *insecureedge.NodeConfig) { c.Feed = nil },
		"Keys: required":   func(c *insecureedge.NodeConfig) { c.Keys = nil },
		"Keys[0]: not":     func(c *insecureedge.NodeConfig) { c.Keys = []ed25519.PublicKey{{1}} },
		"Routes: required": func(c *insecureedge.NodeConfig) { c.Routes = nil },
		`Routes: "POST /x`: func(c *insecureedge.NodeConfig) { c.Routes = []string{"POST /x"} },
		`Routes: "HEAD /x`: func(c *insecureedge.NodeConfig) { c.Routes = []string{"HEAD /x"} },
		`Routes: "GET *"`:  func(c *insecureedge.NodeConfig) { c.Routes = []string{"GET *"} },
		"MaxSessions: -1":  func(c *insecureedge.NodeConfig) { c.MaxSessions = -1 },
	} {
		cfg := node
		change(&cfg)
		if _, err := insecureedge.NewNode(cfg); err == nil || !strings.HasPrefix(err.Error(), "insecureedge: invalid config: "+want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	publisher := insecureedge.PublisherConfig{Feed: &feed{}, Key: key}
	for want, change := range map[string]func(*insecureedge.PublisherConfig){
		"Feed: required":   func(c *insecureedge.PublisherConfig) { c.Feed = nil },
		"Key: required":    func(c *insecureedge.PublisherConfig) { c.Key = session.SecretKey{} },
		"Lifetime: 1m1s":   func(c *insecureedge.PublisherConfig) { c.Lifetime = 61 * time.Second },
		"Horizon: 1s":      func(c *insecureedge.PublisherConfig) { c.Horizon = time.Second },
		"MaxChanges: 1 is": func(c *insecureedge.PublisherConfig) { c.MaxChanges = 1 },
	} {
		cfg := publisher
		change(&cfg)
		if _, err := insecureedge.NewPublisher(cfg); err == nil || !strings.HasPrefix(err.Error(), "insecureedge: invalid config: "+want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func actors(t testing.TB) session.Actors {
	t.Helper()
	a, err := session.NewActors(session.Actor{User: session.MustParseUserID("support"), Reason: "ticket"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
