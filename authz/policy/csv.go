package policy

import (
	"encoding/csv"
	"errors"
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// maxLine is the longest row in bytes. Casbin's scanner gives up at 64 KiB.
const maxLine = 4096

// row is one record of a CSV file.
type row struct {
	line   int
	text   string // as written, without the line's end
	fields []field
}

// field is one value of a row. col is where it begins, at its quote if it has one.
type field struct {
	text string
	col  int
}

// column returns the column of byte i of f's text, counting the quotes that CSV adds.
func (r *row) column(f field, i int) int {
	at := f.col - 1
	if at >= len(r.text) || r.text[at] != '"' {
		return f.col + i
	}
	at++
	for range i {
		if r.text[at] == '"' {
			at++
		}
		at++
	}
	return at + 1
}

// rowsOf reads a CSV file as Casbin's file adapter does, line by line, and refuses what
// a person and Casbin would read differently: a space that becomes part of a value, a
// character nobody sees, a quoted field that does not end on its line. What it accepts,
// Casbin loads as the same values (FuzzCSV). The fields of a row are good until the next.
func rowsOf(file, content string, p *problems) iter.Seq[row] {
	return func(yield func(row) bool) {
		fields := make([]field, 0, 8)
		said := "" // of how values are separated: once a file
		for n := 1; content != ""; n++ {
			var text string
			text, content, _ = strings.Cut(content, "\n")
			text = strings.TrimSuffix(text, "\r")
			start := strings.TrimLeft(text, " \t")
			if col, why := unreadable(text, strings.HasPrefix(start, "#")); why != "" {
				p.add(file, n, col, "%s", why)
				continue
			}
			if start == "" || start[0] == '#' {
				continue
			}
			r := row{line: n, text: text, fields: fields[:0]}
			at, why := separated(start)
			if why == "" && r.split(file, len(text)-len(start), p) {
				if at, why = quotedAsAWhole(r.fields); why == "" && !yield(r) {
					return
				}
			}
			fields = r.fields
			if why != "" && why != said {
				p.add(file, n, len(text)-len(start)+at+1, "%s", why)
				said = why
			}
		}
	}
}

// unreadable returns the column of the first thing in a line that must not be there.
func unreadable(text string, comment bool) (col int, why string) {
	if len(text) > maxLine {
		if i := strings.IndexByte(text[:maxLine], '\r'); i >= 0 {
			return i + 1, carriageReturn
		}
		return maxLine + 1, "the line is too long: at most " + itoa(maxLine) + " bytes are allowed"
	}
	if ascii.All(text, visible) {
		return 0, ""
	}
	for i, c := range text {
		switch {
		case c == utf8.RuneError && strings.HasPrefix(text[i:], "\uFFFD"):
			return i + 1, "a replacement character: the text was damaged before"
		case c == utf8.RuneError:
			if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
				return i + 1, "the text is UTF-16: save the file as UTF-8"
			}
			return i + 1, "the text is not UTF-8: save the file as UTF-8"
		case c == 0 && strings.Count(text, "\x00") >= len(text)/2-1 && len(text) > 3:
			return i + 1, "the text is UTF-16: save the file as UTF-8"
		case c == '\uFEFF' && i == 0:
			return i + 1, "a byte order mark: save the file without it"
		case c == '\r':
			return i + 1, carriageReturn
		case c == '\t', comment && (c == '\u200C' || c == '\u200D'), unicode.IsPrint(c):
			continue
		}
		return i + 1, unprinted(c)
	}
	return 0, ""
}

const carriageReturn = "a carriage return inside the line: end lines with a line feed"

// unprinted names a character that must not stand in a line.
func unprinted(c rune) string {
	switch c {
	case '\v', '\f', 0x85, 0x2028, 0x2029:
		return "a character that does not print, " + hint.Rune(string(c)) + ": delete it, and end lines with a line feed"
	}
	if name := hint.Invisible(c); name != "" && unicode.IsSpace(c) {
		return "a character that does not print, " + hint.Rune(string(c)) + ": write an ordinary space"
	} else if name != "" {
		return "a character that does not print, " + hint.Rune(string(c)) + ": delete it"
	}
	return "a character that does not print, U+" + strings.ToUpper(strconv.FormatInt(int64(c), 16)) + ": delete it"
}

// quotedAsAWhole returns what is wrong with a row that CSV takes for one value.
func quotedAsAWhole(fields []field) (at int, why string) {
	if len(fields) == 1 && strings.Contains(fields[0].text, ",") {
		return 0, "the row is quoted as a whole: quote no value but one that holds a comma"
	}
	return 0, ""
}

// split fills in the fields of r. It reports whether they can be used.
func (r *row) split(file string, indent int, p *problems) bool {
	if end := strings.TrimRight(r.text, " \t"); len(end) < len(r.text) {
		p.add(file, r.line, len(end)+1, "a space at the end of the row: delete it")
		return false
	}
	if strings.Contains(r.text, `"`) {
		if !r.splitQuoted(file, indent, p) {
			return false
		}
	} else {
		r.splitPlain(indent)
	}
	ok := true
	for _, f := range r.fields {
		if strings.Trim(f.text, " \t") != f.text {
			at := 0
			if f.text[0] != ' ' && f.text[0] != '\t' {
				at = len(strings.TrimRight(f.text, " \t"))
			}
			p.add(file, r.line, r.column(f, at), "a space at the edge of the value %s would be part of it: delete it", quote(f.text))
			ok = false
		}
	}
	return ok
}

// splitPlain splits a row that has no quotes: what encoding/csv would do, without its
// buffers.
func (r *row) splitPlain(indent int) {
	for rest, more := r.text[indent:], true; more; {
		var f string
		f, rest, more = strings.Cut(rest, ",")
		trimmed := strings.TrimLeft(f, " \t")
		r.fields = append(r.fields, field{trimmed, indent + len(f) - len(trimmed) + 1})
		indent += len(f) + 1
	}
}

func (r *row) splitQuoted(file string, indent int, p *problems) bool {
	reader := csv.NewReader(strings.NewReader(r.text[indent:]))
	reader.TrimLeadingSpace = true
	texts, err := reader.Read()
	if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
		why := "the quoted value does not end here: a value is quoted as a whole, on one line"
		if errors.Is(err, csv.ErrBareQuote) {
			why = "a double quote inside a value: use single quotes, or quote the value as a whole and double it"
		}
		p.add(file, r.line, min(indent+bad.Column, len(r.text)), "%s", why)
		return false
	}
	if err != nil {
		p.add(file, r.line, indent+1, "not a CSV row")
		return false
	}
	for i, text := range texts {
		_, col := reader.FieldPos(i)
		r.fields = append(r.fields, field{text, indent + col})
	}
	return true
}
