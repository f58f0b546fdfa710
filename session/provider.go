package session

import (
	"fmt"
	"time"
	"unique"
)

// Provider says by which identity provider the user of a session was signed in, where
// [Manager.Adopt] has made it. It is zero for a session of [Manager.Create]. Providers are
// comparable.
type Provider struct{ handle unique.Handle[ProviderClaims] }

// NewProvider returns the provider of those claims. The zero claims are those of the zero Provider.
func NewProvider(c ProviderClaims) Provider {
	if c == (ProviderClaims{}) {
		return Provider{}
	}
	c.IssuedAt, c.Since = c.IssuedAt.Round(0).UTC(), c.Since.Round(0).UTC()
	return Provider{unique.Make(c)}
}

// IsZero reports whether no provider has signed the user in.
func (p Provider) IsZero() bool { return p == Provider{} }

// Claims returns what the provider's tokens have said.
func (p Provider) Claims() ProviderClaims {
	if p.IsZero() {
		return ProviderClaims{}
	}
	return p.handle.Value()
}

// From returns p as that of a session which the provider's tokens do not name. since is when the
// last one of the user ended, zero for never.
func (p Provider) From(since time.Time) Provider {
	c := p.Claims()
	c.Since = since
	if since.IsZero() {
		c.Since = noEnd
	}
	return NewProvider(c)
}

// By returns p with another ACR.
func (p Provider) By(acr string) Provider {
	c := p.Claims()
	c.ACR = acr
	return NewProvider(c)
}

// ProviderClaims are the claims about a session in the tokens of a [Provider].
type ProviderClaims struct {
	// Issuer is the provider's iss claim.
	Issuer string

	// ACR is how the user signed in, in the provider's words.
	ACR string

	// IssuedAt is the iat claim of the newest token that was adopted. Older ones change nothing.
	IssuedAt time.Time

	// Since is when the user's last session of the provider ended, where its tokens name no
	// session, and 1970 where none has: a sign-in that is not later is none of this session. It is
	// zero where they name the session.
	Since time.Time

	// NamesRoles says that the provider's tokens are the authority of Roles. [Manager.Update]
	// refuses to change them.
	NamesRoles bool

	// Machine says that a client speaks for itself and no person has signed in.
	Machine bool
}

// Limits of what a provider's tokens say.
const (
	MaxIssuerLength      = 512 // bytes of an iss claim
	MaxSignInNameLength  = 512 // bytes of a provider's name for a session
	maxACRLength         = 256
	maxProviderClockYear = 9999
)

// Validate returns an error wrapping [ErrInvalid] when a text is over its limit or a time is none
// that can be written.
func (p Provider) Validate() error {
	c := p.Claims()
	if len(c.Issuer) > MaxIssuerLength || len(c.ACR) > maxACRLength {
		return fmt.Errorf("%w: Provider: an issuer of %d bytes, an ACR of %d", ErrInvalid, len(c.Issuer), len(c.ACR))
	}
	for _, t := range []time.Time{c.IssuedAt, c.Since} {
		if year := t.UTC().Year(); year < 1 || year > maxProviderClockYear {
			return fmt.Errorf("%w: Provider: the year is not 1 to 9999", ErrInvalid)
		}
	}
	return nil
}

// noEnd is the Since of a session without a name before which none has ended.
var noEnd = time.Unix(0, 0).UTC()

// NamesSession reports whether the provider's tokens name the session: it is false for the zero
// Provider.
func (p Provider) NamesSession() bool { return !p.IsZero() && p.Claims().Since.IsZero() }
