package token

import (
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// stranger reads who has signed in, without the times.
func (c *foreignClaimsOf) stranger(iss string, now time.Time) (*session.Stranger, error) {
	f := c.issuer.Foreign
	s := &session.Stranger{Issuer: c.issuer.provider(iss), RolesNamed: f.Roles != "", Machine: c.machine()}
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
		return nil, signedInAhead
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
