package casbinindex_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/rbac"
	casbinutil "github.com/casbin/casbin/v2/util"
)

type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 7))} }

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }

// anyModel is a random Casbin model with rules. Names are few, so that they meet.
type anyModel struct {
	gen
	fields      []string // of p
	text        string
	rules       [][]string // "p" or "g" first
	domainMatch rbac.MatchingFunc
	roleMatch   rbac.MatchingFunc
}

var (
	indexPaths    = []string{"/a", "/a/b", "/a/:id", "/a/*", "/*", "/a/{id}", "/a/{id}/c/{id}", "/a/:id/c/*", "/a/b.c", "/a/(b|c)", "/a|/b", "a*", "*", "/a/*/c", "/a/{x}-{y}", "", "/a/b?", "[", "/a/:", "/a+", "^/a", "/é/:id"}
	indexKeys     = []string{"/a", "/a/", "/a/b", "/a/b/c", "/a/b/c/b", "/a/b/c/d", "/a/bxc", "/a/b.c", "/a/\n", "/a/x\ny", "/b", "/foo", "abc", "", "/a/b?x=1", "/a/1-2", "/é/1", "/a/\xff", "[", "alice"}
	indexEffects  = []string{"some(where (p.eft == allow))", "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "!some(where (p.eft == deny))", "priority(p.eft) || deny", "subjectPriority(p.eft) || deny"}
	indexSubjects = []string{"alice", "bob", "root", "admin", "editor", "r0", "r1", "r5", "r10", "r11", ""}
	indexDomains  = []string{"t1", "t2", "t*", "*", "t1*", "", "u1"}
)

func newAnyModel(g gen) *anyModel {
	m := &anyModel{gen: g}
	m.fields = []string{"sub", "dom", "obj", "act", "cond", "eft"}
	if g.IntN(8) == 0 {
		m.fields = []string{"priority", "sub", "dom", "obj", "act", "cond", "eft"}
	}
	if g.IntN(4) == 0 {
		m.fields = slices.DeleteFunc(m.fields, func(f string) bool { return f == "eft" })
	}
	roles := "g = _, _, _"
	if g.IntN(3) == 0 {
		roles = "g = _, _"
	}
	switch g.IntN(12) {
	case 0, 1, 2:
		m.domainMatch = casbinutil.KeyMatch
	case 3:
		m.domainMatch = casbinutil.KeyMatch2
	case 4:
		m.roleMatch = casbinutil.KeyMatch
	}
	m.text = "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = " + strings.Join(m.fields, ", ") +
		"\n[role_definition]\n" + roles + "\ng2 = _, _\n[policy_effect]\ne = " + indexEffects[g.IntN(len(indexEffects))] +
		"\n[matchers]\nm = " + m.matcher() + "\n"
	for range g.IntN(12) {
		m.rules = append(m.rules, m.rule())
	}
	for range g.IntN(10) {
		row := []string{"g", pick(g, indexSubjects...), pick(g, indexSubjects...)}
		if strings.Count(roles, "_") == 3 {
			row = append(row, pick(g, indexDomains...))
		}
		m.rules = append(m.rules, row)
	}
	if g.IntN(3) == 0 { // a chain around Casbin's limit
		for i := range 12 {
			row := []string{"g", fmt.Sprintf("r%d", i), fmt.Sprintf("r%d", i+1)}
			if strings.Count(roles, "_") == 3 {
				row = append(row, "t1")
			}
			m.rules = append(m.rules, row)
		}
		m.rules = append(m.rules, []string{"g", "alice", "r0", "t1"}[:2+strings.Count(roles, "_")-1])
	}
	for range g.IntN(4) {
		m.rules = append(m.rules, []string{"g2", pick(g, indexKeys...), pick(g, "/a", "/a/*", "docs", "/a/b")})
	}
	return m
}

func (m *anyModel) rule() []string {
	row := []string{"p"}
	for _, f := range m.fields {
		switch f {
		case "priority":
			row = append(row, pick(m.gen, "1", "2", "3", "10", "x"))
		case "sub":
			row = append(row, pick(m.gen, indexSubjects...))
		case "dom":
			row = append(row, pick(m.gen, indexDomains...))
		case "obj":
			row = append(row, pick(m.gen, indexPaths[:pick(m.gen, 6, len(indexPaths))]...))
		case "act":
			row = append(row, pick(m.gen, "read", "write", "*", "(read)|(write)", "re", "r("))
		case "cond":
			row = append(row, m.cond())
		case "eft":
			row = append(row, pick(m.gen, "allow", "allow", "allow", "deny", "deny", "denny"))
		}
	}
	return row
}

func (m *anyModel) cond() string {
	return pick(m.gen, "true", "true", "r.sub == 'alice'", "r.sub == p.sub", "r.sub.Age > 18", "r.sub.Age >= 18 && r.act == 'read'",
		"r.obj.Owner == r.sub.Name || r.sub == 'root'", "r.dom in ('t1', 't2')", "!(r.sub == 'bob')", "false", "keyMatch2(r.obj, '/a/:id')", "keyMatch(r.obj, p.obj)",
		pick(m.gen, "1", "bad (", "r.nosuch == 1", "", "r.sub.Age + 1 > 18", "'alice' in r.sub.List", "g(r.sub, 'admin', r.dom)"))
}

func (m *anyModel) clause() string {
	n := pick(m.gen, "", "2", "3", "4", "5")
	switch m.IntN(18) {
	case 0, 1, 2:
		return pick(m.gen, "g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)", "g(r.sub, p.sub, p.dom)", `g(r.sub, p.sub, "t1")`, "g(p.sub, r.sub, r.dom)", "g(r.sub.Name, p.sub, r.dom)")
	case 3, 4:
		return pick(m.gen, "r.dom == p.dom", "p.dom == r.dom", `(p.dom == "*" || r.dom == p.dom)`, "keyMatch(r.dom, p.dom)")
	case 5, 6:
		return pick(m.gen, "r.act == p.act", `(p.act == "*" || r.act == p.act)`, "regexMatch(r.act, p.act)")
	case 7, 8:
		return "keyMatch" + n + "(r.obj, p.obj)"
	case 9:
		return pick(m.gen, "r.obj == p.obj", "(r.obj == p.obj || keyMatch"+n+"(r.obj, p.obj))", "g2(r.obj, p.obj)")
	case 10, 11:
		return "eval(p.cond)"
	case 12:
		return pick(m.gen, "r.sub == p.sub", `r.sub == "root"`, `p.sub == "root"`, "r.sub != p.sub", "r.sub < p.sub", `p.sub in ("alice", "admin")`)
	case 13:
		return pick(m.gen, "r.act in ('read', 'write')", "r.sub.Age > 18", "r.sub.Admin", "r.obj.Owner == r.sub.Name", "r.sub.Age >= r.obj.Age", "'a' in r.sub.List", "r.sub.Name in r.obj.List", "r.dom in ('t1')")
	case 14:
		return "!(" + m.clause() + ")"
	case 15:
		return "(" + m.clause() + " || " + m.clause() + ")"
	case 16:
		return "(" + m.clause() + " && " + m.clause() + ")"
	}
	return pick(m.gen, "true", "1", "p.nosuch == 'x'", "1 + 1 == 2", "r.sub =~ '^a'", "custom(r.sub, p.sub)", "keyGet(r.obj, p.obj) == 'b'", "globMatch(r.obj, p.obj)",
		"keyMatch2(p.obj, r.obj)", "(r.sub == 'root' ? true : r.act == p.act)", "keyMatch2(r.obj, '/a/:id')", "p.sub", "r.sub == 'a' == true", "-1 < 2", "fails(r.sub)", "keyGet2(r.obj, '/a/:id', 'id') in ('b', 'c')", "ipMatch(r.sub, p.sub)")
}

func (m *anyModel) matcher() string {
	parts := []string{m.clause()}
	for m.IntN(5) > 0 && len(parts) < 6 {
		parts = append(parts, m.clause())
	}
	text := parts[0]
	for _, p := range parts[1:] {
		op := " && "
		if m.IntN(10) == 0 {
			op = " || "
		}
		text += op + p
	}
	return text
}

func (m *anyModel) values() []any {
	attributes := func() any {
		a := map[string]any{"Name": pick(m.gen, indexSubjects...), "Age": pick[any](m.gen, 17, 18, 30, 18.5, "18"), "Admin": m.IntN(2) == 0, "List": []any{"a", "alice", 3}, "Owner": pick(m.gen, indexSubjects...)}
		for name := range a {
			if m.IntN(9) == 0 {
				delete(a, name)
			}
		}
		return a
	}
	r := []any{pick(m.gen, indexSubjects...), pick(m.gen, indexDomains...), pick(m.gen, indexKeys...), pick(m.gen, "read", "write", "*", "delete", "")}
	if strings.Contains(m.text, "r.sub.") && m.IntN(2) == 0 || m.IntN(12) == 0 {
		r[0] = attributes()
	}
	if strings.Contains(m.text, "r.obj.") && m.IntN(2) == 0 || m.IntN(20) == 0 {
		r[2] = attributes()
	}
	if m.IntN(40) == 0 {
		r[m.IntN(4)] = pick[any](m.gen, nil, 7, struct{ Name string }{"alice"}, []string{"alice"}, []any{"alice"})
	}
	if m.IntN(200) == 0 {
		return r[:3]
	}
	return r
}
