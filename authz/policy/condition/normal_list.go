package condition

// normalList is normal for a list of constants: those that the attribute's kind does not have
// are gone.
func (l *Leaf) normalList() Form {
	var list []Value
	for _, v := range l.List {
		one := Leaf{Op: OpEqual, A: l.A, B: Term{Value: v}}
		if f := one.normalConstant(); f.kind == FormLiteral {
			list = append(list, f.leaf.B.Value)
		}
	}
	if len(list) == 0 {
		return l.never()
	}
	l.List = list
	return l.form()
}

// normalTexts is normal where one side may be a list that is known.
func (l *Leaf) normalTexts() Form {
	isIn := l.Op == OpIn || l.Op == OpNotIn
	b := l.B.Attr == nil
	switch {
	case isIn && l.A.Value.IsNull():
		return l.inNull()
	case l.A.Value.IsNull() || l.B.Value.IsNull():
		return Form{} // NULL is no list
	case !l.isFew(l.weight(), 1):
		return Form{} // beyond the limit the comparison is unknown
	}
	if isIn && b {
		return l.inTexts()
	}
	if b && len(l.B.Texts) == 0 && (l.Op == OpContainsAny || l.Op == OpNotContainsAll) {
		return Form{} // a list has no text in common with none, and contains all of none
	}
	return l.form()
}

// weight is that of the constant that is looked for, or is looked into, 1 of none.
func (l *Leaf) weight() int {
	switch {
	case l.B.Attr == nil:
		return max(l.weightOf(l.B.Texts), 1)
	case l.A.Attr != nil:
		return 1
	case l.Op == OpIn || l.Op == OpNotIn:
		return weight(l.A.Value.text)
	}
	return max(l.weightOf(l.A.Texts), 1)
}

// inNull is normal for NULL in a list: NULL is in none that is within its limits.
func (l *Leaf) inNull() Form {
	if l.Op == OpIn {
		return Form{}
	}
	none := *l
	none.Op, none.A, none.B = OpNotContainsAny, l.B, Term{Value: Strings()}
	return none.form()
}

// inTexts is normal for an attribute in a list that is known. A list in which no text is a uuid
// says nothing of a uuid.
func (l *Leaf) inTexts() Form {
	if l.A.Attr.Kind == KindUUID {
		var list []string
		for _, text := range l.B.Texts {
			if isUUID(text) {
				list = append(list, text)
			}
		}
		l.B.Texts = list
	}
	if len(l.B.Texts) == 0 {
		return l.never()
	}
	return l.form()
}
