package policycsv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrEdit means that an edit was refused, and changed nothing: the line would not be read as what
// it was meant to say.
var ErrEdit = errors.New("policycsv: not an edit")

// File is a file that can be edited. Written without an edit, it is the file that was read, byte
// for byte.
type File struct {
	lines []Line
}

// Parse reads a file. It accepts every text: errors stand in the lines' faults.
func Parse(content string) *File {
	f := &File{lines: make([]Line, 0, strings.Count(content, "\n")+1)}
	for l := range Lines(content) {
		line := *l
		line.Fields = slices.Clone(l.Fields)
		f.lines = append(f.lines, line)
	}
	return f
}

// Lines returns the lines, in order. The slice is good until the next edit and must not be
// written to.
func (f *File) Lines() []Line { return f.lines }

// String returns the file as it is to be written.
func (f *File) String() string {
	var b strings.Builder
	for i := range f.lines {
		b.WriteString(f.lines[i].Text)
		b.WriteString(f.lines[i].End)
	}
	return b.String()
}

// SetField replaces the value of field i of the line of a number. Spaces around the value stay,
// and quotes are written when the value needs them.
func (f *File) SetField(number, i int, value string) error {
	old, err := f.line(number)
	if err != nil {
		return err
	}
	if i < 0 || i >= len(old.Fields) {
		return fmt.Errorf("%w: line %d has no field %d", ErrEdit, number, i)
	}
	from, to := old.span(i)
	values := texts(old.Fields)
	values[i] = value
	next, err := lineOf(old.Text[:from]+quoted(value)+old.Text[to:], values)
	if err != nil {
		return err
	}
	if len(next.Faults) > len(old.Faults) {
		return fmt.Errorf("%w: %s", ErrEdit, next.Faults[len(next.Faults)-1].Msg)
	}
	f.replace(number, next)
	return nil
}

// SetText replaces the text of the line of a number, as a formatter does.
func (f *File) SetText(number int, text string) error {
	if _, err := f.line(number); err != nil {
		return err
	}
	next, err := lineOf(text, nil)
	if err != nil {
		return err
	}
	f.replace(number, next)
	return nil
}

// InsertRow inserts a row of values before the line of a number, or after the last line when the
// number is the next.
func (f *File) InsertRow(number int, values ...string) error {
	next, err := lineOf(Join(values), append([]string{}, values...))
	if err != nil {
		return err
	}
	if len(next.Faults) > 0 {
		return fmt.Errorf("%w: %s", ErrEdit, next.Faults[0].Msg)
	}
	return f.insert(number, next)
}

// InsertText inserts a line as it is written, such as a comment or a blank line, where InsertRow
// would insert a row.
func (f *File) InsertText(number int, text string) error {
	next, err := lineOf(text, nil)
	if err != nil {
		return err
	}
	return f.insert(number, next)
}

// Delete deletes the line of a number.
func (f *File) Delete(number int) error {
	if _, err := f.line(number); err != nil {
		return err
	}
	f.lines = slices.Delete(f.lines, number-1, number)
	f.renumber()
	return nil
}

// Join returns a row as text, with a space after each comma and quotes where a value needs them.
func Join(values []string) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = quoted(v)
	}
	return strings.TrimRight(strings.Join(all, ", "), " ")
}

// quoted returns a value as it stands in a row.
func quoted(value string) string {
	if !strings.ContainsAny(value, `,"`) {
		return value
	}
	return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
}

func texts(fields []Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Text
	}
	return all
}

// lineOf reads a text as one line. It has the values, unless these are nil.
func lineOf(text string, values []string) (Line, error) {
	if strings.Contains(text, "\n") || strings.HasSuffix(text, "\r") {
		return Line{}, fmt.Errorf("%w: more than one line", ErrEdit)
	}
	l := Line{Text: text}
	l.read()
	if values != nil && (l.Kind != Row || !slices.Equal(texts(l.Fields), values)) {
		return Line{}, fmt.Errorf("%w: no row has these values", ErrEdit)
	}
	return l, nil
}

func (f *File) line(number int) (Line, error) {
	if number < 1 || number > len(f.lines) {
		return Line{}, fmt.Errorf("%w: there is no line %d", ErrEdit, number)
	}
	return f.lines[number-1], nil
}

// replace puts a line in the place of one, whose end it takes. A last line without a text and an
// end would be none.
func (f *File) replace(number int, next Line) {
	next.Number, next.End = number, f.lines[number-1].End
	if next.Text == "" && next.End == "" {
		next.End = f.end(number - 1)
	}
	f.lines[number-1] = next
}

func (f *File) insert(number int, next Line) error {
	if number < 1 || number > len(f.lines)+1 {
		return fmt.Errorf("%w: there is no line %d", ErrEdit, number)
	}
	next.End = f.end(number - 1)
	if last := len(f.lines); number == last+1 && last > 0 && !strings.HasSuffix(f.lines[last-1].End, "\n") {
		f.lines[last-1].End = next.End
	}
	f.lines = slices.Insert(f.lines, number-1, next)
	f.renumber()
	return nil
}

// end returns how lines around index i end.
func (f *File) end(i int) string {
	for _, near := range []int{i - 1, i} {
		if near >= 0 && near < len(f.lines) && strings.HasSuffix(f.lines[near].End, "\n") {
			return f.lines[near].End
		}
	}
	for _, l := range f.lines {
		if strings.HasSuffix(l.End, "\n") {
			return l.End
		}
	}
	return "\n"
}

func (f *File) renumber() {
	for i := range f.lines {
		f.lines[i].Number = i + 1
	}
}
