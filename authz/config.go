package authz

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
)

// Config says whom to trust and what they may do. Three fields are required and have no
// default; the zero Config does not build.
//
// Behind a proxy two things have to be said, since no header of a proxy is believed by
// itself: whose word is taken for a client's address, by the field Proxies, and under
// which origins clients reach the service, by [token.DPoPConfig] where DPoP is used. The
// proxy passes the Host on; an Origin is compared with https.
type Config struct {
	// Tokens verifies bearer tokens. Required: a [token.Verifier], which says which
	// issuers are trusted, for which audience and by which keys.
	Tokens middleware.Verifier

	// Sessions loads the session that a token names. Required: a [session.Manager]. It,
	// not the token, says which roles the caller has. Tokens of an issuer with
	// [token.Issuer].Foreign name none: for these it is a [middleware.Adopter] too, as a
	// session.Manager is.
	Sessions middleware.Loader

	// Policy decides. Required: a [policy.Engine], or another [Decider]. A route without a
	// rule is refused to everyone; a public route is one with a rule for role:anyone.
	Policy Decider

	// Tenant names places where a request says which tenant it is for: a host, a path
	// parameter, a header, a client's certificate. Each that says something must name the
	// session's tenant, or the request is refused with 403. None can grant a tenant. Default: none.
	Tenant []middleware.Locator

	// Proxies are the proxies whose word is taken for a client's address, which conditions on
	// r.env.ip and the limits are about. Default: nil, the address is that of the connection;
	// under Echo, what an IPExtractor says that the service has set.
	Proxies *middleware.Proxies

	// Cookie is the name of a cookie that may carry the token instead of the
	// Authorization header. It must begin with "__Host-", which makes browsers refuse one
	// set by another host or without TLS. The route that sets it at sign-in is registered
	// with [SameOrigin], or other sites can sign a visitor in to another account. Every answer
	// then has Vary: Cookie. Default: "", bearer tokens only.
	Cookie string

	// DPoP accepts sender-constrained tokens (RFC 9449). [RequireDPoP] and its field Always
	// refuse others. Default: nil, bound tokens are refused.
	DPoP *middleware.DPoP

	// CORS says which other origins' scripts may use the service. The middleware answers
	// every CORS preflight itself, and none reaches a handler; without CORS the answer
	// allows nothing. A plain OPTIONS is a request like any other. Default: nil, none.
	CORS *middleware.CORS

	// Timeout bounds Tokens and Sessions together, waiting for slots included (see
	// MaxVerifications and MaxLoads); then the request is answered 503. A request whose own
	// context ends earlier has no more than that. A Verifier or Loader that ignores its context
	// is not cut off. From 1 ms to 30 s. Default: 250 ms.
	Timeout time.Duration

	// Realm names the protected space in WWW-Authenticate challenges: printable ASCII
	// without quotes or backslashes. Default: "api".
	Realm string

	// HideExistence says when [Require] and [Check] answer 404 instead of 403 to a signed-in
	// caller who is refused an object, so that ids cannot be probed: [HideUnless] of "read"
	// for what the caller may not read, [HideAlways] for every object. Refused routes stay
	// 403. An object of another tenant is always 404. Default: the zero Hiding, 403.
	HideExistence Hiding

	// HideTypes says so for some types of objects, whatever HideExistence is for the others:
	//
	//	HideTypes: map[string]authz.Hiding{"salary": authz.HideAlways(), "plan": {}}
	//
	// Default: none.
	HideTypes map[string]Hiding

	// Streams cancels streams, and requests older than 5 s, when their session ends. See
	// [Stream]. The service starts and closes it. Default: nil; then they end with their token,
	// and a route declared with Stream is refused.
	Streams *StreamGuard

	// MaxVerifications is how many tokens are verified at once. The others wait until Timeout
	// and get 503: after a deploy no token is cached, and all callers come at once. Slots are
	// shared by client address, so one client with forged tokens does not shut out others;
	// refusals are throttled. A token that is already cached needs no slot. Verifications may
	// wait for an issuer's keys, 64 at most, so set it higher than that. Default: 16 for each
	// processor, as GOMAXPROCS counts them, and at least 128.
	MaxVerifications int

	// MaxLoads is how many sessions are loaded at once, shared fairly among tenants. One that a
	// session.Manager has in memory takes no slot, since it waits for nothing. Further ones
	// wait until Timeout and get 503. Loads that wait in a redisstore share round trips, so this
	// is more than the store's connections; for a store without that, set it to the number of
	// its connections. Default: 64 for each processor, and at least 256.
	MaxLoads int

	// MaxTenantLoads is how many of them one tenant has for long while others are served too. A
	// tenant over its share gets 503; others are unaffected. The default keeps the slowest
	// requests of other tenants within a fifth of what they take alone, and is 4,000 loads a
	// second when the store is 2 ms away. For the burst after a deploy a tenant may exceed it by
	// 2,048 loads, which refill at 250 a second. A tenant that is alone has MaxLoads. Default:
	// four for each processor, and at least eight; no more than MaxLoads.
	MaxTenantLoads int

	// InsecureEdge has listed routes decided in an outage of Sessions, for a minute at most, where
	// the answer is otherwise 503: see package insecureedge. Each such answer has the header
	// X-Reeve-Edge, and its [Event] has Edge set. [Verify] refuses it unless
	// [InsecureEdgeRoutes] names its routes. Default: nil, an outage is 503.
	InsecureEdge Edge

	// Observer is told of every decision, after it is made and before it takes effect.
	// It runs in the request, or for the end of a stream in the StreamGuard, and must be quick
	// and safe for concurrent use; it cannot change the decision. Default: nobody.
	Observer Observer

	// Tracer is told when each stage of a request begins and ends, for spans and histograms.
	// Default: nil, which costs nothing.
	Tracer Tracer

	// Unchecked is told of handlers that answer with success, on a route about objects, a request
	// in which nobody asked about one: see [Unchecked]. Default: nil, nobody, which costs nothing.
	Unchecked *Unchecked

	// Logger is told at level Warn why a request was refused, so that one sees it in
	// development: the route and the cause, and nothing that a client sent, no id, no token,
	// no claim and no attribute. In any second it gets ten records at most; the next one says
	// how many were left out. Handlers of the service decide by themselves what they log of
	// errors that are not Reeve's. Default: [slog.Default]; to be told nothing, set
	// slog.New(slog.DiscardHandler).
	Logger *slog.Logger

	// ErrorHandler writes the answer to a refused request. cause is for logs and must not
	// reach the client. Default: an RFC 9457 document, see [middleware.Respond].
	ErrorHandler func(w http.ResponseWriter, r *http.Request, p middleware.Problem, cause error)
}

func (cfg Config) withDefaults() Config {
	if cfg.Realm == "" {
		cfg.Realm = "api"
	}
	return cfg
}

// validate reports every problem, each starting with the name of its field, and otherwise
// returns the Authenticator that cfg describes.
func (cfg Config) validate() (*middleware.Authenticator, error) {
	authenticator, invalid := middleware.NewAuthenticator(middleware.AuthenticatorConfig{
		Tokens: cfg.Tokens, Sessions: cfg.Sessions, Tenant: cfg.Tenant, Cookie: cfg.Cookie, DPoP: cfg.DPoP, CORS: cfg.CORS,
		Timeout: cfg.Timeout, MaxVerifications: cfg.MaxVerifications, MaxLoads: cfg.MaxLoads, MaxTenantLoads: cfg.MaxTenantLoads,
		Tracer: cfg.Tracer, InsecureEdge: edgeOf(cfg.InsecureEdge),
	})
	var problems configerr.Problems
	problems.Within("", invalid)
	problems.Require("Policy", cfg.Policy, "for example policy.Load(…)")
	problems.Append(validEdge(cfg.InsecureEdge))
	if err := cfg.HideExistence.validate(); err != nil {
		problems.Add("HideExistence", "%w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.HideTypes)) {
		if !word.MatchString(name) {
			problems.Add("HideTypes", "%q is not a type of objects, a word in lower case", name)
		}
		if err := cfg.HideTypes[name].validate(); err != nil {
			problems.Add(fmt.Sprintf("HideTypes[%q]", name), "%w", err)
		}
	}
	if strings.ContainsFunc(cfg.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		problems.Add("Realm", "%q has a character that cannot stand in a challenge", cfg.Realm)
	}
	return authenticator, problems.Err("authz", nil)
}
