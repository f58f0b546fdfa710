package lint

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// seen returns a text as people see it: in one case, without quotes and spaces around it, and with
// the ASCII character for each that looks like one.
func seen(s string) string {
	if !isASCII(s) {
		s = strings.Map(func(c rune) rune {
			if like, ok := hint.ASCII(c); ok {
				return rune(like)
			}
			return c
		}, s)
	}
	return strings.ToLower(strings.Trim(s, " '\"\u00a0"))
}

func isASCII(s string) bool { return ascii.All(s, func(b byte) bool { return b < utf8.RuneSelf }) }

// marked returns the first ASCII letter of a text that a mark of its own stands behind, with that:
// most programs write the two as one letter.
func marked(s string) string {
	if isASCII(s) {
		return ""
	}
	for i, c := range s {
		if i > 0 && c >= 0x300 && c <= 0x36f && s[i-1]|0x20 >= 'a' && s[i-1]|0x20 <= 'z' {
			return s[i-1 : i+utf8.RuneLen(c)]
		}
	}
	return ""
}

// mixed returns the first letter of a text that looks like an ASCII letter and is none, in a text
// that has ASCII letters as well; "" when there is none.
func mixed(s string) string {
	if isASCII(s) {
		return ""
	}
	isLetter := func(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
	plain := false
	for i := range len(s) {
		plain = plain || isLetter(s[i])
	}
	if !plain {
		return ""
	}
	for i, c := range s {
		if like, ok := hint.ASCII(c); ok && isLetter(like) {
			return s[i : i+utf8.RuneLen(c)]
		}
	}
	return ""
}

// looks finds words that look like another.
type looks map[string][]string

func looksOf[T any](words map[string]T) looks {
	of := looks{}
	for w := range words {
		key := seen(w)
		of[key] = append(of[key], w)
	}
	for _, list := range of {
		slices.Sort(list)
	}
	return of
}

// like returns the word that w looks like, "" for none: one that stands there more often, or is
// sure to be there.
func (l looks) like(w string, better func(string) bool) string {
	for _, other := range l[seen(w)] {
		if other != w && better(other) {
			return other
		}
	}
	return ""
}

// everyWords are the words that people write for *.
var everyWords = []string{"all", "any", "every", "everything", "anything", "each"}

func isEvery(word string) bool { return slices.Contains(everyWords, strings.ToLower(word)) }

// lookAtEvery finds words that are meant for *.
func (l *linter) lookAtEvery(r *ruleRow, sure func(string) bool) {
	if isEvery(r.act) && !sure(r.act) {
		l.at("RV128", policy.SeverityWarning, &r.row, atAction, "write *", "%s is an action of that name, and every action is *", r.act)
	}
	if isEvery(r.target.typ) {
		l.at("RV128", policy.SeverityWarning, &r.row, atObject, "write *", "%s is an object type of that name, and every object is *", r.target.typ)
	}
}

// lookAtUser finds users whose id is that of a role, or looks like another's.
func (l *linter) lookAtUser(r *row, i int, name string, known looks, sure func(string) bool) {
	id := strings.TrimPrefix(name, "user:")
	if space, rest, ok := strings.Cut(id, ":"); ok && (space == "role" || space == "user") {
		l.at("RV128", policy.SeverityWarning, r, i, "write "+space+":"+rest, "%s is the user whose id is %s", name, id)
		return
	}
	if sure(name) {
		return
	}
	if meant := meantByUser(id); meant != "" {
		l.at("RV128", policy.SeverityWarning, r, i, meant, "%s is the user whose id is %s, and nobody else", name, id)
		return
	}
	if local, _, mail := strings.Cut(id, "@"); mail && len(known["user:"+strings.ToLower(local)]) > 0 {
		l.at("RV128", policy.SeverityNote, r, i, "write the id as sessions have it", "other rows say user:%s, and this one %s: a user has one id", local, name)
		return
	}
	if meant := known.like(name, sure); meant != "" {
		l.at("RV128", policy.SeverityWarning, r, i, "spell it as the others do", "other rows say %s: is %s misspelt?%s", meant, name, foreignIn(name))
	} else if c := mixed(id); c != "" {
		l.at("RV128", policy.SeverityWarning, r, i, "spell it as the service does", "the id of %s has letters of two scripts:%s", name, foreignIn(name))
	} else if c := marked(id); c != "" {
		l.at("RV128", policy.SeverityWarning, r, i, "write it as one letter, as the service does", "the id of %s has a letter and a mark of its own: %q", name, c)
	}
}

// meantByUser says what to write for an id that people write for a caller who is not known by name, "" for others.
func meantByUser(id string) string {
	switch strings.ToLower(id) {
	case "everyone", "everybody", "all", "any", "anybody", "anonymous", "*":
		return "write role:anyone for every caller, role:authenticated for every user"
	case "authenticated", "logged-in", "signed-in":
		return "write role:authenticated for every user"
	case "self", "me", "myself", "owner":
		return "write role:authenticated, and a condition such as r.obj.owner == r.sub.id"
	case "null", "nil", "undefined", "none", "nobody":
		return "write the user who is meant, or delete the row"
	}
	return ""
}

// lookAtKind finds a user whose id is the name of a role, and a role whose name is the id of a user.
func (l *linter) lookAtKind(r *row, i int, name string, known, sure func(string) bool) {
	space, id, _ := strings.Cut(name, ":")
	other := map[string]string{"role": "user:", "user": "role:"}[space] + id
	if known(other) && !sure(name) {
		l.at("RV128", policy.SeverityWarning, r, i, "write "+other, "other rows say %s: is %s meant to be that?", other, name)
	}
}

// foreignIn names a letter that is not what it looks like, "" where there is none.
func foreignIn(s string) string {
	if c := mixed(s); c != "" {
		return " " + hint.Rune(c) + hint.Alike(c)
	}
	return ""
}

// part is a comparison and where it stands.
type part struct {
	r   *ruleRow
	e   condition.Expr
	not bool // whether it stands within an odd number of !
}

// words is a comparison, with its !.
func (p part) words() string {
	if p.not {
		return "!(" + p.e.String() + ")"
	}
	return p.e.String()
}

// parts calls f with each comparison of a condition.
func parts(r *ruleRow, e condition.Expr, not bool, f func(part)) {
	if e.Op().IsLeaf() {
		f(part{r, e, not})
	}
	for arg := range e.Args() {
		parts(r, arg, not != (e.Op() == condition.OpNot), f)
	}
}

// lookAtNamesInConditions finds roles and ids in conditions that no role and no id can be, and
// times that are past.
func (l *linter) lookAtNamesInConditions(roles *near, known func(string) bool) {
	people := map[string]bool{} // attributes that are compared with a user's id
	isID := func(a *condition.Attribute) bool {
		return a != nil && (a.Part() == condition.PartSubject && a.Name == "id" || a.Part() == condition.PartEnv && a.Name == condition.EnvActor)
	}
	isList := func(a *condition.Attribute) bool {
		return a != nil && a.Part() == condition.PartSubject && a.Name == condition.SubRoles
	}
	for _, r := range l.rules {
		parts(r, r.expr, false, func(p part) {
			f := p.e.Leaf()
			for _, x := range [][2]*condition.Attribute{{f.A.Attr, f.B.Attr}, {f.B.Attr, f.A.Attr}} {
				if isID(x[0]) {
					people[r.target.typ+" "+refOf(x[0])] = true
					people[r.target.typ+" "+refOf(x[1])] = true
				}
			}
		})
	}
	for _, r := range l.rules {
		parts(r, r.expr, false, func(p part) {
			f := p.e.Leaf()
			if f.Op == condition.OpIn && isID(f.A.Attr) && isList(f.B.Attr) {
				l.atPart("RV128", r, p.e, "write the role, as in 'editor' in r.sub.roles", "r.sub.roles has names of roles, and %s is the id of a user", f.A.Attr.Ref())
			}
			attr, texts := f.A.Attr, slices.Concat(f.A.Texts, f.B.Texts)
			if attr == nil || f.B.Attr != nil && isList(f.B.Attr) {
				attr = f.B.Attr
			}
			if attr == nil {
				return
			}
			for _, v := range append([]condition.Value{f.A.Value, f.B.Value}, f.List...) {
				if v.Kind() == condition.KindString {
					texts = append(texts, v.Text())
				}
			}
			for _, s := range texts {
				switch {
				case isList(attr):
					l.lookAtRoleText(p, s, roles, known)
				case attr.Part() == condition.PartSubject && isID(attr) && strings.HasPrefix(p.r.sub, "user:") && !strings.Contains(s, ":"):
					id, what := "RV130", "no"
					if same := p.r.sub == "user:"+s; same != p.not {
						id, what = "RV129", "every"
					}
					if f.Op == condition.OpEqual {
						l.atPart(id, r, p.e, "delete the comparison, or the rule", "%s is true for %s request of %s", p.words(), what, p.r.sub)
					}
				case isID(attr) && known("role:"+s) && !l.words.users["user:"+s]:
					l.atPart("RV128", r, p.e, "write '"+s+"' in r.sub.roles, or a rule for role:"+s, "other rows have the role %s: is '%s' the id of a user?", s, s)
				case isID(attr) || people[r.target.typ+" "+refOf(attr)]:
					if space, id, ok := strings.Cut(s, ":"); ok && (space == "user" || space == "role") {
						what := "write '" + id + "'"
						if space == "role" {
							what = "write '" + id + "' in r.sub.roles, or a rule for " + s
						}
						l.atPart("RV128", r, p.e, what, "%s is a user's id alone, and none is '%s'", attr.Ref(), s)
					}
				case attr.Part() == condition.PartObject && attr.Name == "id" && attr.Via == nil && !r.target.many && strings.HasPrefix(r.target.exact, r.target.typ+":") && f.Op == condition.OpEqual && !strings.Contains(s, ":"):
					id, what := "RV130", "no"
					if same := r.target.exact == r.target.typ+":"+s; same != p.not {
						id, what = "RV129", "every"
					}
					l.atPart(id, r, p.e, "delete the comparison, or write "+r.target.typ+" as the object", "%s is true for %s request about %s", p.words(), what, r.obj)
				case attr.Part() == condition.PartObject && attr.Name == "id" && attr.Via == nil && r.target.typ != "":
					if id, ok := strings.CutPrefix(s, r.target.typ+":"); ok {
						l.atPart("RV128", r, p.e, "write '"+id+"'", "r.obj.id is the id alone, and the object %s has '%s'", s, id)
					}
				}
			}
			l.lookAtPast(p, f)
		})
	}
}

func refOf(a *condition.Attribute) string {
	if a == nil {
		return ""
	}
	return a.Ref()
}

// lookAtRoleText is about a text that is looked for in r.sub.roles.
func (l *linter) lookAtRoleText(p part, s string, roles *near, known func(string) bool) {
	name := "role:" + s
	switch {
	case strings.HasPrefix(s, "role:"):
		l.atPart("RV128", p.r, p.e, "write '"+strings.TrimPrefix(s, "role:")+"'", "r.sub.roles has names without role:, so '%s' is none of them", s)
	case name == anyone || name == authenticated:
		l.atPart("RV130", p.r, p.e, "a rule for "+name+" is for these callers", "'%s' is built in and no role of r.sub.roles", s)
	case s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "":
		l.atPart("RV130", p.r, p.e, "a role has letters, digits, . _ and -", "no role can be called '%s'%s", s, foreignIn(s))
	case p.e.Op() == condition.OpIn && (name == p.r.sub || slices.Contains(l.rolesOf(p.r.sub, p.r.dom), name)):
		id, what := "RV129", "every"
		if p.not {
			id, what = "RV130", "no"
		}
		l.atPart(id, p.r, p.e, "delete the comparison, or write the role that is meant", "%s is true for %s caller whom the rule is for: they have %s", p.words(), what, name)
	case known(name):
	default:
		if meant := roles.of(name, true); meant != "" {
			l.atPart("RV128", p.r, p.e, "spell it as the others do", "other rows say %s: is '%s' misspelt?", meant, s)
		} else if len(l.opts.Roles) > 0 {
			l.atPart("RV111", p.r, p.e, "declare the role, or correct its name", "nobody is known to have the role '%s'", s)
		}
	}
}

// lookAtPast finds comparisons that time has made false for ever.
func (l *linter) lookAtPast(p part, f condition.Leaf) {
	a, b, op := f.A, f.B, f.Op
	if a.Attr == nil && orders(op) {
		a, b, op = b, a, swapped(op)
	}
	if a.Attr == nil || a.Attr.Part() != condition.PartEnv || a.Attr.Name != condition.EnvTime || b.Attr != nil {
		return
	}
	var end float64
	switch {
	case b.Value.Kind().IsNumber():
		end = b.Value.Float()
	case b.Value.Kind() == condition.KindTime:
		end = float64(b.Value.Time().Unix())
	default:
		return
	}
	if math.Abs(end) >= 100_000_000_000 {
		id, what := "RV130", "true for no request"
		if op == condition.OpLess || op == condition.OpLessEqual || op == condition.OpNotEqual {
			id, what = "RV129", "true for every request"
		}
		l.atPart(id, p.r, p.e, "write seconds, or a time as '2006-01-02T15:04:05Z'", "%s is %s: r.env.time counts seconds since 1970, and these seem to be milliseconds", p.e.String(), what)
		return
	}
	if !p.not && (op == condition.OpLess || op == condition.OpLessEqual || op == condition.OpEqual) && end < float64(l.now.Unix()) {
		l.atPart("RV130", p.r, p.e, "delete it, or write a later time", "%s is true for no request any more: that time is past", p.e.String())
	}
}
