package session

import (
	"sync/atomic"

	"github.com/reevehq/reeve/internal/reqctx"
)

// Handle is a [Ref] that remembers where in memory its session was found last, so that
// [Manager.Recall] does not look it up again. A token that is remembered has one. It finds
// a session on the terms on which that is looked up, and none otherwise.
//
// A Handle is safe for concurrent use and must not be copied after its first. That of the zero Ref
// finds nothing.
type Handle struct {
	ref   Ref
	found atomic.Pointer[reqctx.Entry[Session]] // of ref, and of a kind that Recall returns
}

// HandleOf returns the handle of ref.
func HandleOf(ref Ref) Handle { return Handle{ref: ref} }

// Ref returns the reference.
func (h *Handle) Ref() Ref { return h.ref }
