package main

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// account is a user of one tenant. A service has these in its own database.
type account struct {
	tenant tenant.ID
	user   session.UserID
	roles  session.Roles
	salt   string // 16 random bytes in hexadecimal
	hash   string // of the password, in hexadecimal
	rounds int    // of PBKDF2
}

// accounts returns the example users. The password of each is "demo".
func accounts() []account {
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	return []account{
		{acme, session.MustParseUserID("alice"), session.MustRoles("editor"),
			"1b0c012ffe6a3065009c9f3032f1bfc8", "58570cbcdff21de21edafa71c9379f731e0d3921067c89f575c5c218178a8e1e", passwordRounds},
		{acme, session.MustParseUserID("bob"), session.MustRoles("viewer"),
			"cb49d845632d9c8d3c4a7f816a0627ed", "a96afeca2a2d1716e90de6a57da13d3af18b6d12c654cd17240ead06d68d2cb6", passwordRounds},
		{globex, session.MustParseUserID("carol"), session.MustRoles("admin"),
			"335432ef577afe7a37b69e9ada6a3d21", "a434e523166a698e9ceca1cf7dfa76743aba711779eb44109b7120090a0f8c0b", passwordRounds},
	}
}

// nobody is compared with when there is no such account, so that the answer takes as long
// as for a wrong password. It has no user to sign in as, and its hash is of no password.
var nobody = account{
	salt:   "cf572df1582cc8dca28fbb634d5c26b2",
	hash:   "040f049d12cdba205c8931eeb48a9db34865c4b347bf8f57843b605bcf6a628c",
	rounds: passwordRounds,
}

// passwordRounds is the number that OWASP's Password Storage Cheat Sheet asks of PBKDF2-HMAC-SHA256.
const passwordRounds = 600_000

// authenticate returns the account with this tenant, user and password. Unknown tenants,
// unknown users and wrong passwords are not told apart, and cost the same.
func authenticate(all []account, tenantName, user, password string) (account, bool) {
	found := nobody
	for _, a := range all {
		if a.tenant.String() == tenantName && a.user.String() == user {
			found = a
		}
	}
	matches := found.matches(password)
	return found, matches && !found.user.IsZero()
}

func (a account) matches(password string) bool {
	salt, saltErr := hex.DecodeString(a.salt)
	want, wantErr := hex.DecodeString(a.hash)
	if saltErr != nil || wantErr != nil || len(want) != sha256.Size {
		return false
	}
	got, err := pbkdf2.Key(sha256.New, password, salt, a.rounds, len(want))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
