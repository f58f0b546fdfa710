package policy

// What external tests need of the inside.

// ParsedRows are the p and g rows that a file would load as, without their sections.
func ParsedRows(content string) (p, g [][]string, err error) {
	var problems problems
	l := newLoader(readSchema(attributesFile, "", &problems), &problems)
	for r := range rowsOf(policyFile, content, &problems) {
		if !l.usable(policyFile, r) {
			continue
		}
		var texts []string
		for _, f := range r.fields[1:] {
			texts = append(texts, f.text)
		}
		switch {
		case r.fields[0].text == "p" && len(texts) == 6:
			p = append(p, texts)
		case r.fields[0].text == "g" && len(texts) == 3:
			g = append(g, texts)
		default:
			problems.add(policyFile, r.line, 1, "not a row")
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
	conds := newConditions(readSchema(attributesFile, attributes, &p))
	id, bad := conds.compile(text, typ)
	if bad != nil {
		return Condition{}, bad.at, bad.why
	}
	return Condition{conds.list[id].node}, 0, ""
}
