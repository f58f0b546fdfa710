//go:build (amd64 || arm64) && !purego

package lookup

import "unsafe"

// farBytes is how large a table is before a part of it is usually in no near cache.
const farBytes = 256 << 10

// prefetch tells the processor that table[i] will be read soon, so that what is far away in
// memory arrives while other work is done. It changes nothing, and an i that the table does
// not have is ignored.
func prefetch[T any](table []T, i uint64) {
	if i < uint64(len(table)) && uint64(len(table))*uint64(unsafe.Sizeof(table[0])) >= farBytes {
		prefetchLine(unsafe.Pointer(&table[i]))
	}
}

// prefetchLine fetches the line of the cache that holds an address. It never faults.
//
//go:noescape
func prefetchLine(address unsafe.Pointer)
