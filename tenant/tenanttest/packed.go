package tenanttest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
)

// maxUnpacked is how many bytes of a packed body are read, and maxPacked how often one may be packed
// in another.
const (
	maxUnpacked = 64 << 20
	maxPacked   = 3
)

// encodings are the codings of a body that are read. Requests ask for none, so that another one is
// the service's choice.
var encodings = map[string]func(io.Reader) (io.Reader, error){
	"":         nil,
	"identity": nil,
	"gzip":     func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"x-gzip":   func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate": func(r io.Reader) (io.Reader, error) {
		packed, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if plain, err := zlib.NewReader(bytes.NewReader(packed)); err == nil {
			return plain, nil
		}
		return flate.NewReader(bytes.NewReader(packed)), nil // as some write it
	},
}

// encoding returns the coding of a body that a header names, in lower case.
func encoding(h http.Header) string {
	return strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ",")))
}

// unpacked returns what a client reads in a body that is packed: by its Content-Encoding, or as a
// file of gzip or zip, which an export may be.
func unpacked(coding string, body []byte) []byte {
	if open := encodings[coding]; open != nil {
		if plain, err := open(bytes.NewReader(body)); err == nil {
			body = readSome(plain)
			return append(body, unpackedFile(body, maxPacked)...)
		}
	}
	return unpackedFile(body, maxPacked)
}

// unpackedFile returns the texts of a file of gzip or zip, and of those within, nil of another.
func unpackedFile(body []byte, depth int) (all []byte) {
	if depth == 0 {
		return nil
	}
	add := func(r io.Reader) {
		plain := readSome(r)
		all = append(append(all, plain...), unpackedFile(plain, depth-1)...)
	}
	switch {
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		if r, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			add(r)
		}
	case bytes.HasPrefix(body, []byte("PK")):
		r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return nil
		}
		for _, f := range r.File {
			all = append(all, f.Name+"\n"+f.Comment+"\n"...)
			if file, err := f.Open(); err == nil {
				add(file)
				_ = file.Close()
			}
		}
	}
	return all
}

// readSome returns what can be read, which may end before an error.
func readSome(r io.Reader) []byte {
	plain, _ := io.ReadAll(io.LimitReader(r, maxUnpacked))
	return plain
}
