package lint_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/reevehq/reeve/authz/policy/lint"
)

// utf16Of returns a text as an editor saves it that writes UTF-16.
func utf16Of(s string, big bool) string {
	var b strings.Builder
	for _, c := range append([]uint16{0xFEFF}, utf16.Encode([]rune(s))...) {
		bytes := []byte{byte(c), byte(c >> 8)}
		if big {
			bytes[0], bytes[1] = bytes[1], bytes[0]
		}
		b.Write(bytes)
	}
	return b.String()
}

// quoteAll writes each row as one value, and quoteEach each value, as spreadsheets do.
func quoteAll(s string) string {
	return eachRow(s, func(row string) string { return `"` + strings.ReplaceAll(row, `"`, `""`) + `"` })
}

func quoteEach(s string) string {
	return eachRow(s, func(row string) string {
		if strings.Contains(row, `"`) {
			return row
		}
		values := strings.Split(row, ",")
		for i, v := range values {
			values[i] = `"` + strings.TrimSpace(v) + `"`
		}
		return strings.Join(values, ",")
	})
}

func eachRow(s string, change func(string) string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if line != "" && line[0] != '#' {
			line = change(line)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// A file that was saved as a whole in another form is told of by what it is, in each file that
// has rows, and what a policy may well be is not.
func TestAFileThatWasSavedInAnotherFormIsToldOf(t *testing.T) {
	comma := func(by string) func(string) string {
		return func(s string) string {
			return eachRow(s, func(row string) string { return strings.ReplaceAll(row, ",", by) })
		}
	}
	for name, row := range map[string]struct {
		save func(string) string
		rule string // "" for what is harmless
	}{
		"with a byte order mark":              {func(s string) string { return "\ufeff" + s }, "RV004"},
		"as UTF-16, little end first":         {func(s string) string { return utf16Of(s, false) }, "RV001"},
		"as UTF-16, big end first":            {func(s string) string { return utf16Of(s, true) }, "RV001"},
		"as UTF-16 without a byte order mark": {func(s string) string { return utf16Of(s, false)[2:] }, "RV001"},
		"as Latin-1":                          {func(s string) string { return s + "# caf\xe9\n" }, "RV001"},
		"with carriage returns alone":         {func(s string) string { return strings.ReplaceAll(s, "\n", "\r") }, "RV001"},
		"with semicolons":                     {comma(";"), "RV001"},
		"with tabs for commas":                {comma("\t"), "RV001"},
		"with bars for commas":                {comma("|"), "RV001"},
		"with spaces for commas":              {comma(" "), "RV001"},
		"with each row in quotes":             {quoteAll, "RV001"},
		"padded to ten columns": {func(s string) string {
			return eachRow(s, func(row string) string { return row + strings.Repeat(",", 10) })
		}, "RV002"},
		"with nothing in it":          {func(string) string { return "" }, "RV014"},
		"with comments alone":         {func(string) string { return "# later\n\n# and later\n" }, "RV014"},
		"with a merge that is undone": {func(s string) string { return "<<<<<<< HEAD\n" + s + "=======\n" + s + ">>>>>>> other\n" }, "RV003"},

		"with CRLF":                      {func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, ""},
		"without a line feed at the end": {func(s string) string { return strings.TrimRight(s, "\n") }, ""},
		"with each value in quotes":      {quoteEach, ""},
		"with spaces before each row":    {func(s string) string { return eachRow(s, func(row string) string { return "  " + row }) }, ""},
		"with a tab behind each comma": {func(s string) string {
			return eachRow(s, func(row string) string { return strings.ReplaceAll(row, ", ", ",\t") })
		}, ""},
		"with blank lines between": {func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") }, ""},
	} {
		for _, file := range []string{"policy.csv", "tenants/acme.csv"} {
			t.Run(name+"/"+file, func(t *testing.T) {
				files := base(t)
				before := len(look(t, files, lint.Options{}))
				files[file] = row.save(files[file])
				found := look(t, files, lint.Options{})
				switch {
				case row.rule == "" && len(found) != before:
					t.Errorf("harmless:\n%s", text(found))
				case row.rule != "" && !has(found, row.rule):
					t.Errorf("not found under %s:\n%s", row.rule, text(found))
				case len(found) > 2*strings.Count(files[file], "\n")+20:
					t.Errorf("%d findings", len(found))
				}
			})
		}
	}
}
