package policy

import (
	"github.com/reevehq/reeve/internal/ascii"
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/internal/policycsv"
)

// The values of a row, for errors.
var (
	ruleValues       = []string{"p", "who", "tenant", "object", "action", "condition", "effect"}
	grantValues      = []string{"g", "who", "role", "tenant"}
	timedGrantValues = []string{"g", "who", "role", "tenant", "start", "end"}
	attributeValues  = []string{"object type", "attribute", "kind", "nullable", "column"}
	parentValues     = []string{"object type", "attribute", "kind", "nullable", "column", "type of the parent", "table", "key"}
	membersValues    = []string{"object type", "attribute", "kind", "nullable", "column", "table", "key", "value"}
	onlyValues       = []string{"object type", "attribute", "kind", "nullable", "column", "table", "key", "value", "filter column", "filter text"}
)

const ownLine = "a comment stands on a line of its own and begins with #"

// unknownSection says what a row that begins with neither p nor g was probably meant to be,
// and at which byte of its first value it goes wrong.
func unknownSection(s string) (at int, why string) {
	why = "unknown section " + quote(s) + ": rows begin with p or g"
	if strings.TrimLeft(s, "<=>|") == "" && len(s) >= 7 || len(s) > 7 && (strings.HasPrefix(s, "<<<<<<< ") || strings.HasPrefix(s, ">>>>>>> ") || strings.HasPrefix(s, "||||||| ")) {
		return 0, "a merge conflict that nobody has resolved: choose one side, and delete the marks"
	}
	if at, more := decorated(s); more != "" {
		return at, why + "; " + more
	}
	for _, mark := range [...]string{"//", "--", ";", "/*", "*", "%", "<!--", "'", "REM ", "rem "} {
		if strings.HasPrefix(s, mark) {
			return 0, why + "; " + ownLine
		}
	}
	for i, c := range s {
		if like, ok := hint.ASCII(c); ok {
			return i, why + "; " + hint.Rune(s[i:]) + " looks like " + string(rune(like)) + ": write " + string(rune(like))
		}
	}
	word, _, more := strings.Cut(s, " ")
	switch {
	case s == "":
		return 0, why + "; delete the comma before p, or the line"
	case s == "P" || s == "G":
		return 0, why + "; write " + strings.ToLower(s)
	case more && (word == "p" || word == "g"):
		return 1, why + "; a comma is missing after " + word
	case len(s) > 1 && (s[0] == 'p' || s[0] == 'g') && (s[1] == ':' || s[1] == '='):
		return 1, why + "; a comma stands after " + s[:1]
	case s == "e" || s == "m" || s == "r":
		return 0, why + "; definitions stand in model.conf"
	case s == "policy" || s == "rule" || s == "permission":
		return 0, why + "; write p"
	case s == "group" || s == "grouping" || s == "role":
		return 0, why + "; write g"
	case strings.HasPrefix(s, "["):
		return 0, why + "; sections in brackets stand in model.conf"
	case strings.HasPrefix(s, "role:") || strings.HasPrefix(s, "user:"):
		return 0, why + "; write p, " + quoteless(s) + ", … for a rule and g, " + quoteless(s) + ", … for a role"
	case len(s) > 1 && (s[0] == 'p' || s[0] == 'g') && ascii.All(s[1:], ascii.IsDigit):
		return 0, why + "; the standard model has one kind of each: write " + s[:1]
	case strings.EqualFold(s, "ptype") || strings.EqualFold(s, "type") || strings.EqualFold(s, "section") || strings.EqualFold(s, "p_type"):
		return 0, why + "; the names of the columns are a comment: begin the line with #"
	}
	return 0, why
}

// decorated says what stands around the name of a section, or on a line of its own, where a
// table was copied out of a text or saved by a spreadsheet; "" for nothing of the kind.
func decorated(s string) (at int, why string) {
	switch {
	case strings.HasPrefix(s, "```") || strings.HasPrefix(s, "~~~") || strings.Trim(s, "|-: ") == "" && strings.Contains(s, "--"):
		return 0, "delete the line, which is Markdown"
	case strings.HasPrefix(s, "|"):
		return 0, "values are separated by commas, and no bars stand around them"
	case strings.HasPrefix(strings.ToLower(s), "sep="):
		return 0, "delete the line, which is a spreadsheet's own"
	case strings.HasPrefix(s, "--"):
		return 0, "" // a comment of SQL
	}
	// - p, 1. p, "p" in other quotes, =p
	begins := strings.TrimLeft(s, " `'*+=-•·>.)0123456789")
	core := strings.TrimRight(begins, " `':.*")
	if core == s || core != "p" && core != "g" {
		return 0, ""
	}
	if at = len(s) - len(begins); at > 0 {
		return 0, "delete what stands before " + core
	}
	return len(core), "a comma stands after " + core
}

// inOtherQuotes returns what stands in quotes that are none in CSV.
func inOtherQuotes(s string) (inner string, ok bool) {
	if len(s) < 3 || s[0] != '\'' && s[0] != '`' || s[len(s)-1] != s[0] {
		return "", false
	}
	return s[1 : len(s)-1], true
}

const notQuoted = ": it stands in quotes that are part of it: write "

// miscounted reports a row that has another number of values than want names.
func miscounted(file string, r *policycsv.Line, want []string, p *problems, fault func(i int) (at int, why string)) {
	f, n := r.Fields, len(want)
	numbers := count(len(f), "value") + ", " + itoa(n) + " are needed: " + strings.Join(want, ", ")
	bad := func(col int, why string) { p.add(CodeRowLength, file, r.Number, col, "%s: %s", numbers, why) }
	for _, x := range f {
		if c, _ := utf8.DecodeRuneInString(x.Text); c != '\'' && hint.Quotation(c) && c != '`' {
			bad(x.Col, hint.Rune(x.Text)+` cannot quote a value: write "`)
			return
		}
	}
	if why := otherSection(f); why != "" {
		bad(f[0].Col, why)
		return
	}
	if len(f) > n {
		tooMany(r, want, bad, fault)
		return
	}
	for i, x := range f[1:] {
		space := strings.IndexByte(x.Text, ' ')
		if i+1 != 5 && space > 0 && x.Text[space-1] != ':' {
			bad(r.Column(x, space), "is a comma missing after "+quote(x.Text[:space])+"?")
			return
		}
	}
	for i := 1; i < len(f); i++ {
		if n == len(ruleValues) && i == 5 && i == len(f)-1 {
			if _, why := parseEffect(f[i].Text); why == "" {
				bad(f[i].Col, "the condition is missing, write true for none")
				return
			}
		}
		if at, why := fault(i); why != "" {
			bad(r.Column(f[i], at), why)
			return
		}
	}
	bad(len(r.Text)+1, "the "+want[len(f)]+" is missing")
}

// otherSection says which section a row is of by its values, "" where they are not those of the other one.
func otherSection(f []policycsv.Field) string {
	isRole := func(i int) bool { return strings.HasPrefix(f[i].Text, "role:") && checkName(f[i].Text) == "" }
	switch {
	case f[0].Text == "p" && len(f) == len(grantValues) && checkName(f[1].Text) == "" && isRole(2):
		return "a row of who, role and tenant begins with g"
	case f[0].Text == "g" && len(f) == len(ruleValues) && checkName(f[1].Text) == "" && !isRole(2):
		if _, why := parseEffect(f[len(f)-1].Text); why == "" {
			return "a row that ends in allow or deny begins with p"
		}
	}
	return ""
}

// tooMany reports a row of more values than want names.
func tooMany(r *policycsv.Line, want []string, bad func(int, string), fault func(i int) (at int, why string)) {
	f, n := r.Fields, len(want)
	for _, x := range f[n-1:] {
		if i := comment(x.Text); i >= 0 {
			bad(r.Column(x, i), ownLine)
			return
		}
	}
	last := len(f)
	for last > n && f[last-1].Text == "" {
		last--
	}
	if last == n {
		bad(r.Comma(n), "remove the commas after the "+want[n-1])
		return
	}
	if n == len(ruleValues) {
		for i := 1; i < last-1; i++ {
			if cut(f[i].Text) || i == 5 && asks(f[i].Text) {
				bad(r.Comma(i+1), "the condition holds a comma: put it in double quotes")
				return
			}
		}
	}
	if n == len(ruleValues) && ascii.All(f[1].Text, ascii.IsDigit) && checkName(f[2].Text) == "" {
		bad(f[1].Col, "there are no priorities: a deny rule wins over every allow rule: delete "+quote(f[1].Text))
		return
	}
	for i := 1; i < n; i++ {
		if at, why := fault(i); why != "" {
			bad(r.Column(f[i], at), why)
			return
		}
	}
	bad(r.Comma(n), "nothing stands after the "+want[n-1])
}

// asks reports whether a value looks like a condition, and cut whether it looks like one up
// to a comma.
func asks(s string) bool {
	return strings.Contains(s, "r.sub") || strings.Contains(s, "r.obj") || strings.Contains(s, "r.env")
}

func cut(s string) bool {
	return asks(s) && (strings.Count(s, "(") > strings.Count(s, ")") || strings.Count(s, "[") > strings.Count(s, "]") || strings.Count(s, "'")%2 == 1)
}

// comment returns where a comment begins that stands behind a value, or -1.
func comment(s string) int {
	for _, mark := range [...]string{"#", "//", "-- "} {
		if strings.HasPrefix(s, mark) {
			return 0
		}
		for _, space := range [...]string{" ", "\t"} {
			if i := strings.Index(s, space+mark); i >= 0 {
				return i + 1
			}
		}
	}
	return -1
}

// emptyValue says what value i of a row of n, which is empty, should be, by the names of its values.
func emptyValue(values []string, n, i int) string {
	want := ""
	if len(values) == n {
		want = values[i]
	}
	switch want {
	case "who":
		return "an empty value: write user:…, role:…, or role:anyone for every caller"
	case "role":
		return "an empty value: write role:…"
	case "tenant":
		return "an empty value: write a tenant, or * for all"
	case "object":
		return "an empty value: write a route, a type, or * for everything"
	case "action":
		return "an empty value: write a method or a word, or * for every action"
	case "start", "end":
		return "an empty value: write 2026-12-31 18:00:00, in UTC, or _ for none"
	case "effect":
		return "an empty value: write allow or deny"
	}
	return "an empty value"
}
