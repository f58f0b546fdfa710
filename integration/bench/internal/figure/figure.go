// Package figure reduces measurements to what a table says, and prints tables and pictures.
package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// steady is the coefficient of variation below which a figure stands alone.
const steady = 0.02

// Median is the value in the middle, the upper one of two, and 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// Spread is the coefficient of variation: the standard deviation of a sample over its mean.
func Spread(values []float64) float64 {
	if len(values) < 2 {
		return 0
	}
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	if mean == 0 {
		return 0
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares/float64(len(values)-1)) / mean
}

// Percent writes a spread, and marks one that makes the row no more than an order of size.
func Percent(spread float64) string {
	if spread >= steady {
		return fmt.Sprintf("**%.0f %%**", 100*spread)
	}
	return fmt.Sprintf("%.1f %%", 100*spread)
}

// Quantile is the value below which a part of sorted durations is.
func Quantile(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// Short writes nanoseconds as people read them.
func Short(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e5:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
	return fmt.Sprintf("%.1f s", ns/1e9)
}

// Times writes a multiple.
func Times(ratio float64) string {
	switch {
	case ratio < 10:
		return fmt.Sprintf("%.2f ×", ratio)
	case ratio < 1_000:
		return fmt.Sprintf("%.0f ×", ratio)
	}
	return Thousands(int(ratio/100+0.5)*100) + " ×"
}

// Thousands writes a whole number in groups of three digits.
func Thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// Table is rows of Markdown.
type Table struct{ lines []string }

// NewTable returns a table of such columns.
func NewTable(columns ...string) *Table {
	t := &Table{}
	t.Row(columns...)
	rule := make([]string, len(columns))
	for i := range rule {
		rule[i] = "---"
	}
	t.Row(rule...)
	return t
}

// Row adds a row.
func (t *Table) Row(cells ...string) {
	t.lines = append(t.lines, "| "+strings.Join(cells, " | ")+" |")
}

// String is the table.
func (t *Table) String() string { return strings.Join(t.lines, "\n") + "\n" }
