package condition

import "github.com/reevehq/reeve/internal/ascii"

// Attribute is an operand of conditions: one row of attributes.csv, or an attribute that
// is built in.
type Attribute struct {
	Type   string // "sub", "env" or an object type; for a parameter of a route the route's template
	Name   string
	Kind   Kind
	Null   Null   // what NULL in the column means
	Column string // of the table that holds such objects; "" when there is none

	// Relation says where related rows are: those of a parent, of kind parent, and those whose
	// texts are the list, of kind strings. Column is then the key of this object that the rows
	// hold. Nil for what the table itself holds. Nobody may change it.
	Relation *Relation

	// Via is the parent whose attribute this is: r.obj.<Via.Name>.<Name>. Nil for an attribute of
	// the object itself. Nobody may change it.
	Via *Attribute

	part Part // in a Schema: what Type says; 0 elsewhere
}

// Part says where an attribute is found: in which part of a request.
type Part uint8

// The parts. The zero Part is none of them.
const (
	PartSubject Part = iota + 1 // r.sub
	PartObject                  // r.obj
	PartEnv                     // r.env
)

// The types of attributes that are no object types, and what a condition calls the object.
const (
	ofSubject = "sub"
	ofObject  = "obj"
	ofEnv     = "env"
)

// String returns the part as a condition writes it: "obj", "sub", "env".
func (p Part) String() string {
	switch p {
	case PartSubject:
		return ofSubject
	case PartObject:
		return ofObject
	case PartEnv:
		return ofEnv
	}
	return "none"
}

// Part returns where the attribute is found.
func (a *Attribute) Part() Part {
	if a.part != 0 {
		return a.part
	}
	return partOf(a.Type)
}

func partOf(typ string) Part {
	switch typ {
	case ofSubject:
		return PartSubject
	case ofEnv:
		return PartEnv
	}
	return PartObject
}

// Ref returns the attribute as a condition writes it: "r.obj.owner".
func (a *Attribute) Ref() string {
	if a.Via != nil {
		return a.Via.Ref() + "." + a.Name
	}
	return "r." + a.Part().String() + "." + a.Name
}

// ValueOf is [ValueOf] for a value of the attribute; nil is NULL, and a value of another type or
// out of range is [Unusable].
func (a *Attribute) ValueOf(x any) (Value, []string) {
	if x == nil {
		return NullOf(), nil
	}
	v, list := ValueOf(a.Kind, x)
	if v.kind == 0 {
		return Unusable(), nil
	}
	return v, list
}

// MaxName is the length of the longest name of an attribute, in bytes.
const MaxName = 64

// IsName reports whether s can name an attribute: [a-z][a-zA-Z0-9_]*. Names with a capital
// are the model's own.
func IsName(s string) bool {
	return s != "" && len(s) <= MaxName && ascii.IsLower(s[0]) && ascii.All(s, ascii.IsIdent)
}
