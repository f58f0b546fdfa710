package authz

import (
	"net/netip"

	"github.com/reevehq/reeve/authz/policy"
)

// requestEnv has the attributes of a caller's request apart from caller and object: where
// it comes from, with how many factors its session began, and who acts as the caller. The policy's engine knows
// the time itself. The address is looked for only when a condition asks for it, and once:
// an extractor may have to read a long header, and a condition may ask many times.
type requestEnv Caller

// Get implements [policy.AttributeSource].
func (c *requestEnv) Get(name string) (any, bool) {
	switch name {
	case policy.EnvIP:
		ip := (*Caller)(c).ip()
		return ip, ip != ""
	case policy.EnvMFA:
		return (*Caller)(c).loaded().AMR.Has("mfa"), true
	case policy.EnvActor:
		if actor, acts := (*Caller)(c).loaded().Actors.Current(); acts {
			return actor.User.String(), true
		}
		return "", true
	}
	return nil, false
}

// Address returns the address that the request comes from, as conditions see it: that of
// the connection, or what [Config].Proxies says. It is the zero Addr where there is none.
func (c *Caller) Address() netip.Addr {
	addr, err := netip.ParseAddr(c.ip())
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

func (c *Caller) ip() string {
	if client := c.client.Load(); client != nil {
		return *client
	}
	client := ""
	if addr, ok := c.address(); ok {
		client = addr.String()
	}
	c.client.CompareAndSwap(nil, &client) // the first that was found is the one
	return *c.client.Load()
}

// address returns the client's address as the door tells it.
func (c *Caller) address() (netip.Addr, bool) {
	if c.original == nil {
		return netip.Addr{}, false
	}
	addr := c.exchange.ClientIP(c.original)
	return addr, addr.IsValid()
}
