package rls

import (
	"regexp"
	"strings"
)

// Expressions are read as PostgreSQL prints them: each operator is in parentheses, and each
// function and table that is not the system's has its schema.

// strip removes parentheses around the whole.
func strip(s string) string {
	for s = strings.TrimSpace(s); len(s) > 1 && s[0] == '(' && closing(s, 0) == len(s)-1; {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// closing returns where the parenthesis at i is closed, and -1 when it never is.
func closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '\'', '"':
			n := strings.IndexByte(s[i+1:], s[i])
			if n < 0 {
				return -1
			}
			i += n + 1
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// split cuts an expression at an operator that stands in no parentheses.
func split(s, operator string) []string {
	s = strip(s)
	var parts []string
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '"':
			n := strings.IndexByte(s[i+1:], s[i])
			if n < 0 {
				return []string{s}
			}
			i += n + 1
		case '(':
			n := closing(s, i)
			if n < 0 {
				return []string{s}
			}
			i = n
		case ' ':
			if strings.HasPrefix(s[i:], operator) {
				parts = append(parts, s[from:i])
				from = i + len(operator)
				i = from - 1
			}
		}
	}
	return append(parts, s[from:])
}

// outside returns an expression without its sub-selects, and these.
func outside(s string) (rest string, selects []string) {
	for {
		i := strings.Index(s, "( SELECT")
		if i < 0 {
			return rest + s, selects
		}
		end := closing(s, i)
		if end < 0 {
			return rest + s, selects
		}
		rest += s[:i] + "(…)"
		selects = append(selects, s[i:end+1])
		s = s[end+1:]
	}
}

// columnPattern matches a column of a table, with or without the table before it.
func columnPattern(t *table) string {
	return `(?:(?:` + regexp.QuoteMeta(t.name) + `|"` + regexp.QuoteMeta(t.name) + `")\.)?"?` + regexp.QuoteMeta(t.column) + `"?`
}

// floor reports whether an expression compares the tenant's column with reeve.tenant() and
// asks once per statement.
func floor(t *table, s string) bool {
	column, rest, found := strings.Cut(strip(s), " = ")
	return found && asksOnce.MatchString(rest) && isColumn(t, column)
}

var asksOnce = regexp.MustCompile(`^\( SELECT reeve\.tenant\(\)(?: AS \w+)?\)$`)

// isColumn reports whether an operand is the tenant's column, as text or as it is.
func isColumn(t *table, s string) bool {
	s = strings.TrimSuffix(s, "::text")
	s = strip(s)
	for _, prefix := range []string{ident(t.name) + ".", t.name + "."} {
		s = strings.TrimPrefix(s, prefix)
	}
	return s == t.column || s == ident(t.column)
}

// scoped reports whether every way through an expression compares the tenant's column with
// something that is not of the row, and is the caller's. walled says that the tables which its
// sub-selects read have policies of their own, so that what is found there is the caller's.
func scoped(t *table, s string, walled bool) bool {
	if or := split(s, " OR "); len(or) > 1 {
		for _, part := range or {
			if !scoped(t, part, walled) {
				return false
			}
		}
		return true
	}
	if and := split(s, " AND "); len(and) > 1 {
		for _, part := range and {
			if scoped(t, part, walled) {
				return true
			}
		}
		return false
	}
	// A comparison in parentheses is an operand, of IS NOT FALSE or of = false.
	column := columnPattern(t)
	m := regexp.MustCompile(`(?s)^(?:` + column + `|\(` + column + `\)::text) (?:=|IN) (.*)$`).FindStringSubmatch(strip(s))
	if m == nil {
		return false
	}
	other := m[1]
	if regexp.MustCompile(`^'[^']*'(?:::\w+)?$`).MatchString(other) {
		return true // one tenant's table
	}
	own := regexp.MustCompile(`(^|[^\w."])` + column + `($|[^\w."(])|(^|[^\w"])"?` + regexp.QuoteMeta(t.name) + `"?\.\*`)
	top, selects := outside(other)
	if own.MatchString(top) || regexp.MustCompile(`(?i)\b(current_user|session_user)\b`).MatchString(top) {
		return false
	}
	for _, q := range selects {
		if !fromTable.MatchString(q) && own.MatchString(q) {
			return false
		}
	}
	return namesCaller.MatchString(other) || walled && len(selects) > 0
}

var (
	fromTable = regexp.MustCompile(`\sFROM\s`)

	// namesCaller is a setting, or a function of the service's, which may know the caller.
	namesCaller = regexp.MustCompile(`\bcurrent_setting\(|[\w"]+\.[\w"]+\(`)
)
