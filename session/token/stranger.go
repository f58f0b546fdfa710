package token

import (
	"slices"

	"github.com/reevehq/reeve/session"
)

// Stranger returns whom the issuer of a token with Foreign has signed in, and false for every
// other token. It is false too for a token that is bound to a key, until [Verified.Prove].
func (v *Verified) Stranger() (session.Stranger, bool) {
	c := v.claims()
	if c.stranger == nil || c.thumbprint != "" && !c.proved {
		return session.Stranger{}, false
	}
	s := *c.stranger
	s.Roles, s.AMR = slices.Clone(s.Roles), slices.Clone(s.AMR)
	return s, true
}

// HasForeign reports whether one of the trusted issuers has [Issuer.Foreign], so that the loader of
// sessions has to be able to adopt strangers. It says nothing of issuers that Resolve may find.
func (v *Verifier) HasForeign() bool {
	t := v.issuers.load()
	return t != nil && t.foreign
}
