package middleware_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

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

func identify(a *middleware.Authenticator) (middleware.Identity, error) {
	r := httptest.NewRequest("GET", "/x", nil)
	r.Header.Set("Authorization", "Bearer abc")
	return a.Identify(echo.New().NewContext(r, httptest.NewRecorder()))
}

func TestHalfAnAuthenticatorRefusesEveryCredential(t *testing.T) {
	some := &anybody{}
	for name, a := range map[string]*middleware.Authenticator{
		"zero": {}, "without a verifier": {Sessions: some}, "without a loader": {Tokens: some},
	} {
		if who, err := identify(a); !middleware.Outage(err) || !who.Anonymous() || some.loads != 0 {
			t.Errorf("%s: %v, %d loads", name, err, some.loads)
		}
	}
}

// The zero Verified names no session. A store is not even asked for it, and one that would
// answer with the zero session signs nobody in.
func TestATokenThatNamesNoSessionIsNobodys(t *testing.T) {
	some := &anybody{}
	if who, err := identify(&middleware.Authenticator{Tokens: some, Sessions: some}); err == nil || !who.Anonymous() || some.loads != 0 {
		t.Errorf("%v, %d loads", err, some.loads)
	}
}

func TestAnAuthenticatorWithoutATimeoutHasTheDefault(t *testing.T) {
	for _, timeout := range []time.Duration{0, -1} {
		synctest.Test(t, func(t *testing.T) {
			some := &anybody{}
			if _, err := identify(&middleware.Authenticator{Tokens: some, Sessions: some, Timeout: timeout}); errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if some.deadline != middleware.DefaultTimeout {
				t.Errorf("%v: got %v", timeout, some.deadline)
			}
		})
	}
}
