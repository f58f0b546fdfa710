package lint

import (
	"slices"
	"strings"
)

// near finds words that differ from one in case or in one letter, in time that does not grow
// with the words.
type near struct {
	words   map[string]int      // how often each stands there
	folded  map[string][]string // by the word in small letters
	without map[string][]string // by the word without one of its letters, and by itself
	letters bool                // whether one letter may differ
}

func newNear(words map[string]int, letters bool) *near {
	n := &near{words: words, folded: map[string][]string{}, without: map[string][]string{}, letters: letters}
	for w := range words {
		n.folded[strings.ToLower(w)] = append(n.folded[strings.ToLower(w)], w)
		if letters && len(w) >= 4 && len(w) <= 64 {
			for _, d := range deletions(w) {
				n.without[d] = append(n.without[d], w)
			}
		}
	}
	return n
}

// of returns the word that w was probably meant to be, "" for none: one that stands there more
// often, or as often and is sure to be there.
func (n *near) of(w string, sure func(string) bool) string {
	best := ""
	better := func(c string) {
		if c == w || n.words[c] < n.words[w] || n.words[c] == n.words[w] && !sure(c) {
			return
		}
		if best == "" || n.words[c] > n.words[best] || n.words[c] == n.words[best] && c < best {
			best = c
		}
	}
	for _, c := range n.folded[strings.ToLower(w)] {
		better(c)
	}
	if best != "" || !n.letters || len(w) < 4 || len(w) > 64 {
		return best
	}
	for _, d := range deletions(w) {
		for _, c := range n.without[d] {
			if oneLetter(w, c) {
				better(c)
			}
		}
	}
	return best
}

// deletions returns a word, and the word without each of its letters.
func deletions(w string) []string {
	list := make([]string, 0, len(w)+1)
	list = append(list, w)
	for i := range len(w) {
		list = append(list, w[:i]+w[i+1:])
	}
	return list
}

// oneLetter reports whether two words that begin alike differ in one letter, which no digit is,
// or in two letters that have changed places.
func oneLetter(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if a == "" || a[0] != b[0] || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	digit := func(s string, i int) bool { return i < len(s) && (s[i] >= '0' && s[i] <= '9') }
	switch {
	case digit(a, i) || digit(b, i):
		return false
	case len(a) < len(b):
		return a[i:] == b[i+1:]
	case i >= len(a):
		return false
	case a[i+1:] == b[i+1:]:
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// The words for everybody that no policy knows.
var forAnyone = []string{"everyone", "everybody", "all", "public", "anonymous", "guest", "any", "world", "nobody"}
var forAuthenticated = []string{"user", "users", "loggedin", "logged-in", "signedin", "signed-in", "authed", "login", "known", "authorized", "authorised"}

// builtInFor returns the built-in role that a role's name was probably meant to be.
func builtInFor(role string) string {
	name := strings.TrimPrefix(role, "role:")
	lower := strings.ToLower(name)
	switch {
	case role == anyone || role == authenticated:
		return ""
	case lower == "anyone" || oneLetter(lower, "anyone") || slices.Contains(forAnyone, lower):
		return anyone
	case lower == "authenticated" || oneLetter(lower, "authenticated") || slices.Contains(forAuthenticated, lower):
		return authenticated
	}
	return ""
}
