package lint

import (
	"iter"
	mathbits "math/bits"
	"slices"
	"strings"
)

// near finds words that differ from one in case or in one letter, in time that does not grow
// with the words.
type near struct {
	counts  map[string]int // how often each word stands there
	isSure  func(string) bool
	words   []string
	often   []int              // the counts of words
	sure    []bool             // which of words are sure to be there
	folded  map[string][]int32 // by the word in small letters, what differs from it
	letters bool               // whether one letter may differ
	without *lacking           // nil until it is asked
}

// newNear takes words, and which of them are sure to be there: nil for all.
func newNear(words map[string]int, sure func(string) bool, letters bool) *near {
	if sure == nil {
		sure = func(string) bool { return true }
	}
	n := &near{counts: words, isSure: sure, words: make([]string, 0, len(words)), often: make([]int, 0, len(words)), sure: make([]bool, 0, len(words)), folded: map[string][]int32{}, letters: letters}
	for w := range words {
		if lower := strings.ToLower(w); lower != w {
			n.folded[lower] = append(n.folded[lower], int32(len(n.words)))
		}
		n.words, n.often, n.sure = append(n.words, w), append(n.often, words[w]), append(n.sure, sure(w))
	}
	return n
}

// of returns the word that w was probably meant to be, "" for none: one that stands there more
// often or, if even, as often and is sure to be there.
func (n *near) of(w string, even bool) string {
	if best := n.inCase(w, func(c string) bool { return even && n.isSure(c) }); best != "" {
		return best
	}
	return n.inLetter(w, even)
}

// inCase is of with words that differ in case alone. sure says which of them are sure to be there.
func (n *near) inCase(w string, sure func(string) bool) string {
	best, most, mine := "", 0, n.counts[w]
	better := func(c string, count int) {
		if c != w && count >= mine && (best == "" || count > most || count == most && c < best) && (count > mine || sure(c)) {
			best, most = c, count
		}
	}
	lower := strings.ToLower(w)
	if count := n.counts[lower]; count > 0 {
		better(lower, count)
	}
	for _, i := range n.folded[lower] {
		better(n.words[i], n.often[i])
	}
	return best
}

// inLetter is of with words that differ in one letter. It asks the cheap questions first: where all
// words are near one another, few are better than what was found before.
func (n *near) inLetter(w string, even bool) string {
	if !n.letters || !slipLength(w) {
		return ""
	}
	if n.without == nil {
		n.without = newLacking(n.words)
	}
	best, most, mine := "", 0, n.counts[w]
	for h := range lackingOne(w) {
		for i := n.without.heads[h>>n.without.shift]; i != 0; {
			e := n.without.entries[i-1]
			i = e.next
			if e.hash != h {
				continue
			}
			count := n.often[e.word]
			if count < mine || count < most || count == mine && !(even && n.sure[e.word]) {
				continue
			}
			if c := n.words[e.word]; c != w && (count > most || c < best) && oneLetter(w, c) {
				best, most = c, count
			}
		}
	}
	return best
}

// slipLength reports whether a word is of a length at which one letter may be a slip.
func slipLength(w string) bool { return len(w) >= 4 && len(w) <= 64 }

// lacking finds words by what they are without one of their letters. Two words that differ in one
// letter, or in two that have changed places, are alike without one.
type lacking struct {
	heads   []int32 // by the high bits of a hash, one more than the index of an entry
	entries []lackingEntry
	shift   uint
}

type lackingEntry struct {
	hash       uint64
	word, next int32
}

func newLacking(words []string) *lacking {
	n := 1
	for _, w := range words {
		if slipLength(w) {
			n += len(w)
		}
	}
	bits := uint(mathbits.Len(uint(n)))
	l := &lacking{heads: make([]int32, 1<<bits), shift: 64 - bits, entries: make([]lackingEntry, 0, n)}
	for i, w := range words {
		if !slipLength(w) {
			continue
		}
		for h := range lackingOne(w) {
			head := &l.heads[h>>l.shift]
			l.entries = append(l.entries, lackingEntry{h, int32(i), *head})
			*head = int32(len(l.entries))
		}
	}
	return l
}

// lackingOne yields a hash of a word, and of the word without each letter that may differ: not
// the first one, and no digit. See oneLetter.
func lackingOne(w string) iter.Seq[uint64] {
	const base = 0x9E3779B97F4A7C15
	return func(yield func(uint64) bool) {
		var before [65]uint64 // hashes of what stands before each byte
		for i := range len(w) {
			before[i+1] = before[i]*base + uint64(w[i]) + 1
		}
		// Multiplied once more, so that all bytes count in the high bits.
		mix := func(h uint64) uint64 { h ^= h >> 29; return h * base }
		all := before[len(w)]
		if !yield(mix(all)) {
			return
		}
		power := uint64(1) // base to the number of bytes behind i
		for i := len(w) - 1; i > 0; i-- {
			if w[i] < '0' || w[i] > '9' {
				if !yield(mix(before[i]*power + all - before[i+1]*power)) {
					return
				}
			}
			power *= base
		}
	}
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
		return !lone(a, i) // team-a and team-b
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// lone reports whether the letter at i stands alone between signs.
func lone(s string, i int) bool {
	const signs = "-_.:/ "
	return strings.IndexByte(signs, s[i-1]) >= 0 && (i+1 == len(s) || strings.IndexByte(signs, s[i+1]) >= 0)
}

// The words for everybody that no policy knows.
var forAnyone = []string{"everyone", "everybody", "all", "public", "anonymous", "guest", "any", "world", "nobody"}
var forAuthenticated = []string{"user", "users", "loggedin", "logged-in", "signedin", "signed-in", "authed", "login", "known", "authorized", "authorised"}

// shortened are names of roles, and how people shorten them.
var shortened = map[string]string{"administrator": "admin", "moderator": "mod", "manager": "mgr", "developer": "dev", "operator": "ops", "supervisor": "super", "accountant": "accounting"}

// otherLength returns the name of a known role that is a role's shortened or in full, "" for none.
func otherLength(role string, known func(string) bool) string {
	name := strings.TrimPrefix(role, "role:")
	for full, short := range shortened {
		switch {
		case name == full && known("role:"+short):
			return "role:" + short
		case name == short && known("role:"+full):
			return "role:" + full
		}
	}
	return ""
}

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
