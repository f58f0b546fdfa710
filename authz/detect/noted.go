package detect

import (
	"net/netip"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// maxTenants is how many tenants of one user are known.
const maxTenants = 16

// alerted is when there was an alert about something last.
type alerted struct{ at time.Time }

// may reports whether there may be one now, and notes it.
func (a *alerted) may(now time.Time, quiet time.Duration) bool {
	if !a.at.IsZero() && now.Sub(a.at) < quiet {
		return false
	}
	a.at = now
	return true
}

// recent holds the times of the last denials, a ring.
type recent struct {
	alerted
	times []time.Time
	next  int
}

// denied notes a denial and returns how many there were, where these are an alert.
func (d *Detector) denied(e authz.Event, from netip.Addr, now time.Time) int {
	var r *recent
	switch {
	case !e.User.IsZero():
		r = kept(d.denials, caller{e.Tenant, e.User})
	case from.IsValid():
		r = kept(d.unknown, network(from))
	default:
		return 0 // nobody to tell apart
	}
	if len(r.times) < d.cfg.MaxDenials {
		r.times = append(r.times, now)
	} else {
		r.times[r.next] = now
	}
	r.next = (r.next + 1) % d.cfg.MaxDenials
	if len(r.times) < d.cfg.MaxDenials || now.Sub(r.times[r.next]) >= d.cfg.Window || !r.may(now, d.cfg.Quiet) {
		return 0
	}
	return len(r.times)
}

// kept returns the record of a key, or an empty one that is kept from now on.
func kept[K comparable](l *lru[K, *recent], key K) *recent {
	r, ok := l.get(key)
	if !ok {
		r = &recent{}
		l.put(key, r)
	}
	return r
}

// addresses holds where a session came from, and when last.
type addresses struct {
	alerted
	from []netip.Prefix
	at   []time.Time
}

// seenFrom notes an address of a session and returns of how many it came, where these are an alert.
func (d *Detector) seenFrom(digest string, from netip.Addr, now time.Time) int {
	if digest == "" || !from.IsValid() {
		return 0
	}
	a, ok := d.sessions.get(digest)
	if !ok {
		a = &addresses{}
		d.sessions.put(digest, a)
	}
	for i := len(a.at) - 1; i >= 0; i-- {
		if now.Sub(a.at[i]) >= d.cfg.Window {
			a.from, a.at = slices.Delete(a.from, i, i+1), slices.Delete(a.at, i, i+1)
		}
	}
	switch i := slices.Index(a.from, network(from)); {
	case i >= 0:
		a.at[i] = now
	case len(a.from) < d.cfg.MaxAddresses:
		a.from, a.at = append(a.from, network(from)), append(a.at, now)
	default: // as many are known as are an alert: the longest unseen gives way
		oldest := 0
		for j := range a.at {
			if a.at[j].Before(a.at[oldest]) {
				oldest = j
			}
		}
		a.from[oldest], a.at[oldest] = network(from), now
	}
	if len(a.from) < d.cfg.MaxAddresses || !a.may(now, d.cfg.Quiet) {
		return 0
	}
	return len(a.from)
}

// tenants are those where a user was seen.
type tenants struct {
	alerted
	seen []tenant.ID
}

// seenIn notes a tenant of a user and returns of how many they are, where the last one is an alert.
func (d *Detector) seenIn(u session.UserID, t tenant.ID, now time.Time) int {
	of, ok := d.users.get(u)
	if !ok {
		d.users.put(u, &tenants{seen: []tenant.ID{t}})
		return 0
	}
	if slices.Contains(of.seen, t) {
		return 0
	}
	if !of.may(now, d.cfg.Quiet) {
		return 0 // and not seen: an alert that nobody is told now is told when there may be one again
	}
	if len(of.seen) == maxTenants {
		of.seen = slices.Delete(of.seen, 0, 1)
	}
	of.seen = append(of.seen, t)
	return len(of.seen)
}

// network is an address of IPv4, or the /64 of one of IPv6.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // bits are right
	return p
}
