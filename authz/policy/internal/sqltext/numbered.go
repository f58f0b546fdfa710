package sqltext

import (
	"errors"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/internal/ascii"
)

// Errors of [Numbered].
var (
	ErrArgument = errors.New("an argument is called by a number that the service gave none for: write $1 for the first")
	ErrOpen     = errors.New("a text of the service has a comment, or a quote that is open")
)

// Numbered returns a text of a service, whose arguments are $1 to $n, as the dialect writes them: ?1
// in SQLite, where $1 is a name that takes whatever number is free. An argument beyond n would be
// one of ours, and a comment would hide what comes after it.
func Numbered(text string, d Dialect, n int) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case c == '\'' || c == '"' || c == '`':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return "", ErrOpen
			}
			b.WriteString(text[i : i+end+2])
			i += end + 1
			continue
		case c == '-' && next == '-' || c == '/' && next == '*' || c == '$' && next == '$':
			return "", ErrOpen
		case (c == '$' || c == '?' && d == SQLite) && ascii.IsDigit(next):
			end := i + 1
			for end < len(text) && ascii.IsDigit(text[end]) {
				end++
			}
			if at, err := strconv.Atoi(text[i+1 : end]); err != nil || at < 1 || at > n || c == '?' {
				return "", ErrArgument
			}
			if d == SQLite {
				c = '?'
			}
		case c == '?' && d == SQLite, (c == ':' || c == '@' || c == '$') && d == SQLite && ascii.IsIdent(next):
			return "", ErrArgument // a name takes whatever number is free, which is one of ours
		case c == '$' && ascii.IsIdent(next): // a quote of PostgreSQL, such as $a$
			return "", ErrOpen
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}
