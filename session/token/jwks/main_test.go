package jwks_test

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
)

// Properties are checked as often as testneed says.
func TestMain(m *testing.M) {
	flag.Parse()
	if testneed.Race {
		if err := flag.Set("rapid.checks", strconv.Itoa(testneed.Scale(100, 1))); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
