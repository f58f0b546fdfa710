package policy

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// methods are those that people write for routes.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// actionHint says more of an action that is refused on an object: at which byte, and what to
// write.
func actionHint(object, action, why string) (at int, better string) {
	if at, why, found := commented(action, why); found {
		return at, why
	}
	if action == "HEAD" {
		return 0, why
	}
	if inner, ok := inOtherQuotes(action); ok {
		return 0, why + notQuoted + quoteless(inner)
	}
	if strings.HasPrefix(action, "/") {
		return 0, why + ": a route is the value before its method"
	}
	if of, ok := negated(action); ok {
		return 0, why + notNegated("action", of)
	}
	route := isRoute(object)
	if i := foreign(action, func(int) bool { return true }); i >= 0 {
		return i, why + ": " + hint.Rune(action[i:]) + hint.Alike(action[i:])
	}
	for _, word := range []string{"ALL", "ANY", ".*", "(.*)", "ANYTHING", "EVERYTHING", "^.*$"} {
		if strings.EqualFold(action, word) {
			return 0, why + ": write * for every action"
		}
	}
	if words := splitActions(action); len(words) > 1 {
		what := "action"
		if route {
			what = "method"
		}
		at = strings.IndexAny(action, "|,;/+& ()[]")
		return at, why + ": one row for each " + what + ": " + strings.Join(words[:min(len(words), 8)], ", ")
	}
	plain := strings.Trim(action, "()[]^$\"'` ")
	upper, small := strings.ToUpper(plain), kebab(plain)
	switch {
	case route && validMethod(upper):
		return 0, why + ": write " + methodNear(upper)
	case route:
		return 0, why
	case strings.HasPrefix(object, routeSpace) && validMethod(upper):
		return 0, why + ": a route begins with /: write route:/" + quoteless(strings.TrimPrefix(object, routeSpace))
	case object != everything && upper == plain && isMethod(plain):
		return 0, why + ": methods are the actions of routes, which begin with /"
	case validWord(small):
		return 0, why + ": write " + small
	}
	return 0, why
}

func isMethod(s string) bool {
	return methodNear(s) == s && strings.Contains(" GET POST PUT PATCH DELETE OPTIONS HEAD ", " "+s+" ")
}

// methodNear returns the method that was probably meant.
func methodNear(s string) string {
	if s == "DEL" {
		return "DELETE"
	}
	if near := hint.Nearest(s, methods); near != "" && !strings.Contains(" GET POST PUT PATCH DELETE OPTIONS ", " "+s+" ") {
		return near
	}
	return quoteless(s)
}

// splitActions returns the actions of a value that holds several, however they are joined.
func splitActions(s string) []string {
	if len(s) > maxNameLength {
		return nil
	}
	words := strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune("|,;/+& ()[]", c) })
	if len(words) > 2 {
		words = slices.DeleteFunc(words, func(w string) bool { return strings.EqualFold(w, "and") || strings.EqualFold(w, "or") })
	}
	for _, w := range words {
		if !validWord(strings.ToLower(w)) {
			return nil
		}
	}
	return words
}

// kebab returns a word in lower case, with hyphens for capitals and for what stands in no
// word.
func kebab(s string) string {
	var b strings.Builder
	for i := range len(s[:min(len(s), maxNameLength)]) {
		c := s[i]
		switch {
		case ascii.IsUpper(c):
			if i > 0 && (ascii.IsLower(s[i-1]) || ascii.IsDigit(s[i-1])) {
				b.WriteByte('-')
			}
			b.WriteByte(c - 'A' + 'a')
		case ascii.IsLower(c), ascii.IsDigit(c), c == '_':
			b.WriteByte(c)
		default:
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// objectHint says more of an object that is refused.
func objectHint(s, why string) (at int, better string) {
	if at, why, found := commented(s, why); found {
		return at, why
	}
	if inner, ok := inOtherQuotes(s); ok {
		return 0, why + notQuoted + quoteless(inner)
	}
	if isMethod(s) {
		return 0, why + ": a method is the value after its route"
	}
	if of, ok := negated(s); ok {
		return 0, why + notNegated("object", of)
	}
	if method, path, found := strings.Cut(s, ":"); found && isMethod(method) && strings.HasPrefix(path, "/") {
		return 0, why + ": the method is the next value: write " + quoteless(path) + ", " + method
	}
	if types := several(s, validWord); types != nil {
		return strings.IndexAny(s, "|,; "), why + ": one row for each type: " + strings.Join(types, ", ")
	}
	if path, ok := urlPath(s); ok {
		return 0, quote(s) + " is a URL: write the route, such as /" + quoteless(path)
	}
	if i := strings.IndexByte(s, '*'); i >= 0 && i < len(s)-1 {
		if prefix, ok := strings.CutSuffix(s, "/**"); ok && strings.HasPrefix(s, "/") && !strings.Contains(prefix, "*") {
			return i, why + ": write " + quoteless(prefix) + "/*, which is for every route below"
		}
		return i, why
	}
	route := strings.HasPrefix(s, "/")
	if i := foreign(s, func(int) bool { return !route }); i >= 0 {
		return i, why + ": " + hint.Rune(s[i:]) + hint.Alike(s[i:])
	}
	if method, path, found := strings.Cut(s, " "); found && isMethod(method) && strings.HasPrefix(path, "/") {
		return 0, why + ": the method is the next value: write " + quoteless(path) + ", " + method
	}
	if i := strings.IndexByte(s, '?'); route && i > 0 {
		return i, why + ": a query is no part of a route: write " + quoteless(s[:i])
	}
	typ, id, found := strings.Cut(s, ":")
	if found && !route && len(id) > 1 && id[0] == ' ' {
		return len(typ) + 1, why + ": no space stands after the colon: write " + quoteless(typ) + ":" + quoteless(strings.TrimLeft(id, " "))
	}
	if i := strings.IndexAny(s, " ,\"'#?\\"); i >= 0 {
		return i, why
	}
	if i := strings.IndexByte(typ, '/'); found && !route && i > 0 {
		return 0, why + ": a route begins with /: write /" + quoteless(s)
	}
	if found && id == "" {
		return 0, why + ": write " + missingID(typ)
	}
	if before, after, ok := strings.Cut(s, "/"); ok && !found && !route && validWord(kebab(before)) && after != "" {
		return len(before), why + ": write " + kebab(before) + ":" + quoteless(after) + " for an object, /" + quoteless(s) + " for a route"
	}
	if small := kebab(typ); !route && !validWord(typ) && validWord(small) {
		at = 0
		for at < len(typ) && (ascii.IsLower(typ[at]) || at > 0 && isWordByte(typ[at])) {
			at++
		}
		if found {
			small += ":" + quoteless(id)
		}
		return min(at, max(len(s)-1, 0)), why + ": a type is a word in lower case: write " + small
	}
	return 0, why
}

// missingID says what to write for a type with a colon and nothing after it.
func missingID(typ string) string {
	if typ+":" == routeSpace {
		return "route:/invoices/:id for the one route of that name"
	}
	return quoteless(typ) + " for the type as a whole, " + quoteless(typ) + ":42 for the one of that id"
}

// urlPath returns the path of a URL, without its slash, also of one without a scheme.
func urlPath(s string) (path string, ok bool) {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		rest = s
	}
	host, path, _ := strings.Cut(rest, "/")
	if !ok && (host == "" || !strings.Contains(host, ".") || path == "") {
		return "", false
	}
	path, _, _ = strings.Cut(path, "?")
	if path == "" {
		path = "invoices/:id"
	}
	return path, true
}

func isWordByte(b byte) bool { return ascii.IsLower(b) || ascii.IsDigit(b) || b == '_' || b == '-' }

// effectHint says more of an effect that is refused.
func effectHint(condition, effect, why string) (at int, better string) {
	if at, why, found := commented(effect, why); found {
		return at, why
	}
	if inner, ok := inOtherQuotes(effect); ok {
		return 0, why + notQuoted + quoteless(inner)
	}
	if i := foreign(effect, func(int) bool { return true }); i >= 0 {
		return i, why + ": " + hint.Rune(effect[i:]) + hint.Alike(effect[i:])
	}
	if of, ok := negated(strings.ToLower(effect)); ok {
		switch of {
		case "allow", "allowed":
			return 0, why + "; did you mean deny?"
		case "deny", "denied":
			return 0, why + "; did you mean allow?"
		}
	}
	if _, bad := parseEffect(condition); bad == "" {
		return 0, why + "; the condition stands before the effect"
	}
	switch strings.ToLower(effect) {
	case "true", "false":
		return 0, why + ": " + effect + " is a condition, which stands before the effect"
	case "permit", "grant", "accept", "yes", "1":
		return 0, why + "; did you mean allow?"
	case "forbid", "reject", "refuse", "block", "no", "0":
		return 0, why + "; did you mean deny?"
	}
	if near := hint.Nearest(effect, []string{"allow", "deny"}); near != "" {
		return 0, why + "; did you mean " + near + "?"
	}
	return 0, why
}
