package policy

import (
	"context"
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/tenant"
)

// This file holds what external tests need of the inside.

// ParsedRows are the p and g rows that a file would load as, without their sections.
func ParsedRows(content string) (p, g [][]string, err error) {
	var problems problems
	schema, tables := readSchema(AttributesFile, "", &problems)
	l := newLoader(schema, tables, &problems)
	l.read(PolicyFile, tenant.ID{}, "") // which says whose file rows stand in
	for r := range rowsOf(PolicyFile, content, &problems) {
		if !l.usable(PolicyFile, tenant.ID{}, r) {
			continue
		}
		var texts []string
		for _, f := range r.Fields[1:] {
			texts = append(texts, f.Text)
		}
		switch {
		case r.Fields[0].Text == "p" && len(texts) == 6:
			p = append(p, texts)
		case r.Fields[0].Text == "g" && len(texts) == 3:
			g = append(g, texts)
		default:
			problems.add(CodeRowLength, PolicyFile, r.Number, 1, "not a row")
		}
	}
	return p, g, problems.err()
}

// Condition is a compiled condition. Eval returns "true", "false" or "unknown".
type Condition struct{ e condition.Expr }

// Eval evaluates the condition.
func (c Condition) Eval(r Request) string {
	if r.roles == nil {
		r.roles = new([]string)
	}
	return condition.Eval(c.e, r.values()).String()
}

// CompileCondition compiles text for objects of typ under an attributes.csv. When it fails,
// at is the byte where.
func CompileCondition(text, typ, attributes string) (c Condition, at int, why string) {
	k := NewConditions(attributes)
	at, why = k.Compile(text, typ)
	return k.Last(), at, why
}

// Conditions compiles the conditions of one policy.
type Conditions struct{ *condition.Compiler }

// NewConditions returns a Conditions for an attributes.csv.
func NewConditions(attributes string) Conditions {
	var p problems
	schema, _ := readSchema(AttributesFile, attributes, &p)
	return Conditions{condition.NewCompiler(schema)}
}

// Compile compiles text for objects of typ. When it fails, at is the byte where.
func (c Conditions) Compile(text, typ string) (at int, why string) {
	if _, bad := c.Compiler.Compile(text, typ); bad != nil {
		return bad.At, bad.Msg
	}
	return 0, ""
}

// Last is the condition compiled last.
func (c Conditions) Last() Condition {
	all := c.Exprs()
	return Condition{all[len(all)-1]}
}

// Expr is the condition's tree.
func (c Condition) Expr() condition.Expr { return c.e }

// EvalExpr evaluates a part of a condition.
func EvalExpr(e condition.Expr, r Request) string { return Condition{e}.Eval(r) }

// WithRoles returns the request of a caller who has some roles, as the engine sets them.
func WithRoles(r Request, roles ...string) Request {
	r.roles = &roles
	return r
}

// RolesOf returns the value of r.sub.roles in an engine.
func RolesOf(t interface{ Fatal(...any) }, e *Engine, r Request) []string {
	var q query
	s, err := e.prepare(context.Background(), &r, &q)
	if err != nil {
		t.Fatal(err)
	}
	roles := s.rolesOf(&r, &q)
	slices.Sort(roles)
	return roles
}

// RulesRead returns how many rules a filter looks at.
func RulesRead(e *Engine, r Request) int {
	var q query
	s, err := e.prepare(context.Background(), &r, &q)
	if err != nil {
		return -1
	}
	return len(s.about(nil, nil, &r, &q))
}
