package policy

import "slices"

// or parses a condition up to what cannot go on.
func (p *parser) or() (*node, *syntaxError) {
	left, err := p.and()
	for err == nil && p.accept(tokenOr) {
		var right *node
		right, err = p.and()
		left = p.join(opOr, left, right)
	}
	return left, err
}

func (p *parser) and() (*node, *syntaxError) {
	left, err := p.unary()
	for err == nil && p.accept(tokenAnd) {
		var right *node
		right, err = p.unary()
		left = p.join(opAnd, left, right)
	}
	return left, err
}

func (p *parser) unary() (*node, *syntaxError) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxNesting {
		return nil, p.wrong("the condition is nested too deeply: at most " + itoa(maxNesting) + " levels of ( and !")
	}
	if p.accept(tokenOpen) {
		n, err := p.or()
		if err == nil && !p.accept(tokenClose) {
			return nil, p.wrong("a ) is missing before " + p.ahead())
		}
		return n, err
	}
	if p.accept(tokenNot) {
		return p.not()
	}
	return p.comparison()
}

// not parses what follows a "!": parentheses or an attribute, since "!" binds more than
// any comparison.
func (p *parser) not() (*node, *syntaxError) {
	t := p.peek()
	if t.kind == tokenOpen {
		n, err := p.unary()
		return p.join(opNot, n, nil), err
	}
	if t.kind != tokenAttribute {
		return nil, &syntaxError{int(t.at), "! stands before an attribute of kind bool or before parentheses"}
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	n, err := p.truth(a)
	return p.join(opNot, n, nil), err
}

func (p *parser) truth(a operand) (*node, *syntaxError) {
	if a.part == "" && a.kind == Bool {
		why := "true stands alone or in a comparison, and false only in a comparison"
		if !a.b {
			why += ": delete a rule that never holds"
		}
		return nil, a.wrong(why)
	}
	if t := p.peek(); t.kind == tokenNot && a.kind != Bool {
		return nil, p.wrong("! stands before what it denies: write !(" + quoteless(a.text) + " …)")
	}
	if t := p.peek(); t.kind == tokenMinus {
		return nil, p.wrong("there is no arithmetic: hand the result over as an attribute")
	}
	if a.kind != Bool {
		return nil, a.wrong(a.what() + " is no condition: " + a.conditionMeant())
	}
	return p.compare(opTrue, leaf{a: a}), nil
}

func (p *parser) comparator(t token) (op, bool) {
	if t.kind != tokenCompare {
		return 0, false
	}
	switch t.of(p.text) {
	case "==":
		return opEqual, true
	case "!=":
		return opNotEqual, true
	case "<":
		return opLess, true
	case "<=":
		return opLessEqual, true
	case ">":
		return opGreater, true
	case ">=":
		return opGreaterEqual, true
	}
	return 0, false
}

func (p *parser) comparison() (*node, *syntaxError) {
	if p.peek().kind == tokenFunction {
		return p.call()
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
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
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := comparable(op, int(t.at), &a, &b); err != nil {
		return nil, err
	}
	if err := neverAddress(&a, &b); err != nil {
		return nil, err
	}
	if err := neverAddress(&b, &a); err != nil {
		return nil, err
	}
	return p.compare(op, leaf{a: a, b: b}), nil
}

// comparable returns why op, which stands at a byte of the condition, cannot compare a with
// b, or nil.
func comparable(op op, at int, a, b *operand) *syntaxError {
	x, y := a.kind, b.kind
	switch {
	case x == Strings || y == Strings:
		if y == Strings {
			a, b = b, a
		}
		one := quoteless(b.text)
		if b.kind != String {
			one = "'x'"
		}
		return &syntaxError{at, "a list is not compared: write " + one + " in " + quoteless(a.text)}
	case number(x) != number(y) || !number(x) && x != y:
		return mismatch(at, a, b)
	case x == Bool && op != opEqual && op != opNotEqual:
		return &syntaxError{at, "of two bools neither is less: compare them with == or !="}
	case a.part == "" && b.part == "":
		return &syntaxError{at, "both sides are constants: compare an attribute with one"}
	}
	return nil
}

func number(k Kind) bool { return k == Int || k == Float }

func (p *parser) in(a operand) (*node, *syntaxError) {
	t := p.peek()
	if t.kind == tokenAttribute {
		b, err := p.operand()
		if err != nil {
			return nil, err
		}
		if b.kind != Strings || a.kind != String {
			return nil, &syntaxError{int(t.at), "in an attribute: the left side is a string and the attribute of kind strings, not " + a.what() + " and " + b.what()}
		}
		p.lookups++
		return p.compare(opIn, leaf{a: a, b: b}), nil
	}
	if a.part == "" || a.kind == Strings {
		return nil, a.wrong("before in and a list stands an attribute that is no list")
	}
	list, err := p.list(a)
	if err != nil {
		return nil, err
	}
	return p.compare(opInList, leaf{a: a, list: list}), nil
}

// call parses ipMatch(attribute, 'network').
func (p *parser) call() (*node, *syntaxError) {
	p.next()
	if !p.accept(tokenOpen) {
		return nil, p.wrong("a ( is missing before " + p.ahead())
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	if a.part == "" || a.kind != String {
		return nil, a.wrong("the address is an attribute of kind string, not " + a.what())
	}
	if !p.accept(tokenComma) {
		return nil, p.wrong("a comma is missing before " + p.ahead())
	}
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	if b.part != "" || b.kind != String {
		return nil, b.wrong("the network is a constant text, as in '10.0.0.0/8'")
	}
	network, why := parseNetwork(b.s)
	if why != "" {
		return nil, b.wrong(why)
	}
	if !p.accept(tokenClose) {
		return nil, p.wrong("a ) is missing before " + p.ahead())
	}
	return p.compare(opIPMatch, leaf{a: a, b: b, net: network}), nil
}

func (p *parser) list(a operand) ([]written, *syntaxError) {
	if !p.accept(tokenOpen) {
		return nil, p.wrong("after in stands a list in parentheses, as in ('x', 'y'), or an attribute of kind strings")
	}
	list := p.values[:0]
	for {
		v, err := p.operand()
		if err != nil {
			return nil, err
		}
		switch {
		case v.part != "":
			return nil, v.wrong("a list holds constants only")
		case v.kind == Int:
			return nil, v.wrong("a list holds no times: compare with <, <=, >= or >")
		case number(v.kind) != number(a.kind) || !number(v.kind) && v.kind != a.kind:
			why := v.what() + " in a list for " + a.what()
			if more := constantFor(&a, &v); more != "" {
				why += ": " + more
			}
			return nil, v.wrong(why)
		case neverAddress(&a, &v) != nil:
			return nil, neverAddress(&a, &v)
		case len(list) == maxList:
			return nil, v.wrong("the list is too long: it has at most " + itoa(maxList) + " values")
		case v.n < 0:
			// Casbin takes (-1) for a number, not for a list of one.
			return nil, v.wrong("a list holds no negative numbers: compare with == instead")
		}
		list = append(list, v.written)
		if p.accept(tokenClose) {
			return slices.Clone(list), nil
		}
		if !p.accept(tokenComma) {
			return nil, p.wrong("a , or ) is missing before " + p.ahead())
		}
	}
}

func (p *parser) operand() (operand, *syntaxError) {
	t := p.next()
	o := operand{at: t.at}
	o.text = t.of(p.text)
	switch t.kind {
	case tokenAttribute:
		o.part, o.name, _ = splitAttribute(o.text)
		p.askedObject = p.askedObject || o.part == ofObject
		a, why := p.schema.find(o.part, o.name, p.typ)
		if why != "" {
			return operand{}, o.wrong(why)
		}
		o.kind = a.Kind
	case tokenString:
		o.kind, o.s = String, t.quoted(p.text)
	case tokenTime:
		o.kind, o.n = Int, t.number
	case tokenNumber:
		o.kind, o.n = Float, t.number
	case tokenBool:
		o.kind, o.b = Bool, o.text == "true"
	default:
		n := p.peek()
		if t.kind != tokenMinus || n.kind != tokenNumber {
			return operand{}, o.wrong("an attribute or a constant is missing before " + quoteless(t.describe(p.text)))
		}
		p.i++
		o.kind, o.n, o.text = Float, -n.number, p.text[t.at:n.end]
	}
	return o, nil
}
