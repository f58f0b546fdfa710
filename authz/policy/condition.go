package policy

import (
	"net/netip"
	"strings"
)

// Limits of a condition. They bound the work of evaluating one.
const (
	maxCondition = 1024 // bytes
	maxNesting   = 32   // levels of parentheses and !
	maxList      = 64   // values after in
)

// syntaxError is what is wrong with a condition, at a byte of its text.
type syntaxError struct {
	at  int
	why string
}

// node is a condition, or part of one. Its meaning is Casbin's, except that what Casbin
// answers with an error, or answers for a value that is not there, is unknown.
type node struct {
	op   op
	x, y *node   // of opAnd and opOr; x of opNot
	a, b operand // of comparisons and opIn; a of opTrue
	list []operand
	net  netip.Prefix
}

type op uint8

const (
	opTrue op = iota + 1 // a, an attribute of kind Bool, is true
	opNot
	opAnd
	opOr
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opInList  // a is one of list
	opIn      // a is one of the attribute b, of kind Strings
	opIPMatch // a is an address in net
)

// operand is a literal or an attribute.
type operand struct {
	part string // ofSubject, ofObject, ofEnv; "" for a literal
	name string
	kind Kind
	value
	at   int    // where it begins in the text
	text string // as written
}

// what says what kind of value the operand is.
func (o operand) what() string {
	if o.part == "" && o.kind == Float {
		return "number"
	}
	if o.part == "" && o.kind == Int {
		return "time"
	}
	return o.kind.String()
}

// conditions compiles conditions, each distinct text once, and numbers them from 1.
type conditions struct {
	schema *schema
	done   map[[2]string]uint32
	list   []condition
}

// condition is a text that compiles. Number 0 of a list is the one that always holds.
type condition struct {
	text string
	node *node // nil is always
}

func newConditions(s *schema) conditions {
	return conditions{schema: s, done: map[[2]string]uint32{}, list: []condition{{text: "true"}}}
}

// compile reads the condition of a rule for objects of the type typ, "" for a rule that
// covers objects of no one type. The number is 0 when the condition always holds.
func (c *conditions) compile(text, typ string) (uint32, *syntaxError) {
	if strings.TrimSpace(text) == "" {
		return 0, &syntaxError{0, "an empty condition, which Casbin cannot evaluate: write true"}
	}
	if text == "true" {
		return 0, nil
	}
	key := [2]string{typ, text}
	if id, ok := c.done[key]; ok {
		return id, nil
	}
	n, err := parseCondition(text, typ, c.schema)
	if err != nil {
		return 0, err
	}
	id := uint32(len(c.list))
	c.list = append(c.list, condition{text, n})
	c.done[key] = id
	return id, nil
}

// parseCondition parses, types and double-checks a condition.
func parseCondition(text, typ string, s *schema) (*node, *syntaxError) {
	if len(text) > maxCondition {
		return nil, &syntaxError{maxCondition, "the condition is too long"}
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens, typ: typ, schema: s}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, &syntaxError{t.at, "unexpected " + t.describe() + ": && or || is needed between two conditions"}
	}
	if err := sameInCasbin(text, tokens); err != nil {
		return nil, err
	}
	return n, nil
}
