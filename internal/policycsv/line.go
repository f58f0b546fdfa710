// Package policycsv reads and writes the CSV files of a policy, and loses nothing on the way.
//
// To load a policy, range over [Lines]: it allocates next to nothing, and says of every line what
// is wrong with it. To change a file, use [Parse]: comments, blank lines, spaces and quotes stay as
// they are, and only what was edited is written anew.
//
// A row means what Casbin's file adapter makes of it, one row a line. A text that a person and
// Casbin would read differently is a [Fault]: a space that becomes part of a value, a character
// that does not show, a quoted value that does not end on its line.
package policycsv

// Kind says what a line is.
type Kind uint8

// The kinds of lines. The zero Kind is none of them.
const (
	Blank   Kind = iota + 1 // nothing but spaces and tabs
	Comment                 // begins with #
	Row                     // everything else
)

// Line is one line of a file.
type Line struct {
	Number int // from 1
	Kind   Kind
	Text   string // as written, without End
	End    string // "\n", "\r\n", or, at the end of a file, "" or "\r"

	// Fields are the values of a row. They are nil when the line cannot be split. With a fault
	// they are for tools that mend it: only a line without any may be believed.
	Fields []Field

	// Faults are why the line must not be believed, nil for none.
	Faults []Fault
}

// Field is one value of a row.
type Field struct {
	Text string // without quotes and leading spaces
	Col  int    // where it begins, from 1, in bytes; at its quote if it has one
}

// Column returns the column of byte i of a field's text, counting the quotes that CSV adds.
func (l *Line) Column(f Field, i int) int {
	at := f.Col - 1
	if at >= len(l.Text) || l.Text[at] != '"' {
		return f.Col + i
	}
	at++
	for range i {
		if l.Text[at] == '"' {
			at++
		}
		at++
	}
	return at + 1
}

// Comma returns the column of the comma before field i.
func (l *Line) Comma(i int) int {
	at := min(l.Fields[i].Col-2, len(l.Text)-1)
	for at > 0 && l.Text[at] != ',' {
		at--
	}
	return at + 1
}

// span returns the bytes of the text that field i is written in, quotes included.
func (l *Line) span(i int) (from, to int) {
	f := l.Fields[i]
	from, to = f.Col-1, l.Column(f, len(f.Text))-1
	if from < len(l.Text) && l.Text[from] == '"' {
		to++
	}
	return from, to
}
