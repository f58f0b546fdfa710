package middleware_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

type anyToken struct{}

func (anyToken) Verify(context.Context, string) (*token.Verified, error) {
	return new(token.Verified), nil
}

type noSession struct{}

func (noSession) Load(context.Context, session.Ref) (session.Session, error) {
	return session.Session{}, session.ErrNotFound
}

// An Authenticator that was put together by hand denies with half of a DPoP as with none.
func TestHalfADPoPAcceptsNothing(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*middleware.DPoP{
		"no verifier": {Replay: memstore.NewReplay(0)}, "no replay store": {Proofs: proofs}, "neither": {},
	} {
		a := middleware.Unvalidated(anyToken{}, noSession{}, d)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "DPoP x")
		r.Header.Set("DPoP", "x")
		if got, err := a.Identify(httptest.NewRecorder(), r, nil); !errors.Is(err, middleware.ErrUnavailable) || !got.IsAnonymous() {
			t.Errorf("%s: %v, %v", name, got.Session(), err)
		}
		if got, err := d.Bind(httptest.NewRecorder(), r); got != "" || !errors.Is(err, middleware.ErrUnavailable) {
			t.Errorf("%s: bound to %q, %v", name, got, err)
		}
	}
}

// A caller that binds without a DPoP, or for a request that is for no path, binds to nothing.
func TestNothingIsBoundWithoutDPoPOrAPath(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	for target, row := range map[string]struct {
		d    *middleware.DPoP
		want error
	}{
		"/login": {nil, middleware.ErrUnavailable},
		"*":      {&middleware.DPoP{Proofs: proofs, Replay: memstore.NewReplay(0)}, middleware.ErrAmbiguousRequest},
	} {
		r := httptest.NewRequest("OPTIONS", "/", nil)
		r.RequestURI = target
		r.Header.Set("DPoP", "x")
		if got, err := row.d.Bind(httptest.NewRecorder(), r); got != "" || !errors.Is(err, row.want) {
			t.Errorf("%s: bound to %q, %v", target, got, err)
		}
		if _, next, err := row.d.ExchangeRefresh(httptest.NewRecorder(), r, nil, "x"); next != (session.RefreshToken{}) || !errors.Is(err, row.want) {
			t.Errorf("%s: refreshed, %v", target, err)
		}
	}
}

// The table of challenges (RFC 9449 §7.1): a refusal of a token names every scheme, one of
// a proof the scheme that has proofs.
func TestChallengesNameWhatIsAccepted(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}, Algorithms: []token.Algorithm{token.ES256}})
	if err != nil {
		t.Fatal(err)
	}
	var none *middleware.DPoP
	both := &middleware.DPoP{Proofs: proofs}
	always := &middleware.DPoP{Proofs: proofs, Always: true}
	for name, tt := range map[string]struct {
		d    *middleware.DPoP
		err  error
		want []string
	}{
		"no caller, bearers":           {none, middleware.ErrAuthenticationRequired, []string{`Bearer realm="r"`}},
		"no caller, both":              {both, middleware.ErrAuthenticationRequired, []string{`Bearer realm="r"`, `DPoP realm="r", algs="ES256"`}},
		"no caller, always":            {always, middleware.ErrAuthenticationRequired, []string{`DPoP realm="r", algs="ES256"`}},
		"a bad token, both":            {both, token.ErrInvalid, []string{`Bearer realm="r", error="invalid_token"`, `DPoP realm="r", error="invalid_token", algs="ES256"`}},
		"a bad proof, both":            {both, token.ErrInvalidProof, []string{`DPoP realm="r", error="invalid_dpop_proof", algs="ES256"`}},
		"a bad nonce, both":            {both, token.ErrNonceRequired, []string{`DPoP realm="r", error="use_dpop_nonce", algs="ES256"`}},
		"a bearer where DPoP must be":  {both, middleware.ErrDPoPRequired, []string{`DPoP realm="r", error="invalid_token", algs="ES256"`}},
		"a bad proof, not configured":  {none, token.ErrInvalidProof, []string{`DPoP realm="r", error="invalid_dpop_proof"`}},
		"two credentials, both":        {both, middleware.ErrInvalidRequest, []string{`Bearer realm="r", error="invalid_request"`, `DPoP realm="r", error="invalid_request", algs="ES256"`}},
		"an outage has none":           {both, token.ErrUnavailable, nil},
		"a bad proof that is unknown":  {both, errors.Join(token.ErrInvalidProof, session.ErrUnavailable), nil},
		"who is known and may not":     {both, middleware.ErrForbidden, nil},
		"a step up, both":              {both, &middleware.StepUpError{MaxAge: 60e9}, []string{`Bearer realm="r", error="insufficient_user_authentication", max_age="60"`, `DPoP realm="r", error="insufficient_user_authentication", max_age="60", algs="ES256"`}},
		"a session that ended, always": {always, middleware.ErrInvalidCredential, []string{`DPoP realm="r", error="invalid_token", algs="ES256"`}},
	} {
		rec := httptest.NewRecorder()
		p, _ := middleware.FromError(tt.err)
		if err := middleware.Respond(rec, tt.d.Challenge(p), "r"); err != nil {
			t.Fatal(err)
		}
		if got := rec.Header().Values("WWW-Authenticate"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
