package condition

import (
	"unicode"
	"unicode/utf8"
)

// printable reports whether s is UTF-8 whose every character prints; the one space that
// prints is the ASCII one.
func printable(s string) bool {
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return utf8.ValidString(s)
}
