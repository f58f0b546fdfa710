package policy

// What external tests need of the inside.

// ParsedRows are the p and g rows that a file would load as, without their sections.
func ParsedRows(content string) (p, g [][]string, err error) {
	var problems problems
	l := newLoader(readSchema(AttributesFile, "", &problems), &problems)
	for r := range rowsOf(PolicyFile, content, &problems) {
		if !l.usable(PolicyFile, r) {
			continue
		}
		var texts []string
		for _, f := range r.Fields[1:] {
			texts = append(texts, f.Text)
		}
		switch {
		case r.Fields[0].Text == "p" && len(texts) == 6:
			p = append(p, texts)
		case r.Fields[0].Text == "g" && len(texts) == 3:
			g = append(g, texts)
		default:
			problems.add(CodeRowLength, PolicyFile, r.Number, 1, "not a row")
		}
	}
	return p, g, problems.err()
}

// Condition is a compiled condition. Eval returns "true", "false" or "unknown".
type Condition struct{ n *node }

// Eval evaluates the condition.
func (c Condition) Eval(r Request) string {
	if c.n == nil {
		return "true"
	}
	return [...]string{unknown: "unknown", no: "false", yes: "true"}[c.n.eval(&r)]
}

// CompileCondition compiles text for objects of typ under an attributes.csv. When it fails,
// at is the byte where.
func CompileCondition(text, typ, attributes string) (c Condition, at int, why string) {
	var p problems
	conds := newConditions(readSchema(AttributesFile, attributes, &p))
	id, bad := conds.compile(text, typ)
	if bad != nil {
		return Condition{}, bad.at, bad.why
	}
	return Condition{conds.list[id].node}, 0, ""
}

// Conditions compiles the conditions of one policy.
type Conditions struct{ list conditions }

// NewConditions returns a Conditions for an attributes.csv.
func NewConditions(attributes string) *Conditions {
	var p problems
	return &Conditions{newConditions(readSchema(AttributesFile, attributes, &p))}
}

// Fresh returns a Conditions of the same attributes that has compiled nothing.
func (c *Conditions) Fresh() *Conditions { return &Conditions{newConditions(c.list.schema)} }

// Compile compiles text for objects of typ. When it fails, at is the byte where.
func (c *Conditions) Compile(text, typ string) (at int, why string) {
	if _, bad := c.list.compile(text, typ); bad != nil {
		return bad.at, bad.why
	}
	return 0, ""
}

// Len returns how many conditions there are, the one that always holds included.
func (c *Conditions) Len() int { return len(c.list.list) }

// Compiled returns how many results are kept.
func (c *Conditions) Compiled() int { return len(c.list.done) }

// Last evaluates the condition compiled last.
func (c *Conditions) Last() Condition { return Condition{c.list.list[len(c.list.list)-1].node} }

// Size returns what the text compiled last was made of.
func (c *Conditions) Size() (tokens, nodes, leaves int) {
	p := &c.list.parser
	return len(p.tokens), len(p.nodes), len(p.leaves)
}
