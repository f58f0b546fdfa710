//go:build (!amd64 && !arm64) || purego

package lookup

// prefetch does nothing where the processor is not told.
func prefetch[T any]([]T, uint64) {}
