package lint

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/policycsv"
)

// reference matches the name of an attribute in a condition.
var reference = regexp.MustCompile(`^(r\.)?(sub|obj|env)\.[a-z][a-zA-Z0-9_]*(\.[a-z][a-zA-Z0-9_]*)?$`)

// number is a text that people order as a number, a version or a date.
var number = regexp.MustCompile(`^[+-]?[1-9][0-9]*([.,/][0-9]+)*$|^0[.,][0-9]+$|^[0-3]?[0-9][./][0-1]?[0-9][./][0-9]{4}$`)

// word is letters beside each other.
var word = regexp.MustCompile(`[A-Za-z]{2}`)

// lookAtTexts finds texts that look like an attribute, a pattern or a list of texts: a condition
// compares them as they stand.
func (l *linter) lookAtTexts() {
	known := map[[2]string]map[string]bool{} // texts that attributes are compared with
	each := func(r *ruleRow, f func(e condition.Expr, a *condition.Attribute, text string)) {
		parts(r, r.expr, false, func(p part) {
			leaf := p.e.Leaf()
			attr := leaf.A.Attr
			if attr == nil {
				attr = leaf.B.Attr
			}
			if attr == nil {
				return
			}
			for _, v := range append([]condition.Value{leaf.A.Value, leaf.B.Value}, leaf.List...) {
				if v.Kind() == condition.KindString {
					f(p.e, attr, v.Text())
				}
			}
			for _, texts := range [][]string{leaf.A.Texts, leaf.B.Texts} {
				for _, text := range texts {
					f(p.e, attr, text)
				}
			}
		})
	}
	for _, r := range l.rules {
		parts(r, r.expr, false, func(p part) {
			if f := p.e.Leaf(); f.A.Attr == nil && f.B.Attr != nil && (f.Op == condition.OpStartsWith || f.Op == condition.OpEndsWith || f.Op == condition.OpContains) {
				l.atPart("RV139", r, p.e, "write the attribute first; for one of several texts write "+f.B.Attr.Ref()+" in ('x', 'y')", "%s looks for the attribute in the text, and is true where it is empty: have the two changed places?", p.e.String())
			}
		})
		each(r, func(_ condition.Expr, a *condition.Attribute, text string) {
			key := [2]string{a.Type, a.Name}
			if known[key] == nil {
				known[key] = map[string]bool{}
			}
			known[key][text] = true
		})
	}
	for _, r := range l.rules {
		l.lookAtThousands(r)
		each(r, func(e condition.Expr, a *condition.Attribute, text string) {
			key := [2]string{a.Type, a.Name}
			tabled := l.words.values[key]
			if l.lookAtAddress(r, e, a, text) {
				return
			}
			switch {
			case e.Op() >= condition.OpLess && e.Op() <= condition.OpGreaterEqual && a.Kind == condition.KindString && number.MatchString(text):
				l.atPart("RV138", r, e, "declare the attribute as int, float or time, and compare it without quotes", "texts are ordered letter by letter: '9' is more than '%s'", text)
			case reference.MatchString(text):
				l.atPart("RV138", r, e, "write "+text+" without quotes", "'%s' is a text of its letters, and not what the attribute holds", text)
			case tabled[text] || e.Op() > condition.OpIn && e.Op() != condition.OpContainsAny && e.Op() != condition.OpContainsAll:
			case strings.TrimSpace(text) != text && strings.TrimSpace(text) != "":
				l.atPart("RV006", r, e, "write '"+strings.TrimSpace(text)+"'", "the space at the edge of '%s' is part of it", text)
			case text == everything:
				l.atPart("RV138", r, e, "delete the comparison, if every value is meant", "'*' is compared as it stands: it is one text, and not every one")
			case slices.Contains(nothings, text):
				l.atPart("RV138", r, e, "write !(has(…)), or isNull(…) where the attribute may be NULL", "'%s' is a text of its letters, and not a value that is not there", text)
			case like(text) != "":
				l.atPart("RV138", r, e, "write "+strings.Replace(like(text), "ATTRIBUTE", a.Ref(), 1), "'%s' is compared as it stands: no sign in it stands for other letters", text)
			default:
				if list := listIn(text, func(s string) bool { return known[key][s] || tabled[s] }); list != "" {
					l.atPart("RV138", r, e, "write each text in quotes of its own, as in "+a.Ref()+" in ("+list+")", "'%s' is one text, and not several", text)
				}
			}
		})
	}
}

// nothings are the words by which other languages call a value that is not there.
var nothings = []string{"null", "NULL", "Null", "nil", "undefined", "NaN"}

// lookAtAddress finds what r.env.ip never is, and a part of an address where a network is meant.
func (l *linter) lookAtAddress(r *ruleRow, e condition.Expr, a *condition.Attribute, text string) bool {
	if a.Part() != condition.PartEnv || a.Name != condition.EnvIP {
		return false
	}
	switch op := e.Op(); {
	case op >= condition.OpStartsWith && op <= condition.OpContains:
		l.atPart("RV138", r, e, "write a network, as in ipMatch(r.env.ip, '10.0.0.0/8')", "%s compares letters: an address is in a network", e.String())
	case op >= condition.OpEqual && op <= condition.OpOneOf:
		if _, err := netip.ParseAddr(text); err == nil {
			return false
		}
		l.atPart("RV130", r, e, "write an address, such as '127.0.0.1'", "r.env.ip is an address without a port, and never '%s'", text)
	default:
		return false
	}
	return true
}

// thousands is a whole number of three digits behind a point, as some countries write 10.000 for ten thousand.
var thousands = regexp.MustCompile(`(^|[^0-9.A-Za-z_'])[0-9]{1,3}\.000($|[^0-9.A-Za-z_'])`)

// lookAtThousands finds whole numbers that are written with a point.
func (l *linter) lookAtThousands(r *ruleRow) {
	parts(r, r.expr, false, func(p part) {
		f := p.e.Leaf()
		from, to := p.e.Span()
		source := p.e.Source()[from:to]
		a := f.A.Attr
		if a == nil {
			a = f.B.Attr
		}
		if a != nil && a.Kind == condition.KindInt && thousands.MatchString(source) {
			l.atPart("RV138", r, p.e, "write the digits alone", "a point separates decimals: %s compares %s with less than a thousand", source, a.Ref())
		}
	})
}

// like returns the condition that a text which is written as a pattern was meant for, "" for a text
// that is none.
func like(text string) string {
	for _, sign := range []string{".*", "*", "%"} {
		plain := strings.Trim(text, sign)
		if !word.MatchString(plain) {
			continue // such as 'A*' and '100%'
		}
		switch {
		case strings.HasPrefix(text, sign) && strings.HasSuffix(text, sign):
			return "contains(ATTRIBUTE, '" + plain + "')"
		case strings.HasSuffix(text, sign):
			return "startsWith(ATTRIBUTE, '" + plain + "')"
		case strings.HasPrefix(text, sign):
			return "endsWith(ATTRIBUTE, '" + plain + "')"
		}
	}
	return ""
}

// listIn returns the texts that one text seems to be made of, in quotes, "" for none: some of them
// are known.
func listIn(text string, known func(string) bool) string {
	for _, sign := range []string{",", ";", "|", " or ", "/"} {
		parts := strings.Split(text, sign)
		some := false
		for i, s := range parts {
			parts[i] = strings.Trim(s, " |'")
			some = some || known(parts[i])
			if parts[i] == "" {
				some = false
				break
			}
		}
		if len(parts) > 1 && some {
			return "'" + strings.Join(parts, "', '") + "'"
		}
	}
	return ""
}

// inComment is a rule in a comment: behind its sign, or behind words of which it had a line of its own.
var inComment = regexp.MustCompile(`(^|[\s#])(p[ \t]*,.*)$`)

// lookAtComment finds a deny rule that a comment holds: it is not in force.
func (l *linter) lookAtComment(name string, line *policycsv.Line) {
	at := inComment.FindStringSubmatchIndex(line.Text)
	if at == nil {
		return
	}
	from := at[4] // of the rule
	rows := policycsv.Parse(line.Text[from:]).Lines()
	if len(rows) != 1 || len(rows[0].Faults) > 0 {
		return
	}
	f := rows[0].Fields
	if len(f) != 7 || f[6].Text != "deny" || !strings.HasPrefix(f[1].Text, "role:") && !strings.HasPrefix(f[1].Text, "user:") {
		return
	}
	l.add(Finding{Rule: ruleOf("RV146"), Severity: policy.SeverityNote, File: name, Line: line.Number, Col: from + 1, EndCol: len(line.Text) + 1, Source: line.Text,
		Message: "the deny rule for " + f[1].Text + " stands in a comment: it is not in force", Help: "give it a line of its own, or delete it"})
}
