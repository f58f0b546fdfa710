package condition

import "strconv"

// Limits of a condition. They bound the work of compiling one, and with those of the values
// the work of evaluating it.
const (
	maxCondition = 1024 // bytes
	maxNesting   = 32   // levels of parentheses and !
	maxList      = 64   // values after in
)

// Error is a fault of a condition, at a byte of its text.
type Error struct {
	At  int // 0 up to and with the text's length
	Msg string
}

// Error returns "condition: byte 7: message", with bytes counted from 1.
func (e *Error) Error() string { return "condition: byte " + strconv.Itoa(e.At+1) + ": " + e.Msg }

// Compiler compiles the conditions of one policy, each distinct text once, and numbers them
// from 1. Number 0 is the one that always holds. It is not for use by several goroutines at
// once; its results are.
type Compiler struct {
	parser parser
	done   map[[2]string]result // by object type and text
	list   []Expr
}

// result is the outcome of a text: the number of a condition, or what is wrong with it.
type result struct {
	id  uint32
	bad *Error
}

// anyType stands for the object type where the outcome of a text is the same for all of them, since
// it did not come to an attribute of the object. It is no object type itself.
const anyType = "*"

// NewCompiler returns a Compiler of conditions over the attributes of a Schema.
func NewCompiler(s *Schema) *Compiler {
	return &Compiler{parser: parser{schema: s}, done: map[[2]string]result{}, list: []Expr{{}}}
}

// Compile reads the condition of a rule for objects of the type typ, "" for a rule that
// covers objects of no one type, and returns its number, 0 when the condition always holds. A
// text that is too long to be a condition is refused before it is looked at.
func (c *Compiler) Compile(text, typ string) (uint32, *Error) {
	if len(text) > maxCondition {
		return 0, &Error{maxCondition, "the condition is too long: it has at most " + strconv.Itoa(maxCondition) + " bytes"}
	}
	if text == "true" {
		return 0, nil
	}
	for _, key := range [...]string{anyType, typ} {
		if known, ok := c.done[[2]string{key, text}]; ok {
			return known.id, known.bad
		}
	}
	e, bad := c.parser.condition(text, typ)
	out := result{bad: bad}
	if bad == nil {
		out.id = uint32(len(c.list))
		c.list = append(c.list, e)
	}
	if !c.parser.askedObject {
		typ = anyType
	}
	c.done[[2]string{typ, text}] = out
	return out.id, out.bad
}

// Exprs returns the conditions by their numbers.
func (c *Compiler) Exprs() []Expr { return c.list }

// Parse compiles one condition; see [Compiler.Compile]. Its error is an *[Error].
func Parse(text, typ string, s *Schema) (Expr, error) {
	c := NewCompiler(s)
	id, bad := c.Compile(text, typ)
	if bad != nil {
		return Expr{}, bad
	}
	return c.list[id], nil
}
