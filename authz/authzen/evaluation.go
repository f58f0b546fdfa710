package authzen

import "github.com/reevehq/reeve/authz/policy"

// evaluation is one evaluation.
type evaluation struct {
	subject  Subject
	action   policy.Action
	resource Resource
	context  Properties
}

// wanted are the members that an evaluation needs. A search leaves out what it looks for.
type wanted struct{ subjectID, action, resourceID bool }

var everything = wanted{true, true, true}

// ask reads an evaluation. The defaults say what an item leaves out.
func ask(item, defaults map[string]any, want wanted) (q evaluation, err error) {
	member := func(name string) (Properties, error) {
		x, there := item[name]
		if !there {
			x, there = defaults[name]
		}
		if !there {
			return nil, nil
		}
		o, is := x.(map[string]any)
		if !is {
			return nil, malformed(name + " is no object")
		}
		return o, nil
	}
	if q.subject.Type, q.subject.ID, q.subject.Properties, err = entity(member, "subject", want.subjectID); err != nil {
		return q, err
	}
	if q.resource.Type, q.resource.ID, q.resource.Properties, err = entity(member, "resource", want.resourceID); err != nil {
		return q, err
	}
	if q.context, err = member("context"); err != nil || !want.action {
		return q, err
	}
	action, err := member("action")
	if err != nil {
		return q, err
	}
	if action == nil {
		return q, malformed("action is missing")
	}
	name, err := text(action, "action", "name")
	if err != nil {
		return q, err
	}
	if _, err := properties(action, "action"); err != nil {
		return q, err
	}
	q.action = policy.Action(name)
	return q, nil
}

// entity reads a subject or a resource. Where an id is not needed it is ignored.
func entity(member func(string) (Properties, error), name string, needsID bool) (typ, id string, p Properties, err error) {
	o, err := member(name)
	if err != nil {
		return "", "", nil, err
	}
	if o == nil {
		return "", "", nil, malformed(name + " is missing")
	}
	if typ, err = text(o, name, "type"); err != nil {
		return "", "", nil, err
	}
	if needsID {
		if id, err = text(o, name, "id"); err != nil {
			return "", "", nil, err
		}
	}
	p, err = properties(o, name)
	return typ, id, p, err
}

func text(o map[string]any, of, name string) (string, error) {
	x, there := o[name]
	if !there {
		return "", malformed(of + "." + name + " is missing")
	}
	s, is := x.(string)
	if !is || s == "" {
		return "", malformed(of + "." + name + " is no text")
	}
	return s, nil
}

func properties(o map[string]any, of string) (Properties, error) {
	x, there := o["properties"]
	if !there {
		return nil, nil
	}
	p, is := x.(map[string]any)
	if !is {
		return nil, malformed(of + ".properties is no object")
	}
	return p, nil
}
