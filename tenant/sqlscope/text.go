package sqlscope

import (
	"errors"
	"fmt"
	"strings"
)

// ErrStatement is returned for a text that is not to be run in the scope of a tenant. Nothing
// was sent.
var ErrStatement = errors.New("sqlscope: statement refused")

const (
	transaction = "a transaction begins and ends by BeginTx, Commit and Rollback"
	block       = "a block can hide any of these, and replace statements that the driver keeps prepared: run it by another pool"
	session     = "it would outlive the transaction in a session that the next tenant gets"
)

// refused are the words that no text begins with, and why.
var refused = map[string]string{
	"begin": transaction, "start": transaction, "commit": transaction, "end": transaction,
	"abort": transaction, "rollback": transaction, "prepare": transaction + ", statements are prepared by PrepareContext",
	"set": session, "reset": session, "discard": session, "listen": session, "unlisten": session,
	"deallocate": session, "load": session, "do": block,
}

// defaults are the objects whose settings ALTER changes for sessions to come.
var defaults = map[string]bool{"role": true, "user": true, "group": true, "database": true, "system": true}

// check returns an error for a text that would end the scope's transaction or outlive it. It
// looks at the beginning alone: anything that a statement hides runs under the policies, and can
// replace no statement that the driver keeps, since functions are the owner's.
func check(text string) error {
	first, rest := word(text)
	second, rest := word(rest)
	why := refused[first]
	switch {
	case first == "set" && (second == "local" || second == "constraints" || second == "transaction"):
		why = ""
	case first == "rollback" && toSavepoint(second, rest):
		why = ""
	case first == "alter" && defaults[second]:
		why = "defaults of later sessions are no matter of a tenant"
	case first == "copy" && several(text):
		why = "COPY is sent by drivers in a protocol that takes several statements" // lib/pq's Prepare
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", ErrStatement, strings.ToUpper(first), why)
}

// toSavepoint reports whether what follows ROLLBACK goes back to a savepoint and ends nothing.
func toSavepoint(second, rest string) bool {
	if second == "work" || second == "transaction" {
		second, _ = word(rest)
	}
	return second == "to"
}

// several reports whether a text may hold several statements: these stand on both sides of a
// semicolon, wherever else one may stand.
func several(text string) bool {
	return strings.Contains(strings.TrimRight(text, "; \t\n\r\f\v"), ";")
}

// word returns the first word of a text in lower case, and what follows it. Spaces and comments,
// which PostgreSQL nests, come before no word.
func word(s string) (first, rest string) {
	for {
		s = strings.TrimLeft(s, " \t\n\r\f\v;")
		switch {
		case strings.HasPrefix(s, "--"):
			i := strings.IndexAny(s, "\r\n")
			if i < 0 {
				return "", ""
			}
			s = s[i:]
		case strings.HasPrefix(s, "/*"):
			s = afterComment(s)
		default:
			i := 0
			for i < len(s) && letter(s[i]) {
				i++
			}
			return strings.ToLower(s[:i]), s[i:]
		}
	}
}

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// afterComment returns what follows the comment that s begins with.
func afterComment(s string) string {
	for i, depth := 0, 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return s[i+1:]
			}
		}
	}
	return ""
}
