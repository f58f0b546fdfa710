package condition

// inStrings reports whether a text is in a list of at most so many.
func inStrings(list []string, text string, most int) Truth {
	if len(list) > most {
		return Unknown
	}
	budget := most * maxString
	return find(list, text, &budget)
}

// find reports whether a text is in a list, unknown when that would take more comparing than
// the budget, in bytes.
func find(list []string, text string, budget *int) Truth {
	for _, s := range list {
		if len(s) != len(text) {
			continue
		}
		if *budget -= len(s); *budget < 0 {
			return Unknown
		}
		if s == text {
			return True
		}
	}
	return False
}

// containsAny reports whether two lists have a text in common, unknown when there are more than
// so many pairs.
func containsAny(a, b []string, most int) Truth {
	if !fewPairs(a, b, most) {
		return Unknown
	}
	budget := most * maxString
	for _, text := range b {
		if t := find(a, text, &budget); t != False {
			return t
		}
	}
	return False
}

// containsAll reports whether every text of b is in a, unknown as in containsAny.
func containsAll(a, b []string, most int) Truth {
	if !fewPairs(a, b, most) {
		return Unknown
	}
	budget := most * maxString
	for _, text := range b {
		if t := find(a, text, &budget); t != True {
			return t
		}
	}
	return True
}

// fewPairs reports whether two lists have at most so many pairs of texts. An empty list has
// none, and is held to the number alone.
func fewPairs(a, b []string, most int) bool {
	return len(a) <= most && len(b) <= most && len(a)*len(b) <= most
}
