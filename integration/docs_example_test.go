package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var exampleDeclaration = regexp.MustCompile(`(?m)^func Example(\w*)\(\) \{`)

// TestEveryExampleIsUsedByAPage: a page links to each example of a package that a service can import,
// and TestEveryLinkLeadsSomewhere follows the links.
func TestEveryExampleIsUsedByAPage(t *testing.T) {
	linked := map[string]bool{}
	for _, p := range pages(t) {
		for _, m := range linkTarget.FindAllStringSubmatch(p.prose, -1) {
			linked[m[1]] = true
		}
	}
	found := 0
	for _, dir := range libraries(t) {
		for anchor := range examples(t, dir) {
			found++
			if link := godoc + "/" + dir + "#" + anchor; !linked[link] {
				t.Errorf("no page links to %s", link)
			}
		}
	}
	if found < 80 {
		t.Errorf("found %d examples", found)
	}
}

// TestEveryPackageHasAnExample: each that a service, a test or a tool imports shows how it begins.
func TestEveryPackageHasAnExample(t *testing.T) {
	elsewhere := map[string]string{"session/sessiontest": "session/memstore"} // the suite is run on a store
	for _, dir := range libraries(t) {
		at := dir
		if other := elsewhere[dir]; other != "" {
			at = other
		}
		if len(examples(t, at)) == 0 {
			t.Errorf("%s has no example", dir)
		}
	}
}

// examples returns the anchors that godoc gives the examples of a package: example-package,
// example-Verify, example-Manager.Refresh, example-OpenDB-Transaction.
func examples(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range exampleDeclaration.FindAllStringSubmatch(string(text), -1) {
			anchors[exampleAnchor(m[1])] = true
			if !strings.HasPrefix(filepath.Base(name), "example") {
				t.Errorf("%s has an example: those stand in example_<feature>_test.go", name)
			}
		}
	}
	return anchors
}

// exampleAnchor is the anchor of Example and this name. A part that begins with a small letter is the
// suffix, which godoc writes with a capital.
func exampleAnchor(name string) string {
	of, suffix := name, ""
	if i := strings.LastIndexByte(name, '_'); i >= 0 && strings.ToLower(name[i+1:i+2]) == name[i+1:i+2] {
		of, suffix = name[:i], "-"+strings.ToUpper(name[i+1:i+2])+name[i+2:]
	}
	if of == "" {
		of = "package"
	}
	return "example-" + strings.ReplaceAll(of, "_", ".") + suffix
}
