package condition

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// habit says what to write for a word that other languages have, "" for one that none has.
func habit(word string) string {
	switch strings.ToLower(word) {
	case "and":
		return "write &&"
	case "or":
		return "write ||"
	case "not":
		return "write !(…)"
	case "xor":
		return "write !=, between two attributes of kind bool"
	case "in":
		return "write in"
	case "true", "false":
		return "write " + strings.ToLower(word)
	case "yes", "on", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar", "sant", "prawda": // as spreadsheets write it
		return "write true"
	case "no", "off", "falsch", "faux", "falso", "onwaar", "falskt":
		return "write false"
	case "null", "nil", "none", "undefined", "nothing", "void", "nan":
		return "there is no null: write has(r.obj, 'name') or isNull(r.obj, 'name'); where an attribute is not there, an allow rule does not match, and a deny rule does"
	case "eq", "equals":
		return "write =="
	case "is", "isnot":
		return "write == or !=; there is no null"
	case "ne", "neq":
		return "write !="
	case "lt", "less":
		return "write <"
	case "le", "lte":
		return "write <="
	case "gt", "greater":
		return "write >"
	case "ge", "gte":
		return "write >="
	case "like", "ilike", "rlike", "regexp", "regex", "match", "matches", "similar", "glob":
		return "there are no patterns of texts: compare with == or in"
	case "startswith", "beginswith", "begins", "hasprefix", "prefix":
		return "write startsWith(r.obj.x, 'y')"
	case "endswith", "hassuffix", "suffix":
		return "write endsWith(r.obj.x, 'y')"
	case "has":
		return "write has(r.obj, 'name') for an attribute that is there, 'x' in r.obj.list for a text in a list"
	case "contains", "includes":
		return "write 'x' in r.obj.list, for an attribute of kind strings, and contains(r.obj.x, 'y') for a text"
	case "any", "containsany", "hasany":
		return "write 'x' in r.obj.list, for an attribute of kind strings"
	case "between":
		return "write r.obj.x >= 1 && r.obj.x <= 9"
	case "if", "then", "else", "when", "unless", "case", "end", "where":
		return "a condition is one expression: write && and ||, or a row for each case"
	case "exists", "defined", "isset", "coalesce":
		return "write has(r.obj, 'name'); where an attribute is not there, an allow rule does not match, and a deny rule does"
	}
	return ""
}

// absent are the words for nothing of other languages.
var absent = map[string]bool{"null": true, "nil": true, "none": true, "undefined": true, "nothing": true, "void": true}

var besideActor = regexp.MustCompile(`r\.env\.actor *[!=]=+ *$`)

var besideWeekday = regexp.MustCompile(`r\.env\.weekday[^&|]*$`)

// placeholder says what to write for a word that stands where a condition or a time would, "" for
// any other; before is the text before it.
func placeholder(word, before string) string {
	switch strings.ToLower(word) {
	case "always", "all", "everyone", "everybody", "anything", "everything":
		return "write true, for no condition"
	case "never", "nobody", "noone":
		return "delete a rule that never holds"
	case "now", "today":
		return "the time of the request is r.env.time, and r.env.hour and r.env.weekday"
	}
	if day := weekdayOf(word); day > 0 && besideWeekday.MatchString(before) {
		return "r.env.weekday is a number from 1 (Monday) to 7 (Sunday), in UTC: write " + strconv.Itoa(day)
	}
	return ""
}

// partMeant returns which part of the request a name of another system means, "" for none.
func partMeant(name string) string {
	switch strings.ToLower(name) {
	case ofSubject, "subject", "subj", "user", "principal", "caller", "identity", "account", "me", "auth", "session", "claims", "jwt", "token":
		return ofSubject
	case ofObject, "object", "resource", "res", "target", "data", "record", "row", "doc", "this", "item", "entity":
		return ofObject
	case ofEnv, "environment", "context", "ctx", "request", "req":
		return ofEnv
	}
	return ""
}

// wordAt returns the error for the word at a byte of the condition, which means nothing.
func (p *parser) wordAt(at int) *Error {
	text := p.text
	word := ascii.TakeWhile(text[at:], func(b byte) bool { return ascii.IsIdent(b) || b == '.' })
	why := hint.Quote(word) + " means nothing: "
	bad := func(i int, more string) *Error { return &Error{at + i, why + more} }

	if c, size := utf8.DecodeRuneInString(text[at+len(word):]); size > 0 && c >= utf8.RuneSelf && (unicode.IsLetter(c) || strings.HasSuffix(word, ".")) {
		return &Error{at + len(word), characterHint(text[at+len(word):])}
	}
	first, rest, dotted := strings.Cut(word, ".")
	if h := habit(word); h != "" && !dotted {
		if absent[strings.ToLower(word)] && besideActor.MatchString(text[:at]) {
			h = "r.env.actor is never missing: write '' for nobody"
		}
		return bad(0, h)
	}
	if h := placeholder(word, text[:at]); h != "" && !dotted {
		return bad(0, h)
	}
	if id := ascii.TakeWhile(strings.TrimPrefix(text[at+len(word):], ":"), ascii.IsIdent); id != "" && strings.HasPrefix(text[at+len(word):], ":") {
		switch word {
		case "user":
			return bad(0, "a text is quoted, and an id stands without user: before it: write '"+hint.Text(id)+"'")
		case "role":
			return bad(0, "a text is quoted, and a role stands without role: before it: write '"+hint.Text(id)+"' in r.sub.roles")
		}
	}
	if at > 0 && (text[at-1] == '\'' || text[at-1] == '"') {
		return &Error{at - 1, apostrophe}
	}
	if at > 1 && text[at-1] == '-' && ascii.IsIdent(text[at-2]) {
		return &Error{at - 1, "a name has letters, digits and _, and no -; there is no arithmetic"}
	}
	switch {
	case !dotted:
		return bad(0, p.bareWord(word))
	case first == "p":
		return bad(0, "p is the rule itself, whose values are written out: attributes are r.sub.…, r.obj.… and r.env.…")
	case strings.EqualFold(first, "r") || strings.EqualFold(first, "request") || strings.EqualFold(first, "input"):
		part, name, more := strings.Cut(rest, ".")
		if first == "r" && (part == ofSubject || part == ofObject || part == ofEnv) {
			if rest := text[at+len(word):]; !more && strings.HasPrefix(rest, "[") {
				if key := ascii.TakeWhile(strings.TrimLeft(rest, `['"`), ascii.IsIdent); key != "" {
					return &Error{at + len(word), "an attribute is named after a point: write " + word + "." + hint.Text(key)}
				}
			}
			i, why := p.attributeHint(part, name, more)
			return bad(i, why)
		}
		return bad(0, partHint(part, name))
	}
	if part := partMeant(first); part != "" {
		return bad(0, "write r."+part+"."+hint.Text(rest))
	}
	return bad(0, "attributes are r.sub.…, r.obj.… and r.env.…, texts are quoted")
}

// bareWord says what a word without a point was probably meant to be.
func (p *parser) bareWord(word string) string {
	if part := partMeant(word); part == word {
		return "attributes are r.sub.…, r.obj.… and r.env.…"
	}
	p.askedObject = true
	for _, part := range []string{ofObject, ofSubject, ofEnv} {
		of := part
		if part == ofObject {
			of = p.typ
		}
		if _, ok := p.schema.byType[of][word]; ok {
			return "write r." + part + "." + word + " for the attribute, '" + word + "' for a text"
		}
	}
	return "attributes are r.sub.…, r.obj.… and r.env.…, texts are quoted: '" + hint.Text(word) + "'"
}

// partHint is for r.<part> with a part that is none.
func partHint(part, name string) string {
	switch strings.ToLower(part) {
	case "dom", "tenant", "domain":
		return "the tenant is the third value of the row; attributes are r.sub.…, r.obj.… and r.env.…"
	case "act", "action", "method":
		return "the action is the fifth value of the row; attributes are r.sub.…, r.obj.… and r.env.…"
	}
	if meant := partMeant(part); meant != "" && name != "" {
		return "write r." + meant + "." + hint.Text(name)
	}
	if near := hint.Nearest(part, []string{ofSubject, ofObject, ofEnv}); near != "" && name != "" {
		return "write r." + near + "." + hint.Text(name)
	}
	return "attributes are r.sub.…, r.obj.… and r.env.…, texts are quoted"
}

// attributeHint is for r.<part>.<name> where the name cannot be one: at which byte of the
// word, and what to write.
func (p *parser) attributeHint(part, name string, dotted bool) (at int, why string) {
	prefix := "r." + part + "."
	name, below, deeper := strings.Cut(name, ".")
	switch {
	case !dotted:
		example := "id"
		if part == ofEnv {
			example = EnvIP
		}
		return len(prefix) - 2, "the name of an attribute is missing: write " + prefix + example + " or another"
	case name == "":
		return len(prefix) - 1, "the name of an attribute is missing after the point"
	case deeper && below == "":
		return len(prefix) + len(name), "nothing stands behind the point: write " + prefix + hint.Text(name)
	case deeper:
		return len(prefix) + len(name), "an attribute has one name, and nothing below it: declare " +
			hint.Text(name+"_"+strings.ReplaceAll(below, ".", "_")) + " in attributes.csv, or write " + prefix + hint.Text(name)
	case ascii.IsDigit(name[0]):
		return len(prefix), "the name of an attribute begins with a lower-case letter, not with a digit" + p.meant(part, name)
	case len(name) > MaxName:
		return len(prefix) + MaxName, "the name of an attribute has at most " + strconv.Itoa(MaxName) + " bytes"
	}
	small := strings.TrimLeft(name, "_")
	if small == "" {
		return len(prefix), "the name of an attribute begins with a lower-case letter"
	}
	if meant := p.meant(part, name); meant != "" {
		return len(prefix), "attributes begin with a lower-case letter" + meant
	}
	return len(prefix), "attributes begin with a lower-case letter: " + prefix + strings.ToLower(small[:1]) + hint.Text(small[1:])
}

// meant says which of the attributes that there are a name was probably meant to be.
func (p *parser) meant(part, name string) string {
	of := part
	if part == ofObject {
		of, p.askedObject = p.typ, true
	}
	if near := p.schema.nearest(of, name); near != "" {
		return ": write r." + part + "." + near
	}
	return ""
}

// callHint says what to write for a function that there is not.
func callHint(name string) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch small := strings.ToLower(strings.ReplaceAll(last, "_", "")); {
	case small == "ipmatch" || small == "cidr" || small == "inet" || small == "innetwork":
		return "; write ipMatch(r.env.ip, '10.0.0.0/8')"
	case small == "now" || small == "time" || small == "date" || small == "today" || small == "currenttimestamp":
		return "; the time is r.env.time, r.env.hour and r.env.weekday"
	case small == "contains" || small == "includes":
		return "; write 'x' in r.obj.list, for an attribute of kind strings, and contains(r.obj.x, 'y') for a text"
	case small == "any" || small == "containsany" || small == "hasany" || small == "intersects" || small == "overlaps":
		return "; write containsAny(r.obj.list, r.sub.list), for attributes of kind strings"
	case small == "all" || small == "containsall" || small == "hasall" || small == "superset":
		return "; write containsAll(r.obj.list, r.sub.list), for attributes of kind strings"
	case small == "startswith" || small == "beginswith" || small == "hasprefix":
		return "; write startsWith(r.obj.x, 'y')"
	case strings.HasPrefix(small, "endswith") || small == "hassuffix":
		return "; write endsWith(r.obj.x, 'y')"
	case small == "has" || small == "exists" || small == "isset" || small == "defined":
		return "; write has(r.obj, 'name')"
	case small == "len" || small == "length" || small == "size" || small == "count" || small == "cardinality":
		return "; write size(r.obj.list) > 1, for an attribute of kind strings"
	case small == "isnull":
		return "; write isNull(r.obj, 'name')"
	case small == "g" || small == "hasrole" || small == "inrole" || small == "isinrole" || small == "isgranted":
		return "; a role is who the rule is for, the row's second value"
	case strings.Contains(small, "match") || small == "like":
		return "; there are no patterns of texts: compare with == or in"
	case small == "lower" || small == "upper" || small == "tolower" || small == "toupper" || small == "trim":
		return "; hand what it returns over as an attribute"
	}
	return ""
}

const apostrophe = `an apostrophe ends the text: write \' for one within it`
