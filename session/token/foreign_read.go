package token

import (
	"slices"
	"strings"
	"time"
)

// acceptForeign reads an authenticated token of a foreign issuer, whose real name is iss.
func (i *Issuer) acceptForeign(a *authentic, now time.Time) (*Verified, times, error) {
	members, err := readTree(a.payload)
	if err != nil {
		return nil, times{}, refusal("claims: " + err.Error())
	}
	c := foreignClaimsOf{issuer: i, claims: members}
	if c.header, err = readTree(a.rawHeader); err != nil {
		return nil, times{}, refusal("header: " + err.Error())
	}
	return c.accept(a.name, a.header, now)
}

// foreignClaimsOf is a foreign token, or what a provider says of one, with the first thing that
// is wrong with it.
type foreignClaimsOf struct {
	issuer         *Issuer
	claims, header map[string]any
}

func (c *foreignClaimsOf) accept(iss string, h header, now time.Time) (*Verified, times, error) {
	i := c.issuer
	if err := c.checkKind(); err != nil {
		return nil, times{}, err
	}
	if !c.audience() {
		return nil, times{}, refusal("claims: aud does not name this service")
	}
	t, err := c.times()
	if err != nil {
		return nil, times{}, err
	}
	if err := t.accept(i.Leeway, i.ahead(), i.MaxLifetime, now); err != nil {
		return nil, times{}, err
	}
	s, err := c.stranger(iss, now)
	if err != nil {
		return nil, times{}, err
	}
	s.IssuedAt, s.ExpiresAt = time.Unix(t.issued, 0).UTC(), time.Unix(t.expires, 0).UTC()
	v := verified{
		stranger: s, issuer: iss, keyID: h.keyID, algorithm: h.algorithm, issued: s.IssuedAt, expires: s.ExpiresAt,
	}
	if v.tokenID, err = c.name("jti"); err != nil {
		return nil, times{}, err
	}
	if v.clientID, err = c.client(); err != nil {
		return nil, times{}, err
	}
	if trimApplication(h.typ) == "at+jwt" && (v.tokenID == "" || v.clientID == "") {
		return nil, times{}, refusal("claims: jti or a client, client_id or azp, is missing: a token without them is no at+jwt")
	}
	if v.thumbprint, err = c.confirmation(); err != nil {
		return nil, times{}, err
	}
	s.Thumbprint = v.thumbprint
	return &Verified{sealed: seal(&v)}, t, nil
}

// checkKind tells what is accepted from all else that the issuer signs.
func (c *foreignClaimsOf) checkKind() error {
	f := c.issuer.Foreign
	for name, text := range f.Kind {
		if !c.says(name, text) {
			return refusal("not of the kind that is accepted: " + quote(name) + " is not as Foreign.Kind says")
		}
	}
	for _, name := range foreignClaims {
		_, there := c.claims[name]
		switch {
		case !there:
		case f.IDTokens && slices.Contains([]string{"nonce", "at_hash", "c_hash"}, name):
		case name == "nonce" && len(f.Kind) > 0: // which some write into access tokens; Kind has told them apart
		default:
			return refusal("claims: not an access token")
		}
	}
	if f.IDTokens {
		return c.checkIDToken()
	}
	return nil
}

// checkIDToken holds an ID token to what is asked of its client (OpenID Connect Core §3.1.3.7).
func (c *foreignClaimsOf) checkIDToken() error {
	for _, name := range []string{"scope", "scp", "client_id"} {
		if _, there := c.claims[name]; there {
			return refusal("claims: " + name + " is there: not an ID token")
		}
	}
	azp, named := c.claims["azp"]
	if _, inKind := c.issuer.Foreign.Kind["azp"]; named && !inKind && azp != c.issuer.Audience {
		return refusal("claims: azp is another client")
	}
	if several, ok := c.claims["aud"].([]any); ok && len(several) > 1 && !named {
		return refusal("claims: several audiences and no azp")
	}
	return nil
}

// says reports whether a claim or a header member has a text.
func (c *foreignClaimsOf) says(name, text string) bool {
	tree := c.claims
	if member, inHeader := strings.CutPrefix(name, headerMember); inHeader {
		return c.header[member] == text
	}
	v, _ := at(tree, name)
	if name != "scope" && name != "scp" {
		return v == text
	}
	switch v := v.(type) {
	case string:
		return slices.Contains(strings.Split(v, " "), text)
	case []any:
		return slices.Contains(v, any(text))
	}
	return false
}

// audience reports whether the token is for this service. An aud that is neither a text nor an
// array of texts is for nobody.
func (c *foreignClaimsOf) audience() bool {
	want := c.issuer.Audience
	if claim := c.issuer.Foreign.AudienceClaim; claim != "" {
		v, _ := at(c.claims, claim)
		return v == want
	}
	switch v := c.claims["aud"].(type) {
	case string:
		return v == want
	case []any:
		for _, element := range v {
			if _, ok := element.(string); !ok {
				return false
			}
		}
		return slices.Contains(v, any(want))
	}
	return false
}

// times reads the registered times.
func (c *foreignClaimsOf) times() (t times, err error) {
	for _, d := range []struct {
		name string
		to   *int64
	}{{"exp", &t.expires}, {"iat", &t.issued}, {"nbf", &t.notBefore}} {
		if *d.to, err = c.date(d.name); err != nil {
			return times{}, err
		}
	}
	return t, nil
}

// date reads a NumericDate at a path, absent for none.
func (c *foreignClaimsOf) date(where string) (int64, error) {
	v, there := at(c.claims, where)
	if !there {
		if _, null := c.claims[where]; null {
			return absent, refusal("claims: " + quote(where) + ": not a number")
		}
		return absent, nil
	}
	text, ok := v.(number)
	if !ok {
		return absent, refusal("claims: " + quote(where) + ": not a number")
	}
	seconds, err := parseDate(string(text))
	if err != nil {
		return absent, refusal("claims: " + quote(where) + ": " + err.Error())
	}
	return seconds, nil
}

// name reads a text that may end in a log or be compared with others, "" for none.
func (c *foreignClaimsOf) name(where string) (string, error) {
	if where == "" {
		return "", nil
	}
	v, there := at(c.claims, where)
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || !printable(s, maxText) {
		return "", refusal("claims: " + quote(where) + ": not a text of 1 to 255 printable bytes")
	}
	return s, nil
}

// client is the client that asked for the token: RFC 9068's client_id, or OpenID Connect's azp.
func (c *foreignClaimsOf) client() (string, error) {
	id, err := c.name("client_id")
	if id != "" || err != nil {
		return id, err
	}
	return c.name("azp")
}

// confirmation reads the cnf claim as that of any issuer is read.
func (c *foreignClaimsOf) confirmation() (string, error) {
	v, there := c.claims["cnf"]
	if !there {
		return "", nil
	}
	members, _ := v.(map[string]any)
	thumbprint, _ := members["jkt"].(string)
	if len(members) != 1 || !isThumbprint(thumbprint) {
		return "", refusal("claims: cnf: a binding that is not accepted")
	}
	return thumbprint, nil
}
