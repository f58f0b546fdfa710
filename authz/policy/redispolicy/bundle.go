package redispolicy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"github.com/reevehq/reeve/authz/policy"
)

// pack makes the bundle of the policy in fsys: a zip of its files, stored as they are, so
// that equal files are an equal bundle and nothing unpacks to more than it is. A policy
// that does not load is refused, and so is one that changes while it is read.
func pack(fsys fs.FS) (data []byte, id string, err error) {
	engine, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		return nil, "", err
	}
	names, err := policy.ListFiles(fsys)
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, "", fmt.Errorf("redispolicy: %w", err)
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, "", fmt.Errorf("redispolicy: %w", err)
		}
		if _, err := f.Write(content); err != nil {
			return nil, "", fmt.Errorf("redispolicy: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", fmt.Errorf("redispolicy: %w", err)
	}
	id, err = load(b.Bytes())
	if err == nil && id != engine.Revision() {
		err = errors.New("redispolicy: the files changed while they were read")
	}
	return b.Bytes(), id, err
}

// load loads a bundle aside and returns its policy's revision.
func load(data []byte) (id string, err error) {
	fsys, err := unpack(data)
	if err != nil {
		return "", err
	}
	engine, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		return "", err
	}
	return engine.Revision(), nil
}

// unpack returns the files of a bundle.
func unpack(data []byte) (fs.FS, error) {
	files, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	for _, f := range files.File {
		if f.Method != zip.Store {
			return nil, fmt.Errorf("%w: a compressed file", ErrCorrupt)
		}
	}
	return files, nil
}

// check returns an error wrapping [ErrCorrupt] unless data are the bundle that r names.
func (r Revision) check(data []byte) error {
	if len(data) != r.Size || hexadecimal(sha256.Sum256(data)) != r.Hash {
		return fmt.Errorf("%w: its bytes are not those that were published as %s", ErrCorrupt, r.ID)
	}
	return nil
}
