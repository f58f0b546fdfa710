// Package nearcache keeps what was used lately in memory, by a library. A struct holds an interface
// of it, which spares each package that imports the struct the compilation of a thousand functions
// of the library's generic types.
package nearcache

import "github.com/maypok86/otter/v2"

// Cache holds at most as many entries as it was made for, those that are used most. It is safe
// for concurrent use.
type Cache[K comparable, V any] interface {
	// GetIfPresent returns the value of a key, and whether there is one.
	GetIfPresent(key K) (V, bool)
	// Set keeps a value, and returns the former one, or the value itself where there was none.
	Set(key K, value V) (V, bool)
	// Invalidate forgets a key, and returns what it held.
	Invalidate(key K) (V, bool)
	// InvalidateAll forgets all keys.
	InvalidateAll()
	// EstimatedSize returns about how many entries there are.
	EstimatedSize() int
}

// New returns an empty cache of at most size entries, at least one. It has no goroutine that
// somebody has to stop.
func New[K comparable, V any](size int) Cache[K, V] { return NewWithGone[K, V](size, nil) }

// NewWithGone is New of a cache that calls gone with each value that it no longer has, for whatever
// reason: replaced, forgotten, or given way to others. The call is part of the removal, and gone must
// not use the cache.
func NewWithGone[K comparable, V any](size int, gone func(V)) Cache[K, V] {
	options := otter.Options[K, V]{
		MaximumSize: max(1, size), // none is no bound to the library
		Executor:    func(task func()) { task() },
	}
	if gone != nil {
		options.OnAtomicDeletion = func(e otter.DeletionEvent[K, V]) { gone(e.Value) }
	}
	return otter.Must(&options)
}
