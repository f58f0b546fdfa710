package hint_test

import (
	"testing"
	"unicode"

	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/internal/invisible"
)

// Messages name the characters that ids and reasons refuse because nobody sees them, and nothing else.
func TestACharacterThatNobodySeesHasANameInMessages(t *testing.T) {
	for c := rune(0); c <= unicode.MaxRune; c++ {
		name := hint.Invisible(c)
		if name != "" && !invisible.Is(c) {
			t.Errorf("%U is %q, and shows", c, name)
		}
		if name == "" && c != ' ' && unicode.IsPrint(c) && invisible.Is(c) {
			t.Errorf("%U shows nothing and has no name", c)
		}
	}
}
