package hint

import (
	"slices"
	"strconv"
	"strings"
)

const (
	maxWord  = 64  // bytes of a word that others are compared with
	maxWords = 200 // that a word is compared with
	maxEdits = 2
)

// Nearest returns the first of the words that word was probably meant to be: one that differs
// from it in case alone, or else by the fewest letters that are missing, extra, wrong or
// swapped; one in a word of three or four bytes, two in a longer one. It returns "" when
// there is none. Only the first 200 words are looked at.
func Nearest(word string, words []string) string {
	if word == "" || len(word) > maxWord {
		return ""
	}
	best, least := "", maxEdits+1
	switch {
	case len(word) < 3:
		least = 1
	case len(word) < 5:
		least = 2
	}
	for _, w := range words[:min(len(words), maxWords)] {
		if w == word || len(w) > maxWord {
			continue
		}
		if strings.EqualFold(w, word) {
			return w
		}
		if n := edits(word, w, least-1); n < least {
			best, least = w, n
		}
	}
	return best
}

// Near reports whether two words differ in the case of ASCII letters alone, or in one letter that is
// missing, extra, wrong or swapped with the one behind it. The first letter and digits are no slips, and
// words of less than four bytes are too short for one.
func Near(a, b string) bool {
	switch {
	case a == b || max(len(a), len(b)) > maxWord:
		return false
	case strings.EqualFold(a, b):
		return true
	case min(len(a), len(b)) < 4 || lower(a[0]) != lower(b[0]) || undigited(a) == undigited(b):
		return false
	}
	return edits(a, b, 1) <= 1
}

// undigited returns a word without its digits.
func undigited(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, s)
}

// edits returns how many edits it is from a to b, in ASCII letters of any case, or more than
// most when it is more than most. It looks at no more than the diagonals within most.
func edits(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	var rows [3][maxWord + 2]int
	before, last, next := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		from, to := max(1, i-most), min(len(b), i+most)
		next[from-1] = most + 1
		if from == 1 {
			next[0] = i
		}
		best := next[from-1]
		for j := from; j <= to; j++ {
			x, y := lower(a[i-1]), lower(b[j-1])
			n := last[j-1]
			if x != y {
				n++
			}
			n = min(n, next[j-1]+1)
			if j < i+most {
				n = min(n, last[j]+1)
			}
			if i > 1 && j > 1 && x == lower(b[j-2]) && y == lower(a[i-2]) {
				n = min(n, before[j-2]+1)
			}
			next[j] = n
			best = min(best, n)
		}
		if best > most {
			return most + 1
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b - 'A' + 'a'
	}
	return b
}

// List returns names, sorted and joined with commas, or the first of them and how many there
// are more: an error is no place for hundreds.
func List(names []string) string {
	const most = 20
	names, more := slices.Sorted(slices.Values(names)), ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], " and "+strconv.Itoa(n)+" more"
	}
	return strings.Join(names, ", ") + more
}
