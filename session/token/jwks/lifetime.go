package jwks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// defaultLife is the life of an answer whose provider says nothing about it.
const defaultLife = 10 * time.Minute

// lifetime returns how long an answer is fresh (RFC 9111 §4.2.1), from 30 s to longest. Without a
// max-age it is 10 minutes, with no-cache or no-store the shortest. Where directives repeat or
// contradict one another, the shortest counts. A header that cannot be read says nothing.
func lifetime(h http.Header, longest time.Duration) time.Duration {
	life, said := maxLife, false
	for _, line := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				life, said = 0, true
			case "max-age":
				if seconds, ok := deltaSeconds(strings.Trim(value, `"`)); ok {
					life, said = min(life, seconds), true
				}
			}
		}
	}
	if !said {
		life = defaultLife
	}
	// A cache on the way has used up a part of it (RFC 9111 §4.2.3).
	if age, ok := deltaSeconds(h.Get("Age")); ok {
		life -= age
	}
	return min(max(life, minLife), longest)
}

// deltaSeconds reads a number of seconds; a longer time than a day is a day.
func deltaSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		// RFC 9111 §1.2.2: a number that is too large stands for the largest.
		e, ok := err.(*strconv.NumError)
		return maxLife, ok && e.Err == strconv.ErrRange
	}
	return min(time.Duration(n)*time.Second, maxLife), true
}
