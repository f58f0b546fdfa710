package condition

import (
	"slices"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/internal/hint"
)

// or parses a condition up to what cannot go on.
func (p *parser) or() (uint16, *Error) {
	from := p.peek().at
	x, err := p.and()
	j := joint{op: OpOr, from: from}
	for err == nil && p.accept(tokenOr) {
		var y uint16
		if y, err = p.and(); err == nil {
			x = p.join(&j, x, y)
		}
	}
	return x, err
}

func (p *parser) and() (uint16, *Error) {
	from := p.peek().at
	x, err := p.unary()
	j := joint{op: OpAnd, from: from}
	for err == nil && p.accept(tokenAnd) {
		var y uint16
		if y, err = p.unary(); err == nil {
			x = p.join(&j, x, y)
		}
	}
	return x, err
}

func (p *parser) unary() (uint16, *Error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxNesting {
		return none, p.wrong("the condition is nested too deeply: at most " + strconv.Itoa(maxNesting) + " levels of ( and !")
	}
	if p.accept(tokenOpen) {
		n, err := p.or()
		if err == nil && !p.accept(tokenClose) {
			return none, p.wrong("a ) is missing before " + p.ahead())
		}
		return n, err
	}
	if from := p.peek().at; p.accept(tokenNot) {
		n, err := p.not()
		if err != nil {
			return none, err
		}
		return p.node(node{op: OpNot, from: from, first: n}), nil
	}
	return p.comparison()
}

// not parses what follows a "!": parentheses or an attribute, since "!" binds more than
// any comparison.
func (p *parser) not() (uint16, *Error) {
	t := p.peek()
	if t.kind == tokenOpen {
		return p.unary()
	}
	if t.kind != tokenAttribute {
		return none, &Error{int(t.at), "! stands before an attribute of kind bool or before parentheses"}
	}
	a, err := p.operand()
	if err != nil {
		return none, err
	}
	return p.truth(a)
}

func (p *parser) truth(a operand) (uint16, *Error) {
	if a.Attr == nil && a.kind() == KindBool {
		why := "true stands alone or in a comparison, and false only in a comparison"
		if !a.Value.Bool() {
			why += ": delete a rule that never holds"
		}
		return none, a.wrong(why)
	}
	if t := p.peek(); t.kind == tokenNot && a.kind() != KindBool {
		return none, p.wrong("! stands before what it denies: write !(" + hint.Text(a.text) + " …)")
	}
	if t := p.peek(); t.kind == tokenMinus {
		return none, p.wrong("there is no arithmetic: hand the result over as an attribute")
	}
	if a.kind() != KindBool {
		return none, a.wrong(a.what() + " is no condition: " + a.conditionMeant())
	}
	return p.compare(Leaf{Op: OpIs, A: a.Term}, a.at), nil
}

func (p *parser) comparator(t token) (Op, bool) {
	if t.kind != tokenCompare {
		return 0, false
	}
	switch t.of(p.text) {
	case "==":
		return OpEqual, true
	case "!=":
		return OpNotEqual, true
	case "<":
		return OpLess, true
	case "<=":
		return OpLessEqual, true
	case ">":
		return OpGreater, true
	case ">=":
		return OpGreaterEqual, true
	}
	return 0, false
}

func (p *parser) comparison() (uint16, *Error) {
	if t := p.peek(); t.kind == tokenFunction && t.of(p.text) == FunctionSize {
		return p.sizeFirst()
	} else if t.kind == tokenFunction {
		return p.call()
	}
	a, err := p.operand()
	if err != nil {
		return none, err
	}
	t := p.peek()
	if t.kind == tokenIn {
		p.next()
		return p.in(a)
	}
	op, ok := p.comparator(t)
	if !ok {
		return p.truth(a)
	}
	p.next()
	if n := p.peek(); n.kind == tokenFunction && n.of(p.text) == FunctionSize {
		return p.sizeLast(&a, op)
	}
	b, err := p.operand()
	if err != nil {
		return none, err
	}
	if err := comparable(op, int(t.at), &a, &b); err != nil {
		return none, err
	}
	if err := neverAddress(&a, &b); err != nil {
		return none, err
	}
	if err := neverAddress(&b, &a); err != nil {
		return none, err
	}
	return p.compare(Leaf{Op: op, A: a.beside(b.kind()), B: b.beside(a.kind())}, a.at), nil
}

// comparable returns why op, which stands at a byte of the condition, cannot compare a with
// b, or nil.
func comparable(op Op, at int, a, b *operand) *Error {
	x, y := a.kind(), b.kind()
	order := op != OpEqual && op != OpNotEqual
	switch {
	case x == KindStrings || y == KindStrings:
		if y == KindStrings {
			a, b = b, a
		}
		one := hint.Text(b.text)
		if b.kind() != KindString {
			one = "'x'"
		}
		return &Error{at, "a list is not compared: write " + one + " in " + hint.Text(a.text)}
	case x == KindParent || y == KindParent:
		if y == KindParent {
			a = b
		}
		return &Error{at, "an object is not compared: compare an attribute of it, such as " + hint.Text(a.text) + ".id"}
	case !x.compares(y):
		return mismatch(at, a, b)
	case x == KindBool && order:
		return &Error{at, "of two bools neither is less: compare them with == or !="}
	case (x == KindUUID || y == KindUUID) && order:
		return &Error{at, "of two uuids neither is less: compare them with == or !="}
	case a.Attr == nil && b.Attr == nil:
		return &Error{at, "both sides are constants: compare an attribute with one"}
	}
	if err := neverUUID(a, b); err != nil {
		return err
	}
	if err := neverUUID(b, a); err != nil {
		return err
	}
	return nil
}

// neverUUID refuses a constant beside a uuid that is none, and would be equal to none.
func neverUUID(a, c *operand) *Error {
	if a.kind() != KindUUID || c.Attr != nil || isUUID(c.Value.text) {
		return nil
	}
	why := a.text + " is a uuid: write one as '00000000-0000-0000-0000-000000000000'"
	if small := strings.ToLower(c.Value.text); isUUID(small) {
		why = a.text + " is a uuid, in lower case: write '" + small + "'"
	}
	return c.wrong(why)
}

// inMeant says what to write instead of a in b, where b is no list.
func inMeant(a, b *operand) string {
	if b.Attr == nil || b.kind() != KindString || a.kind() != KindString {
		return ""
	}
	return ": write " + b.text + " == " + hint.Text(a.text) + ", or contains(" + b.text + ", " + hint.Text(a.text) + ") for a part of it"
}

func (p *parser) in(a operand) (uint16, *Error) {
	t := p.peek()
	if t.kind == tokenAttribute {
		b, err := p.operand()
		if err != nil {
			return none, err
		}
		if b.kind() != KindStrings || !a.kind().isText() {
			return none, &Error{int(t.at), "in an attribute: the left side is a string and the attribute of kind strings, not " + a.what() + " and " + b.what() + inMeant(&a, &b)}
		}
		p.lookups++
		return p.compare(Leaf{Op: OpIn, A: a.Term, B: b.Term}, a.at), nil
	}
	if a.Attr == nil || a.kind() == KindStrings || a.kind() == KindParent {
		why := "before in and a list stands an attribute that is no list"
		if a.Attr != nil && a.kind() == KindStrings {
			why += ": write containsAny(" + a.text + ", ('x', 'y'))"
		}
		return none, a.wrong(why)
	}
	list, err := p.list(a)
	if err != nil {
		return none, err
	}
	return p.compare(Leaf{Op: OpOneOf, A: a.Term, List: list}, a.at), nil
}

func (p *parser) list(a operand) ([]Value, *Error) {
	if !p.accept(tokenOpen) {
		return nil, p.wrong("after in stands a list in parentheses, as in ('x', 'y'), or an attribute of kind strings")
	}
	if p.peek().kind == tokenClose {
		return nil, p.wrong("an empty list, in which nothing is: write a value, as in ('x')")
	}
	list := p.values[:0]
	for {
		v, err := p.operand()
		if err != nil {
			return nil, err
		}
		switch {
		case v.Attr != nil:
			return nil, v.wrong("a list holds constants only")
		case v.kind() == KindInt:
			return nil, v.wrong("a list holds no times: compare with <, <=, >= or >")
		case !v.kind().compares(a.kind()):
			why := v.what() + " in a list for " + a.what()
			if more := constantFor(&a, &v); more != "" {
				why += ": " + more
			}
			return nil, v.wrong(why)
		case neverAddress(&a, &v) != nil:
			return nil, neverAddress(&a, &v)
		case neverUUID(&a, &v) != nil:
			return nil, neverUUID(&a, &v)
		case len(list) == maxList:
			return nil, v.wrong("the list is too long: it has at most " + strconv.Itoa(maxList) + " values")
		case v.Value.Float() < 0:
			// Casbin takes (-1) for a number, not for a list of one.
			return nil, v.wrong("a list holds no negative numbers: compare with == instead")
		}
		list = append(list, v.beside(a.kind()).Value)
		if p.accept(tokenClose) {
			return slices.Clone(list), nil
		}
		if !p.accept(tokenComma) {
			if p.peek().kind == tokenMinus {
				return nil, p.wrong("there are no ranges: write r.obj.x >= 1 && r.obj.x <= 9")
			}
			return nil, p.wrong("a , or ) is missing before " + p.ahead())
		}
	}
}

// operand parses an attribute or a constant.
func (p *parser) operand() (operand, *Error) {
	t := p.next()
	o := operand{at: t.at, text: t.of(p.text)}
	switch t.kind {
	case tokenAttribute:
		part, name, _ := splitAttribute(o.text)
		p.askedObject = p.askedObject || part == ofObject
		if parent, _, below := strings.Cut(name, "."); below && !p.isParent(parent) {
			i, why := p.attributeHint(part, name, true)
			return operand{}, &Error{int(t.at) + i, hint.Quote(o.text) + " means nothing: " + why}
		}
		a, why := p.schema.find(part, name, p.typ)
		if why != "" {
			return operand{}, o.wrong(why)
		}
		o.Attr = a
	case tokenString:
		o.Value = String(t.value(p.text))
	case tokenTime:
		o.Value = Int(int64(t.number))
	case tokenNumber:
		o.Value = Float(t.number)
	case tokenBool:
		o.Value = Bool(o.text == "true")
	default:
		n := p.peek()
		if t.kind == tokenOpen {
			return operand{}, o.wrong("no value stands in parentheses by itself: write it without, and a list after in, as in r.obj.x in ('a', 'b')")
		}
		if t.kind != tokenMinus || n.kind != tokenNumber {
			return operand{}, o.wrong("an attribute or a constant is missing before " + hint.Text(t.describe(p.text)))
		}
		p.i++
		o.Value, o.text = Float(-n.number), p.text[t.at:n.end]
	}
	return o, nil
}
