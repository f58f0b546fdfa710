// Package middleware authenticates requests and binds them to a tenant: it reads one credential
// from a request whose meaning is beyond doubt, verifies it, loads the session and confirms the
// tenant. Package authz decides what the caller may do; most services use it instead of this
// package.
//
// For most uses only the types of a config come from here: [DPoP], [CORS], [NewProxies], the
// locators of tenants such as [TenantHost], and [SignInLimit] for sign-in handlers. A door to another
// router stands on package authz, not on this one.
//
// Every stage is a function that decides and returns an error; [FromError] is the one
// table that turns errors into answers.
package middleware

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/crosstenant"
	"github.com/reevehq/reeve/tenant/job"
)

// Errors of the stages. authz wraps its own around these.
var (
	// ErrAmbiguousRequest means that the request could be read in two ways.
	ErrAmbiguousRequest = errors.New("middleware: ambiguous request")
	// ErrInvalidRequest means that the request carries two credentials or a malformed one.
	ErrInvalidRequest = errors.New("middleware: invalid credentials in request")
	// ErrInvalidValue means that the caller is known and sent a value that cannot be used,
	// such as text that is too long, or a token which is not the request's own.
	ErrInvalidValue = errors.New("middleware: invalid value in request")
	// ErrInvalidCredential means that the session of the request's own credential is gone. For
	// any other session the error is session.ErrNotFound.
	ErrInvalidCredential = errors.New("middleware: the request's session is gone")
	// ErrAuthenticationRequired means that an anonymous caller asked for something that needs
	// a signed-in caller.
	ErrAuthenticationRequired = errors.New("middleware: authentication required")
	// ErrInsufficientAuthentication means that the caller is signed in, but too long ago or
	// by too weak a method. See [StepUpError].
	ErrInsufficientAuthentication = errors.New("middleware: insufficient user authentication")
	// ErrDPoPRequired means that the route accepts only tokens that are bound to their
	// sender's key, and the request has a bearer token or a cookie.
	ErrDPoPRequired = errors.New("middleware: DPoP required")
	// ErrForbidden means that the caller is known and may not do this.
	ErrForbidden = errors.New("middleware: forbidden")
	// ErrCrossOrigin means that a cookie came with a request another site may have made.
	ErrCrossOrigin = errors.New("middleware: cross-origin request")
	// ErrNotFound means that there is no such thing, as far as the caller may know.
	ErrNotFound = errors.New("middleware: not found")
	// ErrUnavailable means that no decision could be made. Nothing is allowed.
	ErrUnavailable = errors.New("middleware: no decision could be made")
	// ErrMisused means that the service called Reeve in a way that can decide nothing,
	// such as a check outside a request. Nothing is allowed.
	ErrMisused = errors.New("middleware: misused")
)

// Problem is the answer to a refused request: an RFC 9457 problem document and the
// headers that go with it. It says what kind of refusal this is and never why: the cause
// is for the log.
type Problem struct {
	Status     int
	Type       string // a URI reference, stable: "/problems/invalid-token"
	Title      string
	RetryAfter int // seconds, for outages; 0 sends no header
	Challenge  Challenge
}

// Challenge is the WWW-Authenticate header of an answer (RFC 6750 §3). The zero Challenge sends
// none.
type Challenge struct {
	Sent       bool   // whether the header is sent
	Code       string // its error parameter; "" sends the challenge without one (§3.1)
	Parameters string // what follows, as it is sent: `, max_age="300"`
	Algorithms string // of a second challenge, for the scheme DPoP; see [DPoP.Challenge]
	DPoPOnly   bool   // whether only the scheme DPoP is offered
}

// The kinds of refusal. Each is one row of the table below.
var (
	ambiguousRequest       = Problem{Status: http.StatusBadRequest, Type: "/problems/ambiguous-request", Title: "The request can be read in more than one way"}
	invalidRequest         = Problem{Status: http.StatusBadRequest, Type: "/problems/invalid-request", Title: "Send one credential, in one place", Challenge: Challenge{Sent: true, Code: "invalid_request"}}
	invalidValue           = Problem{Status: http.StatusBadRequest, Type: "/problems/invalid-value", Title: "A value in the request is not valid"}
	authenticationRequired = Problem{Status: http.StatusUnauthorized, Type: "/problems/authentication-required", Title: "Sign in first", Challenge: Challenge{Sent: true}}
	invalidToken           = Problem{Status: http.StatusUnauthorized, Type: "/problems/invalid-token", Title: "The credential is not valid, sign in again", Challenge: Challenge{Sent: true, Code: "invalid_token"}}
	stepUp                 = Problem{Status: http.StatusUnauthorized, Type: "/problems/insufficient-user-authentication", Title: "Sign in again, or with a stronger method", Challenge: Challenge{Sent: true, Code: "insufficient_user_authentication"}}
	dpopRequired           = Problem{Status: http.StatusUnauthorized, Type: "/problems/dpop-required", Title: "This needs a token that is bound to a key", Challenge: Challenge{Sent: true, Code: "invalid_token", DPoPOnly: true}}
	invalidProof           = Problem{Status: http.StatusUnauthorized, Type: "/problems/invalid-dpop-proof", Title: "The DPoP proof is not valid, sign a new one", Challenge: Challenge{Sent: true, Code: "invalid_dpop_proof", DPoPOnly: true}}
	useNonce               = Problem{Status: http.StatusUnauthorized, Type: "/problems/use-dpop-nonce", Title: "Sign a new DPoP proof with this nonce", Challenge: Challenge{Sent: true, Code: "use_dpop_nonce", DPoPOnly: true}}
	forbidden              = Problem{Status: http.StatusForbidden, Type: "/problems/forbidden", Title: "You may not do this"}
	crossOrigin            = Problem{Status: http.StatusForbidden, Type: "/problems/cross-origin", Title: "This request must come from the site itself"}
	notFound               = Problem{Status: http.StatusNotFound, Type: "/problems/not-found", Title: "There is nothing here"}
	conflict               = Problem{Status: http.StatusConflict, Type: "/problems/conflict", Title: "It changed meanwhile, try again"}
	tooManySessions        = Problem{Status: http.StatusConflict, Type: "/problems/too-many-sessions", Title: "You are signed in too often, end another session first"}
	internalError          = Problem{Status: http.StatusInternalServerError, Type: "/problems/internal-error", Title: "Something went wrong here"}
	unavailable            = Problem{Status: http.StatusServiceUnavailable, Type: "/problems/auth-unavailable", Title: "Sign-in state cannot be checked now, try again", RetryAfter: 1}
)

// table maps errors to problems. The first row that matches wins, so outages stand
// first: an error that is also an outage is never answered as a refusal of the caller.
//
// 401 tells a client to sign the user in again, so it is for the request's own credential
// alone: its token, proof, refresh token, and its session by way of ErrInvalidCredential. A
// session, tenant or id that a caller has merely named is 404, 403 or 400. A tenant that
// was never set up has the answer of a suspended one, and so is not told apart from it.
var table = []struct {
	err     error
	problem Problem
}{
	{session.ErrUnavailable, unavailable},
	{session.ErrCorrupt, unavailable},
	{token.ErrUnavailable, unavailable},
	{ErrUnavailable, unavailable},
	{crosstenant.ErrNotRecorded, unavailable},

	{ErrMisused, internalError},
	{tenant.ErrNoScope, internalError},

	{ErrInvalidCredential, invalidToken},
	{ErrAmbiguousRequest, ambiguousRequest},
	{ErrInvalidRequest, invalidRequest},
	{ErrInvalidValue, invalidValue},
	{ErrCrossOrigin, crossOrigin},
	{tenant.ErrMismatch, forbidden},
	{tenant.ErrSuspended, forbidden},
	{tenant.ErrUnknown, forbidden},
	{ErrAuthenticationRequired, authenticationRequired},
	{ErrInsufficientAuthentication, stepUp},
	{ErrDPoPRequired, dpopRequired},
	{token.ErrInvalidProof, invalidProof},
	{token.ErrNonceRequired, useNonce},
	{token.ErrInvalid, invalidToken},
	{token.ErrUnknownKey, invalidToken},
	{session.ErrSignedOut, invalidToken},
	{session.ErrIssuedAhead, invalidToken},
	{session.ErrBlocked, invalidToken},
	{session.ErrRefreshInvalid, invalidToken},
	{session.ErrRefreshReused, invalidToken},
	{ErrNotFound, notFound},
	{session.ErrNoDevice, notFound},
	{session.ErrNotFound, notFound},
	{session.ErrInvalid, invalidValue},
	{session.ErrInvalidID, invalidValue},
	{tenant.ErrInvalidID, invalidValue},
	{job.ErrForged, invalidValue},
	{job.ErrExpired, invalidValue},
	{job.ErrInvalid, invalidValue},
	{crosstenant.ErrInvalid, invalidValue},
	{crosstenant.ErrOver, forbidden},
	{ErrForbidden, forbidden},
	{session.ErrNotSuspended, conflict},
	{session.ErrConflict, conflict},
	{session.ErrStale, conflict},
	{session.ErrExists, conflict},
	{session.ErrTooManySessions, tooManySessions},
	{session.ErrImpersonating, forbidden},
}

// FromError returns the answer to err, and false when err is not one of Reeve's. A nil
// error has no answer.
func FromError(err error) (Problem, bool) {
	if err == nil {
		return Problem{}, false
	}
	for _, row := range table {
		if errors.Is(err, row.err) {
			return row.problem.about(err), true
		}
	}
	return Problem{}, false
}

// about adds what only the error knows, for the one problem that depends on more than
// its kind: which sign-in would do.
func (p Problem) about(err error) Problem {
	if p.Challenge.Code != stepUp.Challenge.Code {
		return p
	}
	var missing *StepUpError
	if errors.As(err, &missing) {
		p.Challenge.Parameters = missing.parameters()
	}
	return p
}

// IsOutage reports whether err says that no decision could be made, as against a refusal.
func IsOutage(err error) bool {
	p, ok := FromError(err)
	return ok && p.Status == http.StatusServiceUnavailable
}

// Respond writes p, and returns an error when the connection is gone. realm names the protected
// space in the challenge (RFC 9110 §11.5). The bytes depend on p and realm alone. It writes no
// cookie.
func Respond(w http.ResponseWriter, p Problem, realm string) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Challenge.Sent {
		h["Www-Authenticate"] = p.Challenge.headers(realm)
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, err := w.Write(p.body())
	return err
}

// headers are the WWW-Authenticate headers, one for each scheme.
func (c Challenge) headers(realm string) []string {
	bearer := c.header("Bearer", realm)
	if c.Algorithms == "" && !c.DPoPOnly {
		return []string{bearer}
	}
	dpop := c.header("DPoP", realm)
	if c.Algorithms != "" {
		dpop += `, algs="` + c.Algorithms + `"`
	}
	if c.DPoPOnly {
		return []string{dpop}
	}
	return []string{bearer, dpop}
}

func (c Challenge) header(scheme, realm string) string {
	s := scheme + " realm=" + strconv.Quote(realm)
	if c.Code != "" {
		s += `, error="` + c.Code + `"`
	}
	return s + c.Parameters
}

func (p Problem) body() []byte {
	b, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
	}{p.Type, p.Title, p.Status})
	if err != nil { // three plain fields always encode
		panic(err)
	}
	return append(b, '\n')
}
