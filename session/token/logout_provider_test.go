package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// A provider's sid may have any form, that of a session id of ours too: node-oidc-provider's
// are 43 characters of base64url, of which one in four parses. It names a session of ours
// only for an issuer that says so.
func TestASidIsOneOfOursOnlyForAnIssuerThatSaysSo(t *testing.T) {
	raw := goodLogout("sid", fmt.Sprintf("%q", sessionID.Reveal()))
	theirs := logsOut(t, verifier(t, trust(t, token.EdDSA, trustLogout)), raw)
	if !theirs.Session().IsZero() || theirs.IssuerSessionID() != sessionID.Reveal() {
		t.Errorf("another's sid is taken for the session %v", theirs.Session())
	}
	ours := logsOut(t, verifier(t, trust(t, token.EdDSA, trustLogout, ownSessions)), raw)
	if ours.Session() != sessionID {
		t.Errorf("our own sid is %v", ours.Session())
	}
	if s := signer(t, config(token.EdDSA)); !s.Issuer().OwnSessions {
		t.Error("a signer's entry does not say that the sessions are ours")
	}
}

// An issuer of many tenants names none in its logout tokens, as no provider does: they are
// accepted, and the tenant is left open.
func TestALogoutTokenOfAnIssuerOfManyTenantsNeedNotNameOne(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA, trustLogout))
	l, err := v.VerifyLogout(context.Background(), goodLogout("tenant", ""))
	if err != nil || !l.Tenant().IsZero() || l.User().String() != "alice" || l.Issuer() != issuerName {
		t.Errorf("got %v, %v", l.Tenant(), err)
	}
	if l := logsOut(t, v, goodLogout()); l.Tenant() != tenant.MustParse("acme") {
		t.Errorf("a tenant that is named is %v", l.Tenant())
	}
}

// A sub that cannot be a user id of ours is not needed beside a sid.
func TestASubOfAnyAlphabetIsAcceptedBesideASid(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA, trustLogout))
	for _, sub := range []string{
		"bob smith", "CN=Bob Smith,O=Acme", "\u3164", strings.Repeat("x", 300), "",
	} {
		l, err := v.VerifyLogout(context.Background(), goodLogout("sub", fmt.Sprintf("%q", sub), "sid", `"op-7"`))
		if err != nil || !l.User().IsZero() || l.Subject() != sub || l.IssuerSessionID() != "op-7" {
			t.Errorf("%q: %v, %v", sub, l.User(), err)
		}
		if _, err := v.VerifyLogout(context.Background(), goodLogout("sub", fmt.Sprintf("%q", sub))); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q alone: %v", sub, err)
		}
	}
	for _, sub := range []string{"f:5a1c:bob", "system:serviceaccount:prod:web", "repo:o/r:environment:prod", "spiffe://d/w", "urn:uuid:1", "{7B0F}", "*", "кто?"} {
		if l := logsOut(t, v, goodLogout("sub", fmt.Sprintf("%q", sub))); l.User().String() != sub {
			t.Errorf("%q is the user %v", sub, l.User())
		}
	}
	if l := logsOut(t, v, goodLogout("sub", `"bøb"`, "sid", `"op-7"`)); l.User().String() != "bøb" || l.Subject() != "bøb" {
		t.Errorf("user %v", l.User())
	}
}

// Ory Hydra's logout tokens: no exp, sub or typ of its own. A token without exp expires all the
// same, and is remembered for as long.
func TestALogoutTokenWithoutExpiryIsAcceptedOnlyWhereAllowed(t *testing.T) {
	allow := func(i *token.Issuer) {
		i.Logout = &token.LogoutConfig{Audience: clientID, Types: []string{"JWT"}, OptionalExpiry: true, MaxLifetime: time.Minute}
	}
	v := verifier(t, trust(t, token.EdDSA, allow))
	hydra := func(edits ...string) string {
		edits = append([]string{"exp", "", "sub", "", "tenant", "", "sid", `"84266fdb-1ee8-4eb1-8f3b-bd1f5b0c9a0d"`}, edits...)
		return ours().forge(token.EdDSA, logoutHeader("typ", `"JWT"`), logoutClaims(edits...))
	}
	l, err := v.VerifyLogout(context.Background(), hydra())
	if err != nil || l.ReplayTTL() < 2*time.Minute || l.ReplayTTL() > 4*time.Minute {
		t.Errorf("remembered for %v, %v", l.ReplayTTL(), err)
	}
	now := time.Now().Unix()
	for name, raw := range map[string]string{
		"of two minutes ago":   hydra("iat", fmt.Sprint(now-125)),
		"without iat":          hydra("iat", ""),
		"an exp that is null":  hydra("exp", "null"),
		"an exp too far ahead": hydra("exp", fmt.Sprint(now+3600)),
		"expired":              hydra("iat", fmt.Sprint(now-125), "exp", fmt.Sprint(now-100)),
	} {
		if _, err := v.VerifyLogout(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Verify(context.Background(), good(token.EdDSA, "exp", "")); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("an access token without exp: %v", err)
	}
}

// The kinds of token, signed by one key, and what each is good for.
type kind struct {
	name string
	raw  func(typ string) string // with the header's typ; "" leaves it out
	is   string                  // what it may be accepted as
}

func kinds() []kind {
	signed := func(claims string) func(string) string {
		return func(typ string) string {
			edit := ""
			if typ != "" {
				edit = fmt.Sprintf("%q", typ)
			}
			return ours().forge(token.EdDSA, headerOf(token.EdDSA, "typ", edit), claims)
		}
	}
	both := `["` + audience + `","` + clientID + `"]` // the audience is no help
	sid := fmt.Sprintf("%q", sessionID.Reveal())
	exp := fmt.Sprint(time.Now().Unix() + 60)
	return []kind{
		{"an access token", signed(claimsOf("aud", both, "exp", exp)), "access"},
		{"an access token with another's events", signed(claimsOf("aud", both, "exp", exp, "events", `{"x":{}}`)), ""},
		{"an access token with empty events", signed(claimsOf("aud", both, "exp", exp, "events", `{}`)), ""},
		{"an access token with null events", signed(claimsOf("aud", both, "exp", exp, "events", "null")), ""},
		{"an access token that is bound to a key, with events", signed(claimsOf("aud", both, "exp", exp, "events", logoutEvent, "cnf", `{"jkt":"`+thumbprint()+`"}`)), ""},
		{"an ID token", signed(claimsOf("aud", both, "exp", exp, "nonce", `"n"`, "at_hash", `"h"`)), ""},
		{"an ID token with events", signed(claimsOf("aud", both, "exp", exp, "nonce", `"n"`, "events", logoutEvent)), ""},
		{"an ID token with a nonce of null and events", signed(claimsOf("aud", both, "exp", exp, "nonce", "null", "events", logoutEvent)), ""},
		{"an ID token with at_hash and events", signed(claimsOf("aud", both, "exp", exp, "at_hash", `"h"`, "events", logoutEvent)), ""},
		{"a logout token", signed(logoutClaims("aud", both, "sid", sid, "client_id", `"web"`)), "logout"},
		{"a logout token with a nonce", signed(logoutClaims("aud", both, "sid", sid, "nonce", `"n"`)), ""},
		{"a logout token without events", signed(logoutClaims("aud", both, "events", "")), ""},
		{"another security event", signed(logoutClaims("aud", both, "events", `{"https://schemas.openid.net/secevent/risc/event-type/account-disabled":{}}`)), ""},
		{"a DPoP proof", func(typ string) string {
			edit := ""
			if typ != "" {
				edit = fmt.Sprintf("%q", typ)
			}
			return ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, "typ", edit, "kid", `"k1"`), proofClaims("iss", `"`+issuerName+`"`, "aud", both, "sub", `"alice"`, "exp", exp, "events", logoutEvent))
		}, ""},
		{"the claims of a proof", signed(logoutClaims("aud", both, "htm", `"POST"`, "htu", `"`+origin+`/invoices/42"`)), ""},
	}
}

// Each kind of token is tried as each other, under each typ, for each configuration of typs
// that there is. Only an access token signs in, only a logout token signs out, only a proof
// proves, and each under a typ that its issuer's entry has. Access tokens of typ "JWT"
// without client_id, which are like ID tokens of another audience, keep to the claims.
func TestEachKindOfTokenIsTriedAsEachOther(t *testing.T) {
	typs := []string{"at+jwt", "application/at+jwt", "JWT", "jwt", "", "logout+jwt", "application/logout+jwt", "dpop+jwt", "secevent+jwt", "x"}
	lower := func(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }
	accepts := func(list []string, byDefault, typ string) bool {
		if list == nil {
			return lower(typ) == byDefault
		}
		for _, one := range list {
			if lower(one) == lower(typ) {
				return true
			}
		}
		return false
	}
	// "application/JWT" is another type than "JWT" for an access token: compared exactly.
	for _, access := range [][]string{nil, {"JWT"}, {"at+jwt", "application/at+jwt", "JWT"}} {
		for _, out := range [][]string{nil, {"JWT"}, {""}, {"logout+jwt", "JWT", ""}, {"application/logout+jwt"}} {
			v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) {
				i.Types, i.Logout = access, &token.LogoutConfig{Audience: clientID, Types: out}
			}))
			p := proofs(t)
			for _, kind := range kinds() {
				for _, typ := range typs {
					raw := kind.raw(typ)
					name := fmt.Sprintf("%s of typ %q, Types %q, Logout.Types %q", kind.name, typ, access, out)
					_, err := v.Verify(context.Background(), raw)
					if want := kind.is == "access" && typ != "" && accepts(access, "at+jwt", typ); (err == nil) != want {
						t.Errorf("%s, as an access token: %v", name, err)
					}
					_, err = v.VerifyLogout(context.Background(), raw)
					if want := kind.is == "logout" && accepts(out, "logout+jwt", typ); (err == nil) != want {
						t.Errorf("%s, as a logout token: %v", name, err)
					}
					_, err = p.Verify(raw, wantRequest)
					if want := kind.name == "a DPoP proof" && typ == "dpop+jwt"; (err == nil) != want {
						t.Errorf("%s, as a proof: %v", name, err)
					}
				}
			}
		}
	}
	// Tokens of our own are of neither other kind.
	s := signer(t, config(token.EdDSA))
	signed, err := s.Sign(sess(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	own := s.Issuer()
	own.Logout = &token.LogoutConfig{Audience: own.Audience, Types: []string{"logout+jwt", "JWT", ""}}
	v := verifier(t, own)
	if _, err := v.Verify(context.Background(), signed.Reveal()); err != nil {
		t.Error(err)
	}
	if _, err := v.VerifyLogout(context.Background(), signed.Reveal()); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a token of our own signs out: %v", err)
	}
	if _, err := proofs(t).Verify(signed.Reveal(), wantRequest); !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("a token of our own proves: %v", err)
	}
}
