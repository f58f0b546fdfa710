//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const frontPolicy = `
p, role:authenticated, *, /page, GET, true, allow
p, role:editor,        *, /page, PUT, true, allow
`

// refreshGrace is shorter than by default, so that a history has old tokens soon.
const refreshGrace = 500 * time.Millisecond

// front is an instance of a service. Its one page says by which state of the session it was
// served: sessions count their changes in an attribute.
type front struct {
	name    string
	manager *session.Manager
	echo    *echo.Echo
}

// answered is the outcome of a request.
type answered struct {
	step  int
	cause error
}

type answeredKey struct{}

func newFront(tb testing.TB, name string, store session.Store, signer *token.Signer, cfg session.Config) *front {
	tb.Helper()
	g := &front{name: name, echo: echo.New()}
	cfg.Key, cfg.RefreshGrace = secretKey(3), refreshGrace
	g.manager = must(session.NewManager(store, cfg))(tb)
	g.echo.Use(authz.Middleware(authz.Config{
		Tokens: must(token.NewVerifier(signer.Issuer()))(tb), Sessions: g.manager, Policy: engineOf(tb, frontPolicy),
		Logger: slog.New(slog.DiscardHandler),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, p middleware.Problem, cause error) {
			r.Context().Value(answeredKey{}).(*answered).cause = cause
			w.WriteHeader(p.Status)
		},
	}))
	page := func(c echo.Context) error {
		ctx := c.Request().Context()
		s, _ := session.FromContext(ctx)
		ctx.Value(answeredKey{}).(*answered).step = stepOf(s)
		return c.NoContent(http.StatusNoContent)
	}
	g.echo.GET("/page", page)
	g.echo.PUT("/page", page)
	return g
}

// request asks for the page, and to write it where method is PUT.
func (g *front) request(method, bearer string) (status int, a answered) {
	ctx := context.WithValue(context.Background(), answeredKey{}, &a)
	r := httptest.NewRequestWithContext(ctx, method, "/page", nil)
	r.Header.Set("Authorization", "Bearer "+bearer)
	w := httptest.NewRecorder()
	g.echo.ServeHTTP(w, r)
	return w.Code, a
}

func newSigner(tb testing.TB) *token.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return must(token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key), Lifetime: time.Hour,
	}))(tb)
}

// A step is a state of a session. Every second one has the role to write.
const stepAttribute = "step"

func stepOf(s session.Session) int {
	step, _ := s.Attributes.Get(stepAttribute)
	n, _ := step.(int64)
	return int(n)
}

func writes(step int) bool { return step%2 == 1 }

// stateOf returns what a session has in a step.
func stateOf(step int) (session.Roles, session.Attributes) {
	role := "reader"
	if writes(step) {
		role = "editor"
	}
	attributes, err := session.NewAttributes(map[string]any{stepAttribute: step})
	if err != nil {
		panic(strconv.Itoa(step) + ": " + err.Error()) // an int is a value
	}
	return session.MustRoles(role), attributes
}

// answerOf says what an error means to a caller, and false for one that it should not get.
func answerOf(err error) (history.Answer, bool) {
	if err == nil {
		return history.Done, true
	}
	for _, row := range []struct {
		err    error
		answer history.Answer
	}{
		{session.ErrUnavailable, history.Unknown},
		{session.ErrCorrupt, history.Unknown},
		{middleware.ErrUnavailable, history.Unknown},
		{middleware.ErrOverloaded, history.Unknown},
		{session.ErrRefreshReused, history.Reused},
		{session.ErrRefreshInvalid, history.Ended},
		{session.ErrNotFound, history.Ended},
		{middleware.ErrInvalidCredential, history.Ended},
		{tenant.ErrSuspended, history.Inactive},
		{tenant.ErrUnknown, history.Inactive},
		{session.ErrBlocked, history.Blocked},
		{session.ErrConflict, history.Nothing},
		{session.ErrStale, history.Nothing},
		{middleware.ErrForbidden, history.Forbidden},
	} {
		if errors.Is(err, row.err) {
			return row.answer, true
		}
	}
	return history.Nothing, false
}
