package policy

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/hint"
)

// misfit is an attribute that a condition asked for, and whose value is of another type than
// the attribute's kind takes. Such a value is no outcome of a request, as one that is missing
// or out of range may be: it is a mistake, and by it a deny rule could be made void that
// everybody believes to be in force. So it is an error of the whole decision.
type misfit struct {
	of    *condition.Attribute // nil for none
	value any
}

// note remembers the first misfit, and one of the object or the environment before one of the
// subject: the former is a mistake of the service.
func (m *misfit) note(a *condition.Attribute, x any) {
	if m.of == nil || m.of.Part() == condition.PartSubject && a.Part() != condition.PartSubject {
		m.of, m.value = a, x
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
		if k == KindString && !isPointer(v) {
			return ": give its String(), if that is what the rules compare"
		}
	}
	if isPointer(x) {
		return ": give what it points to, and leave the attribute out when it is nil"
	}
	switch k {
	case KindString:
		return convert + "string"
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
	if a.Kind == KindInt {
		return a.Ref() + " is no whole number within ±2⁵³"
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
