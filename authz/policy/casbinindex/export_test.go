package casbinindex

import (
	"os"

	"github.com/casbin/casbin/v2/model"
)

// LoadedRules are the rules of p and g that Load would load.
func LoadedRules(modelPath, policyPath string) ([][]string, error) {
	ix, err := Load(modelPath, policyPath, Config{})
	if err != nil {
		return nil, err
	}
	m, err := model.NewModelFromFile(modelPath)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(policyPath)
	if err != nil {
		return nil, err
	}
	if err := loadRules(m, policyPath, string(data)); err != nil {
		return nil, err
	}
	var out [][]string
	for i := range ix.rows["p"].count {
		out = append(out, ix.rows["p"].row(i))
	}
	return append(out, m["g"]["g"].Policy...), nil
}

// PathMatches decides whether key matches the pattern by way of an index of that one
// pattern. It is refused when the pattern does not compile.
func PathMatches(name, pattern, key string) (matches, refused bool) {
	fn := builtins()[name]
	match, err := fn.compile(pattern)
	if err != nil {
		return false, true
	}
	p := newPaths(fn)
	want := p.insert(pattern, match)
	var t terminals
	p.find(&t, key)
	for i := range t.n {
		if t.at(i) == want {
			return true, false
		}
	}
	return false, false
}

// Candidates counts the rules that a decision looks at.
func Candidates(ix *Index, rvals ...any) int {
	q := newQuery(ix.main, rvals)
	if !q.meets(ix.main.preconditions) {
		return ix.main.rows.count
	}
	return len(q.candidates(nil)) + len(ix.main.always)
}

// IsSureGlob reports whether a glob is compiled.
func IsSureGlob(pattern string) bool { return isSureGlob(pattern) }
