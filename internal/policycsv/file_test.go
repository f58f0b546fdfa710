package policycsv_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/internal/policycsv"
)

func TestAnEditChangesWhatItNamesAndNothingElse(t *testing.T) {
	const before = "# head\np,  role:a , \"x, y\",d\r\n\n  g, user:b, role:a, *"
	for _, c := range []struct {
		name string
		edit func(*policycsv.File) error
		want string
	}{
		{"a value", func(f *policycsv.File) error { return f.SetField(2, 3, "deny") }, "# head\np,  role:a , \"x, y\",deny\r\n\n  g, user:b, role:a, *"},
		{"the space after a value goes with it", func(f *policycsv.File) error { return f.SetField(2, 1, "role:a") }, "# head\np,  role:a, \"x, y\",d\r\n\n  g, user:b, role:a, *"},
		{"a value that needs quotes", func(f *policycsv.File) error { return f.SetField(4, 3, `a, "b"`) }, "# head\np,  role:a , \"x, y\",d\r\n\n  g, user:b, role:a, \"a, \"\"b\"\"\""},
		{"a value that no longer needs them", func(f *policycsv.File) error { return f.SetField(2, 2, "z") }, "# head\np,  role:a , z,d\r\n\n  g, user:b, role:a, *"},
		{"a value that becomes empty", func(f *policycsv.File) error { return f.SetField(2, 3, "") }, "# head\np,  role:a , \"x, y\",\r\n\n  g, user:b, role:a, *"},
		{"a row before another", func(f *policycsv.File) error { return f.InsertRow(2, "g", "user:c", "x,y") }, "# head\ng, user:c, \"x,y\"\np,  role:a , \"x, y\",d\r\n\n  g, user:b, role:a, *"},
		{"a row at the end", func(f *policycsv.File) error { return f.InsertRow(5, "g", "user:c") }, "# head\np,  role:a , \"x, y\",d\r\n\n  g, user:b, role:a, *\ng, user:c\n"},
		{"a comment", func(f *policycsv.File) error { return f.InsertText(3, "# why") }, "# head\np,  role:a , \"x, y\",d\r\n# why\r\n\n  g, user:b, role:a, *"},
		{"a deleted row", func(f *policycsv.File) error { return f.Delete(2) }, "# head\n\n  g, user:b, role:a, *"},
		{"a text", func(f *policycsv.File) error { return f.SetText(4, "g, user:b, role:a, *") }, "# head\np,  role:a , \"x, y\",d\r\n\ng, user:b, role:a, *"},
	} {
		f := policycsv.Parse(before)
		if err := c.edit(f); err != nil || f.String() != c.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", c.name, err, f.String(), c.want)
		}
		checkNumbers(t, f)
	}
	f := policycsv.Parse("")
	if err := f.InsertRow(1, "p", "a"); err != nil || f.String() != "p, a\n" {
		t.Errorf("into an empty file: %q %v", f.String(), err)
	}
}

func checkNumbers(t interface{ Errorf(string, ...any) }, f *policycsv.File) {
	for i, l := range f.Lines() {
		if l.Number != i+1 {
			t.Errorf("line %d says %d", i+1, l.Number)
		}
	}
}

func TestAnEditThatWouldNotBeReadBackIsRefused(t *testing.T) {
	const before = "p, a, b\n# c\n"
	for name, edit := range map[string]func(*policycsv.File) error{
		"a line feed in a value":    func(f *policycsv.File) error { return f.SetField(1, 1, "x\ny") },
		"a carriage return":         func(f *policycsv.File) error { return f.SetField(1, 2, "x\r") },
		"a space before":            func(f *policycsv.File) error { return f.SetField(1, 1, " x") },
		"a space after":             func(f *policycsv.File) error { return f.SetField(1, 1, "x ") },
		"a character not seen":      func(f *policycsv.File) error { return f.SetField(1, 1, "x\u200b") },
		"a row that is a comment":   func(f *policycsv.File) error { return f.SetField(1, 0, "#p") },
		"a field of a comment":      func(f *policycsv.File) error { return f.SetField(2, 0, "x") },
		"a field that is not there": func(f *policycsv.File) error { return f.SetField(1, 3, "x") },
		"a line that is not there":  func(f *policycsv.File) error { return f.SetField(3, 0, "x") },
		"line 0":                    func(f *policycsv.File) error { return f.Delete(0) },
		"a row far away":            func(f *policycsv.File) error { return f.InsertRow(4, "p") },
		"a row of nothing":          func(f *policycsv.File) error { return f.InsertRow(1) },
		"a row of one value":        func(f *policycsv.File) error { return f.InsertRow(1, "a,b") },
		"two lines":                 func(f *policycsv.File) error { return f.SetText(1, "p\ng") },
		"two lines of comments":     func(f *policycsv.File) error { return f.InsertText(1, "# a\n# b") },
	} {
		f := policycsv.Parse(before)
		if err := edit(f); !errors.Is(err, policycsv.ErrEdit) || f.String() != before {
			t.Errorf("%s: %v, and the file is %q", name, err, f.String())
		}
	}
}

// The file reads back as the lines that it holds, whatever is edited, with the values that were
// written and without a fault that was not there before.
func TestAnEditedFileReadsBackAsItsLines(t *testing.T) {
	value := rapid.SampledFrom([]string{"p", "", "a", `"`, "a,b", `""x`, " a", "a ", "#", "'", "\n", "\r", "é", "\u00a0", ";", "a\tb"})
	rapid.Check(t, func(t *rapid.T) {
		f := policycsv.Parse(draw(t))
		for range rapid.IntRange(1, 6).Draw(t, "edits") {
			before, number := f.String(), rapid.IntRange(0, len(f.Lines())+2).Draw(t, "line")
			var err error
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				i, v := rapid.IntRange(0, 5).Draw(t, "field"), value.Draw(t, "value")
				if err = f.SetField(number, i, v); err == nil && f.Lines()[number-1].Fields[i].Text != v {
					t.Fatalf("%q is not in %q", v, f.Lines()[number-1].Text)
				}
			case 1:
				values := rapid.SliceOfN(value, 0, 4).Draw(t, "values")
				if err = f.InsertRow(number, values...); err == nil {
					l := f.Lines()[number-1]
					if got := fieldsOf(l); !slices.Equal(got, values) || len(l.Faults) > 0 {
						t.Fatalf("%q became %q %v", values, got, l.Faults)
					}
				}
			case 2:
				err = f.InsertText(number, value.Draw(t, "text"))
			case 3:
				err = f.SetText(number, value.Draw(t, "text"))
			default:
				err = f.Delete(number)
			}
			if err != nil && f.String() != before {
				t.Fatalf("a refused edit changed %q to %q", before, f.String())
			}
		}
		again := policycsv.Parse(f.String())
		if len(again.Lines()) != len(f.Lines()) {
			t.Fatalf("%d lines are read back as %d: %q", len(f.Lines()), len(again.Lines()), f.String())
		}
		for i, l := range f.Lines() {
			if b := again.Lines()[i]; b.Text != l.Text || b.Kind != l.Kind || b.Number != l.Number || !slices.Equal(b.Fields, l.Fields) || !slices.Equal(b.Faults, l.Faults) {
				t.Fatalf("%+v is read back as %+v", l, b)
			}
		}
	})
}

func fieldsOf(l policycsv.Line) (values []string) {
	for _, f := range l.Fields {
		values = append(values, f.Text)
	}
	return values
}

func TestARowIsJoinedAsAPersonWritesIt(t *testing.T) {
	if got := policycsv.Join([]string{"p", "role:a", "", `r.x == 'a, b' && r.y == "c"`, ""}); got != `p, role:a, , "r.x == 'a, b' && r.y == ""c""",` || strings.HasSuffix(got, " ") {
		t.Errorf("got %q", got)
	}
}
