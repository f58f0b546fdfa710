package condition

import "iter"

// Form is where a condition is known to be true, or known to be false, written without
// negation: "all of", "one of" and comparisons that have to be known and true. It has two
// values where a condition has three: a missing value makes a comparison not hold, and nothing
// turns that round. The zero Form is Never.
type Form struct {
	kind  FormKind
	size  int // literals
	parts []Form
	leaf  *Leaf
}

// FormKind is the kind of a Form.
type FormKind uint8

// The kinds of Forms.
const (
	FormNever   FormKind = iota // it holds for nothing
	FormAlways                  // it holds for everything
	FormAll                     // all of Parts hold
	FormAny                     // one of Parts holds
	FormLiteral                 // the comparison Literal is known and true
)

// Always returns the Form that holds for everything.
func Always() Form { return Form{kind: FormAlways} }

// All returns the Form that holds where all parts do: Always without parts.
func All(parts ...Form) Form { return join(FormAll, FormAlways, FormNever, parts) }

// Any returns the Form that holds where one of the parts does: Never without parts.
func Any(parts ...Form) Form { return join(FormAny, FormNever, FormAlways, parts) }

// join makes one Form of parts: it drops those that change nothing, and a part that stands
// there twice, and takes the parts of parts of its own kind as its own.
func join(kind, neutral, decides FormKind, parts []Form) Form {
	n := 0
	for i := range parts {
		switch parts[i].kind {
		case neutral:
		case decides:
			return parts[i]
		case kind:
			n += len(parts[i].parts)
		default:
			n++
		}
	}
	if n == 0 {
		return Form{kind: neutral}
	}
	if n == 1 { // which is none of kind: these have two parts or more
		for _, p := range parts {
			if p.kind != neutral {
				return p
			}
		}
	}
	out := Form{kind: kind, parts: make([]Form, 0, n)}
	for _, p := range parts {
		switch p.kind {
		case neutral:
		case kind:
			for _, q := range p.parts {
				out.add(q)
			}
		default:
			out.add(p)
		}
	}
	if len(out.parts) == 1 {
		return out.parts[0]
	}
	return out
}

func (f *Form) add(p Form) {
	for i := range f.parts {
		if f.parts[i].same(&p) {
			return
		}
	}
	f.parts, f.size = append(f.parts, p), f.size+p.size
}

func (f *Form) same(g *Form) bool {
	if f.kind != g.kind || f.size != g.size || len(f.parts) != len(g.parts) {
		return false
	}
	if f.kind == FormLiteral {
		return f.leaf.same(g.leaf)
	}
	for i := range f.parts {
		if !f.parts[i].same(&g.parts[i]) {
			return false
		}
	}
	return true
}

// Kind returns what the Form is.
func (f Form) Kind() FormKind { return f.kind }

// Parts returns the parts of FormAll and FormAny, two or more, in the order of the source.
// None is of the Form's own kind, Always or Never.
func (f Form) Parts() iter.Seq[Form] {
	return func(yield func(Form) bool) {
		for _, p := range f.parts {
			if !yield(p) {
				return
			}
		}
	}
}

// Literal returns the comparison of a FormLiteral, and the zero Leaf of another Form. Its
// operator says what has to be true: of !(r.obj.size < 3) it is OpGreaterEqual. The attribute of
// the object stands in A and a constant in B, of the same kind as the attribute, unless the
// operator says something else the other way round: 'x' in a list, a constant that begins with an
// attribute, and a constant list that contains all of an attribute's.
func (f Form) Literal() Leaf {
	if f.leaf == nil {
		return Leaf{}
	}
	return *f.leaf
}

// Size returns how many literals the Form has.
func (f Form) Size() int { return f.size }

// Holds reports whether the Form holds. An attribute that is not known makes a comparison not
// hold.
func (f Form) Holds(at Lookup) bool {
	switch f.kind {
	case FormAlways:
		return true
	case FormAll:
		for i := range f.parts {
			if !f.parts[i].Holds(at) {
				return false
			}
		}
		return true
	case FormAny:
		for i := range f.parts {
			if f.parts[i].Holds(at) {
				return true
			}
		}
	case FormLiteral:
		return f.leaf.eval(at) == True
	}
	return false
}

// Reduce returns what is left of the Form when more attributes are known.
func (f Form) Reduce(at Lookup) Form {
	switch f.kind {
	case FormAll, FormAny:
		parts := make([]Form, len(f.parts))
		for i := range f.parts {
			parts[i] = f.parts[i].Reduce(at)
		}
		if f.kind == FormAll {
			return All(parts...)
		}
		return Any(parts...)
	case FormLiteral:
		return f.leaf.reduce(true, at)
	}
	return f
}

// Literal returns the Form of one comparison, in the sense of [Form.Literal], of an attribute with
// constants: those of OpOneOf and OpNoneOf as its List, else as B.
func Literal(l Leaf) Form { return l.normal() }
