package condition

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/hint"
)

// Schema is the attributes that conditions may compare: those that are declared, and those
// that are built in: r.sub.id, r.sub.roles, r.obj.id of every type, and [EnvAttributes]. It does
// not change.
type Schema struct {
	declared []Attribute
	byType   map[string]map[string]*Attribute
	known    map[string]string   // by type: what there is to ask for, for errors
	names    map[string][]string // by type, sorted: what may have been meant
}

// NewSchema returns the Schema of the declared attributes, or what is wrong with each of them.
// An attribute that is built in may be declared with its own kind, but for r.sub.id and
// r.sub.roles; r.obj.id may be of kind string, int or uuid. The object type of a parent has to
// have an attribute of its own.
func NewSchema(declared []Attribute) (*Schema, error) {
	s := &Schema{declared: slices.Clone(declared), byType: map[string]map[string]*Attribute{}}
	s.put(Attribute{Type: ofSubject, Name: "id", Kind: KindString})
	s.put(Attribute{Type: ofSubject, Name: SubRoles, Kind: KindStrings})
	var bad []error
	for _, a := range s.declared {
		if why := s.fault(a); why != "" {
			bad = append(bad, fmt.Errorf("condition: invalid schema: %s of %s: %s", hint.Quote(a.Name), hint.Quote(a.Type), why))
			continue
		}
		s.put(a)
	}
	for _, a := range s.declared {
		if a.Kind == KindParent && a.Relation != nil && s.byType[a.Relation.Target] == nil {
			bad = append(bad, fmt.Errorf("condition: invalid schema: %s of %s: %s is no object type that has an attribute", hint.Quote(a.Name), hint.Quote(a.Type), hint.Quote(a.Relation.Target)))
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	for _, a := range EnvAttributes() {
		if _, repeated := s.byType[ofEnv][a.Name]; !repeated {
			s.put(a)
		}
	}
	s.known, s.names = map[string]string{}, map[string][]string{}
	for typ, attributes := range s.byType {
		names := slices.Collect(maps.Keys(attributes))
		if typ != ofEnv && !slices.Contains(names, "id") {
			names = append(names, "id")
		}
		slices.Sort(names)
		s.known[typ], s.names[typ] = known(typ, names), names
	}
	return s, nil
}

// fault says why an attribute cannot be declared, "" when it can.
func (s *Schema) fault(a Attribute) string {
	own, builtIn := BuiltIn(a.Type, a.Name)
	_, twice := s.byType[a.Type][a.Name]
	switch {
	case a.Type == "" || a.Type == ofObject:
		return "no object type"
	case !IsName(a.Name):
		return "the name is malformed"
	case a.Kind < KindString || a.Kind > KindParent:
		return "it has no kind"
	case a.Null > NullValue:
		return "NULL means nothing"
	case builtIn && a.Type == ofSubject:
		return "it is built in"
	case builtIn && a.Type != ofEnv && !a.Kind.names():
		return "it is built in and of kind string, int or uuid"
	case builtIn && a.Type == ofEnv && a.Kind != own.Kind:
		return "it is built in and of kind " + own.Kind.String()
	case (a.Kind == KindParent) != (a.Relation != nil && !a.Relation.Many()) || a.Relation.Many() && a.Kind != KindStrings:
		return "a relation is a parent or a list of texts"
	case a.Relation != nil && (partOf(a.Type) != PartObject || a.Null == NullValue || a.Column == "" || a.Relation.Table == "" || a.Relation.Key == "" || (a.Relation.Only == "") != (a.Relation.Is == "")):
		return "a relation needs an object type, a column, a table and its key"
	case twice:
		return "declared twice"
	}
	return ""
}

// names reports whether the kind is one of ids.
func (k Kind) names() bool { return k == KindString || k == KindInt || k == KindUUID }

// Declared returns the attributes that the Schema was made of, in their order.
func (s *Schema) Declared() []Attribute { return slices.Clone(s.declared) }

// Types returns the object types that have a declared attribute, in no order.
func (s *Schema) Types() iter.Seq[string] {
	return func(yield func(string) bool) {
		for typ := range s.byType {
			if typ != ofSubject && typ != ofEnv && !yield(typ) {
				return
			}
		}
	}
}

func (s *Schema) put(a Attribute) {
	if s.byType[a.Type] == nil {
		s.byType[a.Type] = map[string]*Attribute{}
	}
	a.part = partOf(a.Type)
	s.byType[a.Type][a.Name] = &a
}

// Object returns the attribute r.obj.<name> of an object type, and nil when there is none.
func (s *Schema) Object(typ, name string) *Attribute {
	a, _ := s.find(ofObject, name, typ)
	return a
}

// find returns the attribute that r.<part>.<name> names in a rule for the object type typ, for one
// route, whose template typ then is, or with "" for a rule that covers objects of no one type.
// Otherwise why says what is wrong.
func (s *Schema) find(part, name, typ string) (a *Attribute, why string) {
	if part == ofObject && typ == "" {
		return nil, "a rule for routes or for every object cannot ask for r.obj." + name + ": only r.sub and r.env are the same everywhere"
	}
	if part == ofObject && typ[0] == '/' {
		return parameter(typ, name)
	}
	if first, second, below := strings.Cut(name, "."); below {
		return s.findBelow(part, first, second, typ)
	}
	of := part
	if part == ofObject {
		of = typ
	}
	if a, ok := s.byType[of][name]; ok {
		return a, ""
	}
	if part == ofObject && name == "id" {
		return &Attribute{Type: typ, Name: "id", Kind: KindString, part: PartObject}, ""
	}
	there, ok := s.known[of]
	if !ok {
		there = known(of, []string{"id"})
	}
	why = "unknown attribute r." + part + "." + name + ": " + there
	if near := s.nearest(of, name); near != "" {
		why += "; did you mean r." + part + "." + near + "?"
	} else if other := s.otherPart(part, name, typ); other != "" {
		why += "; did you mean " + other + "?"
	}
	if part == ofSubject && (name == "role" || name == "roles" || name == "groups") {
		why += "; a role is who the rule is for, the row's second value"
	}
	switch small := strings.ToLower(name); {
	case (part == ofSubject || part == ofObject) && (small == "tenant" || small == "tenants" || small == "tenant_id" || small == "org"):
		why += "; a tenant is the row's third value, and nobody reaches an object of another"
	case part == ofObject && (small == "type" || small == "kind"):
		why += "; a type is the row's fourth value"
	case part == ofEnv && (small == "now" || small == "date" || small == "minute" || small == "timestamp"):
		why += "; the time is r.env.time, r.env.hour and r.env.weekday"
	case part == ofSubject && (small == "user_id" || small == "uid" || small == "userid" || small == "username" || small == "sub"):
		why += "; the caller's id is r.sub.id"
	}
	return nil, why
}

// findBelow returns the attribute of a parent that r.obj.<parent>.<name> names.
func (s *Schema) findBelow(part, parent, name, typ string) (a *Attribute, why string) {
	via, why := s.find(part, parent, typ)
	if why != "" {
		return nil, why
	}
	if via.Kind != KindParent {
		return nil, via.Ref() + " is of kind " + via.Kind.String() + ", and has nothing below it"
	}
	a, why = s.find(ofObject, name, via.Relation.Target)
	if why != "" {
		return nil, strings.ReplaceAll(why, "r.obj.", via.Ref()+".")
	}
	if a.Kind == KindParent {
		return nil, "a condition goes to the parent, and not to the parent's: declare in attributes.csv what it needs of " + via.Ref() + "." + name
	}
	below := *a
	below.Via = via
	return &below, ""
}

// otherPart returns the attribute of that name of another part, "" for none.
func (s *Schema) otherPart(part, name, typ string) string {
	for _, other := range [...]string{ofEnv, ofSubject, ofObject} {
		of := other
		if other == ofObject {
			of = typ
		}
		if _, there := s.byType[of][name]; there && other != part && of != "" {
			return "r." + other + "." + name
		}
	}
	return ""
}

// nearest returns the attribute of a type that name was probably meant to be, "" for none.
func (s *Schema) nearest(of, name string) string {
	names, ok := s.names[of]
	if !ok {
		names = []string{"id"}
	}
	return hint.Nearest(name, names)
}

// known says which attributes a type has.
func known(typ string, names []string) string { return "those of " + typ + " are " + hint.List(names) }
