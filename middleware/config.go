package middleware

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

// defaultTimeout is how long it may take to find out who asks.
const defaultTimeout = 250 * time.Millisecond

// maxTimeout is longer than any client waits.
const maxTimeout = 30 * time.Second

// AuthenticatorConfig configures an [Authenticator]. Tokens and Sessions are required.
type AuthenticatorConfig struct {
	// Tokens verifies tokens. Required: a [token.Verifier]. A Verifier that also has the
	// method Cached of a token.Verifier is asked by it first: a token that is already cached
	// needs no slot, so signed-in callers do not queue behind unknown tokens. One that has its
	// methods Headers, VerifyHeader and CachedHeader is asked about tokens in headers of their
	// own, and one without is not: a decorator of a token.Verifier has all of its methods.
	Tokens Verifier

	// Sessions loads the session that a token names. Required: a [session.Manager]. Where Tokens
	// trusts an issuer with token.Issuer.Foreign, it is an [Adopter] too.
	Sessions Loader

	// Tenant names places where a request says which tenant it is for. Each that says
	// something must name the session's tenant. Default: none.
	Tenant []Locator

	// Cookie is the name of a cookie that may carry the token, beginning with "__Host-".
	// Default: "", the Authorization header only.
	Cookie string

	// DPoP accepts sender-constrained tokens (RFC 9449). Default: nil, bound tokens are
	// refused.
	DPoP *DPoP

	// CORS says which other origins may send the cookie. Default: nil, none.
	CORS *CORS

	// Timeout bounds Tokens and Sessions together, waiting for slots included; then the
	// request is answered 503. A request whose own context ends earlier has no more than that.
	// From 1 ms to 30 s. Default: 250 ms.
	Timeout time.Duration

	// MaxVerifications is how many tokens are verified at once, and how many DPoP proofs
	// beside them. The others wait for a slot until the queue timeout, the rest of Timeout,
	// and fail with [ErrOverloaded]; beyond some 8,000 waiters more are refused at
	// once. The session stays valid; the client may retry.
	//
	// An attacker chooses the claims of an unverified token, so slots are shared by client address:
	// a free slot goes to the waiting client that holds the fewest, and an eighth of all is
	// reserved for clients that hold fewer than that. All addresses of one /64 of IPv6 are one
	// client. Behind a proxy that takes [Proxies].
	//
	// Refusals are throttled: after a burst of 16, one per millisecond, each delayed 200 ms at
	// most. Answers that an issuer's keys cannot be had are throttled likewise: during an outage of
	// the provider any made-up key gets one.
	//
	// A verification that waits for an issuer's keys holds its slot, so this is more than can
	// wait for them, 64 for one jwks.Fetcher. Default: 16 for each processor, as GOMAXPROCS
	// counts them, and at least 128.
	MaxVerifications int

	// MaxLoads is how many sessions are loaded at once, shared fairly among tenants. One that a
	// session.Manager has in memory takes no slot, since it waits for nothing. Further ones
	// wait for a slot until the queue timeout and fail with [ErrOverloaded]. A load with less
	// time left than loads have taken lately fails as well, rather than take the slot of
	// another. A DPoP proof that is marked as used counts as a load. Default: 64 for each
	// processor, and at least 256.
	MaxLoads int

	// MaxTenantLoads is how many of them one tenant has for long while others are served too;
	// a burst of 2,048 loads beyond it refills at 250 a second. A tenant that is alone has
	// MaxLoads. Default: four for each processor, and at least eight; no more than MaxLoads.
	MaxTenantLoads int

	// Tracer is told when each stage begins and ends. Default: nil, which costs nothing.
	Tracer Tracer

	// InsecureEdge may stand in for Sessions in an outage; code that decides has to ask
	// [Identity].Edge. Default: nil, an outage is one.
	InsecureEdge Edge
}

// NewAuthenticator returns the Authenticator that cfg describes. The error names every invalid
// field.
func NewAuthenticator(cfg AuthenticatorConfig) (*Authenticator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	a := &Authenticator{
		tokens: cfg.Tokens, sessions: cfg.Sessions, tenant: slices.Clone(cfg.Tenant), cookie: cfg.Cookie,
		dpop: cfg.DPoP.clone(), cors: cfg.CORS.clone(), timeout: cfg.Timeout, tracer: cfg.Tracer, edge: cfg.InsecureEdge,
		limits: newLimits(cfg.MaxVerifications, cfg.MaxLoads, cfg.MaxTenantLoads),
	}
	a.cached, _ = cfg.Tokens.(cachedVerifier)
	a.headers, _ = cfg.Tokens.(headerVerifier)
	a.manager, _ = cfg.Sessions.(*session.Manager)
	a.adopter, _ = cfg.Sessions.(Adopter)
	return a, nil
}

func (cfg AuthenticatorConfig) withDefaults() AuthenticatorConfig {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
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
	return cfg
}

// defaultVerifications is that of MaxVerifications.
func defaultVerifications() int { return max(128, 16*runtime.GOMAXPROCS(0)) }

// validate reports every problem, each starting with the name of its field.
func (cfg AuthenticatorConfig) validate() error {
	var problems configerr.Problems
	problems.Require("Tokens", cfg.Tokens, "for example token.NewVerifier(…)")
	problems.Require("Sessions", cfg.Sessions, "for example session.NewManager(…)")
	if tokens, ok := cfg.Tokens.(foreignVerifier); ok && !configerr.IsNil(cfg.Tokens) && !configerr.IsNil(cfg.Sessions) && tokens.HasForeign() {
		if _, adopts := cfg.Sessions.(Adopter); !adopts {
			problems.Add("Sessions", "an issuer of Tokens has Foreign, and %T has no method Adopt, as a session.Manager has", cfg.Sessions)
		}
	}
	for i, l := range cfg.Tenant {
		if l == nil {
			problems.Add(fmt.Sprintf("Tenant[%d]", i), "nil")
		}
	}
	if cfg.Cookie != "" && !validCookieName(cfg.Cookie) {
		problems.Add("Cookie", "%q is not \"__Host-\" followed by letters, digits, '-' or '_'", cfg.Cookie)
	}
	if cfg.DPoP != nil {
		problems.Require("DPoP.Proofs", cfg.DPoP.Proofs, "for example token.NewDPoPVerifier(…)")
		problems.Require("DPoP.Replay", cfg.DPoP.Replay, "for example the Replay of a redisstore.Store")
	}
	problems.Within("CORS", cfg.CORS.Validate())
	if cfg.Timeout < time.Millisecond || cfg.Timeout > maxTimeout {
		problems.Add("Timeout", "%v is not between 1ms and %v", cfg.Timeout, maxTimeout)
	}
	if cfg.MaxVerifications < 1 {
		problems.Add("MaxVerifications", "%d, at least 1 is needed", cfg.MaxVerifications)
	}
	if cfg.MaxLoads < 1 {
		problems.Add("MaxLoads", "%d, at least 1 is needed", cfg.MaxLoads)
	}
	if cfg.MaxLoads > 0 && (cfg.MaxTenantLoads < 1 || cfg.MaxTenantLoads > cfg.MaxLoads) {
		problems.Add("MaxTenantLoads", "%d, from 1 to MaxLoads, %d, is needed", cfg.MaxTenantLoads, cfg.MaxLoads)
	}
	return problems.Err("middleware", nil)
}

func validCookieName(name string) bool {
	rest, ok := strings.CutPrefix(name, "__Host-")
	return ok && rest != "" && !strings.ContainsFunc(rest, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	})
}
