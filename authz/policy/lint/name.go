package lint

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/internal/hint"
)

var methods = map[string]int{"GET": 1, "POST": 1, "PUT": 1, "PATCH": 1, "DELETE": 1, "OPTIONS": 1, "TRACE": 1, "CONNECT": 1, "PROPFIND": 1, "PROPPATCH": 1, "MKCOL": 1, "COPY": 1, "MOVE": 1, "LOCK": 1, "UNLOCK": 1, "REPORT": 1, "SEARCH": 1, "QUERY": 1, "M-SEARCH": 1, "NOTIFY": 1, "SUBSCRIBE": 1}

// lookAtNames finds names that differ from a known one in case or in one letter.
func (l *linter) lookAtNames() {
	roles, users, types := map[string]int{}, map[string]int{}, map[string]int{}
	sureRole, sureUser, sureType := map[string]bool{}, map[string]bool{}, map[string]bool{}
	actions, sureAction := map[string]map[string]int{}, map[string]bool{}
	first, tabled := map[string]int{}, map[string]bool{} // tabled are the actions that requests of tables are allowed
	count := func(name string) {
		if _, there := first[name]; !there {
			first[name] = len(first)
		}
		if strings.HasPrefix(name, "role:") {
			roles[name]++
		} else {
			users[name]++
		}
	}
	for _, r := range l.rules {
		count(r.sub)
		if r.target.typ == "" {
			continue
		}
		types[r.target.typ]++
		if actions[r.target.typ] == nil {
			actions[r.target.typ] = map[string]int{}
		}
		actions[r.target.typ][r.act]++
		sureAction[r.target.typ+" "+r.act] = sureAction[r.target.typ+" "+r.act] || r.allow
		sureType[r.target.typ] = sureType[r.target.typ] || r.allow
	}
	for _, g := range l.grants {
		count(g.member)
		count(g.role)
		sureRole[g.role] = true
		sureRole[g.member], sureUser[g.member] = true, true
	}
	for name := range l.words.roles {
		roles[name]++
		sureRole[name] = true
	}
	for name := range l.words.users {
		users[name]++
		sureUser[name] = true
	}
	for _, a := range l.engine.Attributes() {
		if a.Type != "sub" && a.Type != "env" {
			types[a.Type]++
			sureType[a.Type] = true
		}
	}
	for _, c := range l.words.cases {
		o := c.Request.Object
		if o.Type != "" && c.Want == policy.Allow {
			if actions[o.Type] == nil {
				actions[o.Type] = map[string]int{}
			}
			actions[o.Type][string(c.Request.Action)]++
			sureAction[o.Type+" "+string(c.Request.Action)], tabled[o.Type+" "+string(c.Request.Action)] = true, true
		}
	}
	is := func(sure map[string]bool) func(string) bool { return func(name string) bool { return sure[name] } }
	nearRole, nearUser, nearType := newNear(roles, is(sureRole), true), newNear(users, is(sureUser), false), newNear(types, is(sureType), true)
	nearMethod := newNear(methods, nil, true)
	nearAction := map[string]*near{}
	for typ, words := range actions {
		nearAction[typ] = newNear(words, func(act string) bool { return sureAction[typ+" "+act] }, true)
	}
	const help = "spell it as the others do"
	ids := looksOf(users)
	sureID := func(name string) bool { return l.words.users[name] || users[name] > 1 }
	// A name is another's where a row grants it, a table has it, or two rows name it.
	namesOther := func(name string) bool { return sureRole[name] || sureUser[name] || roles[name]+users[name] > 1 }
	tabledName := func(name string) bool {
		return l.words.users[name] || l.words.roles[name] || roles[name]+users[name] > 1
	}
	sureName := func(name string) bool { return tabledName(name) || sureRole[name] }
	for _, r := range l.rules {
		l.lookAtEvery(r, func(act string) bool { return tabled[r.target.typ+" "+act] })
		if strings.HasPrefix(r.sub, "user:") {
			l.lookAtUser(&r.row, atSubject, r.sub, ids, sureID)
		}
		l.lookAtKind(&r.row, atSubject, r.sub, namesOther, sureName)
		switch builtIn := builtInFor(r.sub); {
		case (r.sub == "role:self" || r.sub == "role:me" || r.sub == "role:myself") && !sureRole[r.sub]:
			l.at("RV128", policy.SeverityWarning, &r.row, atSubject, meantByUser("self"), "nobody is known to have %s: whose object it is stands in a condition", r.sub)
		case builtIn != "" && !sureRole[r.sub]:
			l.at("RV128", policy.SeverityWarning, &r.row, atSubject, "write "+builtIn+", or grant the role in a g row", "nobody is known to have %s: the built-in role is %s", r.sub, builtIn)
		case strings.HasPrefix(r.sub, "role:") && !sureRole[r.sub]:
			meant := nearRole.of(r.sub, true)
			if meant == "" {
				meant = otherLength(r.sub, func(name string) bool { return sureRole[name] })
			}
			l.nearName(&r.row, atSubject, help, r.sub, meant)
		case strings.HasPrefix(r.sub, "user:") && !sureUser[r.sub]:
			l.nearName(&r.row, atSubject, help, r.sub, nearUser.inCase(r.sub, func(c string) bool { return sureUser[c] || first[c] < first[r.sub] }))
		}
		switch {
		case r.isRoute():
			if r.act != everything && methods[r.act] == 0 && !isEvery(r.act) {
				meant := methodFor[r.act]
				if meant == "" {
					meant = nearMethod.of(r.act, true)
				}
				if meant == "" {
					meant = hint.Nearest(r.act, commonMethods)
				}
				if meant != "" {
					l.at("RV128", policy.SeverityWarning, &r.row, atAction, "write "+meant, "HTTP has no method %s: did you mean %s?", r.act, meant)
				}
			}
		case r.target.typ != "":
			typ := r.target.typ
			if meant := nearType.of(typ, !sureType[typ]); meant != "" {
				l.nearName(&r.row, atObject, help, typ, meant)
			} else if r.act != everything {
				meant := nearAction[typ].of(r.act, !sureAction[typ+" "+r.act])
				l.nearName(&r.row, atAction, help, r.act, meant)
				if meant == "" && r.allow && !tabled[typ+" "+r.act] {
					l.lookAtSynonym(r, actions[typ])
				}
			}
		}
	}
	for _, g := range l.grants {
		if g.role != "role:"+strings.TrimPrefix(g.member, "user:") { // the user admin may be an admin
			l.lookAtKind(&g.row, 1, g.member, namesOther, tabledName)
		}
	}
	l.lookAtDenials(func(c *policytest.Case) (name, meant string) {
		r := c.Request
		if has := r.Subject.Roles; has != nil {
			for i := range has.Len() {
				name := "role:" + has.At(i)
				if sureRole[name] || roles[name] > 0 {
					continue
				}
				if meant := nearRole.of(name, true); meant != "" {
					return has.At(i), strings.TrimPrefix(meant, "role:")
				}
			}
		}
		typ, act := r.Object.Type, string(r.Action)
		switch {
		case typ == "" && methods[act] == 0:
			return act, nearMethod.of(act, true)
		case typ == "":
			return "", ""
		case !sureType[typ]:
			return typ, nearType.of(typ, true)
		case !sureAction[typ+" "+act] && nearAction[typ] != nil:
			return act, nearAction[typ].of(act, true)
		}
		return "", ""
	})
	l.lookAtMembers(roles, ids, sureID)
	l.lookAtCeiling(nearRole, nearType, nearAction)
	l.lookAtNamesInConditions(nearRole, func(name string) bool { return sureRole[name] || roles[name] > 1 })
	l.lookAtValues()
}

// methodFor are the words of actions that people write for a method.
var methodFor = map[string]string{"READ": "GET", "LIST": "GET", "VIEW": "GET", "SHOW": "GET", "FETCH": "GET", "CREATE": "POST", "ADD": "POST", "INSERT": "POST", "NEW": "POST",
	"UPDATE": "PUT", "EDIT": "PUT", "MODIFY": "PUT", "SAVE": "PUT", "WRITE": "PUT", "REMOVE": "DELETE", "DESTROY": "DELETE", "DEL": "DELETE"}

// synonyms are words for one action.
var synonyms = [][]string{{"read", "view", "get", "show", "see"}, {"update", "edit", "modify", "change", "put", "patch"}, {"delete", "remove", "destroy", "erase", "del"}, {"create", "add", "new", "insert", "post"}}

// lookAtSynonym finds an action that one row has, of a type of which other rows have another word for it.
func (l *linter) lookAtSynonym(r *ruleRow, of map[string]int) {
	for _, words := range synonyms {
		if !slices.Contains(words, r.act) || of[r.act] > 1 {
			continue
		}
		for _, word := range words {
			if word != r.act && of[word] > 1 {
				l.at("RV128", policy.SeverityNote, &r.row, atAction, "write "+word+", unless the service asks for both", "other rows of %s say %s: is %s another action?", r.target.typ, word, r.act)
				return
			}
		}
	}
}

// lookAtDenials finds names in rows of tables that want a denial, which a name that is misspelt gets
// whatever the rules say. other returns such a name and the one that was meant, "" for none.
func (l *linter) lookAtDenials(other func(*policytest.Case) (name, meant string)) {
	tenants, tabled := map[string]int{}, map[string]int{}
	for i := range l.words.cases {
		tabled[l.words.cases[i].Request.Tenant.String()]++
	}
	for name, n := range tabled {
		tenants[name] = n
	}
	for _, r := range l.rules {
		tenants[r.dom] += 2
	}
	for _, g := range l.grants {
		tenants[g.dom] += 2
	}
	delete(tenants, everything)
	near := newNear(tenants, nil, true)
	for i := range l.words.cases {
		c := &l.words.cases[i]
		if c.Want != policy.Deny {
			continue
		}
		dom := c.Request.Tenant.String()
		switch roles := c.Request.Subject.Roles; {
		case c.Request.Action == everything:
			l.atCase(c, everything, "write one action", "the row is denied whatever the rules say: a request has one action, and none is *")
		case c.Request.Subject.ID == "" && roles != nil && roles.Len() > 0:
			l.atCase(c, "anonymous", "write a user, or leave the roles out", "the row says little: a caller without a session has no roles")
		case tenants[dom] == 1 && near.of(dom, false) != "":
			l.atCase(c, dom, "spell it as the others do", "other rows say "+near.of(dom, false)+": is the tenant "+dom+" misspelt?")
		}
		name, meant := other(c)
		if meant == "" || strings.EqualFold(name, meant) { // a table may try another case
			continue
		}
		l.atCase(c, name, "spell it as the rules do", "the row is denied whatever the rules say: they have "+meant+", and "+name+" is in none")
	}
}

// atCase notes a finding about a row of a table, at a word of it.
func (l *linter) atCase(c *policytest.Case, word, help, message string) {
	f := Finding{Rule: ruleOf("RV128"), Severity: policy.SeverityWarning, File: c.File, Line: c.Line, Col: 1, Help: help, Message: message}
	if l.words.lines[c.File] == nil {
		data, _ := fs.ReadFile(l.fsys, c.File) // it was read before
		l.words.lines[c.File] = strings.Split(string(data), "\n")
	}
	if c.Line <= len(l.words.lines[c.File]) {
		f.Source = strings.TrimSuffix(l.words.lines[c.File][c.Line-1], "\r")
		f.Col = max(strings.Index(f.Source, word), 0) + 1
		f.EndCol = min(f.Col+len(word), len(f.Source)+1)
	}
	l.add(f)
}

var commonMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// lookAtMembers finds members of roles whose names differ a little from known ones.
func (l *linter) lookAtMembers(roles map[string]int, ids looks, sureID func(string) bool) {
	known := map[string]bool{}
	for _, r := range l.rules {
		known[r.sub] = true
	}
	for _, g := range l.grants {
		known[g.role] = true
	}
	sure := func(name string) bool { return known[name] || l.words.roles[name] }
	near := newNear(roles, sure, true)
	for _, g := range l.grants {
		switch {
		case strings.HasPrefix(g.member, "user:"):
			l.lookAtUser(&g.row, 1, g.member, ids, sureID)
		case !sure(g.member):
			l.nearName(&g.row, 1, "spell it as the others do", g.member, near.of(g.member, true))
		}
	}
}

func (l *linter) nearName(r *row, i int, help, name, meant string) {
	if meant != "" {
		l.at("RV128", policy.SeverityWarning, r, i, help, "other rows say %s: is %s misspelt?", meant, name)
	}
}

// text is one text that a condition compares an attribute with.
type text struct {
	r    *ruleRow
	attr *condition.Attribute
	s    string
}

// lookAtValues finds texts in conditions that differ from those of other conditions and of the
// tables of requests in case or in one letter.
func (l *linter) lookAtValues() {
	var texts []text
	for _, r := range l.rules {
		leaves(r.expr, func(f condition.Leaf) {
			note := func(t condition.Term, v condition.Value) {
				if t.Attr != nil && v.Kind() == condition.KindString && v.Text() != "" {
					texts = append(texts, text{r, t.Attr, v.Text()})
				}
			}
			note(f.A, f.B.Value)
			note(f.B, f.A.Value)
			for _, v := range f.List {
				note(f.A, v)
			}
		})
	}
	counts := map[[2]string]map[string]int{}
	for _, t := range texts {
		key := [2]string{t.attr.Type, t.attr.Name}
		if counts[key] == nil {
			counts[key] = map[string]int{}
			for s := range l.words.values[key] {
				counts[key][s]++
			}
		}
		counts[key][t.s]++
	}
	index, views := map[[2]string]*near{}, map[[2]string]looks{}
	for _, t := range texts {
		if t.attr.Name == "id" {
			continue
		}
		key := [2]string{t.attr.Type, t.attr.Name}
		if index[key] == nil {
			index[key], views[key] = newNear(counts[key], func(c string) bool { return l.words.values[key][c] }, true), looksOf(counts[key])
		}
		known := l.words.values[key]
		if known[t.s] {
			continue
		}
		meant := index[key].inCase(t.s, func(string) bool { return true })
		if meant == "" {
			meant = index[key].inLetter(t.s, true)
		}
		if meant == "" {
			meant = views[key].like(t.s, func(c string) bool { return known[c] || counts[key][c] > counts[key][t.s] || seen(c) == c })
		}
		if c := marked(t.s); meant == "" && c != "" {
			l.at("RV128", policy.SeverityWarning, &t.r.row, atCondition, "write it as one letter, as the service does", "the text '%s' has a letter and a mark of its own: %q", t.s, c)
		}
		if c := foreignIn(t.s); meant == "" && c != "" {
			l.at("RV128", policy.SeverityWarning, &t.r.row, atCondition, "write it in one script", "the text '%s' has letters of two scripts:%s", t.s, c)
		}
		if meant != "" {
			l.at("RV128", policy.SeverityWarning, &t.r.row, atCondition, "spell the value as the others do: texts are compared byte by byte", "%s is compared with '%s', and elsewhere it is '%s'", t.attr.Ref(), t.s, meant)
		}
	}
}

// leaves calls f with every comparison of a condition.
func leaves(e condition.Expr, f func(condition.Leaf)) {
	if e.Op().IsLeaf() {
		f(e.Leaf())
	}
	for arg := range e.Args() {
		leaves(arg, f)
	}
}
