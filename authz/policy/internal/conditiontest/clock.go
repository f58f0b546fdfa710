package conditiontest

import (
	"slices"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
)

// Clock holds what takes long to 50 µs, ten times as long under the race detector, at the
// lower decile of some runs: that says what the work is, and not who else had the processor.
// It does so when soaking alone.
type Clock struct {
	What string // that took longest
	Took time.Duration
}

// Hold measures f, which what names.
func (c *Clock) Hold(t *testing.T, what string, f func()) {
	t.Helper()
	if !testneed.Soak() {
		return
	}
	most := 50 * time.Microsecond
	if testneed.Race {
		most *= 10
	}
	var took time.Duration
	for range 5 {
		var times [50]time.Duration
		for i := range times {
			begin := time.Now()
			f()
			times[i] = time.Since(begin)
		}
		slices.Sort(times[:])
		if took = times[len(times)/10]; took <= most {
			break
		}
	}
	if took > most {
		t.Errorf("%s: %v, at most %v are allowed", what, took, most)
	}
	if took > c.Took {
		c.What, c.Took = what, took
	}
}
