package middleware

import (
	"context"
	"net/http"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Verifier turns a raw token into claims that can be trusted. [token.Verifier] is one.
// Errors that mean the token is bad wrap token.ErrInvalid; any other is an outage. Verify must
// return when ctx is done.
type Verifier interface {
	Verify(ctx context.Context, raw string) (*token.Verified, error)
}

// Loader returns the live session of a reference. [session.Manager] is one. Errors that
// mean there is none, or that it may not be used, are those of [session.Store]; any other
// is an outage. Load must return when ctx is done; nothing else bounds it.
type Loader interface {
	Load(ctx context.Context, ref session.Ref) (session.Session, error)
}

// Identity is the caller. The zero Identity is anonymous.
type Identity struct {
	// Request is the request to go on with: that of Identify with its path decoded, so that
	// two spellings of a path are the same request. It is nil where the target was refused.
	Request *http.Request

	Token *token.Verified

	// Adopted says that the token is another identity provider's and names no session: that
	// was found by the sign-in there, or made at its first token.
	Adopted bool

	// Edge says that Session was not asked for, because that was not possible, and is one that
	// [AuthenticatorConfig].InsecureEdge remembers.
	Edge bool

	// Ignored is why a cookie was not believed. A bad cookie leaves its caller anonymous,
	// because browsers send stale ones unasked; where a caller is needed, this is the
	// reason to log.
	Ignored error

	// Refused is the session that a genuine token named although the request was refused or
	// the token ignored: the session has ended, or the tenant or the proof did not match. It
	// is zero for a token that is bound to a key without a proof of that key. Of a stranger whose
	// session was not adopted there is no ID. It is for audit only; the caller is anonymous.
	Refused session.Ref

	// Actors are those who act as the user of Refused, where the session was loaded before
	// the request was refused.
	Actors session.Actors

	session reqctx.Shared[session.Session] // without its ID
	id      session.ID
}

// IsAnonymous reports whether nobody is signed in.
func (i *Identity) IsAnonymous() bool { return i.id.IsZero() }

// Session returns the session of the request, the zero Session for an anonymous one.
func (i *Identity) Session() session.Session {
	shared := reqctx.Read(i.session)
	if shared == nil || i.id.IsZero() {
		return session.Session{}
	}
	s := *shared
	s.ID = i.id
	return s
}

// Shared returns the session of the request without its ID, which other requests may share, and
// the ID. It is for package authz.
func (i *Identity) Shared() (reqctx.Shared[session.Session], session.ID) { return i.session, i.id }

// Thumbprint returns the RFC 7638 thumbprint of the key proven on this request (RFC 9449), ""
// for every other request.
func (i *Identity) Thumbprint() string { return i.Token.Thumbprint() }
