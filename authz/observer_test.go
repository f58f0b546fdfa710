package authz_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// TestARefusalIsRecordedWithWhoWasRefused: whoever reads the record of decisions learns
// who tried, and the client learns nothing by it.
func TestARefusalIsRecordedWithWhoWasRefused(t *testing.T) {
	ctx := context.Background()
	withCookie := func(c *authz.Config) { c.Cookie = "__Host-token" }
	for _, row := range []struct {
		name   string
		target string
		cookie bool
		extra  headers
		before func(w *fixture, s session.Session)
		status int
		known  bool
	}{
		{"another tenant's name", "/me", false, headers{"X-Tenant": "globex"}, nil, 403, true},
		{"another tenant's name, with a cookie", "/me", true, headers{"X-Tenant": "globex"}, nil, 403, true},
		{"another tenant's name, with a cookie, at a public route", "/public", true, headers{"X-Tenant": "globex"}, nil, 0, false},
		{"a session that was revoked", "/me", false, nil, func(w *fixture, s session.Session) {
			if err := w.manager.Revoke(ctx, s.Ref()); err != nil {
				w.t.Fatal(err)
			}
		}, 401, true},
		{"a tenant that is suspended", "/me", false, nil, func(w *fixture, s session.Session) {
			if err := w.manager.SetTenantStatus(ctx, acme, tenant.Suspended); err != nil {
				w.t.Fatal(err)
			}
		}, 403, true},
		{"a store that is out", "/me", false, nil, func(w *fixture, _ session.Session) { w.store.fail.Store(&errDown) }, 503, true},
		{"a store that answers with another session", "/me", false, nil, func(w *fixture, _ session.Session) {
			_, other := w.login(globex, alice)
			w.store.swap.Store(&other)
		}, 503, true},
		{"a route that is not allowed", "/unruled", false, nil, nil, 403, true},
		{"an ambiguous path", "//me", false, nil, nil, 400, false},
		{"a good request", "/me", false, nil, nil, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newFixture(t, withCookie)
			bearer, s := w.login(acme, alice)
			if row.before != nil {
				row.before(w, s)
			}
			if row.extra == nil {
				row.extra = headers{}
			}
			if row.cookie {
				row.extra["Cookie"], bearer = "__Host-token="+bearer, ""
			}
			rec := w.do("GET", row.target, bearer, row.extra)
			if len(w.events) != 1 {
				t.Fatalf("%d events", len(w.events))
			}
			e := w.events[0]
			if e.Status != row.status {
				t.Fatalf("got %+v, want status %d", e, row.status)
			}
			want := authz.Event{}
			if row.known {
				want.Tenant, want.User, want.Session = acme, alice, s.ID.Fingerprint()
			}
			if e.Tenant != want.Tenant || e.User != want.User || e.Session != want.Session {
				t.Errorf("the event is about %s/%s %q, want %s/%s %q", e.Tenant, e.User, e.Session, want.Tenant, want.User, want.Session)
			}
			if row.status == 0 {
				return
			}
			answer := rec.Body.String()
			for name, values := range rec.Header() {
				answer += name + strings.Join(values, " ")
			}
			for _, secret := range []string{"acme", "globex", "alice", s.ID.Fingerprint()} {
				if strings.Contains(answer, secret) {
					t.Errorf("the answer names %s: %s", secret, answer)
				}
			}
		})
	}
}

// TestAnAnswerIsTheSameWhoeverWasRefused, byte for byte: what is recorded of a genuine
// token shows in no answer to one that is not.
func TestAnAnswerIsTheSameWhoeverWasRefused(t *testing.T) {
	w := newFixture(t)
	genuine, s := w.login(acme, alice)
	if err := w.manager.Revoke(context.Background(), s.Ref()); err != nil {
		t.Fatal(err)
	}
	forged := genuine[:len(genuine)-8] + "AAAAAAAA"
	a, b := w.do("GET", "/me", genuine), w.do("GET", "/me", forged)
	if a.Code != b.Code || a.Body.String() != b.Body.String() || a.Header().Get("WWW-Authenticate") != b.Header().Get("WWW-Authenticate") {
		t.Errorf("got %d %s and %d %s", a.Code, a.Body, b.Code, b.Body)
	}
	if e := w.events[1]; !e.Tenant.IsZero() || !e.User.IsZero() || e.Session != "" {
		t.Errorf("a forged token is recorded as %s/%s", e.Tenant, e.User)
	}
}

// TestABoundTokenIsRecordedOnceItsKeyIsShown: who only has its text may be a thief.
func TestABoundTokenIsRecordedOnceItsKeyIsShown(t *testing.T) {
	b := newBoundFixture(t)
	r := request("GET", "/me", "Authorization", "DPoP "+b.bound, "DPoP", b.holder.proof("GET", publicOrigin+"/me", b.bound), "X-Tenant", "globex")
	rec := httptest.NewRecorder()
	b.echo.ServeHTTP(rec, r)
	b.want(rec, 403, "forbidden")
	b.want(b.do("GET", "/me", b.bound), 401, "invalid-token")
	if e := b.events[0]; e.Tenant != acme || e.User != alice || e.Session != b.sess.ID.Fingerprint() {
		t.Errorf("with its key it is recorded as %s/%s", e.Tenant, e.User)
	}
	if e := b.events[1]; !e.Tenant.IsZero() || !e.User.IsZero() || e.Session != "" {
		t.Errorf("without its key it is recorded as %s/%s", e.Tenant, e.User)
	}
}
