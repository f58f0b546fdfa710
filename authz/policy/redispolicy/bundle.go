package redispolicy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/reevehq/reeve/authz/policy"
)

// pack makes the published form of the policy in fsys: a zip of its files, stored as they are,
// so that equal files are an equal zip and nothing unpacks to more than it is. A policy that
// does not load is refused, and so is one that changes while it is read.
func pack(fsys fs.FS) (data []byte, id string, err error) {
	b, err := policy.ReadBundle(fsys)
	if err != nil {
		return nil, "", err
	}
	if data, id, err = packBundle(b); err != nil {
		return nil, "", err
	}
	again, err := policy.ReadBundle(fsys)
	if err != nil {
		return nil, "", err
	}
	if again.Revision() != b.Revision() {
		return nil, "", errors.New("redispolicy: the files changed while they were read")
	}
	return data, id, nil
}

func packBundle(b *policy.Bundle) (data []byte, id string, err error) {
	if b == nil {
		return nil, "", errors.New("redispolicy: no bundle")
	}
	if _, err := policy.LoadBundle(b, policy.Options{}); err != nil {
		return nil, "", err
	}
	data, err = zipOf(b)
	if err != nil {
		return nil, "", fmt.Errorf("redispolicy: %w", err)
	}
	id, err = load(data)
	if err == nil && id != b.Revision() {
		err = fmt.Errorf("%w: it is another policy once it is packed", ErrCorrupt)
	}
	return data, id, err
}

func zipOf(b *policy.Bundle) ([]byte, error) {
	var data bytes.Buffer
	w := zip.NewWriter(&data)
	for _, name := range b.Files() {
		content, _ := b.Content(name)
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(f, content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// load loads a published policy aside and returns its revision.
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
func (r Publication) check(data []byte) error {
	if len(data) != r.Size || hexadecimal(sha256.Sum256(data)) != r.Hash {
		return fmt.Errorf("%w: its bytes are not those that were published as %s", ErrCorrupt, r.ID)
	}
	return nil
}
