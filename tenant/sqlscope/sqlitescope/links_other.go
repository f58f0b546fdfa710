//go:build !unix

package sqlitescope

import "io/fs"

// links returns how many names a file has, as far as the system tells.
func links(fs.FileInfo) uint64 { return 1 }
