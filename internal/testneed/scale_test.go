package testneed_test

import (
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
)

func TestScaleIsFullWithoutTheRaceDetectorAndNeverNone(t *testing.T) {
	for _, soak := range []string{"", "1"} {
		t.Setenv("REEVE_SOAK", soak)
		for _, full := range []int{1, 7, 8, 9, 20_000} {
			want := full
			if testneed.Race {
				want = max(1, (full+7)/8)
			}
			if soak != "" {
				want *= 50
			}
			if got := testneed.Scale(full, 50); got != want || got < 1 {
				t.Errorf("REEVE_SOAK=%q: Scale(%d, 50) is %d, want %d", soak, full, got, want)
			}
		}
	}
}
