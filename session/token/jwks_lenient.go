package token

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// lenient walks a JSON text that may repeat names and hold text that is not UTF-8: a key set, in
// which something may be wrong with one entry and not with another. It decides nothing; a
// [reader] reads all that is believed.
type lenient struct{ dec *jsontext.Decoder }

func readLeniently(text []byte) lenient {
	return lenient{jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

func (r lenient) token() (jsontext.Token, error) {
	tok, err := r.dec.ReadToken()
	if err != nil {
		return tok, notStrict // the decoder's own error repeats names
	}
	if r.dec.StackDepth() > maxDepth {
		return tok, tooDeep
	}
	if tok.Kind() == '0' {
		if _, err := tok.Float(); err != nil {
			return tok, tooLarge
		}
	}
	return tok, nil
}

// object calls member for each name, to read or skip its value.
func (r lenient) object(member func(r lenient, name string) error) error {
	tok, err := r.token()
	if err != nil {
		return err
	}
	if tok.Kind() != '{' {
		return notObject
	}
	for {
		tok, err := r.token()
		if err != nil {
			return err
		}
		if tok.Kind() == '}' {
			return nil
		}
		if err := member(r, tok.String()); err != nil {
			return err
		}
	}
}

// array calls element before each element, to read or skip it.
func (r lenient) array(element func(r lenient) error) error {
	tok, err := r.token()
	if err != nil {
		return err
	}
	if tok.Kind() != '[' {
		return notArray
	}
	for r.dec.PeekKind() != ']' {
		if err := element(r); err != nil {
			return err
		}
	}
	_, err = r.token()
	return err
}

func (r lenient) string() (string, error) {
	tok, err := r.token()
	if err != nil {
		return "", err
	}
	if tok.Kind() != '"' {
		return "", notString
	}
	return tok.String(), nil
}

// skip reads one value and keeps nothing of it.
func (r lenient) skip() error {
	depth := r.dec.StackDepth()
	for {
		if _, err := r.token(); err != nil {
			return err
		}
		if r.dec.StackDepth() == depth {
			return nil
		}
	}
}
