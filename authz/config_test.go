package authz_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

func newRequest(ctx context.Context, method, target string) *http.Request {
	return httptest.NewRequest(method, target, nil).WithContext(ctx)
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
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

func TestMiddlewarePanicsOnAnInvalidConfig(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it does not")
		}
	}()
	authz.Middleware(authz.Config{})
}
