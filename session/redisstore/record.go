package redisstore

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/reevehq/reeve/session"
)

// epochs are the three epochs that a session lives under. It is live while each is the
// one it was issued at: equal, not merely no older, so that an epoch which a failover
// rolled back ends sessions rather than revives them.
type epochs struct{ user, tenant, global uint64 }

// record is the sealed part: the session and the epochs at issue. LastSeenAt is not in it, it
// has a key of its own, so that a touch rewrites no record.
type record struct {
	session session.Session
	issued  epochs
	link    string // digest of the provider's sign-in, "" for none
}

// The first byte of a record in clear. Where somebody acts as another, the record is one that
// instances of earlier versions cannot read: they answer 503 where they cannot judge.
const (
	recordFormat = 1
	actingFormat = 2 // with Origin and Acting at the end
	signInFormat = 3 // with these, be they there or not, Provider and the link
	movedFormat  = 4 // with MovedTo at the end

	signInMovedFormat = 5 // as signInFormat, with MovedTo at the end
)

const (
	kindString = iota
	kindFalse
	kindTrue
	kindInt
	kindFloat
	kindStrings
)

// encode writes a record. Integers are varints, text is preceded by its length, times are
// microseconds since 1970.
func (r record) encode() ([]byte, error) {
	s := r.session
	format := byte(recordFormat)
	signedIn := r.link != "" || !s.Provider.IsZero()
	switch {
	case !s.MovedTo.IsZero() && acts(s):
		return nil, fmt.Errorf("%w: a session of somebody who acts as another has no grace", session.ErrInvalid)
	case !s.MovedTo.IsZero() && signedIn:
		format = signInMovedFormat
	case !s.MovedTo.IsZero():
		format = movedFormat
	case signedIn:
		format = signInFormat
	case acts(s):
		format = actingFormat
	}
	b := append([]byte{format}, s.ID.Bytes()...)
	b = appendText(b, s.Tenant.String())
	b = appendText(b, s.User.String())
	for _, n := range []uint64{s.Version, r.issued.user, r.issued.tenant, r.issued.global} {
		b = binary.AppendUvarint(b, n)
	}
	for _, t := range []time.Time{s.CreatedAt, s.ExpiresAt, s.AuthTime} {
		b = binary.AppendVarint(b, t.UnixMicro())
	}
	b = binary.AppendVarint(b, int64(s.IdleTimeout))
	b = appendTexts(b, s.Roles.Names())
	b = appendTexts(b, s.AMR.Names())
	b = appendText(appendText(b, s.UserAgent), s.Address)
	b = binary.AppendUvarint(b, uint64(s.Actors.Len()))
	for a := range s.Actors.All() {
		b = appendText(appendText(b, a.User.String()), a.Reason)
	}
	b, err := appendAttributes(b, s.Attributes)
	if err != nil {
		return nil, err
	}
	if format == actingFormat || format == signInFormat || format == signInMovedFormat {
		b = appendText(b, string(s.Origin.ID().Bytes()))
		b = binary.AppendUvarint(b, s.Origin.Version())
		b = appendText(appendText(b, s.Acting.User().String()), s.Acting.Reason())
	}
	if format == signInFormat || format == signInMovedFormat {
		b = appendProvider(b, s.Provider.Claims())
		b = appendText(b, r.link)
	}
	if format == movedFormat || format == signInMovedFormat {
		to := s.MovedTo.Ref()
		b = appendText(appendText(appendText(b, to.Tenant.String()), to.User.String()), string(to.ID.Bytes()))
	}
	return b, nil
}

func appendAttributes(b []byte, attributes session.Attributes) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(attributes.Len()))
	for name, v := range attributes.All() {
		b = appendText(b, name)
		switch v := v.(type) {
		case string:
			b = appendText(append(b, kindString), v)
		case bool:
			kind := byte(kindFalse)
			if v {
				kind = kindTrue
			}
			b = append(b, kind)
		case int64:
			b = binary.AppendVarint(append(b, kindInt), v)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, kindFloat), math.Float64bits(v))
		case []string:
			b = appendTexts(append(b, kindStrings), v)
		default:
			return nil, fmt.Errorf("%w: attribute %q is a %T", session.ErrInvalid, name, v)
		}
	}
	return b, nil
}

// acts reports whether a session is one of somebody who acts as another, theirs or the other's.
func acts(s session.Session) bool { return s.Origin != session.Origin{} || !s.Acting.IsZero() }

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

// Flags for what a provider's tokens say, in one byte.
const (
	providerNamesRoles = 1 << iota
	providerMachine
)

func appendProvider(b []byte, p session.ProviderClaims) []byte {
	b = appendText(appendText(b, p.Issuer), p.ACR)
	b = binary.AppendVarint(binary.AppendVarint(b, p.IssuedAt.UnixMicro()), p.Since.UnixMicro())
	var flags byte
	if p.NamesRoles {
		flags |= providerNamesRoles
	}
	if p.Machine {
		flags |= providerMachine
	}
	return append(b, flags)
}
