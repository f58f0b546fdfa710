package lint

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

// words are the names in the files and the tables, beside the rules.
type words struct {
	cases   []policytest.Case
	lines   map[string][]string // of tables, by their names, where they were needed
	tables  bool
	roles   map[string]bool // of tables and options, with role:
	tenants map[string]bool // of tables, options and tenants' files
	users   map[string]bool // of tables, with user:
	values  map[[2]string]map[string]bool
}

// readTables reads the tables of requests beside a policy. The names in them are known.
func (l *linter) readTables() {
	w := &l.words
	w.lines = map[string][]string{}
	w.roles, w.tenants, w.users, w.values = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[[2]string]map[string]bool{}
	for _, r := range l.opts.Roles {
		w.roles["role:"+strings.TrimPrefix(r, "role:")] = true
	}
	for _, t := range l.opts.Tenants {
		w.tenants[t] = true
	}
	for _, g := range l.grants {
		if g.own != "" {
			w.tenants[g.own] = true
		}
	}
	for _, r := range l.rules {
		if r.own != "" {
			w.tenants[r.own] = true
		}
	}
	var tables []string
	if l.fsys != nil {
		tables = l.bundle.Tables()
	}
	for _, name := range tables {
		cases, err := policytest.Load(l.fsys, name, l.engine.Attributes())
		if err != nil {
			l.badTable(name, err)
			continue
		}
		w.tables = true
		w.cases = append(w.cases, cases...)
	}
	for _, c := range w.cases {
		if !c.Request.Tenant.IsZero() {
			w.tenants[c.Request.Tenant.String()] = true
		}
		if c.Request.Subject.ID != "" {
			w.users["user:"+c.Request.Subject.ID] = true
		}
		// Rows that are denied may try names that there are not.
		if roles := c.Request.Subject.Roles; roles != nil && c.Want == policy.Allow {
			for i := range roles.Len() {
				w.roles["role:"+roles.At(i)] = true
			}
		}
		for _, of := range []struct {
			typ  string
			from policy.AttributeSource
		}{{c.Request.Object.Type + c.Request.Object.Route, c.Request.Object.Attributes}, {"sub", c.Request.Subject.Attributes}, {"env", c.Request.Env}} {
			values, _ := of.from.(policy.Values)
			for name, v := range values {
				if s, ok := v.(string); ok {
					l.value([2]string{of.typ, name}, s)
				}
			}
		}
	}
}

// value notes that an attribute has a value somewhere.
func (l *linter) value(of [2]string, s string) {
	if l.words.values[of] == nil {
		l.words.values[of] = map[string]bool{}
	}
	l.words.values[of][s] = true
}

// badTable notes what is wrong with a table of requests.
func (l *linter) badTable(name string, err error) {
	for text := range strings.Lines(err.Error()) {
		text = strings.TrimSuffix(text, "\n")
		f := Finding{Rule: ruleOf("RV015"), Severity: policy.SeverityError, File: name, Message: text, Code: "test-table"}
		rest, ok := strings.CutPrefix(text, name+":")
		if number, why, more := strings.Cut(rest, ":"); ok && more {
			n := 0
			for _, c := range number {
				if c < '0' || c > '9' || n > 1<<28 {
					n = 0
					break
				}
				n = 10*n + int(c-'0')
			}
			if n > 0 {
				f.Line, f.Col, f.Message = n, 1, strings.TrimSpace(why)
			}
		}
		l.add(f)
	}
}
