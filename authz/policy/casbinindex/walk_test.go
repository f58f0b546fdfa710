package casbinindex_test

import (
	"fmt"
	"strings"
	"testing"

	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// Casbin follows 10 links, of which to match a pattern with roles is none of its own.
func TestIndexFollowsAsManyLinksFromAPatternAsCasbin(t *testing.T) {
	rules := "g, /x/*, r1, t1\ng, /x/known, r20, t1\ng, r20, /y/*, t1\ng, /y/7, r1, t1\n"
	for i := 1; i < 13; i++ {
		rules += fmt.Sprintf("p, r%d, t1, d, act%d\ng, r%d, r%d, t1\n", i, i, i, i+1)
	}
	e := loaded(t, exactModel, rules, casbinutil.KeyMatch, nil)
	ix := mustIndexText(t, exactModel, rules, matching("g", casbinutil.KeyMatch))
	allowed := 0
	for _, sub := range []string{"/x/1", "/x/*", "/x/known", "r20", "/y/7", "/y/8", "r1", "r2", "nobody"} {
		for i := range 14 {
			if ok, _ := sameAsCasbin(t, e, ix, sub, "t1", "d", fmt.Sprintf("act%d", i)); ok {
				allowed++
			}
		}
	}
	if allowed < 40 {
		t.Error(allowed)
	}
}

// A name that matches a role is in between only where a row that counts there names it.
func TestANameOfAnotherDomainIsNotInBetween(t *testing.T) {
	rules := "p, admin, t1, d, read\ng, alice, ^/a/., t1\ng, c$, admin, t1\ng, bob, /a/c, %s\n"
	for dom, want := range map[string]bool{"t1": true, "t2": false, "t*": true} {
		text := strings.ReplaceAll(rules, "%s", dom)
		e := loaded(t, exactModel, text, casbinutil.RegexMatch, casbinutil.KeyMatch)
		ix := mustIndexText(t, exactModel, text, matching("g", casbinutil.RegexMatch), domainMatching("g", casbinutil.KeyMatch))
		if got, _ := sameAsCasbin(t, e, ix, "alice", "t1", "d", "read"); got != want {
			t.Errorf("%s: %t", dom, got)
		}
	}
}

// Without rules Casbin evaluates a matcher once, with empty values.
func TestIndexMatchesPatternsWithoutRulesAsCasbin(t *testing.T) {
	text := strings.Replace(exactModel, "m = ", "m = g(r.sub, p.sub) && r.act == 'x' || r.sub == 'root' || ", 1)
	for _, rules := range []string{"# none", "g, alice, admin, t1", "g, alice, *, t1"} {
		e, ix := loaded(t, text, rules, casbinutil.KeyMatch, nil), mustIndexText(t, text, rules, matching("g", casbinutil.KeyMatch))
		allowed := 0
		for _, sub := range []string{"root", "alice", "", "bob"} {
			for _, act := range []string{"x", "y"} {
				if ok, _ := sameAsCasbin(t, e, ix, sub, "t1", "d", act); ok {
					allowed++
				}
			}
		}
		if allowed < 3 {
			t.Error(allowed)
		}
	}
}

// The beginning of a pattern never keeps out a text that the pattern matches.
func TestABeginningExcludesNoMatch(t *testing.T) {
	for _, c := range []struct {
		fn, pattern string
		keys        []string
	}{
		{"regexMatch", "(?i)^/a", []string{"/A", "/a"}},
		{"regexMatch", "^(?i)/a(?-i)b", []string{"/Ab", "/ab"}},
		{"regexMatch", "^[Aa]b", []string{"Ab", "ab"}},
		{"regexMatch", "^k", []string{"k"}},
		{"regexMatch", "(?i)^k", []string{"K", "\u212a"}}, // the Kelvin sign folds to k
		{"regexMatch", "^\ufffd/a", []string{"\xff/a", "\ufffd/a"}},
		{"regexMatch", "^/a\ufffd", []string{"/a\xff"}},
		{"regexMatch", "^(\ufffda|\ufffcb)", []string{"\xffa", "\ufffda", "\ufffcb"}}, // they share two bytes
		{"regexMatch", "^/a(?:\ufffd|\ufffcb)", []string{"/a\xff", "/a\xc3x", "/a\ufffcb"}},
		{"regexMatch", "^a|b", []string{"a", "xb"}},
		{"regexMatch", "^(a|ab)c", []string{"ac", "abc"}},
		{"regexMatch", "^(/foo|/fob)/", []string{"/foo/", "/fob/"}},
		{"regexMatch", "^ab?c", []string{"ac", "abc"}},
		{"regexMatch", "^ab{0,1}c", []string{"ac"}},
		{"regexMatch", "^a*b", []string{"b", "aab"}},
		{"regexMatch", "^a+b", []string{"ab", "aab"}},
		{"regexMatch", "(^a)*", []string{"zzz", ""}},
		{"regexMatch", "(^a)+", []string{"a", "aa"}},
		{"regexMatch", "(?m)^b", []string{"a\nb"}},
		{"regexMatch", "(?:^a)?b", []string{"xb"}},
		{"regexMatch", `^\Qa.b\E`, []string{"a.b"}},
		{"regexMatch", `\A/a\.b`, []string{"/a.b"}},
		{"regexMatch", `^\x2fa`, []string{"/a"}},
		{"regexMatch", "^/foo/(?:)bar", []string{"/foo/bar"}},
		{"regexMatch", "^", []string{"", "x"}},
		{"globMatch", "a/**", []string{"a", "a/", "a/b/c"}},
		{"globMatch", "a/**/", []string{"a"}},
		{"globMatch", "a/*", []string{"a/", "a/b"}},
		{"globMatch", "\ufffdx", []string{"\xffx", "\ufffdx"}},
		{"globMatch", "\xffx", []string{"\ufffdx", "\xfex"}},
		{"globMatch", `a\*b`, []string{"a*b"}},
		{"globMatch", "a{/**,b}", []string{"a/x", "ab"}},
		{"globMatch", "a{,b}c", []string{"ac", "abc"}},
		{"globMatch", "?b", []string{"xb", "éb"}},
		{"keyMatch2", "/a|/b", []string{"/axx", "xx/b"}},
		{"keyMatch3", "/{x}|b", []string{"/1x", "ab"}},
		{"keyMatch2", "/a?", []string{"/", "/a"}},
		{"keyMatch5", "/a/b", []string{"/a/b?x"}},
	} {
		for _, key := range c.keys {
			if !checkPattern(t, c.fn, c.pattern, key) {
				t.Errorf("%s(%q, %q): Casbin does not match it", c.fn, key, c.pattern)
			}
		}
	}
}

// A glob that is taken for sure is no error, whatever it is matched with.
func TestAGlobThatIsSureIsNeverAnError(t *testing.T) {
	pieces := []string{"a", "/", "*", "**", "[", "]", "[a]", "[!a]", "{", "}", "{a,b}", ",", "!", "^", "-", `\`, "?", "é", "\xff", "[^b-d]", "{[ab],c}"}
	texts := []string{""}
	for range 3 {
		for _, t := range texts[max(0, len(texts)-500):] {
			for _, p := range pieces {
				texts = append(texts, t+p)
			}
		}
		if len(texts) > 12_000 {
			break
		}
	}
	sure := 0
	for i, pattern := range texts {
		if !casbinindex.IsSureGlob(pattern) {
			continue
		}
		sure++
		for j := range 40 {
			key := texts[(i*31+j*97)%len(texts)]
			if _, err := casbinutil.GlobMatch(key, pattern); err != nil {
				t.Fatalf("%q with %q: %v", pattern, key, err)
			}
		}
	}
	if sure < 100 {
		t.Error(sure)
	}
}
