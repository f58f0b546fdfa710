package detect

import (
	"log/slog"
	"net/netip"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Kind is the subject of an alert.
type Kind uint8

// The kinds of alert.
const (
	Denials       Kind = iota + 1 // a user, or an address without one, was refused often
	Addresses                     // a session came from many addresses
	RefreshReplay                 // a refresh token was used again, and its session is ended
	NewTenant                     // a user who is known came for a tenant where they were never seen
)

// kinds is how many there are, and the zero Kind.
const kinds = int(NewTenant) + 1

var kindNames = [kinds]string{"none", "denials", "addresses", "refresh-replay", "new-tenant"}

// String returns the kind in lower case, for logs and metrics.
func (k Kind) String() string {
	if int(k) < kinds {
		return kindNames[k]
	}
	return kindNames[0]
}

// Kinds returns all of them, for metrics.
func Kinds() []Kind { return []Kind{Denials, Addresses, RefreshReplay, NewTenant} }

// Alert is one observation of a detector. It holds no secret and nothing that a client wrote but
// the ids of a verified token, so it can be logged as it is.
type Alert struct {
	Kind    Kind
	Tenant  tenant.ID      // zero where nobody is known
	User    session.UserID // likewise
	Actor   session.UserID // who acts as the user, zero where nobody does
	Session string         // the digest of the session's id, of Addresses alone
	Address netip.Addr     // that the last request came from, where there is one
	Count   int            // of denials, of addresses, or of tenants with this one
}

// LogValue returns the alert as a group of attributes.
func (a Alert) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("kind", a.Kind.String()), slog.String("tenant", a.Tenant.String()), slog.String("user", a.User.String()), slog.String("actor", a.Actor.String()),
		slog.String("session", a.Session), slog.String("address", text(a.Address)), slog.Int("count", a.Count),
	)
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
