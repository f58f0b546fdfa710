package authz

import (
	"net/http"
	"net/netip"
	"sync"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// environment is what policies may ask about a request apart from caller and object: where
// it comes from, with how many factors its session began, and who acts as the caller. The policy's engine knows
// the time itself. The address is looked for only when a condition asks for it, and once:
// an extractor may have to read a long header, and a condition may ask many times.
type environment struct {
	request *http.Request
	match   middleware.Match
	mfa     bool
	actor   string // "" when nobody acts as the caller

	mu     sync.Mutex
	asked  bool   // for the address
	client string // the address, "" for none
}

// begin makes e the environment of a request. The session is zero for an anonymous caller.
func (e *environment) begin(r *http.Request, match middleware.Match, s session.Session) {
	e.request, e.match, e.mfa = r, match, s.AMR.Has("mfa")
	if actor, acts := s.Actors.Current(); acts {
		e.actor = actor.User.String()
	}
}

// Get implements [policy.AttributeSource].
func (e *environment) Get(name string) (any, bool) {
	switch name {
	case policy.EnvIP:
		ip := e.ip()
		return ip, ip != ""
	case policy.EnvMFA:
		return e.mfa, true
	case policy.EnvActor:
		return e.actor, true
	}
	return nil, false
}

// Address returns the address that the request comes from, as conditions see it: that of
// the connection, or what [Config].Proxies says. It is the zero Addr where there is none.
func (c *Caller) Address() netip.Addr {
	addr, err := netip.ParseAddr(c.env.ip())
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

func (e *environment) ip() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.asked {
		e.asked = true
		if addr, ok := e.address(); ok {
			e.client = addr.String()
		}
	}
	return e.client
}

// address returns the client's address as the door tells it.
func (e *environment) address() (netip.Addr, bool) {
	if e.request == nil {
		return netip.Addr{}, false
	}
	addr := e.match.ClientIP(e.request)
	return addr, addr.IsValid()
}
