package authz_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

func newRequest(ctx context.Context, method, target string) *http.Request {
	return httptest.NewRequest(method, target, nil).WithContext(ctx)
}

func (w *fixture) serve(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return rec
}

func TestAnInvalidConfigNamesEveryBadField(t *testing.T) {
	bad := authz.Config{
		Tokens:   (*token.Verifier)(nil),
		Sessions: (*session.Manager)(nil),
		Tenant:   []middleware.Locator{middleware.TenantHeader("X-Tenant"), nil},
		Cookie:   "session",
		Realm:    "a\"b\r\n",
	}
	mw, err := bad.ToMiddleware()
	if err == nil || mw != nil {
		t.Fatal("it builds")
	}
	for _, field := range []string{"Tokens: ", "Sessions: ", "Policy: ", "Tenant[1]: ", "Cookie: ", "Realm: "} {
		if !strings.Contains(err.Error(), "\n"+field) && !strings.Contains(err.Error(), ": "+field) {
			t.Errorf("%q is not named in:\n%v", field, err)
		}
	}
	if _, err := (authz.Config{}).ToMiddleware(); err == nil {
		t.Error("the zero config builds")
	}
}

func TestLimitsThatLimitNothingAreRefused(t *testing.T) {
	for field, cfg := range map[string]authz.Config{
		"Timeout: ":               {Timeout: -time.Second},
		"Timeout: 1h":             {Timeout: time.Hour},
		"MaxVerifications: -1":    {MaxVerifications: -1},
		"MaxLoads: -1":            {MaxLoads: -1},
		"MaxTenantLoads: -1":      {MaxTenantLoads: -1},
		"MaxTenantLoads: 6, from": {MaxLoads: 5, MaxTenantLoads: 6},
		"DPoP.Proofs: ":           {DPoP: &middleware.DPoP{}},
		"DPoP.Replay: ":           {DPoP: &middleware.DPoP{Proofs: &token.DPoPVerifier{}}},
	} {
		_, err := cfg.ToMiddleware()
		if err == nil || !strings.Contains(err.Error(), "\n"+field) {
			t.Errorf("%q is not named in:\n%v", field, err)
		}
	}
	for _, cfg := range []authz.Config{{}, {MaxLoads: 1}, {MaxLoads: 5, MaxTenantLoads: 5}, {MaxLoads: 1000}} {
		if _, err := cfg.ToMiddleware(); strings.Contains(err.Error(), "Max") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestMiddlewarePanicsOnAnInvalidConfig(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it does not")
		}
	}()
	authz.Middleware(authz.Config{})
}
