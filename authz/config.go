package authz

import (
	"errors"
	"fmt"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// Config says whom to trust and what they may do. Three fields are required and have no
// default; the zero Config does not build.
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
	// set by another host or without TLS. Default: "", bearer tokens only.
	Cookie string

	// Realm names the protected space in WWW-Authenticate challenges: printable ASCII
	// without quotes or backslashes. Default: "api".
	Realm string

	// HideExistence makes [Require] and [Check] answer 404 instead of 403 when an object
	// is refused to a signed-in caller, so that ids cannot be probed. Refused routes stay
	// 403. An object of another tenant is always 404.
	HideExistence bool

	// Observer is told of every decision, after it is made and before it takes effect.
	// It runs in the request and must be quick and safe for concurrent use; it cannot
	// change the decision. Default: nobody.
	Observer Observer

	// ErrorHandler writes the answer to a refused request. cause is for logs and must not
	// reach the client. It must not call the next handler. Default: an RFC 9457 document,
	// see [middleware.Respond].
	ErrorHandler func(c echo.Context, p middleware.Problem, cause error) error
}

// Middleware returns the middleware that cfg describes. Like Echo's own, it panics on an
// invalid config; [Config.ToMiddleware] returns the error instead.
//
// Install it with Use, after any middleware that answers CORS preflights and before any
// that serves content. It starts no goroutine and owns nothing: what cfg refers to is
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
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("authz: invalid config: %w", err)
	}
	return newGate(cfg).middleware, nil
}

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
