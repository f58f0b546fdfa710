package policy

import (
	"math"
	"strings"
)

// truth is the value of a condition. Unknown is what a condition is when an attribute that
// it needs is not there: an allow rule then does not match and a deny rule does.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// maxExact is 2⁵³. Casbin computes in float64, where whole numbers beyond it are equal to
// their neighbours; such a value counts as not there.
const maxExact = 1 << 53

// Limits of the values that one condition compares, beyond which a comparison is unknown. They
// bound the work of evaluating it, whatever a service or its users put into the values. A
// constant is bounded already, so that a value of any size is compared with one.
const (
	maxText    = 4 << 10 // bytes of two attributes: of the shorter, which decides the work
	maxStrings = 4096    // texts of all lists that a condition looks into, in equal shares
	maxString  = 64      // bytes of each on average, of those as long as the text looked for
)

// scalar is the value of a constant, or of an attribute that is no list; its kind says which
// field.
type scalar struct {
	s string
	n float64
	b bool
}

// value is the value of an operand.
type value struct {
	scalar
	list []string
}

// eval returns the value of the condition for r. && and || look at their right side only
// when the left is known and does not decide, as Casbin does: unknown on the left is
// unknown.
func (n *node) eval(r *Request) truth {
	switch n.op {
	case opAnd:
		if left := n.x.eval(r); left != yes {
			return left
		}
		return n.y.eval(r)
	case opOr:
		if left := n.x.eval(r); left != no {
			return left
		}
		return n.y.eval(r)
	case opNot:
		switch n.x.eval(r) {
		case yes:
			return no
		case no:
			return yes
		}
		return unknown
	}
	return n.compare(r)
}

func (n *node) compare(r *Request) truth {
	a, ok := n.a.get(r)
	if !ok {
		return unknown
	}
	switch n.op {
	case opTrue:
		return truthOf(a.b)
	case opIPMatch:
		return inNetwork(n.net, a.s)
	case opInList:
		for i := range n.list {
			if a.scalar == n.list[i].scalar {
				return yes
			}
		}
		return no
	}
	b, ok := n.b.get(r)
	if !ok {
		return unknown
	}
	if n.op == opIn {
		return inStrings(b.list, a.s, n.most)
	}
	if min(len(a.s), len(b.s)) > maxText {
		return unknown
	}
	c := order(n.a.kind, a.scalar, b.scalar)
	switch n.op {
	case opEqual:
		return truthOf(c == 0)
	case opNotEqual:
		return truthOf(c != 0)
	case opLess:
		return truthOf(c < 0)
	case opLessEqual:
		return truthOf(c <= 0)
	case opGreater:
		return truthOf(c > 0)
	case opGreaterEqual:
		return truthOf(c >= 0)
	}
	return unknown
}

// inStrings reports whether a text is in a list of at most so many.
func inStrings(list []string, text string, most int) truth {
	if len(list) > most {
		return unknown
	}
	compared := 0
	for _, s := range list {
		if len(s) != len(text) {
			continue
		}
		if compared += len(s); compared > most*maxString {
			return unknown
		}
		if s == text {
			return yes
		}
	}
	return no
}

// order compares two values of a kind: negative, zero or positive.
func order(k Kind, a, b scalar) int {
	switch {
	case k == String:
		return strings.Compare(a.s, b.s)
	case number(k) && a.n < b.n, k == Bool && !a.b && b.b:
		return -1
	case number(k) && a.n > b.n, k == Bool && a.b && !b.b:
		return 1
	}
	return 0
}

// get returns the value of the operand for r, and false when it is not there, is nil, is out of
// range, or is of another type than was declared. The last is noted in r.
func (o *operand) get(r *Request) (value, bool) {
	if o.part == "" {
		return value{scalar: o.scalar}, true
	}
	switch {
	case o.part == ofSubject && o.name == "id":
		return value{scalar: scalar{s: r.Subject.ID}}, r.Subject.ID != ""
	case o.part == ofObject && o.name == "id":
		return value{scalar: scalar{s: r.Object.ID}}, r.Object.ID != ""
	}
	if x, there := o.given(r); there {
		v, ok := convert(o.kind, x)
		if !ok && x != nil && !o.kind.fits(x) {
			r.misfit.note(o, x)
		}
		return v, ok
	}
	if o.part == ofEnv {
		if o.name == EnvActor {
			return value{}, true // nobody acts
		}
		return r.now.get(o.name)
	}
	return value{}, false
}

// given returns what the request gives for the attribute, nil included.
func (o *operand) given(r *Request) (any, bool) {
	from := r.Env
	switch o.part {
	case ofSubject:
		from = r.Subject.Attributes
	case ofObject:
		from = r.Object.Attributes
	}
	if from == nil {
		return nil, false
	}
	return from.Get(o.name)
}

func convert(k Kind, x any) (v value, ok bool) {
	switch k {
	case String:
		v.s, ok = x.(string)
	case Bool:
		v.b, ok = x.(bool)
	case Strings:
		v.list, ok = x.([]string)
	case Int:
		v.n, ok = whole(x)
	case Float:
		v.n, ok = float(x)
	}
	return v, ok
}

func whole(x any) (float64, bool) {
	var n int64
	switch x := x.(type) {
	case int:
		n = int64(x)
	case int64:
		n = x
	case int32:
		n = int64(x)
	case int16:
		n = int64(x)
	case int8:
		n = int64(x)
	case uint:
		n = int64(min(uint64(x), maxExact+1))
	case uint64:
		n = int64(min(x, maxExact+1))
	case uint32:
		n = int64(x)
	case uint16:
		n = int64(x)
	case uint8:
		n = int64(x)
	default:
		return 0, false
	}
	return float64(n), -maxExact <= n && n <= maxExact
}

func float(x any) (float64, bool) {
	switch x := x.(type) {
	case float64:
		return x, !math.IsNaN(x) && !math.IsInf(x, 0)
	case float32:
		return float64(x), !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0)
	}
	return whole(x)
}
