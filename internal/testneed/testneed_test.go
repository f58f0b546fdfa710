package testneed_test

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
)

// ending is a test that only notes how it was ended.
type ending struct {
	testing.TB
	how, why string
}

func (e *ending) Helper()           {}
func (e *ending) Fatal(args ...any) { e.end("failed", args) }
func (e *ending) Skip(args ...any)  { e.end("skipped", args) }

func (e *ending) end(how string, args []any) {
	e.how, e.why = how, args[0].(string)
	runtime.Goexit()
}

// endOf runs a test to its end.
func endOf(test func(tb testing.TB)) *ending {
	e, done := &ending{how: "passed"}, make(chan struct{})
	go func() {
		defer close(done)
		test(e)
	}()
	<-done
	return e
}

func TestWhatIsMissingFailsInCIAndIsSkippedElsewhere(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped", "false": "skipped", "true": "failed", "1": "failed", "woodpecker": "failed"} {
		t.Setenv("CI", ci)
		for what, test := range map[string]func(tb testing.TB){
			"a thing":   func(tb testing.TB) { testneed.Missing(tb, "no-such-program is not on the PATH; get it") },
			"a program": func(tb testing.TB) { testneed.Program(tb, "no-such-program", "get it") },
		} {
			if got := endOf(test); got.how != want || got.why != "no-such-program is not on the PATH; get it" {
				t.Errorf("CI=%s: without %s the test has %s and says %q, want %s", ci, what, got.how, got.why, want)
			}
		}
	}
}

func TestAProgramThatIsThereIsFound(t *testing.T) {
	want, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	var path string
	if got := endOf(func(tb testing.TB) { path = testneed.Program(tb, "go", "") }); got.how != "passed" || path != want {
		t.Errorf("the test has %s with %q, want %q", got.how, path, want)
	}
}
