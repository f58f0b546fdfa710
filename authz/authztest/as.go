package authztest

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// Caller says as whom a handler runs in a unit test. The zero Caller is anonymous; any
// other has a Tenant and a User.
type Caller struct {
	Tenant string
	User   string
	Roles  []string // of the session, without "role:"

	Attributes map[string]any  // of the session, as for session.NewAttributes
	AMR        []string        // how the user signed in, for r.env.mfa and authz.AMR: "pwd", "mfa"
	AuthTime   time.Time       // when, for authz.MaxAge; zero means now
	Actors     []session.Actor // who acts as the user, if somebody else does

	// Address is where the request comes from, for r.env.ip: "192.0.2.1". Default: the
	// RemoteAddr of the request, which for [As] is 192.0.2.1, an address for documentation.
	Address string

	// Config has the other settings of the service that a handler notices: HideExistence, HideTypes,
	// Observer, Tracer and Streams. Its other fields are ignored.
	Config authz.Config
}

// As returns a context in which c is the caller, as it is in a handler behind the
// middleware, for decisions by engine: [authz.Check], [authz.Can], [authz.Explain],
// [authz.FromContext], tenant.FromContext and session.FromContext answer as they do there.
// It needs no store, no token and no server, and whether a rule allows a route is not asked.
// The test fails at once for a caller that no session can have.
//
//	ctx := authztest.As(t, engine, authztest.Caller{Tenant: "acme", User: "alice", Roles: []string{"editor"}})
//	err := service.Approve(ctx, invoice)
//
// The context ends with the test. In a program that is no test it panics, so that no service
// makes a caller this way.
func As(t testing.TB, engine authz.Decider, c Caller) context.Context {
	onlyInTests()
	t.Helper()
	return Request(t, engine, c, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)).Context()
}

// Request returns r with c as its caller, as [As] does for a context, for a handler that takes
// a request:
//
//	r := authztest.Request(t, engine, caller, httptest.NewRequest("PUT", "/invoices/1", body))
//	rec := httptest.NewRecorder()
//	err := update(echo.New().NewContext(r, rec))
//
// Credentials in r are not read, and its body is left to the handler. The path of what it returns is
// decoded, as behind the middleware.
func Request(t testing.TB, engine authz.Decider, c Caller, r *http.Request) *http.Request {
	onlyInTests()
	t.Helper()
	s := c.session(t)
	request := plain(r)
	if c.Address != "" {
		addr, err := netip.ParseAddr(c.Address)
		if err != nil {
			t.Fatalf("authztest: Caller.Address: %v", err)
		}
		request.RemoteAddr = netip.AddrPortFrom(addr, 1234).String()
	}
	signer := newSigner(t)
	if s != nil {
		request.Header.Set("Authorization", "Bearer "+authz.Must(signer.Sign(*s)).Reveal())
	}
	var bound context.Context
	guard, err := authz.NewGuard(authz.Config{
		Tokens:        authz.Must(token.NewVerifier(signer.Issuer())),
		Sessions:      onlySession{s},
		Policy:        engine,
		HideExistence: c.Config.HideExistence,
		HideTypes:     c.Config.HideTypes,
		Streams:       c.Config.Streams,
		Tracer:        c.Config.Tracer,
		Logger:        slog.New(slog.DiscardHandler),
		Timeout:       30 * time.Second, // no outage of a busy machine
		Observer: func(ctx context.Context, e authz.Event) {
			switch {
			case bound == nil:
				bound = ctx // the decision about the route, allowed or not
			case c.Config.Observer != nil:
				c.Config.Observer(ctx, e)
			}
		},
	})
	if err != nil {
		t.Fatalf("authztest: %v", err)
	}
	_ = guard.Serve(&exchange{r: request, w: httptest.NewRecorder()})
	if bound == nil {
		t.Fatal("authztest: no decision was made")
	}
	if _, ok := authz.FromContext(bound); !ok {
		t.Fatalf("authztest: %s %s is refused before anybody asks who the caller is", r.Method, r.URL.Path)
	}
	r, decoded := r.WithContext(bound), *r.URL
	decoded.RawPath = ""
	r.URL = &decoded
	return r
}

// onlyInTests panics in any other program. A testing.TB is no proof: it can be embedded, and a
// testing.T be made.
func onlyInTests() {
	if !testing.Testing() {
		panic("authztest: a caller is made outside of a test")
	}
}

// plain returns the request that the middleware sees in place of r: the parts that a handler notices.
func plain(r *http.Request) *http.Request {
	request := r.Clone(r.Context())
	request.URL.RawPath, request.URL.RawQuery = "", ""
	request.Header.Del("Authorization")
	return request
}

// session is that of c, nil for an anonymous caller.
func (c Caller) session(t testing.TB) *session.Session {
	t.Helper()
	if c.Tenant == "" && c.User == "" {
		if len(c.Roles) > 0 || len(c.Attributes) > 0 || len(c.AMR) > 0 || len(c.Actors) > 0 || !c.AuthTime.IsZero() {
			t.Fatal("authztest: Caller: an anonymous caller has no session, so no roles, attributes, AMR, AuthTime or actors; set Tenant and User")
		}
		return nil
	}
	now := time.Now()
	s := session.Session{
		ID: session.NewID(), AuthTime: c.AuthTime, CreatedAt: now, LastSeenAt: now,
		ExpiresAt: now.Add(24 * time.Hour), IdleTimeout: 24 * time.Hour, Version: 1,
	}
	if s.AuthTime.IsZero() {
		s.AuthTime = now
	}
	var err error
	fail := func(field string) {
		t.Helper()
		if err != nil {
			t.Fatalf("authztest: Caller.%s: %v", field, err)
		}
	}
	s.Tenant, err = tenant.Parse(c.Tenant)
	fail("Tenant")
	s.User, err = session.ParseUserID(c.User)
	fail("User")
	s.Roles, err = session.NewRoles(c.Roles...)
	fail("Roles")
	s.Attributes, err = session.NewAttributes(c.Attributes)
	fail("Attributes")
	s.AMR, err = session.NewMethods(c.AMR...)
	fail("AMR")
	s.Actors, err = session.NewActors(c.Actors...)
	fail("Actors")
	return &s
}

// onlySession is a store of one session.
type onlySession struct{ s *session.Session }

func (o onlySession) Load(_ context.Context, ref session.Ref) (session.Session, error) {
	if o.s == nil || o.s.Ref() != ref {
		return session.Session{}, session.ErrNotFound
	}
	return *o.s, nil
}

// newSigner returns a signer with a key of its own, which is gone with the test.
func newSigner(t testing.TB) *token.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer: "https://authztest.invalid", Audience: "authztest", KeyID: "test", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key), Lifetime: 15 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return signer
}
