package middleware_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func TestOneCredentialAmongHeadersOfIssuers(t *testing.T) {
	const first, second = "Cf-Access-Jwt-Assertion", "X-Goog-Iap-Jwt-Assertion"
	type headers [][2]string
	for name, tt := range map[string]struct {
		target  string
		headers headers
		want    string
		err     error
	}{
		"one is a credential":                         {"/", headers{{first, "abc"}}, "header [redacted]", nil},
		"the name ignores case":                       {"/", headers{{strings.ToUpper(first), "abc"}}, "header [redacted]", nil},
		"an empty one is none":                        {"/", headers{{first, ""}}, "no credential", nil},
		"twice is refused":                            {"/", headers{{first, "abc"}, {first, "abc"}}, "", middleware.ErrInvalidRequest},
		"an empty one and one are refused":            {"/", headers{{first, ""}, {first, "abc"}}, "", middleware.ErrInvalidRequest},
		"two in one are refused":                      {"/", headers{{first, "abc,def"}}, "", middleware.ErrInvalidRequest},
		"one with a scheme is refused":                {"/", headers{{first, "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"those of two issuers are refused":            {"/", headers{{first, "abc"}, {second, "abc"}}, "", middleware.ErrInvalidRequest},
		"one beside a bearer is refused":              {"/", headers{{first, "abc"}, {"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"one beside a token that we do not read":      {"/", headers{{first, "abc"}, {"Authorization", "DPoP abc"}}, "", middleware.ErrInvalidRequest},
		"one beside a cookie is refused":              {"/", headers{{first, "abc"}, {"Cookie", cookieName + "=abc"}}, "", middleware.ErrInvalidRequest},
		"one beside a query is refused":               {"/?access_token=abc", headers{{first, "abc"}}, "", middleware.ErrInvalidRequest},
		"one beside a password is one":                {"/", headers{{first, "abc"}, {"Authorization", "Basic dTpw"}}, "header [redacted]", nil},
		"a header of an issuer that nobody trusts":    {"/", headers{{"X-Amzn-Oidc-Data", "abc"}}, "no credential", nil},
		"a cookie of the proxy's own is not a second": {"/", headers{{first, "abc"}, {"Cookie", "CF_Authorization=abc"}}, "header [redacted]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.target, nil)
			for _, h := range tt.headers {
				r.Header.Add(h[0], h[1])
			}
			got, err := middleware.Extract(r, cookieName, first, second)
			if !errors.Is(err, tt.err) || err == nil && got.String() != tt.want {
				t.Errorf("%v, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// TestAnAdoptionIsALoadOfItsTenant: a tenant that has all of its slots waits, within the time of
// the request, and another tenant does not.
func TestAnAdoptionIsALoadOfItsTenant(t *testing.T) {
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	strangerOf := func(t tenant.ID) session.Stranger {
		return session.Stranger{Issuer: "https://idp.test", Tenant: t, User: session.MustParseUserID("bob")}
	}
	hung, release := make(chan struct{}), make(chan struct{})
	var stages []middleware.Stage
	adopt := middleware.LimitAdopter(adopterFunc(func(ctx context.Context, stranger session.Stranger) (session.Session, error) {
		if stranger.Tenant == acme {
			close(hung)
			<-release
		}
		return session.Session{ID: session.NewID(), Tenant: stranger.Tenant, User: stranger.User}, nil
	}), 1, 1, stageTracer{&stages})
	done := make(chan error)
	go func() {
		_, err := adopt(context.Background(), strangerOf(acme))
		done <- err
	}()
	<-hung
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := adopt(ctx, strangerOf(globex)); !errors.Is(err, middleware.ErrOverloaded) || !middleware.IsOutage(err) {
		t.Errorf("without a slot the error is %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := adopt(t.Context(), strangerOf(globex)); err != nil {
		t.Error(err)
	}
	for _, stage := range stages {
		if stage != middleware.StageLoad {
			t.Errorf("the stage is %v", stage)
		}
	}
	if len(stages) != 3 {
		t.Errorf("%d stages", len(stages))
	}
	other := middleware.LimitAdopter(adopterFunc(func(context.Context, session.Stranger) (session.Session, error) {
		return session.Session{ID: session.NewID(), Tenant: globex, User: session.MustParseUserID("bob")}, nil
	}), 1, 1, nil)
	if _, err := other(t.Context(), strangerOf(acme)); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("for the session of another tenant the error is %v", err)
	}
}

type adopterFunc func(ctx context.Context, stranger session.Stranger) (session.Session, error)

func (f adopterFunc) Adopt(ctx context.Context, stranger session.Stranger) (session.Session, error) {
	return f(ctx, stranger)
}

type stageTracer struct{ stages *[]middleware.Stage }

func (s stageTracer) StageStart(ctx context.Context, d middleware.TraceStart) context.Context {
	return ctx
}

func (s stageTracer) StageEnd(_ context.Context, d middleware.TraceEnd) {
	*s.stages = append(*s.stages, d.Stage)
}
