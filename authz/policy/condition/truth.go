package condition

// Truth is the value of a condition. The zero Truth is Unknown: an attribute that the
// condition needs is not there, or cannot be compared.
type Truth uint8

// The three values.
const (
	Unknown Truth = iota
	False
	True
)

// String returns "unknown", "false" or "true".
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "unknown"
}

// And, Or and Not are Kleene's, as in SQL: the answer is known where no value of what is
// unknown could change it.

// And returns False when one of the two is False, and True when both are True.
func (t Truth) And(u Truth) Truth {
	switch {
	case t == False || u == False:
		return False
	case t == True && u == True:
		return True
	}
	return Unknown
}

// Or returns True when one of the two is True, and False when both are False.
func (t Truth) Or(u Truth) Truth { return t.Not().And(u.Not()).Not() }

// Not returns True for False, False for True, and Unknown for Unknown.
func (t Truth) Not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	}
	return Unknown
}

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}
