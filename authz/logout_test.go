package authz_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

func TestBackchannelLogoutEndsWhatTheTokenNames(t *testing.T) {
	w := newIDPFixtureOf(t, ownSessions)
	first, s := w.login(acme, alice, "viewer")
	second, _ := w.login(acme, alice, "viewer")
	bob, _ := w.login(acme, session.MustParseUserID("bob"), "viewer")
	elsewhere, other := w.login(globex, alice, "viewer")
	all := func() []int { return []int{w.status(first), w.status(second), w.status(bob), w.status(elsewhere)} }
	want := func(what string, rec *httptest.ResponseRecorder, statuses ...int) {
		t.Helper()
		if rec.Code != 200 || rec.Body.Len() != 0 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
		if got := all(); !slices.Equal(got, statuses) {
			t.Errorf("%s: the sessions answer %v, want %v", what, got, statuses)
		}
	}
	want("a session", w.post(w.logoutToken(sidOf(s))), 401, 200, 200, 200)
	want("a user who has none", w.post(w.logoutToken(edits{"sub": `"carol"`})), 401, 200, 200, 200)
	want("a user", w.post(w.logoutToken()), 401, 401, 200, 200)
	want("a user with a session of the provider's", w.post(w.logoutToken(edits{"sub": `"bob"`, "sid": `"op-7"`})), 401, 401, 401, 200)

	w.refused(w.post(w.logoutToken(sidOf(other), edits{"sub": "", "tenant": `"globex"`})))
	if w.status(elsewhere) != 200 {
		t.Error("a sid alone ended a session that nobody can look up by it")
	}
	suspended := w.manager.SetTenantStatus(t.Context(), globex, tenant.Suspended)
	if suspended != nil {
		t.Fatal(suspended)
	}
	if rec := w.post(w.logoutToken(edits{"tenant": `"globex"`})); rec.Code != 200 {
		t.Errorf("of a suspended tenant: %d", rec.Code)
	}
}

func TestALogoutTokenWorksOnce(t *testing.T) {
	w := newIDPFixture(t)
	raw := w.logoutToken()
	if rec := w.post(raw); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	bearer, _ := w.login(acme, alice, "viewer")
	w.refused(w.post(raw))
	w.refused(w.post(raw))
	jti := edits{"jti": `"twice"`}
	if rec := w.post(w.logoutToken(jti, edits{"sub": `"bob"`})); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	w.refused(w.post(w.logoutToken(jti)))
	if w.status(bearer) != 200 {
		t.Error("a replay signs out who has signed in since")
	}
	if w.stores.revokedUsers != 2 {
		t.Errorf("users were revoked %d times", w.stores.revokedUsers)
	}
}

// Forgeries are in session/token; here are those that the body makes, and the tokens of
// other kinds. Nothing ends, nothing is marked, and a good one still works.
func TestWhatIsNoLogoutTokenEndsNothing(t *testing.T) {
	w := newIDPFixture(t)
	bearer, s := w.login(acme, alice, "viewer")
	const form = "application/x-www-form-urlencoded"
	good := "logout_token=" + w.logoutToken()
	answers := map[string]*httptest.ResponseRecorder{
		"an empty body":        w.postBody("", form),
		"an empty token":       w.post(""),
		"two tokens":           w.postBody(good+"&"+good, form),
		"another parameter":    w.postBody("token="+w.logoutToken(), form),
		"JSON":                 w.postBody(good, "application/json"),
		"no content type":      w.postBody(good, ""),
		"a multipart form":     w.postBody(good, "multipart/form-data; boundary=x"),
		"a body of a megabyte": w.postBody(good+"&x="+strings.Repeat("x", 1<<20), form),
		"a broken escape":      w.postBody(good+"&x=%zz", form),
		"a bad signature":      w.post(w.logoutToken() + "x"),
		"another key":          w.post(newIDPFixture(t).logoutToken()),
		"no tenant":            w.post(w.logoutToken(edits{"tenant": ""})),
		"an access token":      w.post(bearer),
		"an access token of the issuer": w.post(strings.Replace(w.logoutToken(edits{"events": "", "client_id": `"web"`},
			sidOf(s)), b64([]byte(`{"alg":"EdDSA","kid":"idp-1","typ":"logout+jwt"}`)), b64([]byte(`{"alg":"EdDSA","kid":"idp-1","typ":"at+jwt"}`)), 1)),
		"an ID token": w.post(w.logoutToken(edits{"events": "", "nonce": `"n"`})),
	}
	for name, rec := range answers {
		t.Log(name)
		w.refused(rec)
	}
	r := httptest.NewRequest("POST", "/backchannel-logout?"+good, nil)
	r.Header.Set("Content-Type", form)
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	w.refused(rec)
	if w.stores.revocations+w.stores.revokedUsers+w.stores.marked != 0 || w.status(bearer) != 200 {
		t.Error("a refused token ended or marked something")
	}
	if n := len(w.observed); n != len(answers)+1 {
		t.Errorf("%d requests were observed", n)
	}
	if rec := w.postBody(good+"&state=ignored", form); rec.Code != 200 || w.status(bearer) != 401 {
		t.Errorf("afterwards a good one: %d", rec.Code)
	}
	// The reverse: no logout token signs anybody in.
	for _, as := range []string{w.logoutToken(sidOf(s)), w.logoutToken(sidOf(s), edits{"aud": `"api"`, "client_id": `"web"`})} {
		if w.status(as) != 401 {
			t.Error("a logout token signs in")
		}
	}
}

// TestALogoutIsPosted: registered for another method, the handler ends nothing.
func TestALogoutIsPosted(t *testing.T) {
	w := newIDPFixture(t)
	handler, err := authz.LogoutConfig{Tokens: w.verifier, Sessions: w.stores, Replay: w.stores}.ToHandler()
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"PUT", "PATCH", "GET"} {
		r := httptest.NewRequest(method, "/", strings.NewReader("logout_token="+w.logoutToken()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		if err := handler(w.echo.NewContext(r, rec)); err != nil {
			t.Fatal(err)
		}
		w.refused(rec)
	}
	if w.stores.revocations+w.stores.revokedUsers+w.stores.marked != 0 {
		t.Error("something ended")
	}
}

// The answer is 503 whatever is out, and the same token works when all is back: a logout that was
// not carried out is never taken for one that was.
func TestALogoutDuringAnOutageIsAskedForAgain(t *testing.T) {
	for name, broken := range map[string]func(f *failing, err error){
		"the replay store, before": func(f *failing, err error) { f.used = err },
		"the sessions of a user":   func(f *failing, err error) { f.revokeUser = err },
		"the replay store, after":  func(f *failing, err error) { f.use = err },
	} {
		for _, err := range []error{session.ErrUnavailable, errors.New("odd hunter2"), token.ErrInvalid, context.DeadlineExceeded} {
			w := newIDPFixture(t)
			bearer, _ := w.login(acme, alice, "viewer")
			raw := w.logoutToken()
			broken(w.stores, err)
			for range 2 {
				rec := w.post(raw)
				if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || strings.Contains(rec.Body.String(), "hunter2") {
					t.Errorf("%s, %v: %d %s", name, err, rec.Code, rec.Body)
				}
			}
			broken(w.stores, nil)
			if rec := w.post(raw); rec.Code != 200 || w.status(bearer) != 401 {
				t.Errorf("%s: when it is back: %d", name, rec.Code)
			}
			w.refused(w.post(raw))
		}
	}
	w := newIDPFixtureOf(t, ownSessions)
	bearer, s := w.login(acme, alice, "viewer")
	raw := w.logoutToken(sidOf(s))
	w.stores.revoke = session.ErrUnavailable
	if rec := w.post(raw); rec.Code != 503 || w.status(bearer) != 200 {
		t.Errorf("one session: %d", rec.Code)
	}
	w.stores.revoke = nil
	if rec := w.post(raw); rec.Code != 200 || w.status(bearer) != 401 {
		t.Errorf("one session, when it is back: %d", rec.Code)
	}
}

type fakeLogouts func() (*token.LogoutToken, error)

func (f fakeLogouts) VerifyLogout(context.Context, string) (*token.LogoutToken, error) { return f() }

func TestALogoutVerifierThatIsOutEndsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		l   *token.LogoutToken
		err error
	}{
		"no keys": {nil, token.ErrUnavailable}, "an odd error": {nil, errors.New("odd")}, "nothing": {nil, nil},
		"a zero Logout": {new(token.LogoutToken), nil}, "both": {nil, errors.Join(token.ErrInvalid, token.ErrUnavailable)},
	} {
		w := newIDPFixture(t, func(c *authz.LogoutConfig) {
			c.Tokens = fakeLogouts(func() (*token.LogoutToken, error) { return tt.l, tt.err })
		})
		if rec := w.post("x"); rec.Code != 503 {
			t.Errorf("%s: %d", name, rec.Code)
		}
		if w.stores.revocations+w.stores.revokedUsers+w.stores.marked != 0 {
			t.Errorf("%s ended something", name)
		}
	}
}

// A provider that names sessions by ids of its own: the service has noted which are whose.
func TestFindLooksUpTheProvidersSessions(t *testing.T) {
	var mu sync.Mutex
	stored := map[string][]session.Ref{}
	var failure error
	w := newIDPFixture(t, func(c *authz.LogoutConfig) {
		c.Find = func(_ context.Context, l *token.LogoutToken) ([]session.Ref, error) {
			mu.Lock()
			defer mu.Unlock()
			return stored[l.Issuer()+" "+l.IssuerSessionID()], failure
		}
	})
	one, s1 := w.login(acme, alice, "viewer")
	two, s2 := w.login(acme, alice, "viewer")
	three, _ := w.login(acme, alice, "viewer")
	bob, sb := w.login(acme, session.MustParseUserID("bob"), "viewer")
	abroad, sg := w.login(globex, alice, "viewer")
	stored["https://idp.test op-1"] = []session.Ref{s1.Ref(), s2.Ref()}
	stored["https://idp.test op-2"] = []session.Ref{s1.Ref(), sg.Ref()} // of another tenant
	stored["https://idp.test op-3"] = []session.Ref{sb.Ref()}
	sid := func(s string) edits { return edits{"sid": `"` + s + `"`} }

	if rec := w.post(w.logoutToken(sid("op-2"))); rec.Code != 503 || w.status(one) != 200 || w.status(abroad) != 200 {
		t.Errorf("a session of another tenant: %d", rec.Code)
	}
	if rec := w.post(w.logoutToken(sid("op-3"))); rec.Code != 503 || w.status(bob) != 200 {
		t.Errorf("a session of another user: %d", rec.Code)
	}
	failure = errors.New("the database is out")
	raw := w.logoutToken(sid("op-1"), edits{"sub": ""})
	if rec := w.post(raw); rec.Code != 503 {
		t.Errorf("Find fails: %d", rec.Code)
	}
	failure = nil
	if rec := w.post(raw); rec.Code != 200 || w.status(one) != 401 || w.status(two) != 401 || w.status(three) != 200 {
		t.Errorf("a sid alone: %d", rec.Code)
	}
	w.refused(w.post(w.logoutToken(sid("op-9"), edits{"sub": ""})))
	if w.status(three) != 200 {
		t.Error("a sid alone that nobody noted ended something")
	}
	if rec := w.post(w.logoutToken(sid("op-9"))); rec.Code != 200 || w.status(three) != 401 || w.status(abroad) != 200 {
		t.Errorf("a sid that nobody noted, and its sub: %d", rec.Code)
	}
	if rec := w.post(w.logoutToken(sid("op-3"), edits{"sub": `"bob"`})); rec.Code != 200 || w.status(bob) != 401 {
		t.Errorf("a sid and its sub: %d", rec.Code)
	}
	again, _ := w.login(acme, alice, "viewer")
	if rec := w.post(w.logoutToken()); rec.Code != 200 || w.status(again) != 401 {
		t.Errorf("a sub alone: %d", rec.Code)
	}
}

func TestALogoutTokenIsForgottenWhenItHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newIDPFixture(t)
		raw := w.logoutToken()
		if rec := w.post(raw); rec.Code != 200 || w.stores.replay.Len() != 1 {
			t.Fatal(rec.Code)
		}
		time.Sleep(5 * time.Minute)
		w.refused(w.post(raw)) // expired now
		if n := w.stores.replay.Len(); n != 0 {
			t.Errorf("%d keys are held for ever", n)
		}
	})
}

func TestLogoutConfigIsValidated(t *testing.T) {
	_, err := authz.LogoutConfig{MaxVerifications: -1}.ToHandler()
	for _, field := range []string{"Tokens: ", "Sessions: ", "Replay: ", "MaxVerifications: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v names no %s", err, field)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("BackchannelLogout accepts the zero config")
		}
	}()
	authz.BackchannelLogout(authz.LogoutConfig{})
}
