package authz

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// maxTimeout is longer than any client waits.
const maxTimeout = 30 * time.Second

// Config says whom to trust and what they may do. Three fields are required and have no
// default; the zero Config does not build.
//
// Behind a proxy two things have to be said, since no header of a proxy is believed by
// itself: whose word is taken for a client's address, by [middleware.Proxies], and under
// which origins clients reach the service, by [token.DPoPConfig] where DPoP is used. The
// proxy passes the Host on; https is what an Origin is compared with.
type Config struct {
	// Tokens verifies bearer tokens. Required: a [token.Verifier], which says which
	// issuers are trusted, for which audience and by which keys.
	Tokens middleware.Verifier

	// Sessions loads the session that a token names. Required: a [session.Manager]. It,
	// not the token, says which roles the caller has.
	Sessions middleware.Loader

	// Policy decides. Required: a [policy.Engine]. A route without a rule is refused to
	// everyone; a public route is one with a rule for role:anyone.
	Policy *policy.Engine

	// Tenant names places where a request says which tenant it is for: a host, a path
	// parameter, a header. Each that says something must name the session's tenant, or
	// the request is refused with 403. None can grant a tenant. Default: none.
	Tenant []middleware.Locator

	// Cookie is the name of a cookie that may carry the token instead of the
	// Authorization header. It must begin with "__Host-", which makes browsers refuse one
	// set by another host or without TLS. The route that sets it at sign-in is registered
	// with [SameOrigin], or other sites sign their visitors in as somebody else. Every answer
	// then has Vary: Cookie. Default: "", bearer tokens only.
	Cookie string

	// DPoP accepts tokens that are bound to their sender's key (RFC 9449), which are of no
	// use to who steals them. [RequireDPoP] and its field Always refuse others. Default:
	// nil, and a bound token is refused as a bearer's.
	DPoP *middleware.DPoP

	// CORS says which other origins' scripts may use the service. The middleware answers
	// every CORS preflight itself, and none reaches a handler; without CORS the answer
	// allows nothing. A plain OPTIONS is a request like any other. Default: nil, none.
	CORS *middleware.CORS

	// Timeout is how long Tokens and Sessions may take together, waiting for a place included
	// (see MaxVerifications and MaxLoads), until the request is answered 503. A request whose
	// own context ends earlier has no more than that. Their context ends then; what does not look at its context is not cut
	// off. From 1 ms to 30 s. Default: 250 ms.
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

	// Watch ends the contexts of requests that outlive their session: streams, and whatever
	// looks at its context and runs for more than 5 seconds. See [Stream]. Default: nil; then they end with their
	// token, and a route declared with Stream is refused.
	Watch *Watch

	// MaxVerifications is how many tokens are verified at once. The others wait for a place as
	// long as Timeout allows, and are then answered 503: after a deploy no token is known, and
	// all callers come at once. Places are shared by the client's address, so that one client
	// with forged tokens does not shut out the others; refusals go out at a pace. A token that
	// was verified before needs no place. Some verifications wait for an issuer's keys to arrive,
	// for which strangers can make up to 64 wait; the default is more than that: 16 for each
	// processor, as GOMAXPROCS counts them, and at least 128.
	MaxVerifications int

	// MaxLoads is how many sessions are loaded at once, shared fairly among tenants. The others
	// wait for a place as long as Timeout allows, and are then answered 503. In a redisstore
	// loads that wait share round trips, so this is more than the store's connections. For a
	// store without such trips, as many as it has connections is right. Default: 64 for each
	// processor, and at least 256.
	MaxLoads int

	// MaxTenantLoads is how many of them one tenant has for long while others are served too.
	// It bounds what a flood takes of the processor: the default keeps the slowest requests of
	// other tenants within a fifth of what they take alone, and is 4,000 loads a second when
	// the store is 2 ms away. For the burst after a deploy a tenant may have more: 2,048 loads
	// beyond this, of which it gets back 250 a second. A tenant that is alone has MaxLoads.
	// Default: four for each processor, and at least eight; no more than MaxLoads.
	MaxTenantLoads int

	// Observer is told of every decision, after it is made and before it takes effect.
	// It runs in the request, or for the end of a stream in the Watch, and must be quick
	// and safe for concurrent use; it cannot change the decision. Default: nobody.
	Observer Observer

	// Logger is told at level Warn why a request was refused, so that one sees it in
	// development: the route and the cause, and nothing that a client sent, no id, no token,
	// no claim and no attribute. In any second it gets ten records at most; the next one says
	// how many were left out. Handlers of the service decide by themselves what they log of
	// errors that are not Reeve's. Default: [slog.Default]; to be told nothing, set
	// slog.New(slog.DiscardHandler).
	Logger *slog.Logger

	// ErrorHandler writes the answer to a refused request. cause is for logs and must not
	// reach the client. It must not call the next handler. Default: an RFC 9457 document,
	// see [middleware.Respond].
	ErrorHandler func(c echo.Context, p middleware.Problem, cause error) error
}

// Middleware returns the middleware that cfg describes. Like Echo's own, it panics on an
// invalid config; [Config.ToMiddleware] returns the error instead.
//
// Answers to signed-in callers are kept from caches: they carry Cache-Control: private,
// no-store, unless the handler sets that header itself.
//
// Install it with Use, before any middleware that serves content; [Verify] refuses a
// service where it stands elsewhere. It starts no goroutine and owns nothing: what cfg refers to is
// closed by whoever made it.
func Middleware(cfg Config) echo.MiddlewareFunc {
	mw, err := cfg.ToMiddleware()
	if err != nil {
		panic(err)
	}
	return mw
}

// ToMiddleware returns the middleware that cfg describes, or an error that names every
// invalid field.
func (cfg Config) ToMiddleware() (echo.MiddlewareFunc, error) {
	if cfg.Realm == "" {
		cfg.Realm = "api"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = middleware.DefaultTimeout
	}
	if cfg.MaxVerifications == 0 {
		cfg.MaxVerifications = defaultVerifications()
	}
	if cfg.MaxLoads == 0 {
		cfg.MaxLoads = max(256, 64*runtime.GOMAXPROCS(0))
	}
	if cfg.MaxTenantLoads == 0 {
		cfg.MaxTenantLoads = min(max(8, 4*runtime.GOMAXPROCS(0)), cfg.MaxLoads)
	}
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("authz: invalid config: %w", err)
	}
	return newGate(cfg).middleware, nil
}

// defaultVerifications is that of MaxVerifications.
func defaultVerifications() int { return max(128, 16*runtime.GOMAXPROCS(0)) }

// validate reports every problem, each starting with the name of its field.
func (cfg Config) validate() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if isNil(cfg.Tokens) {
		add("Tokens: required, for example token.NewVerifier(…)")
	}
	if isNil(cfg.Sessions) {
		add("Sessions: required, for example session.NewManager(…)")
	}
	if cfg.Policy == nil {
		add("Policy: required, for example policy.Load(…)")
	}
	for i, l := range cfg.Tenant {
		if l == nil {
			add("Tenant[%d]: nil", i)
		}
	}
	if cfg.Cookie != "" && !validCookieName(cfg.Cookie) {
		add("Cookie: %q is not \"__Host-\" followed by letters, digits, '-' or '_'", cfg.Cookie)
	}
	if cfg.DPoP != nil && cfg.DPoP.Proofs == nil {
		add("DPoP.Proofs: required, for example token.NewProofVerifier(…)")
	}
	if cfg.DPoP != nil && isNil(cfg.DPoP.Replay) {
		add("DPoP.Replay: required, for example the Replay of a redisstore.Store")
	}
	if err := cfg.CORS.Validate(); err != nil {
		add("CORS: %w", err)
	}
	if err := cfg.HideExistence.validate(); err != nil {
		add("HideExistence: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.HideTypes)) {
		if !word.MatchString(name) {
			add("HideTypes: %q is not a type of objects, a word in lower case", name)
		}
		if err := cfg.HideTypes[name].validate(); err != nil {
			add("HideTypes[%q]: %w", name, err)
		}
	}
	if cfg.Timeout < time.Millisecond || cfg.Timeout > maxTimeout {
		add("Timeout: %v is not between 1ms and %v", cfg.Timeout, maxTimeout)
	}
	if cfg.MaxVerifications < 1 {
		add("MaxVerifications: %d, at least 1 is needed", cfg.MaxVerifications)
	}
	if cfg.MaxLoads < 1 {
		add("MaxLoads: %d, at least 1 is needed", cfg.MaxLoads)
	}
	if cfg.MaxLoads > 0 && (cfg.MaxTenantLoads < 1 || cfg.MaxTenantLoads > cfg.MaxLoads) {
		add("MaxTenantLoads: %d, from 1 to MaxLoads, %d, is needed", cfg.MaxTenantLoads, cfg.MaxLoads)
	}
	if strings.ContainsFunc(cfg.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		add("Realm: %q has a character that cannot stand in a challenge", cfg.Realm)
	}
	return errors.Join(problems...)
}

func validCookieName(name string) bool {
	rest, ok := strings.CutPrefix(name, "__Host-")
	return ok && rest != "" && !strings.ContainsFunc(rest, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	})
}
