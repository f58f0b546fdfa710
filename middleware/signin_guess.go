package middleware

import (
	"container/list"
	"net/netip"
	"time"
)

// How wrong passwords slow the next attempt down.
const (
	freeGuesses   = 5 // of one client at one account
	guessDelay    = time.Second
	maxGuessDelay = 30 * time.Second

	freeTargets = 20 // wrong passwords for one account in a row, whoever sends them
	targetDelay = time.Second

	guessesKept = 15 * time.Minute
	knownKept   = 30 * 24 * time.Hour
)

// guesser is one client at one account.
type guesser struct {
	client  netip.Prefix
	account uint64
}

// guesses are attempts with a wrong password.
type guesses struct {
	wrong int
	last  time.Time
}

// now returns g as it counts at a time.
func (g guesses) now(now time.Time) guesses {
	if now.Sub(g.last) >= guessesKept {
		return guesses{}
	}
	return g
}

// delay is how long after its last attempt a client may try an account again.
func (g guesses) delay() time.Duration {
	if g.wrong < freeGuesses {
		return 0
	}
	return min(guessDelay<<min(g.wrong-freeGuesses, 10), maxGuessDelay)
}

// early reports whether g comes too early. The lock is held, as for the others below.
func (l *SignInLimit) early(g guesser, now time.Time) bool {
	pair, target := l.pairs.get(g).now(now), l.targets.get(g.account).now(now)
	if now.Sub(pair.last) < pair.delay() {
		return true
	}
	// A client that was right before is not shut out by others, but guesses no more than they.
	if at, ok := l.known.find(g); ok && now.Sub(at) < knownKept && pair.wrong < freeGuesses {
		return false
	}
	return target.wrong >= freeTargets && now.Sub(target.last) < targetDelay
}

func (l *SignInLimit) count(g guesser, now time.Time) {
	pair, target := l.pairs.get(g).now(now), l.targets.get(g.account).now(now)
	l.pairs.put(g, guesses{pair.wrong + 1, now})
	l.targets.put(g.account, guesses{target.wrong + 1, now})
}

// uncount takes an attempt back that was not made.
func (l *SignInLimit) uncount(g guesser) {
	if pair := l.pairs.get(g); pair.wrong > 0 {
		l.pairs.put(g, guesses{pair.wrong - 1, pair.last})
	}
	if target := l.targets.get(g.account); target.wrong > 0 {
		l.targets.put(g.account, guesses{target.wrong - 1, target.last})
	}
}

// recent is a map of the most recently written entries.
type recent[K comparable, V any] struct {
	limit int
	found map[K]*list.Element
	order list.List // of entry, the oldest in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, found: map[K]*list.Element{}}
}

// get returns the value of a key, zero for none.
func (r *recent[K, V]) get(key K) V {
	v, _ := r.find(key)
	return v
}

// find returns the value of a key, and false for none.
func (r *recent[K, V]) find(key K) (v V, ok bool) {
	if e, ok := r.found[key]; ok {
		return e.Value.(*entry[K, V]).value, true
	}
	return v, false
}

// put sets the value of a key, and drops the oldest entry where there are too many.
func (r *recent[K, V]) put(key K, value V) {
	if e, ok := r.found[key]; ok {
		e.Value.(*entry[K, V]).value = value
		r.order.MoveToBack(e)
		return
	}
	if len(r.found) >= r.limit {
		r.drop(r.order.Front().Value.(*entry[K, V]).key)
	}
	r.found[key] = r.order.PushBack(&entry[K, V]{key, value})
}

func (r *recent[K, V]) drop(key K) {
	if e, ok := r.found[key]; ok {
		r.order.Remove(e)
		delete(r.found, key)
	}
}
