package redisstore

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func feedNames(t *testing.T) names {
	t.Helper()
	n, err := newNames("app_1-x", session.NewSecretKey(bytes.Repeat([]byte{1}, session.MinKeyLength)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The scripts announce the name of a key: it must be read as the topic that the cache knows the
// session by.
func TestAnAnnouncementIsReadAsWhatItIs(t *testing.T) {
	n := feedNames(t)
	f := &Feed{&Store{names: n}}
	ref := session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: session.NewID()}
	user, keys := n.ref(ref)
	if got, want := f.Topics(ref), (session.Topics{Session: keys.record, User: user.epoch, Tenant: n.tenant(ref.Tenant)}); got != want {
		t.Errorf("topics %+v, want %+v", got, want)
	}
	if got := f.Topics(session.Ref{Tenant: ref.Tenant}); got.Session != "" || got.User != "" || got.Tenant == "" {
		t.Errorf("topics of a tenant: %+v", got)
	}
	for name, want := range map[string]session.Scope{
		keys.record:                    session.ScopeSession,
		user.epoch:                     session.ScopeUser,
		n.tenant(ref.Tenant):           session.ScopeTenant,
		n.global():                     session.ScopeAll,
		"":                             session.ScopeAll,
		"other" + keys.record:          session.ScopeAll,
		n.prefix + ":{x}":              session.ScopeAll,
		strings.ToUpper(n.global()):    session.ScopeAll,
		user.index:                     session.ScopeAll,
		n.prefix + ":{t-" + "unended":  session.ScopeAll,
		n.prefix + ":{u-abc}:unknown:": session.ScopeAll,
	} {
		if got := n.scope(name); got != want {
			t.Errorf("%q is of scope %d, want %d", name, got, want)
		}
	}
	// The channel that scripts make of a key is the one that is listened on.
	for _, key := range []string{keys.record, user.epoch, n.tenant(ref.Tenant), n.global()} {
		if prefix, _, _ := strings.Cut(key, ":"); prefix+":changes" != n.changes() {
			t.Errorf("%q is announced on %q", key, prefix+":changes")
		}
	}
}

func TestABeatIsOneThatWasSentLately(t *testing.T) {
	var b heartbeats
	first := b.next()
	for _, payload := range []string{"", "1", "0 5", "2 5", "1 x", "1 -5", "x 5", "1 5 5", "01 5"} {
		if _, ok := b.returned(payload); ok {
			t.Errorf("%q is taken for a beat", payload)
		}
	}
	got, ok := b.returned(first + " 1700000000000000")
	if !ok || !got.store.Equal(time.UnixMicro(1_700_000_000_000_000)) || time.Since(got.sent) > time.Minute {
		t.Errorf("the beat that was sent: %v, %v", got, ok)
	}
	for range 16 {
		b.next()
	}
	if _, ok := b.returned(first + " 1700000000000000"); ok {
		t.Error("a beat of long ago is taken for one")
	}
}

// heard keeps what subscriptions report.
type heard struct {
	resets, changes int
	sent, store     time.Time
	heartbeats      int
}

func (h *heard) Reset()                          { h.resets++ }
func (h *heard) Changed(session.Scope, string)   { h.changes++ }
func (h *heard) Heartbeat(sent, store time.Time) { h.heartbeats++; h.sent, h.store = sent, store }
func newSubscriptions(clients ...*redis.Client) (*subscriptions, *heard, []*subscriber) {
	l := &heard{}
	h := &subscriptions{listener: l, subscribers: map[*redis.Client]*subscriber{}}
	h.follow(clients, func(e *subscriber) { <-e.stopped.Done() })
	var list []*subscriber
	for _, c := range clients {
		list = append(list, h.subscribers[c])
	}
	return h, l, list
}

// On a cluster each master announces its own changes: the store is heard while all are.
func TestAClusterIsHeardWhileEveryMasterIs(t *testing.T) {
	a, b, c := &redis.Client{}, &redis.Client{}, &redis.Client{}
	h, l, list := newSubscriptions(a, b)
	defer h.follow(nil, nil)
	now := time.Now()
	h.heartbeat(list[0], heartbeat{now, now})
	if l.heartbeats != 0 {
		t.Fatal("one master of two is taken for both")
	}
	early := now.Add(-time.Second)
	h.heartbeat(list[1], heartbeat{early, early.Add(time.Minute)})
	if l.heartbeats != 1 || !l.sent.Equal(early) || !l.store.Equal(early.Add(time.Minute)) {
		t.Errorf("%d beats, of %v and clock %v: want the earlier beat and the clock that is ahead", l.heartbeats, l.sent.Sub(now), l.store.Sub(now))
	}
	resets := l.resets
	h.unsubscribed(list[1])
	h.heartbeat(list[0], heartbeat{now, now})
	if l.heartbeats != 1 || l.resets != resets+1 {
		t.Error("a master that is not heard is not missed")
	}
	h.heartbeat(list[1], heartbeat{now, now})
	resets = l.resets
	h.follow([]*redis.Client{a, c}, func(e *subscriber) { <-e.stopped.Done() })
	if l.resets != resets+2 {
		t.Errorf("%d resets for a master that left and one that came", l.resets-resets)
	}
	heartbeats := l.heartbeats
	h.heartbeat(list[0], heartbeat{now, now})
	h.heartbeat(list[1], heartbeat{now, now}) // of the master that left
	if l.heartbeats != heartbeats {
		t.Error("a master that left is taken for one that came")
	}
}

// A lease that counted from the arrival would be longer by the time that the heartbeat, and
// every announcement behind it, was held up.
func TestABeatCountsFromWhenItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b heartbeats
		sent := time.Now()
		token := b.next()
		time.Sleep(900 * time.Millisecond)
		if got, ok := b.returned(token + " 1700000000000000"); !ok || !got.sent.Equal(sent) {
			t.Errorf("a beat that was under way for 900ms counts from %v after it was sent", got.sent.Sub(sent))
		}
	})
}

// A change that is not announced is unknown to the caches of other instances for half a
// minute. A new script must say here why it need not.
func TestEveryScriptThatChangesASessionAnnouncesIt(t *testing.T) {
	silent := map[string]string{
		"load": "reads", "list": "reads", "events": "reads", "tenant_read": "reads", "epoch_read": "reads", "index": "reads", "used": "reads", "probe": "does nothing",
		"ensure": "makes an epoch under which there is no session yet", "touch": "a use only makes caches ask earlier",
		"discard": "removes what has ended", "forget": "removes what has ended", "heartbeat": "is not about a session", "use": "is not about a session",
		"primary": "reads", "grants": "reads", "look": "reads, and notes what only a refresh looks at",
		"sign_in": "reads, and keeps what it has read", "sign_in_end": "the session of the sign-in is ended next", "sign_in_lost": "notes what has ended",
		"claim": "there is no session yet", "cut": "is of sign-ins, whose sessions are ended next", "cut_read": "reads", "cut_raise": "is of sign-ins that have no session",
		"block_read": "reads", "tenant_name": "is not about a session",
		"erase": "removes what has ended", "erase_events": "is not about a session",
		"check": "looks for losses", "access": "asks what is allowed",
	}
	files, err := fs.Glob(sources, "lua/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		source, err := fs.ReadFile(sources, file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "lua/"), ".lua")
		announces := strings.Contains(string(source), "redis.call('PUBLISH', string.match(KEYS[")
		if why, quiet := silent[name]; announces == quiet {
			t.Errorf("%s announces: %v, and it is listed as %q", file, announces, why)
		}
	}
}
