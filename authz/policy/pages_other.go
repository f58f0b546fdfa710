//go:build !linux

package policy

// onLargePages does nothing here.
func onLargePages[T any]([]T) {}
