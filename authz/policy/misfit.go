package policy

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/hint"
)

// misfit is an attribute whose value is of another type than the attribute's kind takes, and which
// left a condition unknown. Such a value is no outcome of a request, as one that is missing or out
// of range may be: it is a mistake, and by it a deny rule could be made void that everybody
// believes to be in force. It is therefore an error of the whole decision. Where the other operands
// decide a condition, in whatever order they stand, no value of it could change that.
type misfit struct {
	of    *condition.Attribute // nil for none, and suspected for one that was seen
	value any
}

// suspected stands for an attribute of another type that a condition came to, until it is known
// whether it left the condition unknown.
var suspected = &condition.Attribute{}

// suspect remembers that a condition came to a value of another type.
func (m *misfit) suspect() {
	if m.of == nil {
		m.of = suspected
	}
}

// note remembers the first misfit, and one of the object or the environment before one of the
// subject: the former is a mistake of the service.
func (m *misfit) note(a *condition.Attribute, x any) {
	if m.of == nil || m.of == suspected || m.of.Part() == condition.PartSubject && a.Part() != condition.PartSubject {
		m.of, m.value = a, x
	}
}

// resolveMisfits notes the misfits of a condition that came to one.
func (r *Request) resolveMisfits(e condition.Expr) {
	r.noteMisfits(e)
	if r.misfit.of == suspected {
		r.misfit.of = nil // they left nothing unknown
	}
}

// noteMisfits notes those attributes that leave a condition, or a part of one, unknown for their
// type. They are the same in every order of operands.
func (r *Request) noteMisfits(e condition.Expr) {
	if condition.Eval(e, r.values()) != condition.Unknown {
		return
	}
	for part := range e.Args() {
		r.noteMisfits(part)
	}
	if !e.Op().IsLeaf() {
		return
	}
	for a := range e.Attributes() {
		if a.Via != nil {
			if x, there := r.given(condition.PartObject, a.Via); there && x != nil && !a.Via.Kind.Takes(x) {
				r.misfit.note(a.Via, x)
				continue
			}
		}
		if x, there := r.raw(a); there && x != nil && !a.Kind.Takes(x) {
			r.misfit.note(a, x)
		}
	}
}

// raw returns the value that the request gives for an attribute, and false for an id of the
// request's own.
func (r *Request) raw(a *condition.Attribute) (any, bool) {
	switch part := a.Part(); {
	case a.Via != nil:
		return r.ofParent(a)
	case a.Name == "id" && (part == condition.PartSubject || part == condition.PartObject && r.Object.Route == ""):
		return nil, false
	default:
		return r.given(part, a)
	}
}

func (m *misfit) err(r *Request) error {
	if m.of.Part() == condition.PartSubject {
		return fmt.Errorf("%w: the session's %s", ErrRequest, mismatch(m.of, m.value))
	}
	whose := "env"
	if m.of.Part() == condition.PartObject {
		whose = r.Object.Type
	}
	return fmt.Errorf("%w: attribute %s of %s is declared %s, the service gave %T%s", ErrMisused, m.of.Name, whose, m.of.Kind, m.value, advice(m.of.Kind, m.value))
}

// mismatch says what type a value is of, and what it should be of, without the value.
func mismatch(a *condition.Attribute, x any) string {
	return fmt.Sprintf("%s is %T, declared %s", a.Ref(), x, a.Kind)
}

// advice says what to write instead.
func advice(k AttributeKind, x any) string {
	const convert = ": convert it to "
	switch v := x.(type) {
	case json.Number:
		if k == KindInt || k == KindFloat {
			return ": use its Int64 or Float64"
		}
		return convert + k.String()
	case fmt.Stringer:
		if (k == KindString || k == KindUUID) && !isPointer(v) {
			return ": give its String(), if that is what the rules compare"
		}
	}
	if isPointer(x) {
		return ": give what it points to, and leave the attribute out when it is nil"
	}
	switch k {
	case KindString:
		return convert + "string"
	case KindTime:
		return ": give a time.Time"
	case KindUUID:
		return ": give its String(), in lower case, or a [16]byte"
	case KindParent:
		return ": give an AttributeSource, such as Values"
	case KindInt:
		if v, _ := condition.ValueOf(KindFloat, x); v.Kind() == KindFloat {
			return convert + "int64, or declare float"
		}
		return convert + "int64; a time is its Unix()"
	case KindFloat:
		return convert + "float64"
	case KindBool:
		return convert + "bool"
	case KindStrings:
		return convert + "[]string"
	}
	return ""
}

func isPointer(x any) bool { return strings.HasPrefix(fmt.Sprintf("%T", x), "*") }

// unusable says why a value that is there cannot be compared; "" when it can.
func unusable(a *condition.Attribute, x any) string {
	if v, _ := condition.ValueOf(a.Kind, x); v.Kind() == a.Kind {
		return ""
	}
	if !a.Kind.Takes(x) {
		return mismatch(a, x)
	}
	switch a.Kind {
	case KindInt:
		return a.Ref() + " is no whole number within ±2⁵³"
	case KindTime:
		return a.Ref() + " is no time of the years 1 to 9999"
	case KindUUID:
		return a.Ref() + " is no UUID in lower case, with hyphens"
	}
	return a.Ref() + " is no number within ±2⁵³, or not finite"
}

// unknownType is the error for an object of a type that no file names.
func (s *snapshot) unknownType(typ string) error {
	var names []string
	for id := range uint32(s.names.words.Numbers()) {
		if s.types.has(id) {
			names = append(names, s.names.words.Text(id))
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: no file of the policy names the object type %s, nor any other", ErrMisused, quote(typ))
	}
	return fmt.Errorf("%w: no file of the policy names the object type %s: %s; a type without rules is declared in %s", ErrMisused, quote(typ), "those of the policy are "+hint.List(names), AttributesFile)
}
