package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/session"
)

// reservedClaims are claims that are no user, tenant, session, role or audience.
var reservedClaims = []string{"exp", "nbf", "iat", "jti", "cnf", "events", "nonce", "at_hash", "c_hash", "htm", "htu"}

// tokenNames are claims that name one token and not the session.
var tokenNames = []string{"jti", "uti", "event_id", "rti"}

// headerMember begins the name of a header member in Kind.
const headerMember = "header:"

// validateForeign reports every problem of what concerns a foreign issuer.
func (i *Issuer) validateForeign() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	f := i.Foreign
	if f == nil {
		for _, set := range []struct {
			is    bool
			field string
		}{
			{i.Tenants != nil, "Tenants"}, {i.EncodeTenants, "EncodeTenants"}, {i.UserPrefix != "", "UserPrefix"}, {i.SameAs != "", "SameAs"},
			{strings.ContainsAny(i.Name, "{}"), "Name: a template"},
		} {
			if set.is {
				add("%s: only an issuer with Foreign has one", set.field)
			}
		}
		return errs
	}
	if i.claimsGiven {
		add("TenantClaim, SessionClaim: Foreign.Tenant and Foreign.Session say it")
	}
	if i.OwnSessions {
		add("OwnSessions: a foreign issuer's sessions are its own")
	}
	accessTokens := true
	for _, t := range i.Types {
		accessTokens = accessTokens && trimApplication(t) == "at+jwt"
	}
	switch {
	case f.IDTokens && f.AudienceClaim != "":
		add("Foreign.AudienceClaim: an ID token has the client id in aud")
	case f.IDTokens && slices.ContainsFunc(i.Types, func(t string) bool { return trimApplication(t) == "at+jwt" }):
		add("Foreign.IDTokens: an at+jwt is no ID token: set Foreign.Types to JWT")
	case !f.IDTokens && !accessTokens && len(f.Kind) == 0:
		add("Foreign.Kind: required, since typ does not tell access tokens from others: name claims that only access tokens have")
	}
	errs = append(errs, f.validatePaths(i)...)
	errs = append(errs, f.validateRoles()...)
	return append(errs, i.validateTenants()...)
}

// validatePaths holds the paths against one another.
func (f *Foreign) validatePaths(i *Issuer) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, p := range []struct{ field, path string }{
		{"Foreign.User", f.User}, {"Foreign.Tenant", f.Tenant}, {"Foreign.Session", f.Session}, {"Foreign.Roles", f.Roles},
		{"Foreign.AuthTime", f.AuthTime}, {"Foreign.ACR", f.ACR}, {"Foreign.AMR", f.AMR}, {"Foreign.AudienceClaim", f.AudienceClaim},
	} {
		if p.path == "" {
			continue
		}
		if _, err := parsePath(p.path); err != nil {
			add("%s: %w", p.field, err)
		}
		if slices.Contains(reservedClaims, p.path) || p.path == "aud" {
			add("%s: %s has a meaning of its own: name another claim", p.field, quote(p.path))
		}
	}
	if slices.Contains(tokenNames, f.Session) && f.Session != "jti" { // which is told above
		add("Foreign.Session: %s names a token, of which a session has many", quote(f.Session))
	}
	if f.User == "iss" {
		add("Foreign.User: iss is not a user")
	}
	if f.Tenant == "" && i.Tenant.IsZero() {
		add("Foreign.Tenant: required for an issuer without a Tenant")
	}
	if f.Tenant != "" && (f.Tenant == f.User || f.Tenant == f.Session) {
		add("Foreign.Tenant: the same as Foreign.User or Foreign.Session: name another claim")
	}
	if f.Session != "" && f.Session == f.User {
		add("Foreign.Session: the same as Foreign.User: leave it empty where tokens name no session")
	}
	for _, m := range []struct {
		field string
		texts map[string]string
	}{{"Foreign.Kind", f.Kind}, {"Foreign.Machine", f.Machine}} {
		for _, name := range slices.Sorted(maps.Keys(m.texts)) {
			member, inHeader := strings.CutPrefix(name, headerMember)
			_, err := parsePath(name)
			switch {
			case inHeader && (!printable(member, maxText) || refusedMember(member) || slices.Contains([]string{"alg", "kid", "typ"}, member)):
				add("%s: %s is not a header member that may be asked for", m.field, quote(name))
			case !inHeader && err != nil:
				add("%s: %w", m.field, err)
			case m.texts[name] == "":
				add("%s: %s has no text, and an empty one tells nothing apart", m.field, quote(name))
			}
		}
	}
	return errs
}

func (f *Foreign) validateRoles() (errs []error) {
	switch {
	case f.Roles != "" && len(f.RoleNames) == 0:
		errs = append(errs, errors.New("Foreign.RoleNames: required with Foreign.Roles: what it does not have is dropped"))
	case f.Roles == "" && f.RoleNames != nil:
		errs = append(errs, errors.New("Foreign.RoleNames: without Foreign.Roles"))
	}
	for _, theirs := range slices.Sorted(maps.Keys(f.RoleNames)) {
		if _, err := session.NewRoles(f.RoleNames[theirs]); err != nil || theirs == "" {
			errs = append(errs, fmt.Errorf("Foreign.RoleNames[%s]: %s is not a role", quote(theirs), quote(f.RoleNames[theirs])))
		}
	}
	return errs
}

// validateTenants is about the names of tenants and users that an issuer may use.
func (i *Issuer) validateTenants() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if i.Tenants != nil && (i.EncodeTenants || len(i.Tenants) == 0) {
		add("Tenants: beside EncodeTenants, or empty: an issuer has one way to name tenants")
	}
	if !i.Tenant.IsZero() && (i.Tenants != nil || i.EncodeTenants) {
		add("Tenant: beside Tenants or EncodeTenants: an issuer of one tenant names no other")
	}
	for _, name := range slices.Sorted(maps.Keys(i.Tenants)) {
		if name == "" || i.Tenants[name].IsZero() {
			add("Tenants[%s]: an empty name or the zero tenant", quote(name))
		}
	}
	if i.UserPrefix != "" {
		if _, err := session.ParseUserID(i.UserPrefix + "x"); err != nil || len(i.UserPrefix) > maxPrefix {
			add("UserPrefix: at most %d bytes that stand in user ids", maxPrefix)
		}
	}
	if i.SameAs == i.Name && i.SameAs != "" {
		add("SameAs: the issuer itself")
	}
	if strings.ContainsAny(i.Name, "{}") {
		switch _, _, ok := splitTemplate(i.Name); {
		case !ok:
			add("Name: a template has %s once, as a whole segment of the path", templateTenant)
		case i.Foreign.Tenant == "":
			add("Foreign.Tenant: required for a template, whose segment has to be that claim")
		case !i.Tenant.IsZero():
			add("Tenant: beside a template, which is of many tenants: name the one issuer")
		}
	}
	return errs
}

// maxPrefix is the longest UserPrefix, in bytes.
const maxPrefix = 64
