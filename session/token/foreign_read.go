package token

import (
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
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

// stranger reads who has signed in, without the times.
func (c *foreignClaimsOf) stranger(iss string, now time.Time) (*session.Stranger, error) {
	f := c.issuer.Foreign
	s := &session.Stranger{Issuer: iss, RolesNamed: f.Roles != "", Machine: c.machine()}
	var err error
	if s.User, err = c.user(); err != nil {
		return nil, err
	}
	if s.Tenant, err = c.tenant(iss); err != nil {
		return nil, err
	}
	if s.Name, err = c.name(f.Session); err != nil {
		return nil, err
	}
	if s.Roles, err = c.roles(); err != nil {
		return nil, err
	}
	if s.ACR, err = c.name(f.ACR); err != nil {
		return nil, err
	}
	if s.AMR, err = c.methods(); err != nil {
		return nil, err
	}
	if f.AuthTime == "" {
		return s, nil
	}
	authenticated, err := c.date(f.AuthTime)
	if err != nil || authenticated == absent {
		return s, err
	}
	s.AuthTime = time.Unix(authenticated, 0).UTC()
	if s.AuthTime.After(now.Add(c.issuer.ahead())) {
		return nil, refusal("claims: the time of the sign-in is in the future")
	}
	return s, nil
}

func (c *foreignClaimsOf) machine() bool {
	for name, text := range c.issuer.Foreign.Machine {
		if !c.says(name, text) {
			return false
		}
	}
	return len(c.issuer.Foreign.Machine) > 0
}

func (c *foreignClaimsOf) user() (session.UserID, error) {
	where := c.issuer.Foreign.User
	v, _ := at(c.claims, where)
	text, _ := v.(string)
	if text == "" {
		return session.UserID{}, refusal("claims: the user is missing or not a text" + claimed(where))
	}
	user, err := session.ParseUserID(c.issuer.UserPrefix + text)
	if err != nil {
		return session.UserID{}, refusal("claims: the user is not a user id, which has at most 255 bytes that print" + claimed(where))
	}
	return user, nil
}

// tenant returns the tenant that the token is about, on the terms of boundTenant. It folds
// nothing.
func (c *foreignClaimsOf) tenant(iss string) (tenant.ID, error) {
	i := c.issuer
	name, named, err := c.tenantName()
	if err != nil {
		return tenant.ID{}, err
	}
	if segment, ok := i.segment(iss); ok && (!named || segment != name) {
		return tenant.ID{}, refusal("claims: the tenant is not that of the issuer's name" + claimed(i.Foreign.Tenant))
	}
	if !i.Tenant.IsZero() {
		if named && name != i.Tenant.String() {
			return tenant.ID{}, refusal("claims: the tenant is not the issuer's")
		}
		return i.Tenant, nil
	}
	if !named {
		return tenant.ID{}, refusal("claims: the tenant is missing" + claimed(i.Foreign.Tenant))
	}
	id, ok := i.tenantOf(name)
	if !ok {
		return tenant.ID{}, refusal("claims: the tenant is not one of Tenants, or no tenant id, which has 1 to 63 letters, digits, - and _" + claimed(i.Foreign.Tenant))
	}
	return id, nil
}

func (i *Issuer) tenantOf(name string) (tenant.ID, bool) {
	if i.Tenants != nil {
		id, ok := i.Tenants[name]
		return id, ok
	}
	parse := tenant.Parse
	if i.EncodeTenants {
		parse = tenant.Encode
	}
	id, err := parse(name)
	return id, err == nil
}

// tenantName reads the claim: a text, or an array of exactly one.
func (c *foreignClaimsOf) tenantName() (name string, named bool, err error) {
	where := c.issuer.Foreign.Tenant
	if where == "" {
		return "", false, nil
	}
	v, there := at(c.claims, where)
	if !there {
		return "", false, nil
	}
	if several, ok := v.([]any); ok {
		if len(several) != 1 {
			return "", false, refusal("claims: the tenant is one of several, or none: a token has to be for one" + claimed(where))
		}
		v = several[0]
	}
	name, ok := v.(string)
	if !ok || name == "" {
		return "", false, refusal("claims: the tenant is not a text" + claimed(where))
	}
	return name, true, nil
}

// roles reads the roles that the service knows, sorted.
func (c *foreignClaimsOf) roles() ([]string, error) {
	f := c.issuer.Foreign
	if f.Roles == "" {
		return nil, nil
	}
	v, there := at(c.claims, f.Roles)
	if !there {
		return nil, nil
	}
	var roles []string
	add := func(theirs string) {
		if ours, known := f.RoleNames[theirs]; known && !slices.Contains(roles, ours) {
			roles = append(roles, ours)
		}
	}
	switch v := v.(type) {
	case string:
		add(v)
	case map[string]any:
		for name := range v {
			add(name)
		}
	case []any:
		for _, element := range v {
			name, ok := element.(string)
			if !ok {
				return nil, refusal("claims: a role is not a text" + claimed(f.Roles))
			}
			add(name)
		}
	default:
		return nil, refusal("claims: the roles are neither texts nor an object" + claimed(f.Roles))
	}
	slices.Sort(roles)
	return roles, nil
}

// maxMethods is the longest list of amr values that is read.
const maxMethods = 32

// methods reads the amr claim.
func (c *foreignClaimsOf) methods() ([]string, error) {
	where := c.issuer.Foreign.AMR
	if where == "" {
		return nil, nil
	}
	v, there := at(c.claims, where)
	if !there {
		return nil, nil
	}
	elements, ok := v.([]any)
	if !ok || len(elements) > maxMethods {
		return nil, refusal("claims: amr is not an array of at most 32" + claimed(where))
	}
	var methods []string
	for _, element := range elements {
		s, ok := element.(string)
		if !ok || !printable(s, maxText) {
			return nil, refusal("claims: amr: not a text of 1 to 255 printable bytes" + claimed(where))
		}
		methods = append(methods, s)
	}
	return methods, nil
}
