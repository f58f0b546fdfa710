package sessiontest

import (
	"errors"
	"time"

	"github.com/reevehq/reeve/session"
)

// provider is one of the three kinds of identity provider.
type provider struct {
	kind         string
	named, timed bool
}

var providers = []provider{
	{"names its sessions", true, true},
	{"names its sessions and not the time", true, false},
	{"says when the user signed in", false, true},
	{"says neither", false, false},
}

const issuer = "https://id.example"

// token is one that the provider issues at a time, to alice of acme who signed in there earlier.
func (p provider) token(name string, signedIn, issued time.Time) session.Stranger {
	stranger := session.Stranger{Issuer: issuer, Tenant: acme, User: alice, IssuedAt: issued, ExpiresAt: issued.Add(time.Hour)}
	if p.named {
		stranger.Name = name
	}
	if p.timed {
		stranger.AuthTime = signedIn
	}
	return stranger
}

// adoption returns a Manager's request to a store.
func adoption(stranger session.Stranger) session.Adoption {
	s := draft(stranger.Tenant, stranger.User)
	if stranger.RolesNamed {
		s.Roles = session.MustRoles(stranger.Roles...)
	}
	s.AuthTime = stranger.SignIn()
	s.Provider = session.NewProvider(session.ProviderClaims{Issuer: stranger.Issuer, ACR: stranger.ACR, IssuedAt: stranger.IssuedAt, NamesRoles: stranger.RolesNamed, Machine: stranger.Machine})
	return session.Adoption{Stranger: stranger, Session: s, Create: session.CreateOptions{Lifetime: time.Hour}}
}

// now is the store's clock.
func (k *kit) now() time.Time {
	k.Helper()
	s := k.create(globex, session.MustParseUserID("clock"))
	k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
	return s.CreatedAt
}

func (k *kit) tryAdopt(stranger session.Stranger) (session.Session, error) {
	s, err := k.Store.Adopt(k.ctx, adoption(stranger))
	return s, leaked(s, err)
}

// adopted is the session of a stranger who must be let in.
func (k *kit) adopted(what string, stranger session.Stranger) session.Session {
	k.Helper()
	s, err := k.tryAdopt(stranger)
	if err != nil {
		k.Fatalf("%s: Adopt: %v", what, err)
	}
	if s.Tenant != stranger.Tenant || s.User != stranger.User || s.Provider.Claims().Issuer != stranger.Issuer || s.ID.IsZero() {
		k.Fatalf("%s: Adopt returned %+v for %v", what, s, stranger.User)
	}
	return s
}

// notAdopted fails the test when a stranger is let in or refused otherwise than by want.
func (k *kit) notAdopted(what string, stranger session.Stranger, want error) {
	k.Helper()
	s, err := k.tryAdopt(stranger)
	if !errors.Is(err, want) {
		k.Errorf("%s: Adopt: got %v, %v, want %v", what, s.ID, err, want)
	}
	if errors.Is(err, session.ErrUnavailable) != errors.Is(want, session.ErrUnavailable) {
		k.Errorf("%s: Adopt: %v is an outage where it must not be, or the other way round", what, err)
	}
}
