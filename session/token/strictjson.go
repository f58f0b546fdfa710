package token

import (
	"bytes"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep objects and arrays may nest. The outermost object counts as one.
const maxDepth = 8

// malformed says how a JSON text fails. It repeats nothing of the text.
type malformed string

func (m malformed) Error() string { return string(m) }

const (
	notStrict = malformed("not strict JSON")
	tooDeep   = malformed("nested too deep")
	tooLarge  = malformed("a number is out of range")
	notObject = malformed("not an object")
	notArray  = malformed("not an array")
	notString = malformed("not a string")
	notNumber = malformed("not a number")
)

// reader walks a JSON text token by token and refuses what two parsers could read in two
// ways: a name that occurs twice in an object, at whatever depth, text that is not UTF-8,
// half of a surrogate pair, a number beyond float64, more than [maxDepth] levels. What is
// skipped is checked like what is read.
type reader struct{ dec *jsontext.Decoder }

// readObject reads data, which is one JSON object and nothing after it. member is called
// for each name and reads or skips exactly one value. Names are passed as they are, once
// unescaped: nothing is folded, so "TENANT" is not "tenant".
func readObject(data []byte, member func(r reader, name string) error) error {
	d := decoders.Get().(*decoder)
	defer d.release()
	r := reader{d.open(data)}
	if err := r.object(member); err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return notStrict
	}
	return nil
}

// decoder is a jsontext.Decoder that can be used again.
type decoder struct {
	jsontext.Decoder
	input bytes.Buffer
	large bool
}

// decoders saves half of the allocations of a verification. What is in it holds no text.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) open(data []byte) *jsontext.Decoder {
	d.large = len(data) > MaxLength
	d.input = *bytes.NewBuffer(data)
	d.Reset(&d.input)
	return &d.Decoder
}

// release lets go of the text and gives the decoder back, but for one that a large text
// may have made large.
func (d *decoder) release() {
	d.input = bytes.Buffer{}
	d.Reset(&d.input)
	if !d.large {
		decoders.Put(d)
	}
}

func (r reader) token() (jsontext.Token, error) {
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

func (r reader) object(member func(r reader, name string) error) error {
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
func (r reader) array(element func(r reader) error) error {
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

func (r reader) string() (string, error) {
	tok, err := r.token()
	if err != nil {
		return "", err
	}
	if tok.Kind() != '"' {
		return "", notString
	}
	return tok.String(), nil
}

// strings reads an array of strings.
func (r reader) strings(each func(s string)) error {
	return r.array(func(r reader) error {
		s, err := r.string()
		if err != nil {
			return err
		}
		each(s)
		return nil
	})
}

// skip reads one value and keeps nothing of it.
func (r reader) skip() error {
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
