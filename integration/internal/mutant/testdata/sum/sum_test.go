package sum

import (
	"os"
	"testing"
)

func TestSum(t *testing.T) {
	if got := Sum(1, 2); got != 3 {
		t.Errorf("%d", got)
	}
}

func TestNothingIsZero(t *testing.T) {
	if os.Getenv("REEVE_SOAK") != "" {
		t.Error("soaking")
	}
	if got := Sum(); got != 0 {
		t.Errorf("%d", got)
	}
}
