package casbinindex

import (
	"encoding/csv"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// Load loads a model and a policy as casbin.NewEnforcer does. It refuses what Casbin passes over:
//
//   - an empty policy path;
//   - two rows that differ only in which of their values a comma belongs to: Casbin drops one;
//   - a condition of a conditional role: nothing checks it, and Casbin takes it to hold;
//   - a section such as m3 without m2: Casbin does not read it;
//   - a cycle of roles where subjectPriority orders the rules: Casbin does not end.
//
// With several roots, subjectPriority counts the longest way to each name. An error wraps
// [ErrInvalid].
func Load(modelPath, policyPath string, cfg Config) (ix *Index, err error) {
	defer contain(&ix, &err)
	text, err := os.ReadFile(modelPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	m, err := modelOf(modelPath, string(text))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(policyPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return fromText(m, policyPath, string(data), cfg)
}

// LoadFS is [Load] for files of fsys, such as embedded ones.
func LoadFS(fsys fs.FS, modelPath, policyPath string, cfg Config) (ix *Index, err error) {
	defer contain(&ix, &err)
	text, err := fs.ReadFile(fsys, modelPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	m, err := modelOf(modelPath, string(text))
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(fsys, policyPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return fromText(m, policyPath, string(data), cfg)
}

// modelOf parses a model, and refuses sections that Casbin leaves unread: it counts from m to m2
// to m3, and stops at the first that is not there.
func modelOf(name, text string) (model.Model, error) {
	m, err := model.NewModelFromString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, name, err)
	}
	n, in := 0, ""
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if kind, is := sectionKinds[line]; is || strings.HasPrefix(line, "[") {
			in = kind
			continue
		}
		key, _, is := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if number, of := strings.CutPrefix(key, in); in != "" && is && of && ascii.All(number, ascii.IsDigit) && m[in][key] == nil {
			return nil, fmt.Errorf("%w: %s:%d: %s is not read: Casbin counts %s, %s2, %s3 and stops at the first that is not there", ErrInvalid, name, n, key, in, in, in)
		}
	}
	return m, nil
}

var sectionKinds = map[string]string{"[request_definition]": "r", "[policy_definition]": "p", "[role_definition]": "g", "[policy_effect]": "e", "[matchers]": "m"}

func fromText(m model.Model, name, text string, cfg Config) (*Index, error) {
	if m["e"]["e"] == nil {
		return nil, fmt.Errorf("%w: the model does not define e", ErrInvalid)
	}
	if err := loadRules(m, name, text); err != nil {
		return nil, err
	}
	if err := sortBySubject(m); err != nil {
		return nil, err
	}
	if err := m.SortPoliciesByPriority(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return New(m, cfg)
}

const maxRowLength = 64<<10 - 1 // bytes, Casbin's limit

// ruleLoader appends the rows of a policy file to a model.
type ruleLoader struct {
	model  model.Model
	seed   maphash.Seed
	first  map[uint64][]string // the first row of each hash
	spare  []string            // rows are cut from it
	fields []string
}

func loadRules(m model.Model, name, text string) error {
	l := ruleLoader{model: m, seed: maphash.MakeSeed(), first: make(map[uint64][]string, strings.Count(text, "\n")+1)}
	if strings.HasPrefix(text, "\ufeff") {
		return fmt.Errorf("%w: %s:1:1: it begins with a byte order mark: save it as UTF-8 without one", ErrInvalid, name)
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if len(line) > maxRowLength {
			return fmt.Errorf("%w: %s:%d: the line is too long", ErrInvalid, name, n)
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := l.add(line); err != nil {
			return fmt.Errorf("%w: %s:%d: %w", ErrInvalid, name, n, err)
		}
	}
	return nil
}

// split returns the values of a line as Casbin's CSV reader does. The slice is reused.
func (l *ruleLoader) split(line string) ([]string, error) {
	if strings.ContainsAny(line, "\"\r") {
		r := csv.NewReader(strings.NewReader(line))
		r.Comment = '#'
		r.TrimLeadingSpace = true
		return r.Read()
	}
	l.fields = l.fields[:0]
	for {
		value, rest, more := strings.Cut(line, ",")
		l.fields = append(l.fields, strings.TrimLeftFunc(value, unicode.IsSpace))
		if !more {
			return l.fields, nil
		}
		line = rest
	}
}

func (l *ruleLoader) add(line string) error {
	fields, err := l.split(line)
	if err != nil {
		return err
	}
	section, row := fields[0], fields[1:]
	if section == "" || section[0] != 'p' && section[0] != 'g' {
		return fmt.Errorf("unknown section %s", hint.Quote(section))
	}
	a := l.model[section[:1]][section]
	if a == nil {
		return fmt.Errorf("the model does not define %s", hint.Text(section))
	}
	if len(row) < len(a.Tokens) || section[0] == 'p' && len(row) > len(a.Tokens) {
		return fmt.Errorf("%d values, %d are needed", len(row), len(a.Tokens))
	}
	same, err := l.seen(section, row)
	if err != nil || same {
		return err
	}
	if len(l.spare) < len(row) {
		l.spare = make([]string, 4096+len(row))
	}
	kept := l.spare[:len(row):len(row)]
	l.spare = l.spare[len(row):]
	copy(kept, row)
	a.Policy = append(a.Policy, kept)
	l.first[l.hash(section, row)] = kept
	return nil
}

// hash is of the row as Casbin joins it.
func (l *ruleLoader) hash(section string, row []string) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(section)
	for _, value := range row {
		_ = h.WriteByte(',')
		_, _ = h.WriteString(value)
	}
	return h.Sum64()
}

// seen reports whether the row stands in the file already; Casbin keeps the first.
func (l *ruleLoader) seen(section string, row []string) (bool, error) {
	first := l.first[l.hash(section, row)]
	switch {
	case first == nil:
		return false, nil
	case slices.Equal(first, row):
		return true, nil
	case strings.Join(first, ",") == strings.Join(row, ","):
		return false, fmt.Errorf("the row joins to the same text as another: Casbin would drop it")
	}
	return false, nil
}
