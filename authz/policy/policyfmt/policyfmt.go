// Package policyfmt aligns the columns of a policy's CSV files.
//
// Spaces change, and quotes that no value needs. Each row keeps its values, and comments, blank
// lines and the order of lines stay.
package policyfmt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/policycsv"
)

// maxWidth is how wide a value may be and still make its column wider.
const maxWidth = 40

// Source returns a file with its columns aligned. Rows of p, rows of g and others have columns of
// their own; the rest of a rule, from its condition on, is not aligned. The error lists the lines
// that cannot be read as rows, as "line:col: message".
func Source(content string) (string, error) {
	file := policycsv.Parse(content)
	var bad []error
	widths := map[string][]int{}
	lines := file.Lines()
	for i := range lines {
		l := &lines[i]
		for _, f := range l.Faults {
			if f.Kind != policycsv.BadSpace { // which formatting mends
				bad = append(bad, fmt.Errorf("%d:%d: %s", l.Number, f.Col, f.Msg))
			}
		}
		if l.Kind != policycsv.Row {
			continue
		}
		key := keyOf(l)
		w := widths[key]
		for j, v := range valuesOf(l) {
			if j == len(w) {
				w = append(w, 0)
			}
			if v == "no" && len(l.Fields) == 5 {
				v = "yes" // so that a column of attributes.csv does not move with the first
			}
			if n := utf8.RuneCountInString(v); n <= maxWidth {
				w[j] = max(w[j], n)
			}
		}
		widths[key] = w
	}
	if len(bad) > 0 {
		return "", errors.Join(bad...)
	}
	for i := range lines {
		l := &lines[i]
		text := strings.TrimRight(l.Text, " \t")
		if l.Kind == policycsv.Row {
			text = aligned(l, widths[keyOf(l)])
		}
		if text == l.Text {
			continue
		}
		if err := file.SetText(l.Number, text); err != nil {
			return "", fmt.Errorf("%d:1: %w", l.Number, err)
		}
		if l.Kind == policycsv.Row && !slices.Equal(valuesOf(&file.Lines()[i]), valuesOf(l)) {
			return "", fmt.Errorf("%d:1: the row would not be the same", l.Number)
		}
	}
	return file.String(), nil
}

// keyOf names the rows that share their columns.
func keyOf(l *policycsv.Line) string {
	if len(l.Fields) > 0 && (l.Fields[0].Text == "p" || l.Fields[0].Text == "g") {
		return fmt.Sprint(l.Fields[0].Text, len(l.Fields))
	}
	return fmt.Sprint(len(l.Fields))
}

// valuesOf returns the values of a row as they are written, quoted where they need it.
func valuesOf(l *policycsv.Line) []string {
	list := make([]string, len(l.Fields))
	for i, f := range l.Fields {
		list[i] = policycsv.Join([]string{strings.TrimRight(f.Text, " \t")})
	}
	return list
}

func aligned(l *policycsv.Line, widths []int) string {
	values := valuesOf(l)
	last := len(values) - 1
	if values[0] == "p" && len(values) == 7 {
		last = 5 // the condition
	}
	var b strings.Builder
	b.WriteString(l.Text[:len(l.Text)-len(strings.TrimLeft(l.Text, " \t"))])
	for i, v := range values {
		b.WriteString(v)
		if i == len(values)-1 {
			break
		}
		b.WriteString(",")
		if next := values[i+1]; next == "" && i+1 == len(values)-1 {
			continue
		}
		b.WriteString(" ")
		if i < last {
			b.WriteString(strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(v), 0)))
		}
	}
	return b.String()
}
