package lint

import (
	"context"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

// lookAtObjects finds objects that are likely meant otherwise.
func (l *linter) lookAtObjects() {
	types, actions, tenants := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range l.engine.Attributes() {
		types[a.Type] = a.Type != "sub" && a.Type != "env"
	}
	// A word that stands where it belongs in two rows is believed.
	typeCount, actionCount := map[string]int{}, map[string]int{}
	for _, r := range l.rules {
		if r.target.typ != "" {
			typeCount[r.target.typ]++
			actionCount[r.act]++
		}
		if r.dom != everything {
			tenants[r.dom] = true
		}
	}
	for _, g := range l.grants {
		tenants[g.dom] = g.dom != everything
	}
	for name := range l.words.tenants {
		tenants[name] = true
	}
	for name, n := range typeCount {
		types[name] = types[name] || n > 1
	}
	for name, n := range actionCount {
		actions[name] = n > 1 && name != everything || isRead(name) && n > 0
	}
	for _, word := range []string{"read", "create", "update", "delete", "list", "write"} {
		actions[word] = actions[word] || !types[word]
	}
	for _, r := range l.rules {
		typ := r.target.typ
		switch {
		case typ != "" && typeCount[typ] == 1 && tenants[typ] && types[r.dom]:
			l.at("RV139", policy.SeverityWarning, &r.row, atTenant, "the order is p, who, tenant, object, action, condition, effect", "the tenant %s is an object type elsewhere, and the object %s a tenant: have the two changed places?", r.dom, r.obj)
		case typ != "" && !types[typ] && actions[typ] && types[r.act]:
			l.at("RV139", policy.SeverityWarning, &r.row, atObject, "the order is p, who, tenant, object, action, condition, effect", "the object %s is an action elsewhere, and the action %s an object type: have the two changed places?", r.obj, r.act)
		case typ != "" && typeCount[typ] == 1 && !types[typ] && types[r.dom]:
			l.at("RV139", policy.SeverityWarning, &r.row, atTenant, "the order is p, who, tenant, object, action, condition, effect", "the tenant %s is an object type elsewhere: have the tenant and the object changed places?", r.dom)
		}
		switch {
		case r.isRoute():
			l.lookAtRoute(r)
		case typ != "":
			l.lookAtID(r)
		}
		l.lookAtPrefix(r)
	}
}

// lookAtID finds ids that are written as if they stood for several, or for a parameter.
func (l *linter) lookAtID(r *ruleRow) {
	if name := l.valueOf(r); name != "" {
		l.at("RV139", policy.SeverityWarning, &r.row, atObject, "write "+r.target.typ+", and a condition such as r.obj."+name+" == '"+strings.TrimPrefix(r.obj, r.target.typ+":")+"'", "%s is the one %s of that id, and elsewhere the word is the %s of one", r.obj, r.target.typ, name)
	}
	_, id, _ := strings.Cut(strings.TrimSuffix(r.obj, everything), ":")
	if strings.ContainsAny(id, "[](){}|^$<>;\\") || strings.HasPrefix(id, ":") {
		l.at("RV126", policy.SeverityWarning, &r.row, atObject, "write a row for each object, a prefix that ends in /* or :*, or a condition on r.obj.id", "%s is compared as it stands: no sign in an id stands for others, nor for a parameter", r.obj)
	}
}

// valueOf returns the attribute that a condition or a table compares with what a rule has as an id, "" for none.
func (l *linter) valueOf(r *ruleRow) string {
	_, id, one := strings.Cut(r.obj, ":")
	if !one || strings.HasSuffix(id, everything) || !word.MatchString(id) {
		return ""
	}
	if l.compared == nil {
		l.compared = map[[2]string]string{} // type and text
		note := func(typ, name, text string) {
			key := [2]string{typ, text}
			if name != "id" && !strings.Contains(name, ".") && (l.compared[key] == "" || name < l.compared[key]) {
				l.compared[key] = name
			}
		}
		for _, s := range l.rules {
			leaves(s.expr, func(f condition.Leaf) {
				// An order has a text that is none of them, and an owner's id may well be one.
				if a := f.A.Attr; a != nil && a.Part() == condition.PartObject && a.Via == nil && (f.Op == condition.OpEqual || f.Op == condition.OpNotEqual || f.Op == condition.OpOneOf || f.Op == condition.OpNoneOf) {
					for _, v := range append([]condition.Value{f.B.Value}, f.List...) {
						if v.Kind() == condition.KindString {
							note(a.Type, a.Name, v.Text())
						}
					}
				}
			})
		}
	}
	return l.compared[[2]string{r.target.typ, id}]
}

// lookAtPrefix finds prefixes that leave out the list that they begin with, where another rule
// names that list.
func (l *linter) lookAtPrefix(r *ruleRow) {
	if !r.target.many || r.target.isAll() || r.target.exact != "" || r.obj == "/*" {
		return
	}
	list := target{route: r.isRoute(), exact: r.target.prefix[:len(r.target.prefix)-1]}
	if !r.isRoute() {
		if list.exact != r.target.typ {
			return
		}
		list.typ = r.target.typ
	}
	other := func(t *targets, f func(*ruleRow) bool) *ruleRow {
		var found *ruleRow
		t.above(list, func(s *ruleRow) bool {
			if s != r && s.target.exact == list.exact && meet(s.act, r.act) && meet(s.dom, r.dom) && f(s) {
				found = s
			}
			return found != nil
		})
		return found
	}
	if r.allow {
		return
	}
	s := other(l.allowed, func(*ruleRow) bool { return true })
	if s == nil || other(l.denied, func(s *ruleRow) bool {
		return s.sub == r.sub && within(r.act, s.act) && within(r.dom, s.dom) && (s.always() || s.cond == r.cond)
	}) != nil {
		return
	}
	l.at("RV133", policy.SeverityWarning, &r.row, atObject, "add a rule for "+list.exact, "%s does not cover %s, which %s allows: %s", r.obj, list.exact, s.at(), s.text())
}

// lookAtAttributes finds attributes that nothing asks for, types that no rule is about, and rules
// that no request of the tables is decided by.
func (l *linter) lookAtAttributes() {
	asked, ruled := map[[2]string]bool{}, map[string]bool{}
	for _, r := range l.rules {
		ruled[r.target.typ] = true
		ruled[everything] = ruled[everything] || r.target.isAll()
		for a := range r.expr.Attributes() {
			asked[[2]string{a.Type, a.Name}] = true
		}
	}
	if _, there := l.bundle.Content(policy.AttributesFile); there {
		lines := l.file(policy.AttributesFile).Lines()
		l.lookAtColumns(lines)
		for i := range lines {
			f := lines[i].Fields
			if len(f) != 5 {
				continue
			}
			r := &row{policy.AttributesFile, "", &lines[i]}
			typ, name := f[0].Text, f[1].Text
			switch {
			case typ != "sub" && typ != "env" && !ruled[typ] && !ruled[everything]:
				l.at("RV134", policy.SeverityNote, r, 0, "add a rule, or delete the rows of the type", "no rule is about %s", typ)
			case !asked[[2]string{typ, name}] && f[4].Text == "" && name != "id":
				l.at("RV134", policy.SeverityNote, r, 1, "delete the row, or compare the attribute", "no condition compares %s of %s, and it is no column", name, typ)
			}
		}
	}
	if !l.words.tables {
		return
	}
	_, idle := policytest.Evaluate(context.Background(), l.engine, l.words.cases)
	byLine := map[string]*ruleRow{}
	for _, r := range l.rules {
		byLine[r.position()] = r
	}
	for _, i := range idle {
		if r := byLine[i.File+":"+itoa(i.Line)]; r != nil {
			l.at("RV119", policy.SeverityNote, &r.row, -1, "add a row that it decides to a table of requests", "no request of %s is decided by the rule", strings.Join(l.bundle.Tables(), ", "))
		}
	}
}

// lookAtBefore holds the policy against what it was.
func (l *linter) lookAtBefore() {
	if l.opts.Before == nil {
		return
	}
	b, _ := policy.ReadBundle(l.opts.Before)
	was, err := policy.LoadBundle(b, policy.Options{Clock: noon})
	if err != nil {
		return
	}
	count := func(rules []policy.Rule) (file map[string][2]int) {
		file = map[string][2]int{}
		for _, r := range rules {
			n := file[r.File]
			if n[0]++; r.Effect == policy.Deny {
				n[1]++
			}
			file[r.File] = n
		}
		return file
	}
	before, now := count(was.Rules()), count(l.engine.Rules())
	for name, n := range before {
		m := now[name]
		switch {
		case m[1] < n[1]:
			l.add(Finding{Rule: ruleOf("RV135"), Severity: policy.SeverityWarning, File: name, Message: "the file had " + itoa(n[1]) + " deny rules and has " + itoa(m[1]), Help: "look whether the file was cut, or the rules were deleted on purpose"})
		case m[0]*4 < n[0]*3:
			l.add(Finding{Rule: ruleOf("RV135"), Severity: policy.SeverityWarning, File: name, Message: "the file had " + itoa(n[0]) + " rules and has " + itoa(m[0]), Help: "look whether the file was cut, or the rules were deleted on purpose"})
		}
	}
}
