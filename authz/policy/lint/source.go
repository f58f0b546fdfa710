package lint

import (
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/policycsv"
)

// row is one row of a file.
type row struct {
	file string
	own  string // the tenant whose own file it stands in, "" for none
	line *policycsv.Line
}

// span returns the columns of value i, and of the whole row for -1.
func (r *row) span(i int) (from, to int) {
	if i < 0 || i >= len(r.line.Fields) {
		return r.line.Fields[0].Col, len(r.line.Text) + 1
	}
	f := r.line.Fields[i]
	to = r.line.Column(f, len(f.Text))
	if f.Col <= len(r.line.Text) && r.line.Text[f.Col-1] == '"' {
		to++
	}
	return f.Col, to
}

// position returns "file:line".
func (r *row) position() string { return r.file + ":" + itoa(r.line.Number) }

// The values of a rule, by their place in a row.
const (
	atSubject = iota + 1
	atTenant
	atObject
	atAction
	atCondition
	atEffect
)

// ruleRow is one p row.
type ruleRow struct {
	row
	sub, dom, obj, act, cond string
	allow                    bool
	order                    int // among the rules of all files
	target                   target
	expr                     condition.Expr
}

func (r *ruleRow) isRoute() bool { return r.target.route }
func (r *ruleRow) isWrite() bool { return !isRead(r.act) }
func (r *ruleRow) always() bool  { return r.cond == "true" }
func (r *ruleRow) at() string    { return r.position() }

// grantRow is one g row.
type grantRow struct {
	row
	member, role, dom string
	start, end        time.Time // zero for none
}

// grantTime is how a g row writes a time.
const grantTime = "2006-01-02 15:04:05"

const (
	everything    = "*"
	anyone        = "role:anyone"
	authenticated = "role:authenticated"
)

func noon() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }

// read reads the rows of a policy that loads.
func (l *linter) read() {
	schema, err := condition.NewSchema(l.engine.Attributes())
	if err != nil {
		schema, _ = condition.NewSchema(nil)
	}
	conditions := condition.NewCompiler(schema)
	for _, name := range l.bundle.Files() {
		if name == policy.ModelFile || name == policy.AttributesFile || name == policy.CeilingFile {
			continue
		}
		own := ""
		if strings.HasPrefix(name, policy.TenantsFolder+"/") {
			own = "?"
		}
		lines := l.file(name).Lines()
		for i := range lines {
			x := &lines[i]
			if x.Kind == policycsv.Comment {
				l.lookAtComment(name, x)
			}
			if x.Kind != policycsv.Row || len(x.Faults) > 0 {
				continue
			}
			f := x.Fields
			switch {
			case f[0].Text == "p" && len(f) == 7:
				r := &ruleRow{row: row{name, own, x}, sub: f[1].Text, dom: f[2].Text, obj: f[3].Text, act: f[4].Text, cond: f[5].Text, allow: f[6].Text == "allow", target: targetOf(f[3].Text)}
				r.order = len(l.rules)
				if own != "" {
					r.own = r.dom
				}
				if id, bad := conditions.Compile(r.cond, r.target.conditions()); bad == nil {
					r.expr = conditions.Exprs()[id]
				}
				l.rules = append(l.rules, r)
			case f[0].Text == "g" && (len(f) == 4 || len(f) == 6):
				g := &grantRow{row: row{name, own, x}, member: f[1].Text, role: f[2].Text, dom: f[3].Text}
				if len(f) == 6 {
					g.start, _ = time.Parse(grantTime, f[4].Text) // none stays zero
					g.end, _ = time.Parse(grantTime, f[5].Text)
				}
				if own != "" {
					g.own = g.dom
				}
				l.grants = append(l.grants, g)
			}
		}
	}
	l.allowed, l.denied = newTargets(l.rules, true), newTargets(l.rules, false)
	var lasting []*grantRow
	for _, g := range l.grants {
		if !g.over(l.now) {
			lasting = append(lasting, g)
		}
	}
	l.closures = closuresOf(lasting)
}

func (l *linter) file(name string) *policycsv.File {
	if f := l.files[name]; f != nil {
		return f
	}
	content, _ := l.bundle.Content(name)
	f := policycsv.Parse(content)
	l.files[name] = f
	return f
}

// closuresOf returns the roles of each name that is granted some, near or far, by tenant: of
// everything those that it has in every tenant.
func closuresOf(grants []*grantRow) map[[2]string][]string {
	direct := map[[2]string][]string{}
	tenants := map[string]bool{everything: true}
	names := map[string]bool{}
	for _, g := range grants {
		key := [2]string{g.dom, g.member}
		direct[key] = append(direct[key], g.role)
		tenants[g.dom], names[g.member] = true, true
	}
	if len(names)*len(tenants) > 1_000_000 {
		tenants = map[string]bool{everything: true}
	}
	out := map[[2]string][]string{}
	closure := func(dom, name string) []string {
		todo, visited := []string{name}, map[string]bool{name: true}
		for i := 0; i < len(todo); i++ {
			for _, d := range [...]string{everything, dom} {
				for _, role := range direct[[2]string{d, todo[i]}] {
					if !visited[role] {
						visited[role] = true
						todo = append(todo, role)
					}
				}
				if dom == everything {
					break
				}
			}
		}
		return todo[1:]
	}
	for name := range names {
		out[[2]string{everything, name}] = closure(everything, name)
	}
	for _, g := range grants {
		key := [2]string{g.dom, g.member}
		if out[key] == nil && tenants[g.dom] {
			out[key] = closure(g.dom, g.member)
		}
	}
	return out
}

// rolesOf returns the roles that a name has in a tenant.
func (l *linter) rolesOf(name, dom string) []string {
	if roles, ok := l.closures[[2]string{dom, name}]; ok {
		return roles
	}
	return l.closures[[2]string{everything, name}]
}

// subjects returns the names that a rule for them would be for all whom a rule for name is for.
func (l *linter) subjects(name, dom string) []string {
	list := append([]string{name}, l.rolesOf(name, dom)...)
	if name != anyone && !slices.Contains(list, anyone) {
		list = append(list, anyone)
		if name != authenticated {
			list = append(list, authenticated)
		}
	}
	return list
}

// isRead reports whether an action changes nothing, by its name.
func isRead(action string) bool {
	switch action {
	case "GET", "HEAD", "OPTIONS", "read", "list", "view", "get", "search", "show", "browse", "query", "find", "watch", "count", "export", "download", "preview", "print":
		return true
	}
	return strings.HasPrefix(action, "read-") || strings.HasPrefix(action, "list-") || strings.HasPrefix(action, "view-") || strings.HasPrefix(action, "get-")
}
