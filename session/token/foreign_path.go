package token

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// path is where a claim stands: the names of objects on the way.
type path []string

// parsePath reads a path of [Foreign].
func parsePath(s string) (path, error) {
	switch {
	case s == "":
		return nil, errors.New("an empty path")
	case len(s) > maxText || !utf8.ValidString(s):
		return nil, fmt.Errorf("a path is UTF-8 of at most %d bytes", maxText)
	case s[0] != '/':
		return path{s}, nil
	}
	p := path(strings.Split(s[1:], "/"))
	if len(p) >= maxDepth {
		return nil, fmt.Errorf("%s is deeper than claims may nest, %d", quote(s), maxDepth)
	}
	for n, name := range p {
		unescaped, ok := unescape(name)
		if !ok {
			return nil, fmt.Errorf("%s is not a JSON pointer: ~ is ~0 and / is ~1 (RFC 6901)", quote(s))
		}
		p[n] = unescaped
	}
	return p, nil
}

// unescape reads a reference token of a JSON pointer (RFC 6901 §4). An empty one, which is a
// name too, is refused: nobody means it.
func unescape(s string) (string, bool) {
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(s)
	if s == "" || strings.Contains(rest, "~") {
		return "", false
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~"), true
}

// number is a JSON number as it was written.
type number string

// readTree reads one JSON object as strictly as readObject does. Values are nil, bool, string,
// number, []any and map[string]any.
func readTree(data []byte) (map[string]any, error) {
	tree := map[string]any{}
	err := readObject(data, func(r reader, name string) (err error) {
		tree[name], err = r.value()
		return err
	})
	if err != nil {
		return nil, err
	}
	return tree, nil
}

// value reads one value of any kind.
func (r reader) value() (any, error) {
	switch r.dec.PeekKind() {
	case '{':
		members := map[string]any{}
		err := r.object(func(r reader, name string) (err error) {
			members[name], err = r.value()
			return err
		})
		return members, err
	case '[':
		elements := []any{}
		err := r.array(func(r reader) error {
			v, err := r.value()
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

// at returns the value at a path, which is one that parsePath accepted. A null counts as none.
func at(tree map[string]any, where string) (any, bool) {
	p, err := parsePath(where)
	if err != nil {
		return nil, false
	}
	var v any = tree
	for _, name := range p {
		members, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = members[name]; !ok {
			return nil, false
		}
	}
	return v, v != nil
}
