package reqctx

// Shared is a value that many requests read at once and that nobody may change any more. Only
// this module can look into one, so that what a method hands out stays as it is. The zero Shared
// holds nothing.
type Shared[T any] struct{ p *T }

// Share returns the Shared of p, which whoever calls gives up.
func Share[T any](p *T) Shared[T] { return Shared[T]{p} }

// Read returns what s holds, nil for nothing. It is only read.
func Read[T any](s Shared[T]) *T { return s.p }
