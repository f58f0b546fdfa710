package secrettest

import "testing"

// The list of types is complete: whoever adds an exported type adds it there, and has it walked.
func TestEveryExportedTypeIsWalked(t *testing.T) {
	if n := checkListed(t, "../..", types); n < 100 {
		t.Fatalf("found %d exported types: the walk is broken", n)
	}
}

func TestAFieldThatCouldHoldAKeyIsASecretKey(t *testing.T) {
	checkFields(t, types, public)
}
