package casbinindex

import "github.com/reevehq/reeve/internal/lookup"

const inlineInputs = 6 // sources of a request that are read without allocating

// input is the request's value for a source, computed at its first use.
type input struct {
	value
	state    inputState
	resolved bool // whether term is resolved
	term     lookup.Term
}

type inputState uint8

const (
	inputUnread inputState = iota
	inputPresent
	inputMissing
)

// callerRoles is a name of the caller with all of its roles.
type callerRoles struct {
	done bool
	self uint32
	has  []uint32
}

// input reads a source once. An attribute that is missing is an error where it is asked.
func (q *query) input(i int) *input {
	f := q.slot(i)
	if f.state != inputUnread {
		return f
	}
	s := &q.v.sources[i]
	f.state = inputPresent
	if len(s.path) == 0 {
		f.value = valueOf(q.rvals[s.param])
		return f
	}
	c, err := access(q.rvals[s.param], s.path)
	if err != nil {
		f.state = inputMissing
		return f
	}
	f.value = c
	return f
}

func (q *query) slot(i int) *input {
	if i < inlineInputs {
		return &q.inputs[i]
	}
	return &q.moreInputs[i-inlineInputs]
}
