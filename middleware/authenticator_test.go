package middleware_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// anybody says yes to every token, and names no session.
type anybody struct {
	deadline time.Duration
	loads    int
}

func (a *anybody) Verify(ctx context.Context, _ string) (*token.Verified, error) {
	if at, ok := ctx.Deadline(); ok {
		a.deadline = time.Until(at)
	}
	return new(token.Verified), nil
}

func (a *anybody) Load(context.Context, session.Ref) (session.Session, error) {
	a.loads++
	return session.Session{}, nil
}

func authenticator(t testing.TB, cfg middleware.AuthenticatorConfig) *middleware.Authenticator {
	t.Helper()
	a, err := middleware.NewAuthenticator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func identify(a *middleware.Authenticator) (middleware.Identity, error) {
	r := httptest.NewRequest("GET", "/x", nil)
	r.Header.Set("Authorization", "Bearer abc")
	return a.Identify(httptest.NewRecorder(), r, nil)
}

func TestHalfAnAuthenticatorRefusesEveryCredential(t *testing.T) {
	if identity, err := identify(new(middleware.Authenticator)); !middleware.IsOutage(err) || !identity.IsAnonymous() {
		t.Errorf("zero: %v", err)
	}
	some := &anybody{}
	for name, cfg := range map[string]middleware.AuthenticatorConfig{
		"zero": {}, "without a verifier": {Sessions: some}, "without a loader": {Tokens: some},
		"a nil verifier": {Tokens: (*token.Verifier)(nil), Sessions: some}, "a nil loader": {Tokens: some, Sessions: (*session.Manager)(nil)},
	} {
		if a, err := middleware.NewAuthenticator(cfg); err == nil || a != nil || !strings.Contains(err.Error(), "middleware: invalid config: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The zero Verified names no session. A store is not even asked for it, and one that would
// answer with the zero session signs nobody in.
func TestATokenThatNamesNoSessionIsNobodys(t *testing.T) {
	some := &anybody{}
	if identity, err := identify(authenticator(t, middleware.AuthenticatorConfig{Tokens: some, Sessions: some})); err == nil || !identity.IsAnonymous() || some.loads != 0 {
		t.Errorf("%v, %d loads", err, some.loads)
	}
}

func TestAnAuthenticatorWithoutATimeoutHasTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		some := &anybody{}
		if _, err := identify(authenticator(t, middleware.AuthenticatorConfig{Tokens: some, Sessions: some})); errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if some.deadline != middleware.DefaultTimeout {
			t.Errorf("got %v", some.deadline)
		}
	})
}

func TestAnAuthenticatorsConfigIsCheckedAllAtOnce(t *testing.T) {
	_, err := middleware.NewAuthenticator(middleware.AuthenticatorConfig{
		Tenant: []middleware.Locator{nil}, Cookie: "sid", DPoP: &middleware.DPoP{}, CORS: &middleware.CORS{},
		Timeout: -1, MaxVerifications: -1, MaxLoads: -1, MaxTenantLoads: 3,
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, field := range []string{"Tokens: ", "Sessions: ", "Tenant[0]: ", "Cookie: ", "DPoP.Proofs: ", "DPoP.Replay: ", "CORS.Origins: ", "Timeout: ", "MaxVerifications: ", "MaxLoads: "} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	some := &anybody{}
	if _, err := middleware.NewAuthenticator(middleware.AuthenticatorConfig{Tokens: some, Sessions: some, MaxLoads: 2, MaxTenantLoads: 3}); err == nil {
		t.Error("a tenant may have more loads than there are")
	}
}
