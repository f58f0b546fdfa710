package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// TestANodeThatLostRedisDecidesByASignedList cuts a node off Redis and back on, beside a publisher
// that is not cut off.
func TestANodeThatLostRedisDecidesByASignedList(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t)
	proxy := faultproxy.Start(t, server.Addr())
	key := func() session.SecretKey {
		b := make([]byte, 32)
		rand.Read(b)
		return session.NewSecretKey(b)
	}
	opts := redisstore.Config{NameKey: key(), SealKeys: []session.SecretKey{key()}, Logger: slog.New(slog.DiscardHandler)}
	openAt := func(addr string) *redisstore.Store {
		store, err := redisstore.Open("redis://"+addr, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		return store
	}
	near, far := openAt(server.Addr()), openAt(proxy.Addr())
	managerKey := key()
	manage := func(store session.Store) *session.Manager {
		m, err := session.NewManager(store, session.Config{Key: managerKey})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	operator, sessions := manage(near), manage(far)
	acme := tenant.MustParse("acme")
	eventually(t, "the tenant is active", func() error { return operator.SetTenantStatus(t.Context(), acme, tenant.Active) })

	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signing := session.NewPrivateKey(private)
	publisher, err := insecureedge.NewPublisher(insecureedge.PublisherConfig{Feed: redisstore.NewFeed(near), Key: signing, Lifetime: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := publisher.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = publisher.Close() })
	node, err := insecureedge.NewNode(insecureedge.NodeConfig{Feed: redisstore.NewFeed(far), Keys: []ed25519.PublicKey{public}, Routes: []string{"GET /notes/:id"}})
	if err != nil {
		t.Fatal(err)
	}

	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := policy.ReadBundle(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte("p, role:viewer, *, /notes/:id, GET, true, allow\n")}})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.LoadBundle(bundle, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := insecureedge.SignPolicy(signing, bundle, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := insecureedge.NewHandler(insecureedge.HandlerConfig{Publisher: publisher, Policy: func() []byte { return signed }})
	if err != nil {
		t.Fatal(err)
	}
	// The node reaches the publisher by HTTP, on a way of its own that can be cut too.
	mounted := http.NewServeMux()
	mounted.Handle("/edge/", http.StripPrefix("/edge", handler))
	beside := httptest.NewServer(mounted)
	t.Cleanup(beside.Close)
	edgeProxy := faultproxy.Start(t, beside.Listener.Addr().String())
	fetcher, err := insecureedge.NewFetcher(insecureedge.FetcherConfig{
		Node: node, URL: "http://" + edgeProxy.Addr() + "/edge", Client: &http.Client{Transport: &http.Transport{}}, Interval: 200 * time.Millisecond, Timeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := fetcher.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fetcher.Close() })
	signer, err := token.NewSigner(token.SignerConfig{Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: signing, Lifetime: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(signer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	mux, err := httpauthz.NewMux(authz.Config{
		Tokens: verifier, Sessions: sessions, Policy: engine, InsecureEdge: node, Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("GET /notes/{id}", func(http.ResponseWriter, *http.Request) error { return nil })
	if err := httpauthz.Verify(mux, mux, engine, authz.InsecureEdgeRoutes("GET /notes/:id")); err != nil {
		t.Fatal(err)
	}

	signIn := func(user string) (string, session.Session) {
		s, _, err := operator.Create(t.Context(), session.SignIn{Tenant: acme, User: session.MustParseUserID(user), Roles: session.MustRoles("viewer")})
		if err != nil {
			t.Fatal(err)
		}
		access, err := signer.Sign(s)
		if err != nil {
			t.Fatal(err)
		}
		return access.Reveal(), s
	}
	ask := func(token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/notes/1", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		return rec
	}
	expect := func(name, token string, status int, edge bool) {
		t.Helper()
		rec := ask(token)
		if rec.Code != status || (rec.Header().Get(authz.EdgeHeader) != "") != edge {
			t.Errorf("%s: %d %v, want %d, decided in an outage %t", name, rec.Code, rec.Header(), status, edge)
		}
	}
	alice, aliceSession := signIn("alice")
	bob, bobSession := signIn("bob")
	carol, _ := signIn("carol")
	testwait.Until(t, "the node has the policy and a list", func() bool { return !node.Stats().ListIssued.IsZero() && node.Stats().Revision == engine.Revision() })
	response, err := http.Get(beside.URL + "/edge/revocations")
	if err != nil {
		t.Fatal(err)
	}
	first, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.StatusCode, err)
	}
	// A session counts once it was loaded seven seconds after the list begins: what the clocks may
	// differ by, and how old an answer may be.
	testwait.Until(t, "the node knows sessions that the list is complete for", func() bool {
		if ask(alice).Code != 200 || ask(bob).Code != 200 {
			t.Fatal("a live session is refused")
		}
		return time.Since(bobSession.CreatedAt) > 8*time.Second
	})

	proxy.Freeze()
	expect("alice, cut off", alice, 200, true)
	expect("bob, cut off", bob, 200, true)
	expect("carol, who was never here", carol, 503, false)

	// A revocation behind the node's back is known with the next list, and an old one undoes nothing.
	if err := operator.Revoke(t.Context(), bobSession.Ref()); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "bob's end is in a list that the node has", func() bool { return ask(bob).Code == 503 })
	if err := node.AcceptRevocations(first); err == nil {
		t.Error("the first list is taken again")
	}
	expect("bob, after an old list", bob, 503, false)
	expect("alice, still cut off", alice, 200, true)

	// Cut off from the publisher as well, it ends with the last list. On the way back there is no older
	// one: bob stays refused.
	edgeProxy.Refuse()
	edgeProxy.Cut()
	failed := fetcher.Stats().Failed
	testwait.Until(t, "fetches fail", func() bool { return fetcher.Stats().Failed > failed })
	expect("alice, by the last list", alice, 200, true)
	testwait.Until(t, "the list expires", func() bool { return ask(alice).Code == 503 })
	expect("alice, after the list", alice, 503, false)
	edgeProxy.Restore()
	testwait.Until(t, "the node has a list again", func() bool { return ask(alice).Code == 200 })
	expect("alice, by a new list", alice, 200, true)
	expect("bob, by a new list", bob, 503, false)

	proxy.Restore()
	testwait.Until(t, "Redis is back", func() bool {
		rec := ask(alice)
		return rec.Code == 200 && rec.Header().Get(authz.EdgeHeader) == ""
	})
	expect("alice, back on", alice, 200, false)
	expect("carol, back on", carol, 200, false)
	expect("bob, back on", bob, 401, false)

	// Ended before the cut, and noticed by the node.
	if err := operator.RevokeUser(context.Background(), acme, aliceSession.User); err != nil {
		t.Fatal(err)
	}
	expect("alice, ended", alice, 401, false)
	issued := node.Stats().ListIssued
	testwait.Until(t, "a list of later", func() bool { return node.Stats().ListIssued.After(issued) })
	proxy.Freeze()
	expect("alice, ended before the cut", alice, 503, false)
}
