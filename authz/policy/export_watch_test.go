package policy

import "io/fs"

// InstallIf is a watcher's second reading: it loads fsys if that still has the revision.
func InstallIf(e *Engine, fsys fs.FS, revision string) (settled bool, err error) {
	w := Watcher{engine: e}
	return w.install(fsys, revision)
}
