package policy

import (
	"fmt"
	"net/netip"
	"time"
)

// Attributes of the environment with a meaning of their own. A condition may compare them
// without a row in attributes.csv; a row may repeat one, with the same kind.
const (
	EnvTime    = "time"    // int: when the request is decided, in seconds since 1970 (UTC)
	EnvHour    = "hour"    // int: the hour of the day in UTC, 0 to 23
	EnvWeekday = "weekday" // int: the day of the week in UTC, 1 (Monday) to 7 (Sunday), as ISO 8601 counts
	EnvIP      = "ip"      // string: the client's address, see [FunctionIPMatch]
	EnvMFA     = "mfa"     // bool: whether the session began with more than one factor (RFC 8176, "mfa")

	// EnvActor is a string: the id of the user who acts as the caller now, of the caller's
	// tenant like r.sub.id, and '' when nobody acts as another. It is never missing: a request
	// without it is one in which nobody does. Of several who act one as the other it is the
	// current actor, whom the others act through.
	EnvActor = "actor"
)

// FunctionIPMatch is the one function that conditions may call:
//
//	ipMatch(r.env.ip, '10.0.0.0/8')
//
// It is Casbin's own: whether the address that an attribute holds is in a network, or is an
// address. The network is a constant and checked at load. What is no address makes the
// condition unknown.
const FunctionIPMatch = "ipMatch"

// EnvAttributes returns the attributes of the environment that are built in, as
// attributes.csv would declare them.
//
// The engine knows the time itself, see [Options], and takes it from a request's Env when
// that has one. Hour and weekday follow the time unless Env has them. All three are UTC:
// an hour that moves twice a year is no basis for a decision. The address, the factors and
// the actor come from Env alone.
func EnvAttributes() []Attribute {
	return []Attribute{
		{Type: ofEnv, Name: EnvTime, Kind: Int},
		{Type: ofEnv, Name: EnvHour, Kind: Int},
		{Type: ofEnv, Name: EnvWeekday, Kind: Int},
		{Type: ofEnv, Name: EnvIP, Kind: String},
		{Type: ofEnv, Name: EnvMFA, Kind: Bool},
		{Type: ofEnv, Name: EnvActor, Kind: String},
	}
}

// builtInEnv returns the built-in attribute r.env.<name>.
func builtInEnv(name string) (Attribute, bool) {
	for _, a := range EnvAttributes() {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// instant is the one time by which a request is decided, in seconds. The zero instant is
// unknown.
type instant struct {
	unix  int64
	known bool
}

// setClock sets the time by which r is decided: that which its environment gives, or else the
// clock's. A time out of range is unknown, and not replaced by another; one of another type is
// an error.
func (e *Engine) setClock(r *Request) error {
	if r.Env != nil {
		if x, ok := r.Env.Get(EnvTime); ok {
			if x != nil && !Int.fits(x) {
				return fmt.Errorf("%w: attribute %s of env is declared int, the service gave %T%s", ErrMisused, EnvTime, x, advice(Int, x))
			}
			n, ok := whole(x)
			r.now = instant{int64(n), ok}
			return nil
		}
	}
	r.now = instant{e.clock().Unix(), true}
	return nil
}

const day = 24 * 60 * 60

// get returns the attribute of the environment that follows from the time.
func (t instant) get(name string) (value, bool) {
	if !t.known {
		return value{}, false
	}
	n := t.unix
	days, seconds := n/day, n%day
	if seconds < 0 {
		days, seconds = days-1, seconds+day
	}
	switch name {
	case EnvTime:
	case EnvHour:
		n = seconds / (60 * 60)
	case EnvWeekday:
		n = (days%7+7+3)%7 + 1 // day 0, 1970-01-01, was a Thursday
	default:
		return value{}, false
	}
	return value{scalar: scalar{n: float64(n)}}, true
}

// timed reports whether the condition asks for anything that the clock tells.
func (n *node) timed() bool {
	if n == nil {
		return false
	}
	if n.leaf == nil {
		return n.x.timed() || n.y.timed()
	}
	return n.a.timed() || n.b.timed()
}

func (o *operand) timed() bool {
	return o.part == ofEnv && (o.name == EnvTime || o.name == EnvHour || o.name == EnvWeekday)
}

// timeLayout is how a condition writes a time. Casbin reads it as a number of seconds, the
// same on every machine; dates in other forms depend on the machine's zone and are refused.
const timeLayout = "2006-01-02T15:04:05Z"

func parseTime(s string) (unix int64, ok bool) {
	if len(s) != len(timeLayout) || s[len(s)-1] != 'Z' {
		return 0, false
	}
	t, err := time.Parse(timeLayout, s)
	return t.Unix(), err == nil && t.Format(timeLayout) == s
}

// parseNetwork reads a network or an address as people and Casbin both read it.
func parseNetwork(s string) (n netip.Prefix, why string) {
	n, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, quote(s) + " is neither a network such as 10.0.0.0/8 nor an address"
		}
		n = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case n.Addr().Is4In6():
		return netip.Prefix{}, quote(s) + ": write an IPv4 network as such"
	case n.Masked() != n:
		return netip.Prefix{}, quote(s) + " has bits beyond its length: write " + n.Masked().String()
	}
	return n, ""
}

// maxAddress is the length of the longest address, in bytes.
const maxAddress = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// inNetwork reports whether the address s is in the network, unknown when s is none.
func inNetwork(n netip.Prefix, s string) truth {
	if len(s) > maxAddress {
		return unknown
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return unknown
	}
	return truthOf(n.Contains(addr.Unmap()))
}
