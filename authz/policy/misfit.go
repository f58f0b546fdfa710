package policy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// misfit is an attribute that a condition asked for, and whose value is of another type than
// the attribute's kind takes. Such a value is no outcome of a request, as one that is missing
// or out of range may be: it is a mistake, and by it a deny rule could be made void that
// everybody believes to be in force. So it is an error of the whole decision.
type misfit struct {
	of    *operand // nil for none
	value any
}

// note remembers the first misfit, and one of the object or the environment before one of the
// subject: the former is a mistake of the service.
func (m *misfit) note(o *operand, x any) {
	if m.of == nil || m.of.part == ofSubject && o.part != ofSubject {
		m.of, m.value = o, x
	}
}

func (m *misfit) err(r *Request) error {
	if m.of.part == ofSubject {
		return fmt.Errorf("%w: the session's %s", ErrRequest, m.of.mismatch(m.value))
	}
	whose := "env"
	if m.of.part == ofObject {
		whose = r.Object.Type
	}
	return fmt.Errorf("%w: attribute %s of %s is declared %s, the service gave %T%s", ErrMisused, m.of.name, whose, m.of.kind, m.value, advice(m.of.kind, m.value))
}

// mismatch says what type a value is of, and what it should be of, without the value.
func (o *operand) mismatch(x any) string {
	return fmt.Sprintf("%s is %T, declared %s", o.text, x, o.kind)
}

// advice says what to write instead.
func advice(k Kind, x any) string {
	const convert = ": convert it to "
	switch v := x.(type) {
	case json.Number:
		if k == Int || k == Float {
			return ": use its Int64 or Float64"
		}
		return convert + k.String()
	case fmt.Stringer:
		if k == String && !isPointer(v) {
			return ": give its String(), if that is what the rules compare"
		}
	}
	if isPointer(x) {
		return ": give what it points to, and leave the attribute out when it is nil"
	}
	switch k {
	case String:
		return convert + "string"
	case Int:
		if _, ok := float(x); ok {
			return convert + "int64, or declare float"
		}
		return convert + "int64; a time is its Unix()"
	case Float:
		return convert + "float64"
	case Bool:
		return convert + "bool"
	case Strings:
		return convert + "[]string"
	}
	return ""
}

func isPointer(x any) bool { return strings.HasPrefix(fmt.Sprintf("%T", x), "*") }

// fits reports whether a value is of a type that the kind takes, in range or not.
func (k Kind) fits(x any) bool {
	switch x.(type) {
	case string:
		return k == String
	case bool:
		return k == Bool
	case []string:
		return k == Strings
	case int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
		return k == Int || k == Float
	case float64, float32:
		return k == Float
	}
	return false
}

// unusable says why a value that is there cannot be compared; "" when it can.
func (o *operand) unusable(x any) string {
	if _, ok := convert(o.kind, x); ok {
		return ""
	}
	if !o.kind.fits(x) {
		return o.mismatch(x)
	}
	if o.kind == Int {
		return o.text + " is no whole number within ±2⁵³"
	}
	return o.text + " is no number within ±2⁵³, or not finite"
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
	return fmt.Errorf("%w: no file of the policy names the object type %s: %s; a type without rules is declared in %s", ErrMisused, quote(typ), known("the policy", names), AttributesFile)
}
