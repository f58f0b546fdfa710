package mutant

import (
	"strings"
	"testing"
	"time"
)

func TestAMutantIsKilledSurvivesOrProvesNothing(t *testing.T) {
	t.Setenv("REEVE_SOAK", "1") // which the tests of a mutant must not see
	config := Config{Source: "testdata/sum", Package: "./testdata/sum", Tests: ".", Timeout: 5 * time.Second}
	for name, row := range map[string]struct {
		mutant     *Mutant
		killer     string
		errMessage string
	}{
		"no change":                      {},
		"one that a test finds":          {&Mutant{File: "sum.go", Old: "sum += n", New: "sum -= n"}, "TestSum", ""},
		"one that panics":                {&Mutant{File: "sum.go", Old: "sum := 0", New: "sum := numbers[0]*0"}, "TestNothingIsZero", ""},
		"one that hangs":                 {&Mutant{File: "sum.go", Old: "sum := 0", New: "sum := 0\n\tselect {}"}, "panic: test timed out", ""},
		"one that no test finds":         {&Mutant{File: "sum.go", Old: "n < 0", New: "n < -1"}, "", ""},
		"one whose tests do not find it": {&Mutant{File: "sum.go", Old: "sum += n", New: "sum -= n", Tests: "TestNothing"}, "", ""},
		"one without tests":              {&Mutant{File: "sum.go", Old: "sum += n", New: "sum -= n", Tests: "TestAbsent"}, "", "no test ran"},
		"one that does not compile":      {&Mutant{File: "sum.go", Old: "sum += n", New: "sum +="}, "", "does not compile"},
		"a text that is not there":       {&Mutant{File: "sum.go", Old: "n > 7", New: "n < 7"}, "", "0 times"},
		"a text that is there twice":     {&Mutant{File: "sum.go", Old: "sum", New: "total"}, "", "times"},
		"no change in disguise":          {&Mutant{File: "sum.go", Old: "n < 0", New: "n < 0"}, "", "1 times"},
		"a file that is not there":       {&Mutant{File: "absent.go", Old: "a", New: "b"}, "", "absent.go"},
	} {
		t.Run(name, func(t *testing.T) {
			killer, err := config.try(t.Context(), t.TempDir(), row.mutant)
			if (err == nil) != (row.errMessage == "") || err != nil && !strings.Contains(err.Error(), row.errMessage) {
				t.Errorf("error %v, want %q", err, row.errMessage)
			}
			if (killer == "") != (row.killer == "") || !strings.Contains(killer, row.killer) {
				t.Errorf("killed by %q, want %q", killer, row.killer)
			}
		})
	}
}
