package sqltext

import (
	"strconv"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// domain writes what keeps a column within the domain of its kind: values below or above it, and
// in SQLite those of another type. A uuid of SQLite may be a text that is none, which matters where
// it is not compared with a uuid that is known.
func (w *writer) domain(a *condition.Attribute, col string, low, high, any bool) []string {
	var parts []string
	if !w.postgres() {
		parts = append(parts, typeIs(a.Kind, col))
		if a.Kind == condition.KindUUID && any {
			parts = append(parts, col+" GLOB '"+uuidPattern+"'")
		}
	}
	least, most := w.ends(a.Kind)
	if low && least != "" {
		parts = append(parts, col+" "+least)
	}
	if high && most != "" {
		parts = append(parts, col+" "+most)
	}
	return parts
}

// ends returns the comparisons with the ends of a kind's domain, "" of a kind without.
func (w *writer) ends(k condition.Kind) (least, most string) {
	switch k {
	case condition.KindInt:
		return ">= " + strconv.Itoa(-condition.MaxInt), "<= " + strconv.Itoa(condition.MaxInt)
	case condition.KindFloat:
		if w.postgres() { // to which NaN is more than Infinity
			return "> '-Infinity'::double precision", "< 'Infinity'::double precision"
		}
		return "> -9e999", "< 9e999"
	case condition.KindTime:
		if w.postgres() {
			return ">= '0001-01-01 00:00:00+00'::timestamptz", "<= '9999-12-31 23:59:59.999999+00'::timestamptz"
		}
		return ">= " + strconv.FormatInt(condition.MinTime().UnixMicro(), 10), "<= " + strconv.FormatInt(condition.MaxTime().UnixMicro(), 10)
	}
	return "", ""
}

// typeIs writes that a value of SQLite is of a kind's type: a column may hold any.
func typeIs(k condition.Kind, col string) string {
	switch k {
	case condition.KindInt, condition.KindTime:
		return "typeof(" + col + ") = 'integer'"
	case condition.KindFloat:
		return "typeof(" + col + ") = 'real'"
	case condition.KindBool:
		return col + " IN (0, 1)"
	}
	return "typeof(" + col + ") = 'text'"
}

// uuidPattern is that of a UUID in lower case, for GLOB.
var uuidPattern = strings.Join([]string{hex(8), hex(4), hex(4), hex(4), hex(12)}, "-")

func hex(n int) string { return strings.Repeat("[0-9a-f]", n) }

// shorter writes that one of two texts is no longer than a condition compares. A uuid never is.
func (w *writer) shorter(l *condition.Leaf, s scope) string {
	most := l.Guard().Length
	if most == 0 {
		return always
	}
	var parts []string
	for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		switch {
		case a == nil: // a constant that is longer
		case a.Kind == condition.KindUUID:
			return always
		default:
			parts = append(parts, "octet_length("+s.of(a)+") <= "+strconv.Itoa(most))
		}
	}
	return or(parts...)
}
