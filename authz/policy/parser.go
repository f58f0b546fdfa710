package policy

// parser is a recursive-descent parser of conditions. || binds less than &&, as in Casbin;
// comparisons do not chain and compare attributes and literals only. A policy has one for all
// its conditions, so that tokens and values of one are the room for those of the next.
type parser struct {
	schema *schema
	typ    string
	text   string
	tokens []token
	values []written

	i           int // of the next token
	depth       int
	lookups     int  // attributes of kind strings that the condition looks into
	askedObject bool // whether the schema was asked for an attribute of the object
	nodes       []node
	leaves      []leaf
}

// condition parses and types a condition, and refuses what Casbin would read otherwise.
func (p *parser) condition(text, typ string) (*node, *syntaxError) {
	*p = parser{schema: p.schema, typ: typ, text: text, tokens: p.tokens, values: p.values}
	if p.tokens == nil {
		p.tokens, p.values = make([]token, 0, 64), make([]written, 0, maxList)
	}
	var err *syntaxError
	if p.tokens, err = lex(text, p.tokens[:0]); err != nil {
		if err.why == "" {
			return nil, p.wordAt(err.at)
		}
		return nil, err
	}
	if p.peek().kind == tokenEnd {
		return nil, &syntaxError{0, "an empty condition, which Casbin cannot evaluate: write true"}
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokenEnd {
		return nil, p.leftOver()
	}
	if err := sameInCasbin(text, p.tokens); err != nil {
		return nil, err
	}
	for i := range p.leaves {
		p.leaves[i].most = maxStrings / max(p.lookups, 1)
	}
	return n, nil
}

// leftOver is the error for what follows a condition that is whole.
func (p *parser) leftOver() *syntaxError {
	t, before := p.peek(), p.tokens[p.i-1]
	why := "unexpected " + p.ahead() + ": "
	switch {
	case before.end == t.at && before.isText() && t.isText():
		return &syntaxError{int(before.end) - 1, apostrophe}
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
func (p *parser) wrong(why string) *syntaxError { return &syntaxError{int(p.peek().at), why} }

func (p *parser) ahead() string { return quoteless(p.peek().describe(p.text)) }

// join returns a node over others.
func (p *parser) join(op op, x, y *node) *node { return p.node(node{op: op, x: x, y: y}) }

// compare returns a node that compares.
func (p *parser) compare(op op, l leaf) *node {
	if p.leaves == nil {
		p.makeRoom()
	}
	p.leaves = append(p.leaves, l)
	return p.node(node{op: op, leaf: &p.leaves[len(p.leaves)-1]})
}

func (p *parser) node(n node) *node {
	p.nodes = append(p.nodes, n)
	return &p.nodes[len(p.nodes)-1]
}

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
	p.leaves = make([]leaf, 0, joins+1)
	p.nodes = make([]node, 0, 2*joins+1+nots)
}
