package lint

import "io/fs"

// memory is files by name, for what reads a file system.
type memory map[string]string

func (m memory) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadFile returns a file's content.
func (m memory) ReadFile(name string) ([]byte, error) {
	content, there := m[name]
	if !there {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}
