package session

import (
	"time"

	"github.com/reevehq/reeve/tenant"
)

// Stranger is somebody whom another identity provider has signed in and who may have no
// session here yet. Method Stranger of a *token.Verified makes one, after the token's
// signature, kind, audience and times were verified; a Stranger that was filled in by other
// code is that code's word, so take one from there alone.
//
// The strings are the provider's own text.
type Stranger struct {
	// Issuer is the iss claim, or the other name of the same provider that its entry says in SameAs.
	// Names of sessions and users are the issuer's own: two issuers may use one for different
	// things.
	Issuer string

	// Name is the provider's name for the session, "" where its tokens name none. It may be a
	// secret.
	Name string

	// Tenant and User are those of the session. The user has the UserPrefix of the issuer.
	Tenant tenant.ID
	User   UserID

	// Roles are the roles that the token names, as far as the service knows them, in the order
	// of their names. RolesNamed says that the issuer is one whose tokens name roles: a token
	// of it that names none is of a user without roles. Otherwise the service has to say.
	Roles      []string
	RolesNamed bool

	// IssuedAt and ExpiresAt are the iat and exp claims. AuthTime is when the user signed in at
	// the provider, zero where the token does not say. All are to the second.
	IssuedAt, AuthTime, ExpiresAt time.Time

	// ACR and AMR say how the user signed in, in the provider's words.
	ACR string
	AMR []string

	// Machine says that a client speaks for itself and no person has signed in.
	Machine bool

	// Thumbprint is that of the key which the sender has shown to hold (RFC 9449), "" for a
	// bearer token.
	Thumbprint string
}
