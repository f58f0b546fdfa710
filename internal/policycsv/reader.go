package policycsv

import (
	"encoding/csv"
	"errors"
	"iter"
	"strings"

	"github.com/reevehq/reeve/internal/hint"
)

// Lines reads a file line by line. A line and its fields are good until the next.
func Lines(content string) iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		l := &Line{Fields: make([]Field, 0, 8)}
		room := l.Fields
		for n := 1; content != ""; n++ {
			text, rest, found := strings.Cut(content, "\n")
			whole := content[:len(content)-len(rest)]
			if !found {
				whole = content
			}
			text = strings.TrimSuffix(text, "\r")
			*l = Line{Number: n, Text: text, End: whole[len(text):], Fields: room[:0]}
			l.read()
			if cap(l.Fields) > cap(room) {
				room = l.Fields
			}
			if !yield(l) {
				return
			}
			content = rest
		}
	}
}

// read fills in the kind, the fields and the faults of a line that has a text. The fields use
// the room that l has for them.
func (l *Line) read() {
	room := l.Fields[:0]
	l.Kind, l.Fields, l.Faults = Row, nil, nil
	start := strings.TrimLeft(l.Text, " \t")
	switch {
	case start == "":
		l.Kind = Blank
	case start[0] == '#':
		l.Kind = Comment
	}
	if bad, is := CheckText(l.Text, l.Kind == Comment); is {
		l.Faults = []Fault{bad}
		return
	}
	if l.Kind != Row {
		return
	}
	indent := len(l.Text) - len(start)
	if at, why := separated(start); why != "" {
		l.fault(BadSeparator, indent+at+1, why)
		return
	}
	text := strings.TrimRight(l.Text, " \t")
	if len(text) < len(l.Text) {
		l.fault(BadSpace, len(text)+1, "a space at the end of the row: delete it")
	}
	l.Fields = room
	if strings.Contains(text, `"`) {
		l.splitQuoted(text, indent)
	} else {
		l.splitPlain(text, indent)
	}
	if len(text) < len(l.Text) {
		l.Faults = l.Faults[:1] // what else is wrong may be due to the space
		return
	}
	l.checkFields(indent)
}

func (l *Line) fault(kind FaultKind, col int, why string) {
	l.Faults = append(l.Faults, Fault{kind, col, why})
}

// splitPlain splits a row that has no quotes: what encoding/csv would do, without its
// buffers.
func (l *Line) splitPlain(text string, indent int) {
	for rest, more := text[indent:], true; more; {
		var f string
		f, rest, more = strings.Cut(rest, ",")
		trimmed := strings.TrimLeft(f, " \t")
		l.Fields = append(l.Fields, Field{trimmed, indent + len(f) - len(trimmed) + 1})
		indent += len(f) + 1
	}
}

func (l *Line) splitQuoted(text string, indent int) {
	reader := csv.NewReader(strings.NewReader(text[indent:]))
	reader.TrimLeadingSpace = true
	values, err := reader.Read()
	if err != nil {
		l.Fields = nil
	}
	if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
		why := "the quoted value does not end here: a value is quoted as a whole, on one line"
		if errors.Is(err, csv.ErrBareQuote) {
			why = "a double quote inside a value: use single quotes, or quote the value as a whole and double it"
		}
		l.fault(BadQuotes, min(indent+bad.Column, len(text)), why)
		return
	}
	if err != nil {
		l.fault(BadQuotes, indent+1, "not a CSV row")
		return
	}
	for i, value := range values {
		_, col := reader.FieldPos(i)
		l.Fields = append(l.Fields, Field{value, indent + col})
	}
}

// checkFields finds what a person would not read as the values that they are.
func (l *Line) checkFields(indent int) {
	for _, f := range l.Fields {
		if strings.Trim(f.Text, " \t") == f.Text {
			continue
		}
		at := 0
		if f.Text[0] != ' ' && f.Text[0] != '\t' {
			at = len(strings.TrimRight(f.Text, " \t"))
		}
		l.fault(BadSpace, l.Column(f, at), "a space at the edge of the value "+hint.Quote(f.Text)+" would be part of it: delete it")
	}
	if len(l.Faults) == 0 && len(l.Fields) == 1 && strings.Contains(l.Fields[0].Text, ",") {
		l.fault(BadSeparator, indent+1, "the row is quoted as a whole: quote no value but one that holds a comma")
	}
}
