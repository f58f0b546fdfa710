package casbinsurvey

import (
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxMatched is how many texts stand for one pattern.
const maxMatched = 16

var parameter = regexp.MustCompile(`:[^/]+|\{[^/]+\}`)

// matched returns texts that a pattern of a row matches by a function.
func matched(pattern, by string) []string {
	switch by {
	case "":
		return nil
	case "regexMatch", "=~":
		re, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			return nil
		}
		return expansions(re.Simplify())
	case "ipMatch", "ipMatch2", "ipMatch3":
		prefix, err := netip.ParsePrefix(pattern)
		if err != nil {
			return nil
		}
		return []string{prefix.Masked().Addr().String()}
	}
	text := strings.NewReplacer("**", "other", "*", "other", "?", "o").Replace(parameter.ReplaceAllString(pattern, "other"))
	if text == pattern {
		return nil
	}
	return []string{text}
}

// expansions returns texts that a regular expression matches: one for each of its alternatives.
func expansions(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		if len(re.Rune) == 0 {
			return nil
		}
		for i := 0; i+1 < len(re.Rune); i += 2 { // a letter that can be read, if there is one
			if lo, hi := re.Rune[i], re.Rune[i+1]; lo <= 'o' && hi >= 'o' {
				return []string{"o"}
			}
		}
		return []string{string(re.Rune[0])}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []string{"o"}
	case syntax.OpCapture, syntax.OpPlus:
		return expansions(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		return limited(append(expansions(re.Sub[0]), ""))
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			all = append(all, expansions(sub)...)
		}
		return limited(all)
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			var longer []string
			for _, head := range all {
				for _, tail := range expansions(sub) {
					longer = append(longer, head+tail)
				}
			}
			all = limited(longer)
		}
		return all
	case syntax.OpNoMatch:
		return nil
	}
	return []string{""} // the beginning, the end, and what else is no text
}

func limited(texts []string) []string { return texts[:min(len(texts), maxMatched)] }
