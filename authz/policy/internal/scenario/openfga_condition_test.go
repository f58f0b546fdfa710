package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// term is a condition's expression.
type term struct {
	Op    string
	Args  []term
	Param string
	Const any
	Type  string
}

var comparisons = map[string]string{"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

// condition is that of a tuple. A value of the request is an attribute of the environment; a value
// of the tuple is a constant, or an attribute of the object where it meets a constant.
func (tr *translation) condition(i int, x tuple, own bool) (string, error) {
	c := tr.Conditions[x.Condition.Name]
	b := &bound{tr: tr, i: i, tuple: x, types: c.Parameters, own: own}
	return b.text(c.Expression)
}

type bound struct {
	tr    *translation
	i     int
	tuple tuple
	types map[string]string
	own   bool
}

// operand is a side of a comparison.
type operand struct {
	kind  string // of attributes.csv, or duration
	param string
	value any // of a constant or of what the tuple carries; nil for what a request gives
	text  string
}

func (b *bound) text(e term) (string, error) {
	switch e.Op {
	case "and", "or":
		var terms []string
		for _, x := range e.Args {
			text, err := b.text(x)
			if err != nil {
				return "", err
			}
			terms = append(terms, text)
		}
		if e.Op == "or" {
			return orOf(terms...), nil
		}
		return andOf(terms...), nil
	}
	if len(e.Args) != 2 {
		return "", fmt.Errorf("%s is no word of conditions", e.Op)
	}
	l, err := b.operand(e.Args[0])
	if err != nil {
		return "", err
	}
	if e.Op == "ne" && e.Args[1].Type == "null" { // it is there
		if l.value != nil {
			if l, err = b.carried(l); err != nil {
				return "", err
			}
		}
		part, name := cutLast(l.text)
		return fmt.Sprintf("has(%s, '%s')", part, name), nil
	}
	r, err := b.operand(e.Args[1])
	if err != nil {
		return "", err
	}
	if l.value != nil && r.value != nil { // what the tuple carries is an attribute then
		if l, err = b.carried(l); err != nil {
			return "", err
		}
	}
	switch {
	case e.Op == "in" && r.kind == "strings" && r.value != nil:
		return fmt.Sprintf("%s in %s", l.text, r.text), nil
	case e.Op == "in_cidr":
		return fmt.Sprintf("ipMatch(%s, %s)", l.text, r.text), nil
	case e.Op == "startsWith":
		return fmt.Sprintf("startsWith(%s, %s)", l.text, r.text), nil
	case comparisons[e.Op] != "" && (l.kind != "string" || e.Op == "eq" || e.Op == "ne"):
		return fmt.Sprintf("%s %s %s", l.text, comparisons[e.Op], r.text), nil
	}
	return "", fmt.Errorf("%s of %s and %s", e.Op, l.kind, r.kind)
}

// cutLast cuts an attribute before its name.
func cutLast(attribute string) (part, name string) {
	i := strings.LastIndexByte(attribute, '.')
	return attribute[:i], attribute[i+1:]
}

// carried makes what the tuple carries an attribute of its object.
func (b *bound) carried(o operand) (operand, error) {
	if o.param == "" || !b.own || o.kind == "strings" || o.kind == "duration" {
		return o, fmt.Errorf("a %s beside a constant", o.kind)
	}
	name := ident("of", strconv.Itoa(b.i), strings.TrimLeft(o.param, "_"))
	kind := typeOf(b.tuple.Object)
	if b.tr.ownKinds[kind] == nil {
		b.tr.ownKinds[kind] = map[string]string{}
	}
	b.tr.ownKinds[kind][name] = o.kind
	if b.tr.own[b.tuple.Object] == nil {
		b.tr.own[b.tuple.Object] = policy.Values{}
	}
	b.tr.own[b.tuple.Object][name] = o.value
	o.text, o.value = "r.obj."+name, nil
	return o, nil
}

var kindsOf = map[string]string{
	"int": "int", "uint": "int", "double": "float", "float": "float", "string": "string", "ipaddress": "string",
	"timestamp": "time", "duration": "duration", "list<string>": "strings",
}

func (b *bound) operand(e term) (operand, error) {
	switch {
	case e.Param != "":
		kind := kindsOf[b.types[e.Param]]
		if kind == "" || b.types[e.Param] == "ipaddress" && b.tuple.Condition.Context[e.Param] != nil {
			return operand{}, fmt.Errorf("a parameter of type %s", b.types[e.Param])
		}
		if v, there := b.tuple.Condition.Context[e.Param]; there {
			return constant(kind, e.Param, v)
		}
		return b.given(e.Param, kind)
	case e.Op == "index" && e.Args[0].Param != "" && b.types[e.Args[0].Param] == "map<string>":
		if _, carried := b.tuple.Condition.Context[e.Args[0].Param]; !carried {
			return b.given(ident(e.Args[0].Param, fmt.Sprint(e.Args[1].Const)), "string")
		}
	case e.Op == "timestamp":
		return constant("time", "", e.Args[0].Const)
	case e.Op == "add":
		l, err := b.operand(e.Args[0])
		if err != nil {
			return operand{}, err
		}
		r, err := b.operand(e.Args[1])
		if err != nil {
			return operand{}, err
		}
		at, isTime := l.value.(time.Time)
		d, isDuration := r.value.(time.Duration)
		if isTime && isDuration { // both stand in the tuple
			return constant("time", "", at.Add(d).Format(time.RFC3339Nano))
		}
	case e.Op == "" && e.Const != nil && kindsOf[e.Type] != "":
		return constant(kindsOf[e.Type], "", e.Const)
	}
	return operand{}, fmt.Errorf("%s of a value", e.Op)
}

// given returns a parameter of a request.
func (b *bound) given(name, kind string) (operand, error) {
	if kind == "duration" {
		return operand{}, fmt.Errorf("a duration in a request")
	}
	name = strings.TrimLeft(name, "_")
	b.tr.params[name] = kind
	return operand{kind: kind, param: name, text: "r.env." + name}, nil
}

func constant(kind, param string, v any) (operand, error) {
	o := operand{kind: kind, param: param}
	switch kind {
	case "duration":
		d, err := time.ParseDuration(fmt.Sprint(v))
		o.value = d
		return o, err
	case "time":
		at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(v))
		o.value, o.text = at, "'"+at.UTC().Format(time.RFC3339Nano)+"'"
		return o, err
	case "int":
		n, ok := v.(float64)
		if !ok {
			return o, fmt.Errorf("%v is no number", v)
		}
		o.value, o.text = int64(n), strconv.FormatInt(int64(n), 10)
	case "float":
		n, ok := v.(float64)
		if !ok {
			return o, fmt.Errorf("%v is no number", v)
		}
		o.value, o.text = n, strconv.FormatFloat(n, 'f', -1, 64)
	case "string":
		o.value, o.text = fmt.Sprint(v), "'"+fmt.Sprint(v)+"'"
	case "strings":
		var texts []string
		for _, x := range v.([]any) {
			texts = append(texts, "'"+x.(string)+"'")
		}
		o.value, o.text = texts, "("+strings.Join(texts, ", ")+")"
	}
	return o, nil
}

// env returns the values that a request gives to conditions.
func (tr *translation) env(t *testing.T, context map[string]any) policy.Values {
	t.Helper()
	values := policy.Values{}
	for _, name := range slices.Sorted(maps.Keys(context)) {
		x := context[name]
		name = strings.TrimLeft(name, "_")
		if m, is := x.(map[string]any); is {
			for key, v := range m {
				values[ident(name, key)] = v
			}
			continue
		}
		if tr.params[name] == "" {
			continue
		}
		o, err := constant(tr.params[name], "", x)
		if err != nil {
			t.Fatal(err)
		}
		values[name] = o.value
	}
	return values
}
