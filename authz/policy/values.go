package policy

import "github.com/reevehq/reeve/authz/policy/condition"

// values returns what conditions know of the request: nothing of an attribute that is not
// there, is nil, is out of range, or is of another type than was declared. The last is noted in
// r. It is one closure, and small enough to be inlined, so that it stays on the stack.
func (r *Request) values() condition.Lookup {
	return func(a *condition.Attribute) (condition.Value, []string) {
		part := a.Part()
		if a.Name == "id" && part != condition.PartEnv {
			id := r.Object.ID
			if part == condition.PartSubject {
				id = r.Subject.ID
			}
			if id == "" {
				return condition.Value{}, nil
			}
			return condition.String(id), nil
		}
		x, there := r.given(part, a.Name)
		if !there {
			return r.builtIn(part, a.Name), nil
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
			if a.Kind == KindInt {
				return condition.Int(x), nil
			}
		}
		r.note(a, x)
		return condition.ValueOf(a.Kind, x)
	}
}

// note remembers a value that is of another type than its attribute's kind.
func (r *Request) note(a *condition.Attribute, x any) {
	if x != nil && !a.Kind.Takes(x) {
		r.misfit.note(a, x)
	}
}

// given returns what the request gives for an attribute, nil included.
func (r *Request) given(part condition.Part, name string) (any, bool) {
	from := r.Env
	switch part {
	case condition.PartSubject:
		from = r.Subject.Attributes
	case condition.PartObject:
		from = r.Object.Attributes
	}
	if from == nil {
		return nil, false
	}
	return from.Get(name)
}

// builtIn returns what an attribute is that the request does not give.
func (r *Request) builtIn(part condition.Part, name string) condition.Value {
	if part != condition.PartEnv {
		return condition.Value{}
	}
	if name == EnvActor {
		return condition.String("") // nobody acts
	}
	n, ok := r.now.get(name)
	if !ok {
		return condition.Value{}
	}
	return condition.Int(n)
}
