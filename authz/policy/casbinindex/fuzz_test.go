package casbinindex_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/internal/testneed"
)

var pathFunctions = map[string]func(key, pattern string) bool{
	"keyMatch": casbinutil.KeyMatch, "keyMatch2": casbinutil.KeyMatch2, "keyMatch3": casbinutil.KeyMatch3,
	"keyMatch4": casbinutil.KeyMatch4, "keyMatch5": casbinutil.KeyMatch5, "regexMatch": casbinutil.RegexMatch,
	"globMatch": func(key, pattern string) bool {
		matches, err := casbinutil.GlobMatch(key, pattern)
		if err != nil {
			panic(err)
		}
		return matches
	},
}

// checkPattern holds the index against Casbin's own function.
func checkPattern(t *testing.T, name, pattern, key string) (matched bool) {
	t.Helper()
	var want, panicked bool
	func() {
		defer func() { panicked = recover() != nil }()
		want = pathFunctions[name](key, pattern)
	}()
	got, refused := casbinindex.PathMatches(name, pattern, key)
	// keyMatch4 panics only for keys that match, when a pattern has groups of its own. Whether a
	// bad glob is an error depends on the key.
	if panicked && !refused || refused && !panicked && name != "globMatch" && (name != "keyMatch4" || want) {
		t.Fatalf("%s(%q, %q): Casbin panics: %t, we refuse the pattern: %t", name, key, pattern, panicked, refused)
	}
	if !refused && got != want {
		t.Fatalf("%s(%q, %q): Casbin %t, we %t", name, key, pattern, want, got)
	}
	return want
}

// FuzzIndexPath: for every pattern and every key, the tree of patterns finds what Casbin's
// functions match.
func FuzzIndexPath(f *testing.F) {
	for _, pattern := range indexPaths {
		for _, key := range indexKeys {
			f.Add(pattern, key)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		for name := range pathFunctions {
			checkPattern(t, name, pattern, key)
		}
	})
}

// Patterns and keys from the same few pieces, so that they often match.
func TestIndexFindsThePathsThatCasbinMatches(t *testing.T) {
	pieces := []string{"a", "b", "/", "/", "/", "*", "/*", ":id", "{id}", "{x}", ":", "{", "}", ".", "+", "?", "(", ")", "|", "[", "]", "\n", "é", "\xff", "^", "$", "\\", "-", "1", "ab", "{1}", "^/", "(?i)", "{a,b}", "[ab]", "**", "/**", "?", "A", "\ufffd", "[^a]", "\\*"}
	random := rand.New(rand.NewPCG(3, 3))
	text := func() string {
		s := ""
		for range random.IntN(7) {
			s += pieces[random.IntN(len(pieces))]
		}
		return s
	}
	n, matched := testneed.Scale(15_000, 40), 0
	// Casbin keeps every pattern of keyMatch4 that it ever saw, so they are not too many.
	patterns := make([]string, min(n, 10_000))
	for i := range patterns {
		patterns[i] = text()
	}
	for i := range n {
		pattern, key := patterns[i%len(patterns)], text()
		if random.IntN(4) == 0 {
			key = pattern
		}
		for name := range pathFunctions {
			if checkPattern(t, name, pattern, key) {
				matched++
			}
		}
	}
	t.Logf("%d of %d matched", matched, n*len(pathFunctions))
	if matched < n/10 {
		t.Error("too few match")
	}
}

// Patterns of every function on paths are looked up, by their segments.
func TestPathsOfEveryFunctionAreLookedUp(t *testing.T) {
	for fn, pattern := range map[string]string{
		"keyMatch": "/things%d/*", "keyMatch2": "/things%d/:id/parts", "keyMatch3": "/things%d/{id}/parts",
		"keyMatch4": "/things%d/{id}/parts", "keyMatch5": "/things%d/{id}/parts",
	} {
		var rules strings.Builder
		for i := range 2_000 {
			fmt.Fprintf(&rules, "p, role0, t1, "+pattern+", read\n", i)
		}
		rules.WriteString("g, alice, role0, t1\n")
		ix := indexOf(t, strings.Replace(routesModel, "keyMatch2", fn, 1), rules.String())
		request := []any{"alice", "t1", "/things1234/4711/parts", "read"}
		if ok, rule, err := ix.EnforceEx(request...); err != nil || !ok || rule[2] != fmt.Sprintf(pattern, 1234) {
			t.Errorf("%s: %t %q %v", fn, ok, rule, err)
		}
		if n := casbinindex.Candidates(ix, request...); n != 1 {
			t.Errorf("%s: %d candidates", fn, n)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = ix.Enforce(request...) }); n > 0 {
			t.Errorf("%s: %v allocations", fn, n)
		}
	}
}
