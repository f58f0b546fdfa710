package testwait_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
)

// failure is a test that only notes how it was ended.
type failure struct {
	testing.TB
	why string
}

func (f *failure) Helper() {}

func (f *failure) Fatalf(format string, args ...any) {
	f.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestUntilWaitsForTheConditionAndNotForEver(t *testing.T) {
	for name, c := range map[string]struct {
		after, waits time.Duration
		why          string
	}{
		"at once":      {0, 0, ""},
		"after a time": {10 * time.Second, 10 * time.Second, ""},
		"never":        {time.Hour, testwait.Limit + time.Millisecond, "it never came about that the sun rises"},
	} {
		synctest.Test(t, func(t *testing.T) {
			began, f := time.Now(), &failure{}
			done := make(chan struct{})
			go func() {
				defer close(done)
				testwait.Until(f, "the sun rises", func() bool { return time.Since(began) >= c.after })
			}()
			<-done
			if took := time.Since(began); took != c.waits || f.why != c.why {
				t.Errorf("%s: %v, %q", name, took, f.why)
			}
		})
	}
}
