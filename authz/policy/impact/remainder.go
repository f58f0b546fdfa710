package impact

import (
	"encoding/binary"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// remainder is the part of a guard that still has to hold when some attributes are known.
type remainder uint8

const (
	heldBack remainder = iota // it holds for no value of the others
	stillOpen
	holdsAnyway // it holds whatever they are
)

// rest appends what is left of the guard to a text, the same text for what is decided alike by
// all that is not tried yet.
func (s *search) rest(text []byte) ([]byte, remainder) {
	text, allows := s.restOf(text, s.g.allows)
	if allows == heldBack {
		return text, heldBack
	}
	from := len(text)
	text, denies := s.restOf(append(text, '-'), s.g.denies)
	switch denies {
	case holdsAnyway:
		return text, heldBack
	case heldBack:
		return text[:from], allows
	}
	return text, stillOpen
}

// restOf is rest that a policy allows.
func (s *search) restOf(text []byte, t state) ([]byte, remainder) {
	all, from := holdsAnyway, len(text)
	for _, n := range t.deny {
		var one remainder
		if text, one = s.restOfCondition(text, n, condition.False); one == heldBack {
			return text, heldBack
		}
		all = min(all, one)
	}
	if t.always {
		return text, all
	}
	some, middle := heldBack, len(text)
	text = append(text, '|')
	for _, n := range t.allow {
		var one remainder
		if text, one = s.restOfCondition(text, n, condition.True); one == holdsAnyway {
			return text[:middle], all
		}
		some = max(some, one)
	}
	if some == heldBack {
		return text[:from], heldBack
	}
	return text, stillOpen
}

func (s *search) restOfCondition(text []byte, n int32, want condition.Truth) ([]byte, remainder) {
	from := len(text)
	text = binary.AppendUvarint(append(text, '?'), uint64(n))
	text, left := s.restOfPart(text, n, s.p.conds[n].expr, want)
	if left != stillOpen {
		return text[:from], left
	}
	return append(text, ';'), left
}

// restOfPart is rest that a part of a condition is True or False. Of && it takes all parts that it
// is true and one that it is false; of || the other way round. So no value is neither.
func (s *search) restOfPart(text []byte, n int32, e condition.Expr, want condition.Truth) ([]byte, remainder) {
	from, op := len(text), e.Op()
	switch {
	case op == condition.OpAlways:
		return text, fixedAs(want == condition.True)
	case op == condition.OpNot:
		for arg := range e.Args() {
			return s.restOfPart(text, n, arg, want.Not())
		}
	case op.IsLeaf():
		if s.settled(e) {
			return text, fixedAs(s.p.evalPart(n, e, s.at, s.rolesNow) == want)
		}
		at, _ := e.Span()
		return binary.AppendUvarint(append(text, '0'+byte(want)), uint64(at)), stillOpen
	}
	neutral, decides := holdsAnyway, heldBack
	if (op == condition.OpAnd) != (want == condition.True) {
		neutral, decides = heldBack, holdsAnyway
	}
	left := neutral
	text = append(text, op.String()[0])
	for arg := range e.Args() {
		var one remainder
		if text, one = s.restOfPart(text, n, arg, want); one == decides {
			return text[:from], decides
		}
		if one == stillOpen {
			left = stillOpen
		}
	}
	if left == neutral {
		return text[:from], neutral
	}
	return append(text, ')'), left
}

func fixedAs(holds bool) remainder {
	if holds {
		return holdsAnyway
	}
	return heldBack
}

// settled reports whether all that a comparison compares is tried.
func (s *search) settled(e condition.Expr) bool {
	for a := range e.Attributes() {
		i, known := s.d.index[a]
		if isRoles(a) {
			i = s.d.time
		}
		if !known || i >= s.depth {
			return false
		}
	}
	return true
}
