package casbinindex

import (
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/internal/hint"
)

// globMatch matches as Casbin's function of that name, and panics where that is an error.
func globMatch(key, pattern string) bool {
	matches, err := util.GlobMatch(key, pattern)
	if err != nil {
		panic(err)
	}
	return matches
}

// prepareGlob accepts the patterns that are never an error, whatever they are matched with.
// Of others it depends on the text whether the matcher reaches what is wrong with them: those
// are matched in the order of the rules, as Casbin does.
func prepareGlob(pattern string) (prepared, error) {
	if !isSureGlob(pattern) {
		return nil, fmt.Errorf("the glob %s may be an error", hint.Quote(pattern))
	}
	return func(key string) bool { return globMatch(key, pattern) }, nil
}

// isSureGlob reports whether braces and brackets are closed, none of them stands in a class
// or after an escape, and nothing is escaped at the end.
func isSureGlob(pattern string) bool {
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			if i++; i == len(pattern) || strings.IndexByte(`[]{},\`, pattern[i]) >= 0 {
				return false
			}
		case '[':
			class, _, closed := strings.Cut(pattern[i+1:], "]")
			body := strings.TrimLeft(class, "^!")
			if !closed || body == "" || strings.ContainsAny(body, `[{},\^!`) {
				return false
			}
			i += len(class) + 1
		case ']':
			return false
		case '{':
			depth++
		case '}':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	// Each brace doubles what has to be tried.
	return depth == 0 && strings.Count(pattern, "{") <= 4
}
