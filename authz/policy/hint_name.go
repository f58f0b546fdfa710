package policy

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/tenant"
)

// Each of these gets a value that is refused, and why, and says more: at which byte of the
// value, and what to write.

// nameHint is for who a rule is for, and for the role of a grant.
func nameHint(s, why string) (at int, better string) {
	if at, why, found := commented(s, why); found {
		return at, why
	}
	if inner, ok := inOtherQuotes(s); ok {
		return 0, why + notQuoted + quoteless(inner)
	}
	if of, ok := negated(s); ok {
		return 0, why + notNegated("name", of)
	}
	if names := severalNames(s); names != nil {
		return strings.IndexAny(s, "|,;& "), why + ": one row for each: " + strings.Join(names, ", ")
	}
	space, name, found := strings.Cut(s, ":")
	if i := foreign(s, func(i int) bool { return space != "user" || i < len(space) }); i >= 0 {
		more := hint.Alike(s[i:])
		if more == "" {
			more = " stands in no role, which has letters a-z, digits, . _ and -"
		}
		return i, why + ": " + hint.Rune(s[i:]) + more
	}
	if _, bad := parseEffect(strings.ToLower(s)); bad == "" {
		return 0, why + ": the effect stands last: p, who, tenant, object, action, condition, effect"
	}
	if !found {
		return 0, why + ": " + unprefixed(s)
	}
	at = len(space) + 1
	switch strings.ToLower(space) {
	case "role", "roles", "group", "groups", "team":
		if space != "role" {
			return 0, why + ": write role:" + plainName(name)
		}
	case "user", "users", "u":
		if space != "user" {
			return 0, why + ": write user:" + quoteless(name)
		}
	default:
		return 0, why + ": write role:" + plainName(s)
	}
	switch {
	case name == "":
		return at, why + ": the name is missing after the colon"
	case name == everything && space == "user":
		return at, why + ": write role:authenticated for every user"
	case name == everything:
		return at, why + ": write role:anyone for every caller, role:authenticated for every user"
	case name[0] == ' ':
		return at, why + ": no space stands after the colon: write " + space + ":" + quoteless(strings.TrimLeft(name, " "))
	case space == "role":
		for i := range len(name) {
			if !validRole(name[i : i+1]) {
				return at + i, why + ": " + hint.Rune(name[i:]) + " stands in no role, which has letters, digits, . _ and -: write role:" + plainName(name)
			}
		}
		return at + maxNameLength, why + ": " + count(len(name), "byte") + ", at most " + itoa(maxNameLength) + " are allowed"
	}
	for i, c := range name {
		if c == '*' || c == '?' {
			return at + i, why + ": there are no patterns of users: write a role, and a g row for each of its users"
		}
		if !validUserID(string(c)) || strings.ContainsRune(`,"#`, c) {
			return at + i, why + ": " + hint.Rune(name[i:]) + " stands in no user's id"
		}
	}
	return at + maxIDLength, why + ": " + count(len(name), "byte") + ", at most " + itoa(maxIDLength) + " are allowed"
}

// unprefixed says what a name without user: and role: was probably meant to be.
func unprefixed(s string) string {
	switch strings.ToLower(s) {
	case "*", "anyone", "everyone", "everybody", "anonymous", "public", "guest", "all", "any":
		return "write role:anyone for every caller, role:authenticated for every user"
	case "authenticated", "authenticate", "logged_in", "signed-in", "users":
		return "write role:authenticated"
	}
	name := plainName(s)
	switch space, rest, ok := otherSeparator(s); {
	case ok && space == "user":
		return "write user:" + quoteless(rest)
	case ok && (name != s || s[len(space)] == '.'):
		return "write role:" + plainName(rest)
	case ok:
		return "write role:" + plainName(rest) + ", or role:" + name + " for the role of that name"
	case strings.IndexByte(s, '@') > 0 && validUserID(s):
		return "write user:" + quoteless(s)
	}
	if name != s {
		return "write role:" + name
	}
	return "write role:" + name + " or user:" + name
}

// plainName returns s with a hyphen for what stands in no role.
func plainName(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf && validRole(string(c)) {
			return c
		}
		return '-'
	}, s[:min(len(s), maxQuoted)])
	return strings.Trim(s, "-")
}

// tenantHint is for tenants.
func tenantHint(s, why string) (at int, better string) {
	if at, why, found := commented(s, why); found {
		return at, why
	}
	if inner, ok := inOtherQuotes(s); ok {
		return 0, why + notQuoted + quoteless(inner)
	}
	if of, ok := negated(s); ok {
		return 0, why + notNegated("tenant", of)
	}
	if space, id, found := strings.Cut(s, ":"); found && validTenant(id) && strings.EqualFold(space, "tenant") {
		return 0, why + ": write " + quoteless(id)
	}
	if ids := several(s, validTenant); ids != nil {
		return strings.IndexAny(s, "|,; "), why + ": one row for each, if these are tenants: " + strings.Join(ids, ", ")
	}
	if strings.ContainsAny(s, "{}") || strings.HasPrefix(s, ":") || strings.HasPrefix(s, "r.") {
		return 0, why + ": no value of a request stands here: write * for all, since everybody acts in their own tenant alone"
	}
	at = -1
	for i := range len(s) {
		if _, err := tenant.Parse(s[:i+1]); err != nil {
			at = i
			break
		}
	}
	if at < 0 { // it is a tenant, but another than that of the file
		return 0, why
	}
	switch c, _ := utf8.DecodeRuneInString(s[at:]); {
	case c == '*':
		return at, why + ": there are no patterns of tenants: write * for all, or a row for each"
	case len(s) > tenant.MaxIDLength && at == tenant.MaxIDLength:
		return at, why + ": " + count(len(s), "byte") + ", at most " + itoa(tenant.MaxIDLength) + " are allowed"
	}
	more := hint.Alike(s[at:])
	switch {
	case more != "":
	case at == 0:
		more = " does not begin a tenant: letters and digits do"
	default:
		more = " stands in no tenant, which has letters, digits, - and _"
	}
	return at, why + ": " + hint.Rune(s[at:]) + more
}

func validTenant(s string) bool {
	_, err := tenant.Parse(s)
	return err == nil
}

// commented finds a comment behind a value.
func commented(s, why string) (at int, better string, found bool) {
	if i := comment(s); i >= 0 {
		return i, why + ": " + ownLine, true
	}
	return 0, "", false
}

// foreign returns where the first character stands that is not ASCII, of those that count, or
// -1.
func foreign(s string, counts func(i int) bool) int {
	for i, c := range s {
		if c >= utf8.RuneSelf && counts(i) {
			return i
		}
	}
	return -1
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return itoa(n) + " " + what + "s"
}

func itoa(n int) string { return strconv.Itoa(n) }

// quote returns s as an error may hold it.
func quote(s string) string { return hint.Quote(s) }

// quoteless is quote without the quotes.
func quoteless(s string) string { return hint.Text(s) }

const maxQuoted = 80 // bytes
