package policy

import (
	"github.com/reevehq/reeve/internal/ascii"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/internal/policycsv"
)

// standardModel is the one model that this engine decides by. Casbin decides by it too,
// once told what a role for all tenants is:
//
//	e.AddNamedDomainMatchingFunc("g", "", util.KeyMatch)
//
// Names with a capital are the model's own, so that no attribute can be taken for them:
// r.sub.Name is user:<id> or anonymous, r.obj.Name a route's template or type:id, and
// r.obj.Type the type, "" for a route.
const standardModel = `
[request_definition]
r = sub, dom, obj, act, env
[policy_definition]
p = sub, dom, obj, act, cond, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.dom == "*" || r.dom == p.dom) && (p.act == "*" || r.act == p.act) && (r.obj.Type == p.obj || keyMatch(r.obj.Name, p.obj) || (r.obj.Type == "" && p.obj == "route:" + r.obj.Name)) && (p.sub == "role:anyone" || (p.sub == "role:authenticated" && r.sub.Name != "anonymous") || g(r.sub.Name, p.sub, r.dom)) && eval(p.cond)
`

// The two definitions of roles. By the second, a g row may end in a start and an end, each of
// them a time as in 2026-12-31 18:00:00 (UTC) or _ for none, as Casbin's TimeMatch reads them.
// Casbin then asks of each row what it is told to; see docs/policy.md.
const (
	plainRoles = "g = _, _, _"
	timedRole  = "g = _, _, _, (_, _)"
)

// namedRoute is the clause by which a rule names one route. Copies of the model from before it
// load, and decide every policy without a route:… alike.
const namedRoute = ` || (r.obj.Type == "" && p.obj == "route:" + r.obj.Name)`

var sections = [...]struct{ key, name string }{
	{"r", "request_definition"},
	{"p", "policy_definition"},
	{"g", "role_definition"},
	{"e", "policy_effect"},
	{"m", "matchers"},
}

// checkModel reports every section of a model.conf that does not mean what the standard
// model says there. Casbin's own parser reads the file, so that the compared text is the one by
// which Casbin would decide; it takes unknown sections and further definitions in silence. older is
// whether the matcher is one that knows no route:…, and ends whether g rows may have times.
func checkModel(file, content string, p *problems) (older, ends bool) {
	before := len(p.list)
	lines := sectionLines(file, content, p)
	if len(p.list) > before {
		return false, false
	}
	got, err := model.NewModelFromString(content)
	if err != nil {
		p.add(CodeModelSyntax, file, 1, 1, "not a Casbin model: %s", quoteless(err.Error()))
		return false, false
	}
	want, err := model.NewModelFromString(standardModel)
	if err != nil {
		p.add(CodeModelSyntax, file, 0, 0, "the standard model does not parse: %v", err)
		return false, false
	}
	first, err := model.NewModelFromString(strings.NewReplacer(namedRoute, "", plainRoles+"\n", timedRole+"\n").Replace(standardModel))
	if err != nil {
		p.add(CodeModelSyntax, file, 0, 0, "the standard model does not parse: %v", err)
		return false, false
	}
	for _, s := range sections {
		if len(got[s.key]) == 1 && got[s.key][s.key] != nil {
			value := got[s.key][s.key].Value
			if sameClause(s.key, value, want[s.key][s.key].Value) {
				continue
			}
			if sameClause(s.key, value, first[s.key][s.key].Value) {
				older, ends = older || s.key == "m", ends || s.key == "g"
				continue
			}
		}
		line, col, why := difference(content, s.name, s.key)
		if why == "" {
			line, col, why = max(lines[s.name], 1), 1, "write "+s.key+" = "+clause(s.key)
		}
		p.add(CodeModelDefinition, file, line, col, "[%s] is not the standard model's: %s", s.name, why)
	}
	return older, ends
}

// sectionLines returns the line of each section.
func sectionLines(file, content string, p *problems) map[string]int {
	lines := map[string]int{}
	n := 0
	for text := range strings.Lines(content) {
		n++
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		if bad, is := policycsv.CheckText(text, true); is {
			p.add(codeOf(bad.Kind), file, n, bad.Col, "%s", bad.Msg)
			continue
		}
		raw := text
		text = strings.TrimSpace(text)
		if !strings.HasPrefix(text, "[") {
			continue
		}
		name := strings.Trim(text, "[]")
		known := slices.ContainsFunc(sections[:], func(s struct{ key, name string }) bool { return "["+s.name+"]" == text })
		if !known {
			near := ""
			if meant := hint.Nearest(name, sectionNames()); meant != "" {
				near = ": did you mean [" + meant + "]?"
			}
			p.add(CodeModelSection, file, n, strings.Index(raw, "[")+1, "unknown section %s%s", quote(text), near)
		}
		if lines[name] != 0 {
			p.add(CodeModelSection, file, n, strings.Index(raw, "[")+1, "the section [%s] stands twice: the first is in line %d", name, lines[name])
		}
		lines[name] = n
	}
	return lines
}

// clause returns the standard definition of key, as model.conf writes it.
func clause(key string) string {
	for line := range strings.Lines(standardModel) {
		if text, ok := strings.CutPrefix(line, key+" = "); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// sameClause reports whether two definitions are the same words, whatever space stands
// between them. The effect has to be equal: Casbin compares it as a whole.
func sameClause(key, a, b string) bool {
	if key == "e" {
		return a == b
	}
	return slices.Equal(words(a), words(b))
}

// words splits a definition into names, texts, operators and single brackets and commas.
func words(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		n := wordLength(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// wordLength returns the length of the word that s begins with.
func wordLength(s string) int {
	n := 1
	switch c := s[0]; {
	case c == '"' || c == '\'':
		if end := strings.IndexByte(s[1:], c); end >= 0 {
			n = end + 2
		}
	case c == '(' || c == ')' || c == ',':
	case ascii.IsIdent(c) || c == '.':
		n = len(ascii.TakeWhile(s, func(b byte) bool { return ascii.IsIdent(b) || b == '.' }))
	default:
		n = len(ascii.TakeWhile(s, func(b byte) bool { return !ascii.IsIdent(b) && !strings.ContainsRune("\"'(),. \t", rune(b)) }))
	}
	return max(n, 1)
}
