package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// blank is a text that a template or an example was to be filled in for.
var blank = regexp.MustCompile(`^(<[^<>]+>|\{\{.*\}\}|\$?\{[^{}]+\}|\$[A-Z_][A-Z0-9_]*|%[sdvq]|\[[a-z_ -]+\]|:[a-z][a-z0-9_]*|\.\.\.|…)$`)

// blankWords are words of that kind, in any case.
var blankWords = []string{"todo", "fixme", "tbd", "xxx", "xxxx", "changeme", "change-me", "change_me", "placeholder"}

// blankNames are those of users, tenants and ids.
var blankNames = regexp.MustCompile(`^(your|my|some|the)[-_](user|tenant|org|company|id)([-_](id|name))?$|^(user|tenant|org|object)[-_]?(id|name)$`)

func isBlank(s string) bool {
	return blank.MatchString(s) || slices.Contains(blankWords, strings.ToLower(s))
}

func isBlankName(s string) bool { return isBlank(s) || blankNames.MatchString(strings.ToLower(s)) }

// lookAtPlaceholders finds names and texts that nobody has filled in.
func (l *linter) lookAtPlaceholders() {
	const help = "write the one that is meant"
	user := func(r *row, i int, name string) {
		id, is := strings.CutPrefix(name, "user:")
		switch {
		case !is || l.words.users[name]:
		case reference.MatchString(id):
			l.at("RV152", policy.SeverityWarning, r, i, "compare it in a condition, such as r.obj.owner == r.sub.id", "%s is the user whose id is %s: no value of a request stands here", name, id)
		case isBlankName(id):
			l.at("RV152", policy.SeverityWarning, r, i, help, "the id of %s seems to be filled in for", name)
		}
	}
	dom := func(r *row, i int, name string) {
		if !l.words.tenants[name] && (isBlankName(name) || name == "TENANT") {
			l.at("RV152", policy.SeverityWarning, r, i, help+", or * for every tenant", "the tenant %s seems to be filled in for", name)
		}
	}
	for _, r := range l.rules {
		user(&r.row, atSubject, r.sub)
		dom(&r.row, atTenant, r.dom)
		if _, id, one := strings.Cut(r.obj, ":"); one && r.target.typ != "" {
			switch lower := strings.ToLower(id); {
			case isBlankName(id) && !strings.ContainsAny(id, "<>{}[]$:") || lower == "id":
				l.at("RV152", policy.SeverityWarning, &r.row, atObject, "write "+r.target.typ+" for all of them, or the id", "%s is the one %s of the id %s, which seems to be filled in for", r.obj, r.target.typ, id)
			case isEvery(id) || lower == "own" || lower == "mine":
				l.at("RV152", policy.SeverityWarning, &r.row, atObject, "write "+r.target.typ+", and a condition such as r.obj.owner == r.sub.id where it is about one's own", "%s is the one %s of the id %s", r.obj, r.target.typ, id)
			}
		}
		parts(r, r.expr, false, func(p part) {
			f := p.e.Leaf()
			for _, v := range append([]condition.Value{f.A.Value, f.B.Value}, f.List...) {
				if v.Kind() == condition.KindString && isBlank(v.Text()) && !l.knowsValue(f, v.Text()) {
					l.atPart("RV152", r, p.e, help, "'%s' seems to be filled in for", v.Text())
				}
			}
		})
	}
	for _, g := range l.grants {
		user(&g.row, 1, g.member)
		dom(&g.row, 3, g.dom)
	}
}

// knowsValue reports whether a table has a value for an attribute of a comparison.
func (l *linter) knowsValue(f condition.Leaf, s string) bool {
	for _, a := range []*condition.Attribute{f.A.Attr, f.B.Attr} {
		if a != nil && l.words.values[[2]string{a.Type, a.Name}][s] {
			return true
		}
	}
	return false
}
