package condition

import "slices"

// weight is how often a text counts that is looked for: once for each [TextUnit] that it begins.
func weight(text string) int { return 1 + (len(text)-1)/TextUnit }

// weightOf is the weight of all texts of a list, or more than the most that counts.
func (l *Leaf) weightOf(list []string) (n int) {
	if len(list) > l.most {
		return len(list)
	}
	for _, text := range list {
		n += weight(text)
	}
	return n
}

// isFew reports whether texts of a weight are looked for in a list of so many: each of these counts as
// often as they weigh. It depends neither on the order of a list nor on where a text is found, so that a
// database can be asked it.
func (l *Leaf) isFew(weight, texts int) bool {
	return weight <= l.most && texts <= l.most && weight*texts <= l.most
}

// weighsA reports whether the texts of A are looked for in the list B, and not the other way round: of
// an attribute of the object and another side the other one, which is known when a database is asked.
func (l *Leaf) weighsA() bool {
	ofObject := func(t *Term) bool { return t.Attr != nil && t.Attr.Part() == PartObject }
	if isIn := l.Op == OpIn || l.Op == OpNotIn; isIn {
		return !ofObject(&l.A) || ofObject(&l.B)
	}
	return !ofObject(&l.A) && ofObject(&l.B)
}

// inStrings reports whether a text is in the list B, unknown when that would take too long.
func (l *Leaf) inStrings(list []string, text string) Truth {
	few := false
	if l.weighsA() {
		few = l.isFew(weight(text), len(list))
	} else {
		few = l.isFew(l.weightOf(list), 1)
	}
	if !few {
		return Unknown
	}
	return truthOf(slices.Contains(list, text))
}

// areFew reports whether two lists are compared.
func (l *Leaf) areFew(a, b []string) bool {
	if l.weighsA() {
		return l.isFew(l.weightOf(a), len(b))
	}
	return l.isFew(l.weightOf(b), len(a))
}

// containsAny reports whether two lists have a text in common, unknown when that would take too long.
func (l *Leaf) containsAny(a, b []string) Truth {
	if !l.areFew(a, b) {
		return Unknown
	}
	return truthOf(slices.ContainsFunc(b, func(text string) bool { return slices.Contains(a, text) }))
}

// containsAll reports whether every text of b is in a, unknown when that would take too long.
func (l *Leaf) containsAll(a, b []string) Truth {
	if !l.areFew(a, b) {
		return Unknown
	}
	return truthOf(!slices.ContainsFunc(b, func(text string) bool { return !slices.Contains(a, text) }))
}
