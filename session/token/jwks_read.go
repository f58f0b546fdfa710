package token

import (
	"bytes"
	"io"
)

const (
	maxJWKS     = 1 << 20 // bytes of a document
	maxJWKSKeys = 100
)

// errPublished refuses a whole key set, and the header of a proof.
const errPublished = malformed("a private or symmetric key is published")

// notStrictEntry is notStrict of what is known to be JSON.
const notStrictEntry = notStrict + ": a member twice, or text that is not UTF-8"

// jwkEntry is one entry of a key set, or why it cannot be read.
type jwkEntry struct {
	jwk
	err error
}

// readKeySet reads the entries of a key set. The document and all of its members but the entries
// are strict JSON; each entry is read by itself, so that a fault of one is no reason to refuse
// another.
func readKeySet(document []byte) (entries []jwkEntry, err error) {
	r := readLeniently(document)
	members := map[string]bool{}
	end := int64(0) // of what was read and checked
	err = r.object(func(r lenient, name string) error {
		if members[name] || !strict(document[end:r.dec.InputOffset()], "{,") {
			return notStrict
		}
		members[name], end = true, r.dec.InputOffset()
		read := lenient.skip
		if name == "keys" {
			read = func(r lenient) error {
				return r.array(func(r lenient) (err error) {
					entries, err = appendEntry(entries, r)
					return err
				})
			}
		}
		if err := read(r); err != nil {
			return err
		}
		value := document[end:r.dec.InputOffset()]
		end = r.dec.InputOffset()
		if name != "keys" && !strict(value, ":") {
			return notStrict
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return nil, notStrict
	}
	if !members["keys"] {
		return nil, malformed("no member keys")
	}
	return entries, nil
}

// appendEntry reads one entry more. An error is one of the whole set.
func appendEntry(entries []jwkEntry, r lenient) ([]jwkEntry, error) {
	if len(entries) == maxJWKSKeys {
		return nil, malformed("too many keys")
	}
	text, err := r.dec.ReadValue()
	if err != nil {
		return nil, notStrict
	}
	if publishes(text, maxDepth) {
		return nil, errPublished
	}
	return append(entries, readEntry(text)), nil
}

// readEntry reads one entry strictly. Of one that cannot be read it keeps the kid, when it
// has one, for the log.
func readEntry(text []byte) (e jwkEntry) {
	r := readerOf(string(text))
	e.jwk.read(&r)
	if e.err = r.end(); e.err == notStrict {
		e.err = notStrictEntry
	}
	if e.err != nil {
		e.jwk = jwk{kid: kidOf(text)}
	}
	return e
}

// publishes reports whether an entry has a private or symmetric member, whatever else is
// wrong with it. Those inside of arrays count too, down to some depth.
func publishes(text []byte, depth int) (found bool) {
	if depth == 0 {
		return false
	}
	r := readLeniently(text)
	switch r.dec.PeekKind() {
	case '{':
		_ = r.object(func(r lenient, name string) error {
			found = found || privateMember(name)
			return r.dec.SkipValue()
		})
	case '[':
		_ = r.array(func(r lenient) error {
			inner, err := r.dec.ReadValue()
			found = found || err == nil && publishes(inner, depth-1)
			return err
		})
	}
	return found
}

// kidOf returns the first kid of an entry that is text, and "" when there is none.
func kidOf(text []byte) (kid string) {
	_ = readLeniently(text).object(func(r lenient, name string) (err error) {
		if name != "kid" || kid != "" || r.dec.PeekKind() != '"' {
			return r.dec.SkipValue()
		}
		kid, err = r.string()
		return err
	})
	return kid
}

// strict reports whether a part of a document is one strict JSON value after the
// punctuation before it.
func strict(part []byte, punctuation string) bool {
	r := readerOf(string(bytes.TrimLeft(part, punctuation+" \t\r\n")))
	r.skip()
	return r.end() == nil
}
