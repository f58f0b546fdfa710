package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// Authenticator runs the stages that establish who asks: canonical request, one credential,
// token, session, tenant. It owns the limits of what these stages do at once. It is safe for
// concurrent use, starts no goroutine, and the zero Authenticator refuses every credential.
type Authenticator struct {
	tokens   Verifier
	cached   cachedVerifier // tokens again, nil where it remembers none
	headers  headerVerifier // tokens again, nil where they come as bearer tokens alone
	sessions Loader
	manager  *session.Manager // sessions again, nil where it is another Loader, which may load otherwise
	adopter  Adopter          // sessions again, nil where it adopts nobody
	tenant   []Locator
	cookie   string
	dpop     *DPoP
	cors     *CORS
	timeout  time.Duration
	tracer   Tracer
	edge     Edge // nil where an outage is one
	limits   *limits
}

// exchange is a request with the response to it.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	match  Match
	unseen bool // the token is not remembered, as far as recognize was told
}

// client is the one that counts for limits.
func (x *exchange) client() netip.Prefix { return clientOf(x.match.ClientIP(x.r)) }

// CORS returns what the Authenticator allows other origins, nil for nothing. It is the
// Authenticator's own and must not be written to.
func (a *Authenticator) CORS() *CORS { return a.cors }

// Cookie returns the name of the cookie that may carry the token, "" for none.
func (a *Authenticator) Cookie() string { return a.cookie }

// Challenge completes the challenge of p with the schemes that the Authenticator accepts (RFC
// 9449 §7.1).
func (a *Authenticator) Challenge(p Problem) Problem { return a.dpop.challenge(p) }

// Identify returns who asks by r, to which w is the response. A request without a credential is
// anonymous and costs no look-up. A bad bearer token is an error on every route; a bad cookie
// counts as none; an outage is an error wherever a credential was sent. match is the answer of the
// router for the request, nil where no router has seen it.
func (a *Authenticator) Identify(w http.ResponseWriter, r *http.Request, match Match) (Identity, error) {
	if match == nil {
		match = unmatched{}
	}
	var canonical *http.Request
	err := trace(r.Context(), a.tracer, StageCanonical, func(context.Context) (err error) {
		if err = CheckTarget(r); err == nil {
			canonical, err = match.Canonical(r)
		}
		return err
	})
	if err != nil {
		return Identity{}, err
	}
	r = canonical
	var found credential
	err = trace(r.Context(), a.tracer, StageExtract, func(context.Context) (err error) {
		found, err = a.extract(r)
		return err
	})
	if err != nil || found.IsZero() {
		return Identity{Request: r}, err
	}
	identity, err := a.identify(&exchange{w: w, r: r, match: match}, found)
	if err == nil {
		return identity, nil
	}
	nobody := Identity{Request: r, Refused: identity.Refused, Actors: identity.Actors}
	if !found.cookie || IsOutage(err) || errors.Is(err, ErrMisused) {
		nobody.Edge = identity.Edge
		return nobody, err
	}
	nobody.Ignored = err
	return nobody, nil
}

// extract returns the credential of r, if it may be used with it.
func (a *Authenticator) extract(r *http.Request) (credential, error) {
	var headers []string
	if a.headers != nil {
		headers = a.headers.Headers()
	}
	found, err := extract(r, a.cookie, a.dpop != nil, headers)
	if err != nil {
		return credential{}, err
	}
	if found.ambient() {
		if err := CheckOrigin(r); err != nil && !a.cors.trusts(r) {
			return credential{}, err
		}
	}
	return found, nil
}

// identify is Identify for a request with a credential. Of what it returns with an error
// only Refused, Actors and Edge have a meaning.
func (a *Authenticator) identify(x *exchange, found credential) (Identity, error) {
	if a.limits == nil {
		return Identity{}, fmt.Errorf("%w: the Authenticator is not made by NewAuthenticator", ErrUnavailable)
	}
	identity, verified, err := a.recognize(x, found)
	if err != nil || identity.Token != nil {
		return identity, err
	}
	ctx := newDeadline(x.r.Context(), a.timeout)
	defer ctx.end()
	if verified == nil { // it is not remembered
		if verified, err = a.verify(ctx, x, found); err != nil {
			return Identity{}, asOutage(err)
		}
	}
	if verified == nil {
		return Identity{}, fmt.Errorf("%w: the verifier returned nothing", ErrUnavailable)
	}
	refused := Identity{Refused: named(verified)}
	if verified, err = a.prove(ctx, x, found, verified); err != nil {
		return refused, err
	}
	refused.Refused = named(verified)
	s, how, err := a.session(ctx, verified)
	if err != nil {
		return refused, err
	}
	id := s.ID
	s.ID = session.ID{}
	return a.admit(ctx, x, Identity{Token: verified, Adopted: how.adopted, Edge: how.remembered, session: reqctx.Share(&s), id: id})
}

// recognize is identify of a request whose token and session are both in memory, as most are. It
// asks nobody and waits for nothing, so it needs neither a deadline nor a slot, and checks what
// identify checks, in the same order. An Identity without a Token and no error says nothing;
// identify does, of the token if that is in memory.
func (a *Authenticator) recognize(x *exchange, found credential) (Identity, *token.Verified, error) {
	if a.manager == nil || a.edge != nil || a.tracer != nil || found.dpop || x.r.Context().Err() != nil {
		return Identity{}, nil, nil
	}
	verified, ok := a.cachedToken(found)
	x.unseen = !ok
	if !ok || verified.Thumbprint() != "" || a.dpop != nil && a.dpop.Always {
		return Identity{}, nil, nil
	}
	handle := verified.Handle()
	if handle == nil { // a stranger's
		return Identity{}, verified, nil
	}
	shared, ok := a.manager.Recall(handle)
	if !ok {
		return Identity{}, verified, nil
	}
	identity, err := a.admit(x.r.Context(), x, Identity{Token: verified, session: shared, id: handle.Ref().ID})
	return identity, verified, err
}

// admit returns the identity of a request whose token and session are known, unless one of them is
// not for it.
func (a *Authenticator) admit(ctx context.Context, x *exchange, i Identity) (Identity, error) {
	s := reqctx.Read(i.session)
	refused := func() Identity {
		return Identity{Refused: session.Ref{Tenant: s.Tenant, User: s.User, ID: i.id}, Actors: s.Actors, Edge: i.Edge}
	}
	if i.Edge && i.Token.Thumbprint() != "" {
		return refused(), fmt.Errorf("%w: a bound token in an outage", ErrUnavailable)
	}
	if key := s.BoundKey(); key != "" && key != i.Token.Thumbprint() {
		return refused(), fmt.Errorf("%w: the session is bound to a key, and the token is not bound to it", token.ErrInvalid)
	}
	err := trace(ctx, a.tracer, StageTenant, func(context.Context) error {
		return confirmTenant(x.r, x.match, a.tenant, s.Tenant)
	})
	if err != nil {
		return refused(), err
	}
	i.Request = x.r
	return i, nil
}

// provenance says where a session comes from that was not simply loaded.
type provenance struct{ adopted, remembered bool }

// named is whom a token names: a session, or a stranger's tenant and user.
func named(verified *token.Verified) session.Ref {
	if stranger, ok := verified.Stranger(); ok {
		return session.Ref{Tenant: stranger.Tenant, User: stranger.User}
	}
	return verified.Ref()
}

// session returns the session of a token: that of a stranger is adopted, any other is loaded.
func (a *Authenticator) session(ctx context.Context, verified *token.Verified) (s session.Session, how provenance, err error) {
	if stranger, ok := verified.Stranger(); ok {
		if s, err = a.adopt(ctx, stranger); err != nil {
			return session.Session{}, how, notAdopted(err)
		}
		return s, provenance{adopted: true}, nil
	}
	ref := verified.Ref()
	if err := ref.Validate(); err != nil {
		return session.Session{}, how, ended(err)
	}
	if s, how.remembered, err = a.loadThrough(ctx, ref); err != nil {
		return session.Session{}, provenance{}, ended(err)
	}
	if s.Ref() != ref {
		return session.Session{}, provenance{}, fmt.Errorf("%w: another session than the one asked for", session.ErrCorrupt)
	}
	return s, how, nil
}

// ended classifies an error about the request's own session: there is no such session, or its
// tenant may not be served. Any other error of a Loader is an outage.
func ended(err error) error {
	if IsOutage(err) {
		return err
	}
	for _, none := range []error{session.ErrNotFound, session.ErrInvalidID, tenant.ErrUnknown, tenant.ErrInvalidID} {
		if errors.Is(err, none) {
			return fmt.Errorf("%w: %w", ErrInvalidCredential, err)
		}
	}
	if p, ok := FromError(err); ok && (p.Status == http.StatusForbidden || p.Status == http.StatusUnauthorized) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// asOutage makes an error that no row of the table names an outage: an error that is no known
// refusal says nothing about the caller.
func asOutage(err error) error {
	if _, known := FromError(err); known {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
