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

// readTree reads one JSON object strictly. Values are nil, bool, string, number, []any and
// map[string]any.
func readTree(text string) (map[string]any, error) {
	r := readerOf(text)
	tree := r.tree()
	if err := r.end(); err != nil {
		return nil, err
	}
	return tree, nil
}

// tree reads an object.
func (r *reader) tree() map[string]any {
	members := map[string]any{}
	for r.open('{'); r.next(); {
		name := strings.Clone(r.name)
		members[name] = r.value()
	}
	return members
}

// value reads one value of any kind.
func (r *reader) value() any {
	switch c := r.kind(); c {
	case '{':
		return r.tree()
	case '[':
		elements := []any{}
		for r.open('['); r.next(); {
			elements = append(elements, r.value())
		}
		return elements
	case '"':
		return r.string()
	case 't', 'f', 'n':
		if r.skip(); c != 'n' {
			return c == 't'
		}
		return nil
	}
	return number(strings.Clone(r.digits()))
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
