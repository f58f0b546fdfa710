package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ByteOrderMark begins a file that an editor of Windows has written.
const ByteOrderMark = "\ufeff"

// maxFile is how large a file may be. Nobody writes more by hand.
const maxFile = 1 << 20

// layer is a source of values: a file, the environment, or the flags. It is a koanf.Provider.
type layer struct {
	name      string
	values    map[string]any
	positions map[string]string // by path: "tracker.yaml:12", "environment TRACKER_LOG_LEVEL"
}

// Read implements koanf.Provider.
func (l layer) Read() (map[string]any, error) { return l.values, nil }

// ReadBytes implements koanf.Provider.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }

func readFile(name string) (layer, error) {
	text, err := readRegular(name)
	switch {
	case errors.Is(err, errNoFile):
		return layer{}, fmt.Errorf("%s:1: it is %w", name, err)
	case err != nil:
		return layer{}, fmt.Errorf("%s:1: it cannot be read: %w", name, err)
	}
	return parse(name, text)
}

var errNoFile = fmt.Errorf("no file of at most %d bytes", maxFile)

// readRegular reads a file. A pipe, a device and a folder are none: reading them may never end.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errNoFile
	}
	text, err := os.ReadFile(name)
	return text, cause(err)
}

// cause is an error without the path, which is said already.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// parse reads YAML of one document, and where each value stands.
func parse(name string, text []byte) (layer, error) {
	l := layer{name: name, values: map[string]any{}, positions: map[string]string{}}
	text = bytes.TrimPrefix(text, []byte(ByteOrderMark))
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return layer{}, located(name, err)
	}
	if len(file.Docs) > 1 {
		return layer{}, fmt.Errorf("%s:%d: a second document begins", name, file.Docs[1].Start.Position.Line)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return l, nil
	}
	if err := l.locate("", file.Docs[0].Body); err != nil {
		return layer{}, err
	}
	if err := yaml.NodeToValue(file.Docs[0].Body, &l.values); err != nil {
		return layer{}, located(name, err)
	}
	return l, nil
}

// located gives an error of YAML its file and line.
func located(name string, err error) error {
	var at interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &at) && at.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", name, at.GetToken().Position.Line, at.GetMessage())
	}
	return fmt.Errorf("%s:1: it is no YAML", name)
}

// locate notes the lines of keys. Only plain mappings are accepted: the text of an anchor or a merge
// stands somewhere else.
func (l layer) locate(at string, node ast.Node) error {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return fmt.Errorf("%s:%d: %s: anchors, aliases and tags are not used here", l.name, node.GetToken().Position.Line, at)
	default:
		if at == "" {
			return fmt.Errorf("%s:%d: a mapping is expected", l.name, node.GetToken().Position.Line)
		}
		return nil
	}
	for _, v := range values {
		line := v.Key.GetToken().Position.Line
		key := v.Key.GetToken().Value
		if _, plain := v.Key.(*ast.StringNode); !plain || strings.Contains(key, ".") || key == "" {
			return fmt.Errorf("%s:%d: %q is no name of a setting", l.name, line, key)
		}
		path := strings.TrimPrefix(at+"."+key, ".")
		l.positions[path] = fmt.Sprintf("%s:%d", l.name, line)
		if err := l.locate(path, v.Value); err != nil {
			return err
		}
	}
	return nil
}

// fromEnvironment reads the variables that begin with the prefix. One that names no setting is an
// error, since it is a setting that somebody believes to have made. So is one that is empty, as from a
// Secret without a value: sessions would silently be those of the process.
func fromEnvironment(environment []string) (layer, error) {
	l := layer{name: "environment", values: map[string]any{}, positions: map[string]string{}}
	byName := map[string]string{}
	for path := range leaves() {
		byName[Variable(path)] = path
	}
	var problems []error
	wrong := func(name, why string) { problems = append(problems, fmt.Errorf("environment %s: %s", name, why)) }
	for _, entry := range slices.Sorted(slices.Values(environment)) {
		name, value, _ := strings.Cut(entry, "=")
		capitals := strings.ToUpper(name)
		if !strings.HasPrefix(capitals, Prefix) {
			continue
		}
		path, known := byName[capitals]
		_, twice := l.positions[path]
		switch {
		case !known:
			wrong(name, "there is no such setting")
		case name != capitals && runtime.GOOS != "windows": // where variables have no case
			wrong(name, "write it as "+capitals)
		case twice:
			wrong(name, "it is there twice")
		case value == "":
			wrong(name, "it is empty: leave it out, or give it a value")
		default:
			l.set(path, value, "environment "+name)
		}
	}
	return l, errors.Join(problems...)
}

// Variable returns the name of the variable of a path.
func Variable(path string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

func fromFlags(flags map[string]string) (layer, error) {
	l := layer{name: "flags", values: map[string]any{}, positions: map[string]string{}}
	known := leaves()
	var problems []error
	for path, value := range flags {
		if _, ok := known[path]; !ok {
			problems = append(problems, fmt.Errorf("flag --set %s: there is no such setting", path))
			continue
		}
		l.set(path, value, "flag --set "+path)
	}
	return l, errors.Join(problems...)
}

// set stores a text as the kind of value that the setting has. A number that is none stays a text,
// which the schema refuses.
func (l layer) set(path, text, position string) {
	var value any = text
	if leaves()[path].kind == "integer" {
		if n, err := strconv.Atoi(text); err == nil {
			value = n
		}
	}
	section, key, _ := strings.Cut(path, ".")
	inner, _ := l.values[section].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
		l.values[section] = inner
	}
	inner[key] = value
	l.positions[path] = position
}

// origins returns where the value of each path comes from: the position in the highest layer.
func origins(layers []layer) map[string]string {
	all := map[string]string{}
	for _, l := range layers {
		for path, position := range l.positions {
			all[path] = position
		}
	}
	return all
}
