//go:build linux

package persistence

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
)

// power watches how far the files of a Redis are on the disk.
type power struct {
	t   *testing.T
	log string
}

// watchPower has every server that the test starts from now on watched.
func watchPower(t *testing.T) power {
	t.Helper()
	cc := testneed.Program(t, "cc", "install a C compiler (Debian: apt-get install gcc libc6-dev)")
	dir := t.TempDir()
	library := filepath.Join(dir, "synced.so")
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, "testdata/synced.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := power{t, filepath.Join(dir, "synced.log")}
	t.Setenv("LD_PRELOAD", library)
	t.Setenv("SYNCED", p.log)
	return p
}

// synced returns the sizes at the last fsync, by inode.
func (p power) synced() map[uint64]int64 {
	p.t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	sizes := map[uint64]int64{}
	for line := range strings.Lines(string(text)) {
		var inode uint64
		var size int64
		if _, err := fmt.Sscan(line, &inode, &size); err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		sizes[inode] = size
	}
	return sizes
}

// lose cuts the files of a server that was killed down to what was on the disk, and returns how many
// bytes that takes away. A file that was never synced is empty.
func (p power) lose(dir string) (lost int64) {
	p.t.Helper()
	return p.each(dir, func(file string, size int64) error { return os.Truncate(file, size) })
}

// unsynced returns how many bytes are not on the disk.
func (p power) unsynced(dir string) int64 {
	p.t.Helper()
	return p.each(dir, func(string, int64) error { return nil })
}

// each calls f for every file of which something is not on the disk, with the size that is.
func (p power) each(dir string, f func(file string, size int64) error) (missing int64) {
	p.t.Helper()
	sizes := p.synced()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			p.t.Fatal(err)
		}
		stat, _ := info.Sys().(*syscall.Stat_t)
		if size := sizes[stat.Ino]; size < info.Size() {
			missing += info.Size() - size
			if err := f(file, size); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	return missing
}
