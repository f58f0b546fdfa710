package authz

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatIsQuotedIsCutOutWhole: a text of a client that an error quotes may hold quotes, and
// backslashes before them, and may be cut off anywhere.
func TestWhatIsQuotedIsCutOutWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"secret", `"`, `\`, " ", "`", "\n", "é", "(", "'"}), 0, 12).Draw(t, "text"), "")
		if got, want := plain("header: typ "+strconv.Quote(text)+" is not accepted"), "header: typ (…) is not accepted"; got != want && len(text) < maxCause {
			t.Errorf("%q: got %q", text, got)
		}
		q := strconv.Quote(text)
		for cut := 1; cut < len(q); cut++ {
			if got := plain("typ " + q[:cut]); strings.Contains(got, "secret") {
				t.Errorf("%q, cut at %d: got %q", text, cut, got)
			}
		}
	})
}

// TestTheCauseOfAnErrorOfThePolicyIsLogged: a handler that handed one on ended in a panic of the log.
func TestTheCauseOfAnErrorOfThePolicyIsLogged(t *testing.T) {
	for _, row := range handedOn {
		got := cause(fmt.Errorf("%w: %q of invoice", row.err, "secret"))
		if got != row.err.Error() {
			t.Errorf("%v: %q", row.err, got)
		}
	}
	if got := cause(errors.New("secret")); got == "" || strings.Contains(got, "secret") {
		t.Errorf("an error of the handler's own: %q", got)
	}
}
