package integration_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session/redisstore"
)

// TestTheAccessListOfTheDocsIsThatOfTheLibrary compares the command in docs/operations.md with
// what a store of the default prefix prints.
func TestTheAccessListOfTheDocsIsThatOfTheLibrary(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	options := storeOptions()
	options.Prefix = ""
	store, err := redisstore.Open(redisserver.Shared(t), options)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	want := store.AccessList("reeve")
	if got := regexp.MustCompile("(?m)^ACL SETUSER .*$").FindString(string(page)); got != want {
		t.Errorf("docs/operations.md says\n%s\nand the store prints\n%s", got, want)
	}
	if !strings.Contains(want, "~reeve:{*") {
		t.Errorf("the default prefix is not reeve: %s", want)
	}
}
