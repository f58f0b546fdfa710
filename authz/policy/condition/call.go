package condition

import "github.com/reevehq/reeve/internal/hint"

// call parses a function and its arguments.
func (p *parser) call() (uint16, *Error) {
	t := p.next()
	if !p.accept(tokenOpen) {
		return none, p.wrong("a ( is missing before " + p.ahead())
	}
	var leaf Leaf
	var err *Error
	switch t.of(p.text) {
	case FunctionStartsWith:
		leaf, err = p.twoTexts(OpStartsWith)
	case FunctionEndsWith:
		leaf, err = p.twoTexts(OpEndsWith)
	case FunctionContains:
		leaf, err = p.twoTexts(OpContains)
	case FunctionContainsAny:
		leaf, err = p.contains(OpContainsAny)
	case FunctionContainsAll:
		leaf, err = p.contains(OpContainsAll)
	case FunctionHas:
		leaf, err = p.has(OpHas)
	case FunctionIsNull:
		leaf, err = p.has(OpIsNull)
	default:
		leaf, err = p.ipMatch()
	}
	if err != nil {
		return none, err
	}
	if !p.accept(tokenClose) {
		return none, p.wrong("a ) is missing before " + p.ahead())
	}
	return p.compare(leaf, t.at), nil
}

// comma parses the comma between two arguments.
func (p *parser) comma() *Error {
	if !p.accept(tokenComma) {
		return p.wrong("a comma is missing before " + p.ahead())
	}
	return nil
}

// ipMatch parses (attribute, 'network').
func (p *parser) ipMatch() (Leaf, *Error) {
	a, err := p.operand()
	if err != nil {
		return Leaf{}, err
	}
	if a.Attr == nil && a.kind() == KindString {
		return Leaf{}, a.wrong("the address is an attribute and stands first, as in ipMatch(r.env.ip, '10.0.0.0/8')")
	}
	if a.Attr == nil || a.kind() != KindString {
		return Leaf{}, a.wrong("the address is an attribute of kind string, not " + a.what())
	}
	if err := p.comma(); err != nil {
		return Leaf{}, err
	}
	b, err := p.operand()
	if err != nil {
		return Leaf{}, err
	}
	if b.Attr != nil || b.kind() != KindString {
		return Leaf{}, b.wrong("the network is a constant text, as in '10.0.0.0/8'")
	}
	network, why := parseNetwork(b.Value.text)
	if why != "" {
		return Leaf{}, b.wrong(why)
	}
	return Leaf{Op: OpIPMatch, A: a.Term, B: b.Term, net: network}, nil
}

// twoTexts parses (text, text), of which one is an attribute.
func (p *parser) twoTexts(op Op) (Leaf, *Error) {
	a, err := p.operand()
	if err != nil {
		return Leaf{}, err
	}
	if a.kind() != KindString {
		hint := ""
		if op == OpContains && a.kind() == KindStrings {
			hint = ": write 'x' in " + a.Attr.Ref()
		}
		return Leaf{}, a.wrong(op.String() + " is about texts, and not about " + a.what() + hint)
	}
	if err := p.comma(); err != nil {
		return Leaf{}, err
	}
	b, err := p.operand()
	if err != nil {
		return Leaf{}, err
	}
	if b.kind() != KindString {
		return Leaf{}, b.wrong(op.String() + " is about texts, and not about " + b.what())
	}
	if a.Attr == nil && b.Attr == nil {
		return Leaf{}, a.wrong("both sides are constants: one of them is an attribute")
	}
	return Leaf{Op: op, A: a.Term, B: b.Term}, nil
}

// contains parses (list, list), of which the second may be a constant.
func (p *parser) contains(op Op) (Leaf, *Error) {
	a, err := p.operand()
	if err != nil {
		return Leaf{}, err
	}
	if a.Attr == nil || a.kind() != KindStrings {
		return Leaf{}, a.wrong("the first list is an attribute of kind strings, not " + a.what())
	}
	if err := p.comma(); err != nil {
		return Leaf{}, err
	}
	p.lookups++
	if p.peek().kind == tokenOpen {
		texts, err := p.texts()
		return Leaf{Op: op, A: a.Term, B: Term{Value: Strings(), Texts: texts}}, err
	}
	b, err := p.operand()
	if err != nil {
		return Leaf{}, err
	}
	if b.Attr == nil || b.kind() != KindStrings {
		return Leaf{}, b.wrong("the second list is an attribute of kind strings, or texts in parentheses as in ('x', 'y'), not " + b.what())
	}
	return Leaf{Op: op, A: a.Term, B: b.Term}, nil
}

// texts parses a list of constant texts.
func (p *parser) texts() ([]string, *Error) {
	one := operand{Term: Term{Attr: &Attribute{Type: ofEnv, Name: "x", Kind: KindString}}}
	list, err := p.list(one)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.text
	}
	return texts, nil
}

// has parses (part, 'name').
func (p *parser) has(op Op) (Leaf, *Error) {
	name := op.String()
	t := p.next()
	part := t.of(p.text)
	if t.kind != tokenPart {
		return Leaf{}, &Error{int(t.at), name + " asks r.obj, r.sub or r.env for an attribute by its name: write " + name + "(r.obj, 'name')"}
	}
	part = part[len("r."):]
	if err := p.comma(); err != nil {
		return Leaf{}, err
	}
	s := p.next()
	if s.kind != tokenString || !IsName(s.value(p.text)) {
		return Leaf{}, &Error{int(s.at), "the name of an attribute is a constant text, as in " + name + "(r.obj, 'name')"}
	}
	p.askedObject = p.askedObject || part == ofObject
	a, why := p.schema.find(part, s.value(p.text), p.typ)
	if why != "" {
		return Leaf{}, &Error{int(s.at), why}
	}
	if op == OpIsNull && a.Null != NullValue {
		return Leaf{}, &Error{int(s.at), a.Ref() + " is never NULL: in attributes.csv its value nullable would be " + hint.Quote(NullValue.String())}
	}
	return Leaf{Op: op, A: Term{Attr: a}}, nil
}

// isParent reports whether the object has a parent of that name.
func (p *parser) isParent(name string) bool {
	a, ok := p.schema.byType[p.typ][name]
	return ok && a.Kind == KindParent
}
