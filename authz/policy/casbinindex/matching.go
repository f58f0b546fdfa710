package casbinindex

import (
	"fmt"
	"reflect"

	"github.com/casbin/casbin/v2/rbac"
	"github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/internal/hint"
)

// nameMatcher finds the patterns, of a fixed list, that a name matches. Patterns of Casbin's
// functions are compiled once; another function is called. It never changes.
type nameMatcher struct {
	call     rbac.MatchingFunc // of the service, nil where paths find
	paths    *paths
	patterns []string
	at       [][]uint32 // by terminal: the positions of its patterns in the list
}

// knownMatching returns Casbin's function of the kind that g takes, nil for another one.
func knownMatching(pointer uintptr) *function {
	for name, fn := range map[string]rbac.MatchingFunc{
		"keyMatch": util.KeyMatch, "keyMatch2": util.KeyMatch2, "keyMatch3": util.KeyMatch3,
		"keyMatch4": util.KeyMatch4, "keyMatch5": util.KeyMatch5, "regexMatch": util.RegexMatch,
	} {
		if reflect.ValueOf(fn).Pointer() == pointer {
			return builtins()[name]
		}
	}
	return nil
}

func isKeyMatch(f rbac.MatchingFunc) bool {
	known := knownMatching(reflect.ValueOf(f).Pointer())
	return known != nil && known.name == "keyMatch"
}

// newNameMatcher compiles patterns. It names the one that does not compile.
func newNameMatcher(fn rbac.MatchingFunc, patterns []string) (*nameMatcher, error) {
	m := &nameMatcher{patterns: patterns}
	known := knownMatching(reflect.ValueOf(fn).Pointer())
	if known == nil {
		m.call = fn
		return m, nil
	}
	m.paths = newPaths(known)
	for i, text := range patterns {
		match, err := known.compile(text)
		if err != nil {
			return nil, fmt.Errorf("%s is no pattern of %s: %w", hint.Quote(text), known.name, err)
		}
		terminal := m.paths.insert(text, match)
		for int(terminal) >= len(m.at) {
			m.at = append(m.at, nil)
		}
		m.at[terminal] = append(m.at[terminal], uint32(i))
	}
	return m, nil
}

// find appends the positions of the patterns that a name matches or is. It panics when the
// service's function does.
func (m *nameMatcher) find(list []uint32, name string) []uint32 {
	if m.call != nil {
		for i, pattern := range m.patterns {
			if name == pattern || m.call(name, pattern) {
				list = append(list, uint32(i))
			}
		}
		return list
	}
	var t terminals
	m.paths.find(&t, name)
	for i := range t.n {
		list = append(list, m.at[t.at(i)]...)
	}
	return list
}

// tries counts the patterns that are matched one by one for a name, at worst.
func (m *nameMatcher) tries() int {
	switch {
	case m == nil:
		return 0
	case m.call != nil:
		return len(m.patterns)
	}
	return m.paths.tries()
}
