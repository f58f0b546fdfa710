package policy

import (
	"strconv"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// values returns what conditions know of the request: nothing of an attribute that is not
// there, is nil, is out of range, or is of another type than was declared. The last is noted in
// r. It is one closure, and small enough to be inlined, so that it stays on the stack.
func (r *Request) values() condition.Lookup {
	return func(a *condition.Attribute) (condition.Value, []string) {
		part := a.Part()
		if a.Name == "id" && part == condition.PartSubject && r.Subject.ID != "" {
			return condition.String(r.Subject.ID), nil
		}
		if a.Via != nil || a.Name == "id" && part != condition.PartEnv {
			return r.named(a)
		}
		x, there := r.given(part, a)
		if !there {
			return r.builtIn(part, a.Name)
		}
		switch x := x.(type) { // the most common types, which need no call
		case string:
			if a.Kind == KindString {
				return condition.String(x), nil
			}
		case bool:
			if a.Kind == KindBool {
				return condition.Bool(x), nil
			}
		case int64:
			if v := condition.Int(x); a.Kind == KindInt && v.Kind() == KindInt {
				return v, nil
			}
		}
		return r.valueOf(a, x)
	}
}

// valueOf returns a value of an attribute, and remembers that one is of another type than its
// attribute's kind.
func (r *Request) valueOf(a *condition.Attribute, x any) (condition.Value, []string) {
	if x != nil && !a.Kind.Takes(x) {
		r.misfit.suspect()
	}
	return a.ValueOf(x)
}

// named returns an id, or an attribute of the object's parent.
func (r *Request) named(a *condition.Attribute) (condition.Value, []string) {
	if a.Via != nil {
		x, there := r.ofParent(a)
		if !there {
			return condition.Value{}, nil
		}
		return r.valueOf(a, x)
	}
	id := r.Object.ID
	switch {
	case a.Part() == condition.PartSubject:
		id = r.Subject.ID
	case r.Object.Route != "": // a parameter of the route
		x, there := r.given(condition.PartObject, a)
		if !there {
			return condition.Value{}, nil
		}
		return r.valueOf(a, x)
	}
	return idOf(a.Kind, id), nil
}

// idOf returns an id as a value of a kind. A number is written in one way.
func idOf(k AttributeKind, id string) condition.Value {
	switch {
	case id == "":
		return condition.Value{}
	case k == KindUUID:
		return usable(condition.UUID(id))
	case k == KindInt:
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != id {
			return condition.Unusable()
		}
		return usable(condition.Int(n))
	}
	return condition.String(id)
}

// usable returns v, and Unusable for the zero Value.
func usable(v condition.Value) condition.Value {
	if v.Kind() == 0 {
		return condition.Unusable()
	}
	return v
}

// ofParent returns what the object's parent gives for an attribute.
func (r *Request) ofParent(a *condition.Attribute) (any, bool) {
	x, there := r.given(condition.PartObject, a.Via)
	if !there || x == nil {
		return nil, false
	}
	parent, ok := x.(AttributeSource)
	if !ok {
		r.misfit.suspect()
		return nil, false
	}
	return attributeOf(parent, a.Name, a.Kind)
}

// given returns what the request gives for an attribute, nil included.
func (r *Request) given(part condition.Part, a *condition.Attribute) (any, bool) {
	from := r.Env
	switch part {
	case condition.PartSubject:
		if a.Name == condition.SubRoles {
			return nil, false // the policy says which
		}
		from = r.Subject.Attributes
	case condition.PartObject:
		from = r.Object.Attributes
	}
	if from == nil {
		return nil, false
	}
	return attributeOf(from, a.Name, a.Kind)
}

// builtIn returns what an attribute is that the request does not give.
func (r *Request) builtIn(part condition.Part, name string) (condition.Value, []string) {
	if part == condition.PartSubject && name == condition.SubRoles {
		if r.roles == nil {
			return condition.Value{}, nil // the engine was not told that a condition asks
		}
		return condition.Strings(), *r.roles
	}
	if part != condition.PartEnv {
		return condition.Value{}, nil
	}
	if name == EnvActor {
		return condition.String(""), nil // nobody acts
	}
	n, ok := r.now.get(name)
	if !ok {
		return condition.Value{}, nil
	}
	return condition.Int(n), nil
}
