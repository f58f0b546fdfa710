package sqlitescope

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// suffixes are the files that SQLite keeps beside a database, those first whose changes it would
// play into a new file of the same name.
var suffixes = []string{"-journal", "-wal", "-shm", ""}

// fileName returns the name of a tenant's file. No id has a dot, so that no tenant's file is the
// journal of another's; the first letters keep the names apart that Windows gives to devices.
func fileName(id tenant.ID) string { return "t-" + id.FileName() + ".db" }

// folder is the folder of the files. It reaches no file outside, whatever links stand in it.
type folder struct {
	path string
	root *os.Root
}

func openFolder(dir string) (*folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{path, root}, nil
}

func checkFolder(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder, or a link to one", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s may be entered by others (mode %04o): chmod 700", path, info.Mode().Perm())
	}
	return nil
}

// unmoved reports an error unless the path still leads to the folder that was opened.
func (f *folder) unmoved() error {
	opened, err := f.root.Stat(".")
	if err != nil {
		return err
	}
	now, err := os.Lstat(f.path)
	if err != nil {
		return err
	}
	if !os.SameFile(opened, now) {
		return errors.New("the folder of the files was replaced")
	}
	return nil
}

// ready creates a tenant's file where there is none, and refuses one, or one beside it, that is
// not a plain file of its own.
func (f *folder) ready(id tenant.ID) error {
	if err := f.unmoved(); err != nil {
		return err
	}
	name := fileName(id)
	for _, suffix := range suffixes {
		info, err := f.root.Lstat(name + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a plain file", name+suffix)
		case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
			return fmt.Errorf("%s may be read by others (mode %04o): chmod 600", name+suffix, info.Mode().Perm())
		case links(info) > 1:
			return fmt.Errorf("%s has a second name", name+suffix)
		}
	}
	// SQLite gives the files beside it the same mode.
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// source returns the name by which the driver opens the file, which must be there.
func (f *folder) source(id tenant.ID) string {
	return uri(filepath.ToSlash(filepath.Join(f.path, fileName(id)))) + "?mode=rw&_defensive=1&_dqs=0&_txlock=immediate"
}

// uri returns the name of a file as SQLite reads it. The letter of a drive is no host: file:///C:/a.db.
func uri(path string) string {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String()
}

// remove deletes a tenant's files. Those that are not there are deleted.
func (f *folder) remove(id tenant.ID) error {
	if err := f.unmoved(); err != nil {
		return err
	}
	for _, suffix := range suffixes {
		if err := f.root.Remove(fileName(id) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

// mark is the number by which a file says whose it is, in its application_id: a file that was
// put back under the name of another tenant is not opened.
func mark(id tenant.ID) int32 {
	sum := sha256.Sum256([]byte("reeve tenant " + id.String()))
	return int32(binary.BigEndian.Uint32(sum[:]) | 1) // never the 0 of a file that says nothing
}
