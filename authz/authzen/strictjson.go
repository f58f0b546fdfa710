package authzen

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep objects and arrays may nest. The outermost object counts as one.
const maxDepth = 16

// malformed describes a fault of a request to its sender. It repeats nothing of the request.
type malformed string

func (m malformed) Error() string { return string(m) }

// object reads a text that is one JSON object. Its values are string, bool, float64, nil, []any
// and map[string]any. Two parsers read it alike: the decoder refuses names that occur twice,
// bytes that are not UTF-8 and half of a surrogate pair.
func object(text []byte) (map[string]any, error) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	v, err := value(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, malformed("the body is not one JSON object")
	}
	o, is := v.(map[string]any)
	if !is {
		return nil, malformed("the body is not a JSON object")
	}
	return o, nil
}

func value(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, malformed("the body is not strict JSON")
	}
	if d.StackDepth() > maxDepth {
		return nil, malformed("the body is nested too deep")
	}
	switch token.Kind() {
	case '{':
		o := map[string]any{}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, malformed("the body is not strict JSON")
			}
			key := name.String()
			if o[key], err = value(d); err != nil {
				return nil, err
			}
		}
		_, err := d.ReadToken()
		return o, err
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			x, err := value(d)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		_, err := d.ReadToken()
		return list, err
	case '"':
		return token.String(), nil
	case '0':
		n, err := token.Float()
		if err != nil {
			return nil, malformed("a number is out of range")
		}
		return n, nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil // null
}
