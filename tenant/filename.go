package tenant

import (
	"fmt"
	"strings"
)

// FileName returns the id as a name for files, in which an upper-case letter is '=' and the
// letter in lower case: "org_2abc=d=e=f" for org_2abcDEF. So a disk that folds case, as those
// of macOS and Windows do, keeps two tenants apart. An id in lower case is its own name.
func (id ID) FileName() string {
	if strings.ToLower(id.name) == id.name {
		return id.name
	}
	b := make([]byte, 0, 2*len(id.name))
	for i := range len(id.name) {
		if c := id.name[i]; isUpper(c) {
			b = append(b, '=', c+'a'-'A')
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// FromFileName returns the tenant whose [ID.FileName] s is, or an error wrapping
// [ErrInvalidID].
func FromFileName(s string) (ID, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isUpper(c):
			return ID{}, fmt.Errorf("%w: an upper-case letter in the name of a file is = and the letter in lower case", ErrInvalidID)
		case c == '=' && i+1 < len(s) && 'a' <= s[i+1] && s[i+1] <= 'z':
			i++
			b = append(b, s[i]-'a'+'A')
		default:
			b = append(b, c)
		}
	}
	return Parse(string(b))
}

// Fold returns the text that all ids have which differ by the case of letters alone. It is for
// finding those, like [EqualFold], and is no id.
func (id ID) Fold() string { return strings.ToLower(id.name) }

// EqualFold reports whether two ids differ by the case of letters at most. It is for finding
// tenants that people would mistake for one another, never for finding a tenant.
func EqualFold(a, b ID) bool { return a.Fold() == b.Fold() }

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
