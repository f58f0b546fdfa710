package policy

import "slices"

// parser is a recursive-descent parser of conditions. || binds less than &&, as in Casbin;
// comparisons do not chain and compare attributes and literals only.
type parser struct {
	tokens []token
	typ    string
	schema *schema
	depth  int
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept consumes the symbol s if it is next.
func (p *parser) accept(s string) bool {
	if t := p.peek(); t.kind != tokenSymbol || t.text != s {
		return false
	}
	p.next()
	return true
}

func (p *parser) or() (*node, *syntaxError)  { return p.chain("||", opOr, p.and) }
func (p *parser) and() (*node, *syntaxError) { return p.chain("&&", opAnd, p.unary) }

func (p *parser) chain(symbol string, op op, part func() (*node, *syntaxError)) (*node, *syntaxError) {
	left, err := part()
	for err == nil && p.accept(symbol) {
		var right *node
		right, err = part()
		left = &node{op: op, x: left, y: right}
	}
	return left, err
}

func (p *parser) unary() (*node, *syntaxError) {
	at := p.peek().at
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxNesting {
		return nil, &syntaxError{at, "the condition is nested too deeply"}
	}
	if p.accept("(") {
		n, err := p.or()
		if err == nil && !p.accept(")") {
			return nil, &syntaxError{p.peek().at, "a ) is missing before " + p.peek().describe()}
		}
		return n, err
	}
	if p.accept("!") {
		return p.not()
	}
	return p.comparison()
}

// not parses what follows a "!": parentheses or an attribute, since "!" binds more than
// any comparison.
func (p *parser) not() (*node, *syntaxError) {
	t := p.peek()
	if t.kind == tokenSymbol && t.text == "(" {
		n, err := p.unary()
		return &node{op: opNot, x: n}, err
	}
	if t.kind != tokenAttribute {
		return nil, &syntaxError{t.at, "! stands before an attribute of kind bool or before parentheses"}
	}
	n, err := p.truth()
	return &node{op: opNot, x: n}, err
}

func (p *parser) truth() (*node, *syntaxError) {
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	if a.part == "" && a.kind == Bool {
		return nil, &syntaxError{a.at, "true stands alone or in a comparison, and false only in a comparison"}
	}
	if a.kind != Bool {
		return nil, &syntaxError{a.at, a.what() + " is no condition: compare it with something"}
	}
	return &node{op: opTrue, a: a}, nil
}

func comparator(t token) (op, bool) {
	if t.kind != tokenSymbol {
		return 0, false
	}
	switch t.text {
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
	before := p.tokens
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	if t.kind == tokenIn {
		p.next()
		return p.in(a)
	}
	op, ok := comparator(t)
	if !ok {
		p.tokens = before
		return p.truth()
	}
	p.next()
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	if why := comparable(op, a, b); why != "" {
		return nil, &syntaxError{t.at, why}
	}
	return &node{op: op, a: a, b: b}, nil
}

// comparable returns why op cannot compare a with b, or "".
func comparable(op op, a, b operand) string {
	x, y := a.kind, b.kind
	switch {
	case x == Strings || y == Strings:
		return "a list is not compared: write … in the list"
	case number(x) != number(y) || !number(x) && x != y:
		return a.what() + " and " + b.what() + " cannot be compared"
	case x == Bool && op != opEqual && op != opNotEqual:
		return "of two bools neither is less: compare them with == or !="
	case a.part == "" && b.part == "":
		return "both sides are constants"
	}
	return ""
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
			return nil, &syntaxError{t.at, "in an attribute: the left side is a string and the attribute of kind strings, not " + a.what() + " and " + b.what()}
		}
		return &node{op: opIn, a: a, b: b}, nil
	}
	if a.part == "" || a.kind == Strings {
		return nil, &syntaxError{a.at, "before in and a list stands an attribute that is no list"}
	}
	list, err := p.list(a)
	return &node{op: opInList, a: a, list: list}, err
}

// call parses ipMatch(attribute, 'network').
func (p *parser) call() (*node, *syntaxError) {
	p.next()
	if !p.accept("(") {
		return nil, &syntaxError{p.peek().at, "a ( is missing before " + p.peek().describe()}
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	if a.part == "" || a.kind != String {
		return nil, &syntaxError{a.at, "the address is an attribute of kind string, not " + a.what()}
	}
	if !p.accept(",") {
		return nil, &syntaxError{p.peek().at, "a comma is missing before " + p.peek().describe()}
	}
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	if b.part != "" || b.kind != String {
		return nil, &syntaxError{b.at, "the network is a constant text"}
	}
	network, why := parseNetwork(b.s)
	if why != "" {
		return nil, &syntaxError{b.at, why}
	}
	if !p.accept(")") {
		return nil, &syntaxError{p.peek().at, "a ) is missing before " + p.peek().describe()}
	}
	return &node{op: opIPMatch, a: a, b: b, net: network}, nil
}

func (p *parser) list(a operand) ([]operand, *syntaxError) {
	if !p.accept("(") {
		return nil, &syntaxError{p.peek().at, "after in stands a list in parentheses or an attribute of kind strings"}
	}
	var list []operand
	for {
		v, err := p.operand()
		if err != nil {
			return nil, err
		}
		switch {
		case v.part != "":
			return nil, &syntaxError{v.at, "a list holds constants only"}
		case v.kind == Int:
			return nil, &syntaxError{v.at, "a list holds no times: compare with <, <=, >= or >"}
		case number(v.kind) != number(a.kind) || !number(v.kind) && v.kind != a.kind:
			return nil, &syntaxError{v.at, v.what() + " in a list for " + a.what()}
		case len(list) == maxList:
			return nil, &syntaxError{v.at, "the list is too long"}
		case v.n < 0:
			// Casbin takes (-1) for a number, not for a list of one.
			return nil, &syntaxError{v.at, "a list holds no negative numbers: compare with == instead"}
		}
		list = append(list, v)
		if p.accept(")") {
			return slices.Clip(list), nil
		}
		if !p.accept(",") {
			return nil, &syntaxError{p.peek().at, "a , or ) is missing before " + p.peek().describe()}
		}
	}
}

func (p *parser) operand() (operand, *syntaxError) {
	t := p.next()
	switch t.kind {
	case tokenAttribute:
		part, name, _ := splitAttribute(t.text)
		a, why := p.schema.find(part, name, p.typ)
		if why != "" {
			return operand{}, &syntaxError{t.at, why}
		}
		return operand{part: part, name: name, kind: a.Kind, at: t.at, text: t.text}, nil
	case tokenString:
		return operand{kind: String, value: value{s: t.text}, at: t.at, text: t.describe()}, nil
	case tokenNumber:
		return operand{kind: Float, value: value{n: t.number}, at: t.at, text: t.describe()}, nil
	case tokenTime:
		return operand{kind: Int, value: value{n: t.number}, at: t.at, text: t.describe()}, nil
	case tokenBool:
		return operand{kind: Bool, value: value{b: t.text == "true"}, at: t.at, text: t.text}, nil
	}
	if n := p.peek(); t.kind == tokenSymbol && t.text == "-" && n.kind == tokenNumber {
		p.next()
		return operand{kind: Float, value: value{n: -n.number}, at: t.at, text: "-" + n.text}, nil
	}
	return operand{}, &syntaxError{t.at, "an attribute or a constant is missing before " + t.describe()}
}
