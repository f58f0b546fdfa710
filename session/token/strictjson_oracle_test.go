package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// oracleTree reads an object with jsontext alone, which refuses names that occur twice and text
// that is not UTF-8. [readTree] has to agree with it, in what is refused and for what reason, and
// in what is read.
func oracleTree(text string) (map[string]any, error) {
	r := lenient{jsontext.NewDecoder(bytes.NewBufferString(text))}
	tree := map[string]any{}
	err := r.object(func(r lenient, name string) (err error) {
		tree[name], err = oracleValue(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return nil, notStrict
	}
	return tree, nil
}

func oracleValue(r lenient) (any, error) {
	switch r.dec.PeekKind() {
	case '{':
		members := map[string]any{}
		err := r.object(func(r lenient, name string) (err error) {
			members[name], err = oracleValue(r)
			return err
		})
		return members, err
	case '[':
		elements := []any{}
		err := r.array(func(r lenient) error {
			v, err := oracleValue(r)
			elements = append(elements, v)
			return err
		})
		return elements, err
	}
	tok, err := r.token()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '"':
		return tok.String(), nil
	case '0':
		return number(tok.String()), nil
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil
}

// standardTree reads an object with encoding/json, which knows neither. A number stays as it is
// written.
func standardTree(text string) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	if tree == nil {
		return nil, errors.New("null")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return ours(tree).(map[string]any), nil
}

// ours returns a value of encoding/json with numbers of our type.
func ours(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		for name, member := range v {
			v[name] = ours(member)
		}
	case []any:
		for i, element := range v {
			v[i] = ours(element)
		}
	}
	return v
}
