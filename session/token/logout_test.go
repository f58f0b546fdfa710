package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const (
	clientID    = "billing-web"
	logoutEvent = `{"http://schemas.openid.net/event/backchannel-logout":{}}`
)

func logoutHeader(edits ...string) string {
	return headerOf(token.EdDSA, append([]string{"typ", `"logout+jwt"`}, edits...)...)
}

func logoutClaims(edits ...string) string {
	now := time.Now().Unix()
	return object(map[string]string{
		"iss": `"` + issuerName + `"`, "aud": `"` + clientID + `"`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 120),
		"jti": `"l-1"`, "events": logoutEvent, "sub": `"alice"`, "tenant": `"acme"`,
	}, edits...)
}

// goodLogout is a good logout token with edited claims.
func goodLogout(edits ...string) string {
	return ours().forge(token.EdDSA, logoutHeader(), logoutClaims(edits...))
}

func trustLogout(i *token.Issuer) { i.Logout = &token.LogoutConfig{Audience: clientID} }

func ownSessions(i *token.Issuer) { i.OwnSessions = true }

func logsOut(t testing.TB, v *token.Verifier, raw string) *token.LogoutToken {
	t.Helper()
	l, err := v.VerifyLogout(context.Background(), raw)
	if err != nil {
		t.Fatalf("a good logout token is refused: %v", err)
	}
	if l.Tenant() != tenant.MustParse("acme") || l.Issuer() != issuerName {
		t.Fatalf("it is about %v of %s", l.Tenant(), l.Issuer())
	}
	return l
}

func TestGoodLogoutTokensAreAccepted(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA, trustLogout, ownSessions))
	alice := session.MustParseUserID("alice")
	sid := fmt.Sprintf("%q", sessionID.Reveal())
	for name, tt := range map[string]struct {
		raw  string
		user session.UserID
		name string
		id   session.ID
	}{
		"a user":                    {goodLogout(), alice, "", session.ID{}},
		"a session of ours":         {goodLogout("sid", sid), alice, sessionID.Reveal(), sessionID},
		"a session of theirs":       {goodLogout("sid", `"op-7"`), alice, "op-7", session.ID{}},
		"a session alone":           {goodLogout("sid", sid, "sub", ""), session.UserID{}, sessionID.Reveal(), sessionID},
		"a sid of another script":   {goodLogout("sid", `"сеанс"`), alice, "", session.ID{}},
		"a sid of 256 bytes":        {goodLogout("sid", `"`+strings.Repeat("s", 256)+`"`), alice, "", session.ID{}},
		"a sid that does not print": {goodLogout("sid", `"a\u0000b"`), alice, "", session.ID{}},
		"one audience of two":       {goodLogout("aud", `["x","`+clientID+`"]`), alice, "", session.ID{}},
		"an event that says more":   {goodLogout("events", strings.Replace(logoutEvent, "{}", `{"x":[1]}`, 1)), alice, "", session.ID{}},
		"another event beside it":   {goodLogout("events", strings.Replace(logoutEvent, "}}", `},"x":{}}`, 1)), alice, "", session.ID{}},
		"Keycloak's second member":  {goodLogout("events", strings.Replace(logoutEvent, "}}", `},"revoke_offline_access":true}`, 1)), alice, "", session.ID{}},
		"members before and after":  {goodLogout("events", `{"a":null,"http://schemas.openid.net/event/backchannel-logout":{},"b":[{"c":1}]}`), alice, "", session.ID{}},
		"a claim that nobody knows": {goodLogout("trace", `"x"`), alice, "", session.ID{}},
		"the longer type":           {ours().forge(token.EdDSA, logoutHeader("typ", `"application/LOGOUT+jwt"`), logoutClaims()), alice, "", session.ID{}},
	} {
		l := logsOut(t, v, tt.raw)
		if l.User() != tt.user || l.IssuerSessionID() != tt.name || l.Session() != tt.id || l.TokenID() != "l-1" {
			t.Errorf("%s: user %v, session %v", name, l.User(), l.Session())
		}
		if l.ReplayTTL() < 3*time.Minute || l.ReplayTTL() > 5*time.Minute {
			t.Errorf("%s: remembered for %v", name, l.ReplayTTL())
		}
	}
}

// The table of forgeries: each is a good logout token in all but one thing, and signed
// wherever it can be. After each a good one is accepted.
func TestForgedLogoutTokensAreRefused(t *testing.T) {
	now := time.Now().Unix()
	g := goodLogout()
	part := strings.Split(g, ".")
	header := func(edits ...string) string {
		return ours().forge(token.EdDSA, logoutHeader(edits...), logoutClaims())
	}
	event := func(s string) string { return goodLogout("events", s) }
	rows := []attack{
		{"empty text", "", "empty"},
		{"more than 8 KiB", goodLogout("x", `"`+strings.Repeat("a", 8<<10)+`"`), "longer than 8 KiB"},
		{"no signature", part[0] + "." + part[1] + ".", "three segments"},
		{"another's signature", theirs().forge(token.EdDSA, logoutHeader(), logoutClaims()), "signature"},
		{"claims of another", part[0] + "." + b64(logoutClaims("sub", `"bob"`)) + "." + part[2], "signature"},
		{"alg none", ours().forge("none", logoutHeader("alg", `"none"`), logoutClaims()) + "AA", "alg"},
		{"HS256 keyed with the public key", ours().forge(token.HS256, logoutHeader("alg", `"HS256"`), logoutClaims()), "alg"},
		{"an embedded key", theirs().forge(token.EdDSA, logoutHeader("jwk", theirs().publicJWK(token.EdDSA)), logoutClaims()), "jwk"},
		{"a kid that is unknown", header("kid", `"k2"`), "unknown"},
		{"no typ", header("typ", ""), "typ"},
		{"the typ that older issuers send", header("typ", `"JWT"`), "typ"},
		{"an access token's typ", header("typ", `"at+jwt"`), "typ"},
		{"a security event's typ", header("typ", `"secevent+jwt"`), "typ"},
		{"an access token", good(token.EdDSA), "typ"},
		{"an access token for the client", good(token.EdDSA, "aud", `"`+clientID+`"`), "typ"},
		{"an ID token", ours().forge(token.EdDSA, headerOf(token.EdDSA, "typ", `"JWT"`), logoutClaims("events", "", "nonce", `"n"`)), "typ"},
		{"an ID token of this typ", goodLogout("events", "", "nonce", `"n"`), "not a logout token"},
		{"an ID token of this typ, without nonce", goodLogout("events", ""), "events"},
		{"an access token of this typ", ours().forge(token.EdDSA, logoutHeader(), claimsOf("aud", `"`+clientID+`"`, "exp", fmt.Sprint(now+60))), "events"},
		{"a DPoP proof", proof(token.EdDSA), "header"},

		{"a nonce", goodLogout("nonce", `"n"`), "not a logout token"},
		{"an empty nonce", goodLogout("nonce", `""`), "not a logout token"},
		{"at_hash", goodLogout("at_hash", `"x"`), "not a logout token"},
		{"a bound token's cnf", goodLogout("cnf", `{"jkt":"`+thumbprint()+`"}`), "not a logout token"},
		{"no events", goodLogout("events", ""), "events"},
		{"events that are empty", event("{}"), "events"},
		{"events that are null", event("null"), "events"},
		{"events that are a list", event(`["http://schemas.openid.net/event/backchannel-logout"]`), "events"},
		{"events that are text", event(`"http://schemas.openid.net/event/backchannel-logout"`), "events"},
		{"an event that is no object", event(`{"http://schemas.openid.net/event/backchannel-logout":true}`), "events"},
		{"an event that is null", event(`{"http://schemas.openid.net/event/backchannel-logout":null}`), "events"},
		{"another event", event(`{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}`), "events"},
		{"the event inside of another", event(`{"x":` + logoutEvent + `}`), "events"},
		{"the event beside one that is twice there", event(`{"http://schemas.openid.net/event/backchannel-logout":{},"x":{},"x":{}}`), "not strict JSON"},
		{"the event beside one with a name twice", event(`{"http://schemas.openid.net/event/backchannel-logout":{},"x":{"a":1,"a":2}}`), "not strict JSON"},
		{"the event over https", event(`{"https://schemas.openid.net/event/backchannel-logout":{}}`), "events"},
		{"the event in capitals", event(strings.ToUpper(logoutEvent)), "events"},
		{"the event twice", event(`{"http://schemas.openid.net/event/backchannel-logout":{},"http://schemas.openid.net/event/backchannel-logout":{}}`), "not strict JSON"},
		{"events twice", ours().forge(token.EdDSA, logoutHeader(), strings.Replace(logoutClaims(), "{", `{"events":{},`, 1)), "not strict JSON"},

		{"no iss", goodLogout("iss", ""), "iss"},
		{"another issuer", goodLogout("iss", `"https://evil.example"`), "not trusted"},
		{"the issuer with a slash", goodLogout("iss", `"`+issuerName+`/"`), "not trusted"},
		{"no aud", goodLogout("aud", ""), "aud"},
		{"the audience of access tokens", goodLogout("aud", `"`+audience+`"`), "aud"},
		{"another client", goodLogout("aud", `"billing-web2"`), "aud"},
		{"no iat", goodLogout("iat", ""), "is missing"},
		{"no exp", goodLogout("exp", ""), "is missing"},
		{"an iat in the future", goodLogout("iat", fmt.Sprint(now+100)), "future"},
		{"expired", goodLogout("iat", fmt.Sprint(now-200), "exp", fmt.Sprint(now-100)), "expired"},
		{"valid for an hour", goodLogout("exp", fmt.Sprint(now+3600)), "too long"},
		{"exp before iat", goodLogout("exp", fmt.Sprint(now-1)), "exp"},
		{"not valid yet", goodLogout("nbf", fmt.Sprint(now+100)), "not valid yet"},
		{"an exp that overflows", goodLogout("exp", "1e30"), "exp"},
		{"no jti", goodLogout("jti", ""), "jti"},
		{"an empty jti", goodLogout("jti", `""`), "jti"},
		{"neither sub nor sid", goodLogout("sub", ""), "neither sub nor sid"},
		{"an empty sub", goodLogout("sub", `""`), "sub"},
		{"a sub that shows nothing", goodLogout("sub", `"\u3164"`), "sub"},
		{"a sub that is a list", goodLogout("sub", `["alice","bob"]`), "sub"},
		{"an empty sid", goodLogout("sid", `""`), "sid"},
		{"a sid that is an object", goodLogout("sid", `{}`), "sid"},
		{"a sid of another script alone", goodLogout("sid", `"сеанс"`, "sub", ""), "sid is not 1 to 255 printable bytes, and there is no sub"},
		{"a sid of another script, and a sub of two words", goodLogout("sid", `"сеанс"`, "sub", `"bob smith"`), "sub is not a user id"},
		{"a sub of two words alone", goodLogout("sub", `"bob smith"`), "sub"},
		{"an empty tenant", goodLogout("tenant", `""`), "tenant"},
		{"a tenant that is null", goodLogout("tenant", "null"), "tenant"},
		{"a tenant that is a pattern", goodLogout("tenant", `"*"`), "tenant"},
		{"two tenants", goodLogout("tenant", `["acme","globex"]`), "tenant"},
	}
	v := verifier(t, trust(t, token.EdDSA, trustLogout))
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := v.VerifyLogout(context.Background(), row.raw)
			if got != nil || !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
				t.Fatalf("got %v, %v; want ErrInvalid alone", got, err)
			}
			if !strings.Contains(err.Error(), row.cause) {
				t.Errorf("refused for %q, want %q", err, row.cause)
			}
			logsOut(t, v, g)
		})
	}
}

// A logout token is no access token of any type that an issuer may have, not even for
// the same audience, and no proof.
func TestALogoutTokenIsNothingElse(t *testing.T) {
	all := func(i *token.Issuer) {
		trustLogout(i)
		i.Audience, i.Types = clientID, []string{"at+jwt", "JWT"}
	}
	v := verifier(t, trust(t, token.EdDSA, all))
	sid := fmt.Sprintf("%q", sessionID.Reveal())
	for name, typ := range map[string]string{"its own typ": "logout+jwt", "an ID token's typ": "JWT", "an access token's typ": "at+jwt"} {
		raw := ours().forge(token.EdDSA, logoutHeader("typ", `"`+typ+`"`), logoutClaims("sid", sid, "client_id", `"web"`))
		if got, err := v.Verify(context.Background(), raw); got != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got, err := proofs(t).Verify(goodLogout(), wantRequest); got != nil || !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("as a proof: %v, %v", got, err)
	}
}

func TestLogoutIsTrustedPerIssuer(t *testing.T) {
	ctx := context.Background()
	for name, v := range map[string]*token.Verifier{
		"an issuer without Logout": verifier(t, trust(t, token.EdDSA)),
		"the zero Verifier":        new(token.Verifier),
	} {
		if got, err := v.VerifyLogout(ctx, goodLogout()); got != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	fixed := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) {
		i.Logout = &token.LogoutConfig{Audience: clientID, Tenant: tenant.MustParse("acme")}
	}))
	logsOut(t, fixed, goodLogout("tenant", ""))
	logsOut(t, fixed, goodLogout())
	if got, err := fixed.VerifyLogout(ctx, goodLogout("tenant", `"globex"`)); got != nil || !errors.Is(err, token.ErrInvalid) {
		t.Errorf("an issuer of one tenant signs users of another out: %v, %v", got, err)
	}

	own := verifier(t, trust(t, token.EdDSA, trustLogout, ownSessions, func(i *token.Issuer) { i.SessionClaim = "https://example.com/session" }))
	l := logsOut(t, own, goodLogout("sid", `"op-7"`, "https://example.com/session", fmt.Sprintf("%q", sessionID.Reveal())))
	if l.Session() != sessionID || l.IssuerSessionID() != "op-7" {
		t.Errorf("session %v", l.Session())
	}
	if l := logsOut(t, own, goodLogout("sid", fmt.Sprintf("%q", sessionID.Reveal()))); !l.Session().IsZero() {
		t.Error("a sid is read where another claim holds the session")
	}

	down := verifier(t, trust(t, token.EdDSA, trustLogout, func(i *token.Issuer) {
		i.Keys = sourceFunc(func(context.Context, string, token.Algorithm) (token.Key, error) {
			return token.Key{}, errors.New("no route to host")
		})
	}))
	if got, err := down.VerifyLogout(ctx, goodLogout()); got != nil || !errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrInvalid) {
		t.Errorf("without keys: %v, %v", got, err)
	}

	for name, bad := range map[string]token.LogoutConfig{
		"a type that is none of logout tokens": {Audience: clientID, Types: []string{"at+jwt"}}, "the type of security events": {Audience: clientID, Types: []string{"JWT", "secevent+jwt"}},
		"no audience": {}, "an hour and a second": {Audience: clientID, MaxLifetime: time.Hour + time.Second}, "no time": {Audience: clientID, MaxLifetime: -1},
	} {
		if _, err := token.NewVerifier(trust(t, token.EdDSA, func(i *token.Issuer) { i.Logout = &bad })); err == nil || !strings.Contains(err.Error(), "token: invalid config: Issuers[0].Logout.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The entry is copied: what its maker does to it afterwards changes nothing.
func TestLogoutTrustIsCopied(t *testing.T) {
	entry := trust(t, token.EdDSA, trustLogout)
	v := verifier(t, entry)
	entry.Logout.Audience = "evil"
	logsOut(t, v, goodLogout())
}

func TestALogoutTokenIsRememberedAsLongAsItIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := verifier(t, trust(t, token.EdDSA, trustLogout))
		raw := goodLogout("iat", fmt.Sprint(time.Now().Unix()+60), "exp", fmt.Sprint(time.Now().Unix()+180))
		remember := logsOut(t, v, raw).ReplayTTL()
		time.Sleep(remember - time.Minute - time.Second)
		// A store that has lost keys refuses for so long, so it is never what is left.
		if later := logsOut(t, v, raw).ReplayTTL(); later != remember {
			t.Errorf("remembered for %v at first and for %v later", remember, later)
		}
		time.Sleep(time.Second)
		if _, err := v.VerifyLogout(context.Background(), raw); err == nil {
			t.Error("a logout token outlives the memory of its use")
		}
	})
}

func TestLogoutReplayKeys(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA, trustLogout))
	a, b, c := logsOut(t, v, goodLogout()), logsOut(t, v, goodLogout("sub", `"bob"`)), logsOut(t, v, goodLogout("jti", `"l-2"`))
	if a.ReplayKey() != b.ReplayKey() || a.ReplayKey() == c.ReplayKey() {
		t.Error("the replay key is not that of issuer and jti")
	}
	if text := fmt.Sprintf("%v %+v %#v", a, *a, logsOut(t, v, goodLogout("sid", fmt.Sprintf("%q", sessionID.Reveal())))); strings.Contains(text, "alice") || strings.Contains(text, sessionID.Reveal()) {
		t.Errorf("a printer shows %s", text)
	}
	var zero token.LogoutToken
	if !zero.Tenant().IsZero() || !zero.User().IsZero() || !zero.Session().IsZero() {
		t.Error("the zero Logout is about somebody")
	}
}
