package policy

import "strings"

// negated returns what stands behind a sign or a word for not, in names and words that have none.
func negated(s string) (of string, ok bool) {
	for _, not := range [...]string{"!", "not ", "NOT ", "Not ", "except ", "¬"} {
		if of, ok = strings.CutPrefix(s, not); ok && strings.TrimSpace(of) != "" {
			return strings.TrimSpace(of), true
		}
	}
	return "", false
}

// notNegated says what to write for a value that means all but one: another row, since the rows
// of all are read and a deny rule goes before.
func notNegated(what, of string) string {
	return ": no " + what + " is negated: write a rule for all of them, and one of the other effect for " + quoteless(of)
}

// severalNames returns the names of a value that holds several, each with its prefix; nil for
// anything else.
func severalNames(s string) []string {
	if len(s) > 3*maxNameLength {
		return nil
	}
	space, _, _ := strings.Cut(s, ":")
	if space != "role" && space != "user" {
		return nil
	}
	joined := strings.ContainsAny(s, "|,;&")
	var names []string
	for part := range strings.FieldsFuncSeq(s, func(c rune) bool { return strings.ContainsRune("|,;& ", c) }) {
		own := strings.HasPrefix(part, "role:") || strings.HasPrefix(part, "user:")
		if !own && (!joined || space == "user") {
			return nil // a name with a space, an id with a comma
		}
		if !own {
			part = space + ":" + part
		}
		if checkName(part) != "" {
			return nil
		}
		names = append(names, part)
	}
	if len(names) < 2 {
		return nil
	}
	return names[:min(len(names), 8)]
}

// several returns the parts of a value that holds several, if every part is good; nil for anything
// else.
func several(s string, good func(part string) bool) []string {
	parts := strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune("|,; ", c) })
	if !strings.ContainsAny(s, "|,;") || len(parts) < 2 || len(s) > 3*maxNameLength {
		return nil
	}
	for _, part := range parts {
		if !good(part) {
			return nil
		}
	}
	return parts[:min(len(parts), 8)]
}

// otherSeparator returns the name behind role or user and another sign than the colon, and false
// when there is none.
func otherSeparator(s string) (space, name string, ok bool) {
	for _, space := range [...]string{"role", "user"} {
		if rest, found := strings.CutPrefix(strings.ToLower(s), space); found && len(rest) > 1 && strings.IndexByte("./=-_ ", rest[0]) >= 0 {
			return space, s[len(space)+1:], true
		}
	}
	return "", "", false
}
