package policy

import (
	"syscall"
	"unsafe"
)

const (
	hugePage = 2 << 20
	collapse = 25 // MADV_COLLAPSE, since Linux 6.1
)

// onLargePages asks the kernel to put a large table on large pages, where a look-up at random
// is about a fifth quicker: less of it is finding the page. It changes no value and leaves no
// mark on the memory, which later serves others as before. A kernel that will not, or cannot,
// leaves everything as it is.
func onLargePages[T any](table []T) {
	size := uintptr(len(table)) * unsafe.Sizeof(*new(T))
	if size < 2*hugePage {
		return
	}
	start := unsafe.Pointer(unsafe.SliceData(table))
	skip := -uintptr(start) % hugePage // to the first whole page
	length := (size - skip) / hugePage * hugePage
	_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(start, skip)), length), collapse)
}
