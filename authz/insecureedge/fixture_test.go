package insecureedge_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const rules = `
p, role:viewer, *, /notes/:id, GET,  true, allow
p, role:viewer, *, /notes,     GET,  true, allow
p, role:viewer, *, /notes,     POST, true, allow
p, role:viewer, *, /other,     GET,  true, allow
p, role:viewer, *, note,       read, true, allow
`

var (
	acme  = tenant.MustParse("acme")
	alice = session.MustParseUserID("alice")
)

// feed names topics in clear, and is told what happens by the test.
type feed struct {
	prefix string
	heard  chan func(session.Listener)
}

func (f *feed) Topics(ref session.Ref) session.Topics {
	return session.Topics{
		Session: f.prefix + ref.Tenant.String() + "/" + ref.User.String() + "/" + ref.ID.Fingerprint(),
		User:    f.prefix + ref.Tenant.String() + "/" + ref.User.String(), Tenant: f.prefix + ref.Tenant.String(),
	}
}

func (f *feed) Listen(ctx context.Context, l session.Listener) {
	for {
		select {
		case <-ctx.Done():
			return
		case say := <-f.heard:
			say(l)
		}
	}
}

func newKey(t testing.TB) (session.SecretKey, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return session.NewPrivateKey(private), public
}

func bundle(t testing.TB, csv string) *policy.Bundle {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.ReadBundle(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(csv)}, "tenants/acme.csv": {Data: []byte("p, role:viewer, acme, /own, GET, true, allow\n")}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixture is a node whose store is a function.
type fixture struct {
	t     testing.TB
	key   session.SecretKey
	feed  *feed
	clock *insecureedge.Clock
	node  *insecureedge.Node
	s     session.Session
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	key, public := newKey(t)
	w := &fixture{t: t, key: key, feed: &feed{heard: make(chan func(session.Listener))}, clock: &insecureedge.Clock{Wall: time.Now().Round(0), Mono: time.Hour}}
	node, err := insecureedge.NewNode(insecureedge.NodeConfig{Feed: w.feed, Keys: []ed25519.PublicKey{public}, Routes: []string{"GET /notes/:id"}})
	if err != nil {
		t.Fatal(err)
	}
	w.node = node
	insecureedge.SetClock(node, w.clock)
	w.s = session.Session{
		ID: session.NewID(), Tenant: acme, User: alice, Roles: session.MustRoles("viewer"), Version: 1,
		CreatedAt: w.clock.Wall, AuthTime: w.clock.Wall, LastSeenAt: w.clock.Wall, ExpiresAt: w.clock.Wall.Add(time.Hour), IdleTimeout: 30 * time.Minute,
	}
	signed, err := insecureedge.SignPolicy(key, bundle(t, rules), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := node.AcceptPolicy(signed); err != nil {
		t.Fatal(err)
	}
	return w
}

// load has the node load the session of ref, which the store answers with s and err.
func (w *fixture) load(s session.Session, err error) (session.Session, bool, error) {
	return w.node.Load(w.t.Context(), s.Ref(), func(context.Context) (session.Session, error) {
		if err != nil {
			return session.Session{}, err
		}
		return s, nil
	})
}

// see has the node see the session loaded.
func (w *fixture) see() {
	w.t.Helper()
	if _, remembered, err := w.load(w.s, nil); err != nil || remembered {
		w.t.Fatal(remembered, err)
	}
}

// remembered reports whether the node answers from memory while the store is lost.
func (w *fixture) remembered() bool {
	w.t.Helper()
	s, remembered, err := w.load(w.s, session.ErrUnavailable)
	if remembered != (err == nil) || remembered != (s.ID == w.s.ID) {
		w.t.Fatalf("%v %v", remembered, err)
	}
	return remembered
}

// list is one that is complete from an hour ago on, issued now.
func (w *fixture) list(changes ...insecureedge.Change) insecureedge.List {
	return insecureedge.List{Since: w.clock.Wall.Add(-time.Hour), Issued: w.clock.Wall, Expires: w.clock.Wall.Add(time.Minute), Changes: changes}
}

func (w *fixture) accept(l insecureedge.List) error {
	return w.node.AcceptRevocations(insecureedge.SignList(w.key, w.feed, l))
}

func (w *fixture) mustAccept(l insecureedge.List) {
	w.t.Helper()
	if err := w.accept(l); err != nil {
		w.t.Fatal(err)
	}
}

// listed is a fixture whose node has seen the session, and has a list of a second later.
func listed(t testing.TB) *fixture {
	w := newFixture(t)
	w.see()
	w.clock.Pass(time.Second)
	w.mustAccept(w.list())
	return w
}
