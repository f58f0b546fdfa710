package policy

import "net/netip"

// Limits of a condition. They bound the work of compiling one, and with those of the values
// the work of evaluating it.
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
	op    op
	x, y  *node // of opAnd and opOr; x of opNot
	*leaf       // of the others
}

// leaf is what a node compares.
type leaf struct {
	a, b operand // of comparisons and opIn; a of opTrue
	list []written
	net  netip.Prefix
	most int // texts of the list of opIn
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
	at   uint16 // where it begins in the condition
	written
}

// written is a literal as it is written. Of an attribute it has the text alone.
type written struct {
	text string // as written
	scalar
}

// wrong says why, where the operand begins.
func (o *operand) wrong(why string) *syntaxError { return &syntaxError{int(o.at), why} }

// what says what kind of value the operand is.
func (o *operand) what() string {
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
	parser parser
	done   map[[2]string]compiled // by object type and text
	list   []condition
}

// condition is a text that compiles. Number 0 of a list is the one that always holds.
type condition struct {
	text string
	node *node // nil is always
}

// compiled is what came of a text: the number of a condition, or what is wrong with it.
type compiled struct {
	id  uint32
	bad *syntaxError
}

// anyType stands for the object type where what came of a text is the same for all of them,
// since it did not come to an attribute of the object. It is no object type itself.
const anyType = "*"

func newConditions(s *schema) conditions {
	return conditions{schema: s, parser: parser{schema: s}, done: map[[2]string]compiled{}, list: []condition{{text: "true"}}}
}

// compile reads the condition of a rule for objects of the type typ, "" for a rule that
// covers objects of no one type. The number is 0 when the condition always holds. A text
// too long to be a condition is refused before it is looked at.
func (c *conditions) compile(text, typ string) (uint32, *syntaxError) {
	if len(text) > maxCondition {
		return 0, &syntaxError{maxCondition, "the condition is too long: it has at most " + itoa(maxCondition) + " bytes"}
	}
	if text == "true" {
		return 0, nil
	}
	for _, key := range [...]string{anyType, typ} {
		if known, ok := c.done[[2]string{key, text}]; ok {
			return known.id, known.bad
		}
	}
	n, bad := c.parser.condition(text, typ)
	out := compiled{bad: bad}
	if bad == nil {
		out.id = uint32(len(c.list))
		c.list = append(c.list, condition{text, n})
	}
	if !c.parser.askedObject {
		typ = anyType
	}
	c.done[[2]string{typ, text}] = out
	return out.id, out.bad
}
