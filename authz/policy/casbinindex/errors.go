package casbinindex

import "errors"

// Errors of this package. None of them ever comes with an allow.
var (
	// ErrInvalid means that a model, a policy or a Config cannot be used. The text says what is
	// wrong, and for a file where.
	ErrInvalid = errors.New("casbinindex: invalid model or policy")

	// ErrRequest means that a request cannot be decided: it has another number of values than
	// the model defines, or a piece of the matcher fails on it.
	ErrRequest = errors.New("casbinindex: invalid request")

	// ErrNotLoaded means that an Index was not made by [New], [Load] or [LoadFS].
	ErrNotLoaded = errors.New("casbinindex: no policy is loaded")
)

// Limits that bound the memory and the time of one decision.
const (
	maxRules = 1<<30 - 1
	maxDepth = 10 // links from a name to a role, as in Casbin's enforcers
)
