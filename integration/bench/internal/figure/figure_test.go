package figure

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	if got := Median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("the median is %v", got)
	}
	if got := Spread([]float64{9, 10, 11}); math.Abs(got-0.1) > 1e-9 {
		t.Errorf("the spread is %v", got)
	}
	if Spread(nil) != 0 || Spread([]float64{1}) != 0 || Median(nil) != 0 || Quantile(nil, 0.99) != 0 {
		t.Error("nothing has a figure")
	}
	if got := Quantile([]time.Duration{1, 2, 3, 4}, 0.5); got != 3 {
		t.Errorf("the half is %v", got)
	}
	if got := Percent(0.02); got != "**2 %**" {
		t.Errorf("a spread of 2 %% is not marked: %s", got)
	}
	if got := Percent(0.019); strings.Contains(got, "*") {
		t.Errorf("a spread of 1.9 %% is marked: %s", got)
	}
	for ratio, want := range map[float64]string{0.5: "0.50 ×", 12.4: "12 ×", 12_345: "12,300 ×"} {
		if got := Times(ratio); got != want {
			t.Errorf("%v is %s", ratio, got)
		}
	}
	if got := Thousands(1_234_567); got != "1,234,567" {
		t.Error(got)
	}
	for ns, want := range map[float64]string{450: "450 ns", 4_500: "4.5 µs", 450_000: "450 µs", 4.5e6: "4.5 ms", 4.5e9: "4.5 s"} {
		if got := Short(ns); got != want {
			t.Errorf("%v is %s", ns, got)
		}
	}
}

func TestTable(t *testing.T) {
	table := NewTable("a", "b")
	table.Row("1", "2")
	if got := table.String(); got != "| a | b |\n| --- | --- |\n| 1 | 2 |\n" {
		t.Error(got)
	}
}

// TestPicturesAreXML: a browser shows nothing of a picture that is none.
func TestPicturesAreXML(t *testing.T) {
	for name, picture := range map[string]string{
		"bars":        Bars("a < b", []Bar{{"x & y", "1 µs", 1e3, true}, {"z", "1 ms", 1e6, false}}),
		"equal bars":  Bars("", []Bar{{"x", "", 5, true}, {"y", "", 5, false}}),
		"charts":      Charts([]Chart{{Title: "t", X: "rules", Format: Short, Curves: []Curve{{"a<b", []Point{{1, 10}, {1000, 12}}}, {"c", []Point{{1, 9}}}}}, {Title: "u", Format: Short}}),
		"flat charts": Charts([]Chart{{Title: "t", Format: Short, Curves: []Curve{{"a", []Point{{1, 10}, {10, 10}}}}}}),
	} {
		if strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") {
			t.Errorf("%s: %s", name, picture)
		}
		for d := xml.NewDecoder(strings.NewReader(picture)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}
