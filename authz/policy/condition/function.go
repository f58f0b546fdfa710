package condition

import (
	"errors"
	"strings"
)

// The functions that conditions may call.
const (
	// FunctionIPMatch is Casbin's own, ipMatch(r.env.ip, '10.0.0.0/8'): whether the address that an
	// attribute holds is in a network, or is an address. The network is a constant and checked when
	// the condition is compiled. A text that is no address makes the condition unknown.
	FunctionIPMatch = "ipMatch"

	// FunctionStartsWith is startsWith(r.obj.path, 'drafts/'): whether a text begins with another,
	// byte by byte.
	FunctionStartsWith = "startsWith"

	// FunctionEndsWith is endsWith(r.obj.file, '.pdf'): whether a text ends with another, byte by
	// byte.
	FunctionEndsWith = "endsWith"

	// FunctionContains is contains(r.obj.title, 'draft'): whether a text stands in another, byte by
	// byte. No character is a pattern. Whether a text is one of a list, the operator in says.
	FunctionContains = "contains"

	// FunctionContainsAny is containsAny(r.obj.readers, r.sub.roles): whether two lists have a text
	// in common. The second may be a constant: containsAny(r.obj.tags, ('a', 'b')).
	FunctionContainsAny = "containsAny"

	// FunctionContainsAll is containsAll(r.sub.clearances, r.obj.labels): whether every text of the
	// second list is one of the first. It is true of an empty second list.
	FunctionContainsAll = "containsAll"

	// FunctionSize is size(r.obj.approvers) >= 2: how many texts a list has, each as often as it is
	// there, beside a constant number.
	FunctionSize = "size"

	// FunctionHas is has(r.obj, 'ends'): whether an attribute is there, and not NULL. It is unknown
	// only of a value that is of another type than the attribute's kind, or out of range.
	FunctionHas = "has"

	// FunctionIsNull is isNull(r.obj, 'owner'): whether an attribute, to which NULL is a value, is
	// NULL. It is unknown where the attribute is not there at all.
	FunctionIsNull = "isNull"
)

// isFunction reports whether conditions may call a function.
func isFunction(name string) bool {
	switch name {
	case FunctionIPMatch, FunctionStartsWith, FunctionEndsWith, FunctionContains, FunctionContainsAny, FunctionContainsAll, FunctionSize, FunctionHas, FunctionIsNull:
		return true
	}
	return false
}

// takesPart reports whether a function's first argument is a part of the request.
func takesPart(name string) bool { return name == FunctionHas || name == FunctionIsNull }

// Functions returns what Casbin has to be given to read the same files, each for AddFunction of
// an enforcer. ipMatch it has itself. Lists are []any there, as its operator in needs them, and
// the parts of a request are maps from names to values.
func Functions() map[string]func(args ...any) (any, error) {
	return map[string]func(args ...any) (any, error){
		FunctionStartsWith:  casbinTexts(strings.HasPrefix),
		FunctionEndsWith:    casbinTexts(strings.HasSuffix),
		FunctionContains:    casbinTexts(strings.Contains),
		FunctionContainsAny: func(args ...any) (any, error) { return casbinLists(args, false) },
		FunctionContainsAll: func(args ...any) (any, error) { return casbinLists(args, true) },
		FunctionSize:        casbinSize,
		FunctionHas:         casbinHas,
		FunctionIsNull:      casbinIsNull,
	}
}

var errArguments = errors.New("condition: other arguments are needed")

// casbinTexts is a function of two texts.
func casbinTexts(holds func(text, part string) bool) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		if len(args) != 2 {
			return nil, errArguments
		}
		text, ok := args[0].(string)
		part, ok2 := args[1].(string)
		if !ok || !ok2 {
			return nil, errArguments
		}
		return holds(text, part), nil
	}
}

// casbinLists compares two lists. Casbin hands the texts of the first one over one by one, and
// every argument but the last is of it.
func casbinLists(args []any, all bool) (any, error) {
	if len(args) == 0 {
		return nil, errArguments
	}
	first, second := args[:len(args)-1], args[len(args)-1]
	list, ok := second.([]any)
	if _, one := second.(string); one {
		list, ok = []any{second}, true
	}
	if !ok {
		return nil, errArguments
	}
	there := map[string]bool{}
	for _, x := range first {
		s, ok := x.(string)
		if !ok {
			return nil, errArguments
		}
		there[s] = true
	}
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			return nil, errArguments
		}
		if there[s] != all {
			return !all, nil
		}
	}
	return all, nil
}

// casbinSize counts a list, whose texts Casbin hands over one by one.
func casbinSize(args ...any) (any, error) {
	for _, x := range args {
		if _, ok := x.(string); !ok {
			return nil, errArguments
		}
	}
	return float64(len(args)), nil
}

func casbinHas(args ...any) (any, error) {
	x, there, err := casbinGet(args)
	return there && x != nil, err
}

func casbinIsNull(args ...any) (any, error) {
	x, there, err := casbinGet(args)
	if err == nil && !there {
		err = errArguments
	}
	return x == nil, err
}

// casbinGet returns what a map has under a name.
func casbinGet(args []any) (x any, there bool, err error) {
	if len(args) != 2 {
		return nil, false, errArguments
	}
	part, ok := args[0].(map[string]any)
	name, ok2 := args[1].(string)
	if !ok || !ok2 {
		return nil, false, errArguments
	}
	x, there = part[name]
	return x, there, nil
}
