package casbinindex

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"

	"github.com/reevehq/reeve/internal/hint"
)

// function is a function that matchers may call.
type function struct {
	name   string
	call   govaluate.ExpressionFunction // Casbin's own wrapper, or the service's function
	custom bool

	// match is Casbin's own function of two strings; nil for the others.
	match func(key, pattern string) bool
	// prepare compiles a pattern, so that it is compiled once; nil when match is fast.
	// It fails where match would panic.
	prepare func(pattern string) (prepared, error)
	// sure says that match never fails for two strings (nor with a prepared pattern).
	sure bool
}

// compile returns the matcher of one pattern, or why it is none.
func (f *function) compile(pattern string) (prepared, error) {
	if f.prepare != nil {
		return f.prepare(pattern)
	}
	return func(key string) bool { return f.match(key, pattern) }, nil
}

// prefix returns what every text that matches a pattern begins with, and whether that text
// alone matches.
func (f *function) prefix(pattern string) (text string, whole bool) {
	switch f.name {
	case "globMatch":
		return globPrefix(pattern)
	case "regexMatch":
		return regexpPrefix(pattern), false
	case "keyMatch2":
		return regexpPrefix(expression(pattern, colonParam, "[^/]+")), false
	}
	return regexpPrefix(expression(pattern, braceParam, "[^/]+")), false
}

// prepared is a compiled pattern.
type prepared func(key string) bool

// builtins are Casbin's functions under their names.
func builtins() map[string]*function {
	all := []*function{
		{name: "keyMatch", call: util.KeyMatchFunc, match: util.KeyMatch, sure: true},
		{name: "keyMatch2", call: util.KeyMatch2Func, match: util.KeyMatch2, prepare: prepare2, sure: true},
		{name: "keyMatch3", call: util.KeyMatch3Func, match: util.KeyMatch3, prepare: prepare3, sure: true},
		{name: "keyMatch4", call: util.KeyMatch4Func, match: util.KeyMatch4, prepare: prepare4, sure: true},
		{name: "keyMatch5", call: util.KeyMatch5Func, match: util.KeyMatch5, prepare: prepare5, sure: true},
		{name: "regexMatch", call: util.RegexMatchFunc, match: util.RegexMatch, prepare: prepareRegexp, sure: true},
		{name: "ipMatch", call: util.IPMatchFunc, match: util.IPMatch},
		{name: "globMatch", call: util.GlobMatchFunc, match: globMatch, prepare: prepareGlob, sure: true},
		{name: "keyGet", call: util.KeyGetFunc},
		{name: "keyGet2", call: util.KeyGet2Func},
		{name: "keyGet3", call: util.KeyGet3Func},
	}
	out := make(map[string]*function, len(all))
	for _, f := range all {
		out[f.name] = f
	}
	return out
}

// The regular expressions by which Casbin rewrites patterns into regular expressions.
var (
	colonParam = regexp.MustCompile(`:[^/]+`)
	braceParam = regexp.MustCompile(`\{[^/]+\}`)
)

func expression(pattern string, param *regexp.Regexp, value string) string {
	pattern = strings.ReplaceAll(pattern, "/*", "/.*")
	return "^" + param.ReplaceAllLiteralString(pattern, value) + "$"
}

func prepareRegexp(pattern string) (prepared, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

func prepare2(pattern string) (prepared, error) {
	return prepareRegexp(expression(pattern, colonParam, "[^/]+"))
}

func prepare3(pattern string) (prepared, error) {
	return prepareRegexp(expression(pattern, braceParam, "[^/]+"))
}

func prepare5(pattern string) (prepared, error) {
	match, err := prepare3(pattern)
	if err != nil {
		return nil, err
	}
	return func(key string) bool {
		path, _, _ := strings.Cut(key, "?")
		return match(path)
	}, nil
}

// prepare4 matches as keyMatch3 and wants equal values for equal names. Casbin panics when
// the pattern has groups of its own, so such a pattern is refused.
func prepare4(pattern string) (prepared, error) {
	pattern = strings.ReplaceAll(pattern, "/*", "/.*")
	var names []string
	text := braceParam.ReplaceAllStringFunc(pattern, func(s string) string {
		names = append(names, s)
		return "([^/]+)"
	})
	re, err := regexp.Compile("^" + text + "$")
	if err != nil {
		return nil, err
	}
	if re.NumSubexp() != len(names) {
		return nil, fmt.Errorf("keyMatch4: the pattern %s has groups of its own", hint.Quote(pattern))
	}
	if len(names) < 2 {
		return re.MatchString, nil
	}
	return func(key string) bool {
		found := re.FindStringSubmatch(key)
		if found == nil {
			return false
		}
		for i, name := range names {
			for j := range i {
				if names[j] == name && found[j+1] != found[i+1] {
					return false
				}
			}
		}
		return true
	}, nil
}
