// Package ascii tells the classes of single bytes. It looks at ASCII alone: a byte of a longer
// character is in no class.
package ascii

// All reports whether ok holds for every byte of s, and true for "".
func All(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// IsLower reports whether b is one of a to z.
func IsLower(b byte) bool { return 'a' <= b && b <= 'z' }

// IsUpper reports whether b is one of A to Z.
func IsUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

// IsDigit reports whether b is one of 0 to 9.
func IsDigit(b byte) bool { return '0' <= b && b <= '9' }

// IsIdent reports whether b is a letter, a digit or an underscore.
func IsIdent(b byte) bool { return IsLower(b) || IsUpper(b) || IsDigit(b) || b == '_' }

// TakeWhile returns the longest beginning of s whose bytes are all ok.
func TakeWhile(s string, ok func(byte) bool) string {
	for i := range len(s) {
		if !ok(s[i]) {
			return s[:i]
		}
	}
	return s
}
