package policy

import (
	"context"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/tenant"
)

// MaxNearMisses is how many near misses an [Explanation] names.
const MaxNearMisses = 3

// Explanation is a [Decision] and how it came about. It is data, for programs to show;
// String is one way to. It holds names, rows and positions, and never an attribute's value.
type Explanation struct {
	Decision Decision // what Decide returns

	// The request, in the words of rules.
	Tenant tenant.ID
	Caller string // "user:alice" or "anonymous"
	Action Action
	Object string // "/invoices/:id", "invoice", "invoice:42"

	// Names are all that rules may know the caller by in this tenant: the caller, the
	// roles of the session and those that follow from them, and the built-in roles.
	Names []string

	// Matches are the rules that decided, in the order of Decision.Reasons.
	Matches []Match

	// Lapsed are the g rows by which the caller would have further roles at another time, nearest
	// first: rows that have ended, or not begun.
	Lapsed []Lapse

	// NearMisses are the allow rules that came nearest, best first, when no rule decided.
	// Rows in another tenant's own file are never among them.
	NearMisses []NearMiss

	// Unruled says that no rule about objects of this type, of any caller, has the action:
	// "no rule about invoice has the action updte: those there are read, update". It is ""
	// when some rule has it, and for a route.
	Unruled string

	// Held says that the tenant's own file does not load now, and that the last rows of it
	// that did have decided.
	Held bool
}

// Match is a rule that decided.
type Match struct {
	Reason
	Path []RoleStep // from the caller to the rule's subject

	// Unknown is the part of a deny rule's condition for which an attribute is not there,
	// so that the rule matches. It is the zero ConditionPart when the condition is true.
	Unknown ConditionPart
}

// RoleStep is one name on the way from the caller to a rule's subject, and how the name before
// it comes by this one.
type RoleStep struct {
	Name string
	Via  Via
	File string // of the g row, for ViaGrant
	Line int    // likewise, from 1

	Ends time.Time // of the g row, zero for one without an end
}

// Lapse is a g row that does not hold at the time of a decision.
type Lapse struct {
	Member, Role string // "user:alice", "role:editor"
	File         string
	Line         int       // from 1
	Start, End   time.Time // zero for none
	Ended        bool      // whether it has ended; otherwise it has not begun
}

// Via says how a caller comes by a name.
type Via string

// How a caller can come by a name.
const (
	ViaCaller  Via = "caller"  // it is the caller
	ViaSession Via = "session" // a role of the session
	ViaGrant   Via = "grant"   // a g row
	ViaBuiltIn Via = "builtin" // role:anyone, role:authenticated
)

// Clause is one of the five things in which a rule and a request must agree.
type Clause string

// The clauses, in the order in which the model asks for them.
const (
	ClauseTenant    Clause = "tenant"
	ClauseAction    Clause = "action"
	ClauseObject    Clause = "object"
	ClauseSubject   Clause = "subject"
	ClauseCondition Clause = "condition"
)

// NearMiss is an allow rule that does not match.
type NearMiss struct {
	Reason
	Failed []Clause   // at least one, in the order of the model
	Path   []RoleStep // from the caller to the rule's subject, unless that failed

	// Wants is the rule's value for the first clause that failed, and Has that of the
	// request; Has is "" for a condition.
	Wants, Has string

	// Condition is the part of the condition that is not true. It is the zero ConditionPart unless
	// the condition failed.
	Condition ConditionPart
}

// Clause returns the first clause that failed.
func (m NearMiss) Clause() Clause {
	if len(m.Failed) == 0 {
		return ""
	}
	return m.Failed[0]
}

// ConditionPart is a part of a condition, and why it is not true.
type ConditionPart struct {
	Text       string   // as the policy has it
	Unknown    bool     // whether it is unknown, instead of false
	Attributes []string // what it compares: "r.obj.owner"
	Missing    []string // those that are not there

	// Unusable says of those that are there why they cannot be compared: "r.obj.size is no
	// whole number within ±2⁵³". It holds no value.
	Unusable []string
}

// Explain decides as [Engine.Decide] does, and says why. It reads every rule, so it is for
// people who ask, and not for every request.
func (e *Engine) Explain(ctx context.Context, r Request) (Explanation, error) {
	s, q, err := e.prepareAll(ctx, &r)
	if err != nil {
		return Explanation{Decision: Decision{Revision: s.id()}}, err
	}
	return s.explain(&r, &q)
}

func (s *snapshot) explain(r *Request, q *query) (Explanation, error) {
	paths := s.rolePaths(r)
	x := Explanation{
		Tenant: r.Tenant,
		Caller: r.Subject.name(),
		Action: r.Action,
		Object: r.Object.name(),
		Names:  paths.names,
		Held:   s.holds(r.Tenant),
		Lapsed: paths.lapsed,
	}
	marks := s.candidates(nil, nil, r, q)
	s.combine(&x.Decision, marks, r, q) // which sorts them
	if r.misfit.of != nil {
		return Explanation{Decision: Decision{Revision: s.revision}}, r.misfit.err(r)
	}
	for _, reason := range x.Decision.Reasons {
		for _, m := range marks {
			if i := m >> markBits; s.reasons[i] == reason {
				rule := &s.rules[i]
				x.Matches = append(x.Matches, Match{reason, paths.to(s.names.name(rule.subject)), partOf(s.conditions[rule.when], r)})
			}
		}
	}
	if len(x.Matches) == 0 {
		x.NearMisses = s.nearMisses(r, paths)
		x.Unruled = s.unruled(r)
	}
	return x, nil
}

// name returns the subject as rules name it.
func (s *Subject) name() string {
	if s.ID == "" {
		return "anonymous"
	}
	return "user:" + s.ID
}

// name returns the object as rules name it.
func (o *Object) name() string {
	switch {
	case o.Route != "":
		return o.Route
	case o.ID == "":
		return o.Type
	}
	return o.Type + ":" + o.ID
}

// partOf returns the part of a condition that keeps it from being true, and the zero Part
// when it is true.
func partOf(e condition.Expr, r *Request) ConditionPart {
	if condition.Eval(e, r.values()) == condition.True {
		return ConditionPart{}
	}
	e = failing(e, r)
	p := ConditionPart{Text: e.String(), Unknown: condition.Eval(e, r.values()) == condition.Unknown}
	for a := range e.Attributes() {
		if slices.Contains(p.Attributes, a.Ref()) {
			continue
		}
		p.Attributes = append(p.Attributes, a.Ref())
		if v, _ := r.values()(a); v.Kind() == a.Kind {
			continue
		}
		if x, there := r.raw(a); there && x != nil {
			p.Unusable = append(p.Unusable, unusable(a, x))
			continue
		}
		p.Missing = append(p.Missing, a.Ref())
	}
	return p
}

// failing returns the smallest part by which a condition that is not true is not.
func failing(e condition.Expr, r *Request) condition.Expr {
	whole := condition.Eval(e, r.values())
	if whole == condition.False && e.Op() != condition.OpAnd {
		return e
	}
	for part := range e.Args() {
		if condition.Eval(part, r.values()) == whole {
			return failing(part, r)
		}
	}
	return e
}
