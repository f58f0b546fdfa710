package condition

import (
	"strings"

	"github.com/reevehq/reeve/internal/hint"
)

// parser is a recursive-descent parser of conditions. || binds less than &&, as in Casbin;
// comparisons do not chain and compare attributes and literals only. A policy has one for all
// its conditions, so that tokens and values of one are the room for those of the next.
type parser struct {
	schema *Schema
	typ    string
	text   string
	tokens []token
	values []Value

	i           int // of the next token
	depth       int
	lookups     int  // lists that the condition looks into
	askedObject bool // whether the schema was asked for an attribute of the object
	nodes       []node
	leaves      []Leaf
}

// condition parses and types a condition, and refuses what Casbin would read otherwise.
func (p *parser) condition(text, typ string) (Expr, *Error) {
	*p = parser{schema: p.schema, typ: typ, text: text, tokens: p.tokens, values: p.values}
	if p.tokens == nil {
		p.tokens, p.values = make([]token, 0, 64), make([]Value, 0, maxList)
	}
	if none := strings.TrimSpace(text); none == "*" || none == "-" || none == "_" {
		return Expr{}, &Error{strings.Index(text, none), hint.Quote(none) + " is no condition: write true for none"}
	}
	var err *Error
	if p.tokens, err = lex(text, p.tokens[:0]); err != nil {
		if err.Msg == "" {
			return Expr{}, p.wordAt(err.At)
		}
		return Expr{}, err
	}
	if p.peek().kind == tokenEnd {
		return Expr{}, &Error{0, "an empty condition, which Casbin cannot evaluate: write true"}
	}
	n, err := p.or()
	if err != nil {
		return Expr{}, err
	}
	if p.peek().kind != tokenEnd {
		return Expr{}, p.leftOver()
	}
	if err := sameInCasbin(text, p.tokens); err != nil {
		return Expr{}, err
	}
	for i := range p.leaves {
		p.leaves[i].most = maxStrings / max(p.lookups, 1)
	}
	return Expr{&compiled{text, p.nodes, p.leaves}, n}, nil
}

// leftOver is the error for what follows a condition that is whole.
func (p *parser) leftOver() *Error {
	t, before := p.peek(), p.tokens[p.i-1]
	why := "unexpected " + p.ahead() + ": "
	switch {
	case before.end == t.at && before.isText() && t.isText():
		return &Error{int(before.end) - 1, apostrophe}
	case t.kind == tokenComma && before.kind == tokenNumber && p.tokens[p.i+1].kind == tokenNumber:
		return p.wrong("no comma stands in a number: write " + before.of(p.text) + p.tokens[p.i+1].of(p.text))
	case t.kind == tokenNumber && before.kind == tokenNumber:
		return p.wrong("no space stands in a number: write " + before.of(p.text) + t.of(p.text))
	case t.kind == tokenCompare || t.kind == tokenIn:
		return p.wrong(why + "comparisons do not chain: && or || is needed between two")
	case t.kind == tokenMinus:
		return p.wrong(why + "there is no arithmetic: hand the result over as an attribute")
	case t.kind == tokenClose:
		return p.wrong(why + "no ( is open")
	case t.kind == tokenNot && p.tokens[p.i+1].kind == tokenIn:
		return p.wrong(why + "write !(… in …)")
	}
	return p.wrong(why + "&& or || is needed between two conditions")
}

func (t token) isText() bool { return t.kind == tokenString || t.kind == tokenTime }

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind != tokenEnd {
		p.i++
	}
	return t
}

// accept consumes a token of a kind if it is next.
func (p *parser) accept(k tokenKind) bool {
	if p.tokens[p.i].kind != k {
		return false
	}
	p.i++
	return true
}

// wrong says why, where the next token is; ahead is its text.
func (p *parser) wrong(why string) *Error { return &Error{int(p.peek().at), why} }

func (p *parser) ahead() string { return hint.Text(p.peek().describe(p.text)) }

// joint is an OpAnd or OpOr while its operands are parsed.
type joint struct {
	op   Op
	from uint16
	last uint16 // operand, once there is one
	made bool
}

// join returns the node that j is with y as its last operand, after x, which is the first
// operand until there are two. Operands of the same operator are operands of its own.
func (p *parser) join(j *joint, x, y uint16) uint16 {
	if !j.made {
		first, last := p.operands(j.op, x)
		x = p.node(node{op: j.op, from: j.from, first: first})
		j.made, j.last = true, last
	}
	first, last := p.operands(j.op, y)
	p.nodes[j.last].next, j.last = first, last
	p.nodes[x].to = p.end()
	return x
}

// operands returns the first and the last operand that a node is to one of an operator.
func (p *parser) operands(op Op, n uint16) (first, last uint16) {
	if p.nodes[n].op != op {
		return n, n
	}
	first = p.nodes[n].first
	for last = first; p.nodes[last].next != none; {
		last = p.nodes[last].next
	}
	return first, last
}

// compare returns a node that compares, which begins at a byte and ends before the next token.
func (p *parser) compare(l Leaf, from uint16) uint16 {
	if p.leaves == nil {
		p.makeRoom()
	}
	p.leaves = append(p.leaves, l)
	return p.node(node{op: l.Op, from: from, first: uint16(len(p.leaves) - 1)})
}

func (p *parser) node(n node) uint16 {
	n.to, n.next = p.end(), none
	p.nodes = append(p.nodes, n)
	return uint16(len(p.nodes) - 1)
}

// end is where the token before the next one ends.
func (p *parser) end() uint16 { return p.tokens[p.i-1].end }

// makeRoom makes the nodes of a condition in two pieces, whatever their number, which its
// operators say.
func (p *parser) makeRoom() {
	joins, nots := 0, 0
	for i := range p.tokens {
		switch p.tokens[i].kind {
		case tokenAnd, tokenOr:
			joins++
		case tokenNot:
			nots++
		}
	}
	p.leaves = make([]Leaf, 0, joins+1)
	p.nodes = make([]node, 0, 2*joins+1+nots)
}

// operand is one side of a comparison while it is parsed.
type operand struct {
	Term
	at   uint16 // where it begins in the condition
	text string // as written
}

// kind is that of the attribute or the constant. Numbers are floats and times are ints.
func (o *operand) kind() Kind {
	if o.Attr != nil {
		return o.Attr.Kind
	}
	return o.Value.kind
}

// beside returns the term as it compares with one of a kind: a whole number beside an int is
// an int, a time beside a time one, and a text beside a uuid a uuid.
func (o *operand) beside(k Kind) Term {
	switch {
	case o.Attr == nil && o.Value.kind == KindInt && k == KindTime:
		return Term{Value: micro(o.Value.Int() * perSecond)}
	case o.Attr == nil && o.Value.kind == KindString && k == KindUUID:
		return Term{Value: UUID(o.Value.text)}
	}
	if f := o.Value.Float(); o.Attr == nil && o.Value.kind == KindFloat && k == KindInt && f == float64(int64(f)) {
		return Term{Value: Int(int64(f))}
	}
	return o.Term
}

// isEnv reports whether the operand is the attribute r.env.<name>.
func (o *operand) isEnv(name string) bool {
	return o.Attr != nil && o.Attr.Part() == PartEnv && o.Attr.Name == name
}

// wrong says why, where the operand begins.
func (o *operand) wrong(why string) *Error { return &Error{int(o.at), why} }

// what says what kind of value the operand is.
func (o *operand) what() string {
	if o.Attr == nil && o.Value.kind == KindFloat {
		return "number"
	}
	if o.Attr == nil && o.Value.kind == KindInt {
		return "time"
	}
	return o.kind().String()
}
