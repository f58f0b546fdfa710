package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/hint"
)

// An error is a line that a terminal and a log can show, whatever somebody writes: short, of
// characters that are seen, at a byte of the file; and the same each time.
func TestNoErrorRepeatsWhatNobodySeesOrTooMuch(t *testing.T) {
	odd := []string{"\u00a0", "\ufeff", "\u200b", "\u202e", "\u3164", "\x00", "\x1b[2J", "\r", "е", "“", "’", "，", "\xff", "\u0301", "ﬁ", ";", "\t", ",", "#", `"`, "'", "[", "!", "=", " AND ", strings.Repeat("x", 300), strings.Repeat("é", 300)}
	rapid.Check(t, func(t *rapid.T) {
		files := map[string]string{
			"attributes.csv":   testAttributes,
			"policy.csv":       "p, role:ab, acme, doc, read, r.obj.owner == 'ab' && r.sub.level > 1, allow\np, role:ab, *, /x/:id, GET, \"r.sub.dept in ('a', 'b')\", deny\ng, role:ab, role:cd, *\n",
			"tenants/acme.csv": "p, role:ab, acme, doc, read, ipMatch(r.env.ip\\, '::1'), allow\n",
		}
		name := rapid.SampledFrom([]string{"policy.csv", "policy.csv", "policy.csv", "attributes.csv", "tenants/acme.csv", "model.conf"}).Draw(t, "file")
		if name == "model.conf" {
			files[name] = string(folder(nil)["model.conf"].Data)
		}
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			text := files[name]
			i := rapid.IntRange(0, len(text)).Draw(t, "at")
			j := min(len(text), i+rapid.IntRange(0, 3).Draw(t, "without"))
			files[name] = text[:i] + rapid.SampledFrom(odd).Draw(t, "odd") + text[j:]
		}
		_, err := policy.Load(folder(files), policy.Options{})
		if err == nil {
			return
		}
		if _, again := policy.Load(folder(files), policy.Options{}); again == nil || again.Error() != err.Error() {
			t.Fatalf("%v\nand then\n%v", err, again)
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			e := e.(*policy.Error)
			if e.Code.Summary() == "" {
				t.Fatalf("no code: %v", e)
			}
			if len(e.Msg) > 600 || !utf8.ValidString(e.Msg) {
				t.Fatalf("%d bytes: %q", len(e.Msg), e.Msg)
			}
			for _, c := range e.Msg {
				if c != ' ' && (!unicode.IsPrint(c) || unicode.Is(unicode.M, c) || hint.Invisible(c) != "") {
					t.Fatalf("%U in %q", c, e.Msg)
				}
			}
			if lines := strings.Split(files[e.File], "\n"); e.Line > 0 && (e.Line > len(lines) || e.Col < 1 || e.Col > len(lines[e.Line-1])+1) {
				t.Fatalf("%v is outside of the file", e)
			}
		}
	})
}

// A character that does not belong into a name is reported at its own column, wherever in the
// name it stands.
func TestTheFirstErrorStandsAtTheByteThatDoesNotBelong(t *testing.T) {
	const row = "p, role:ab, acme, doc, read, r.obj.owner == r.sub.dept, allow"
	for _, within := range []string{"role:ab", "acme", "doc", "read", "owner", "dept", "allow"} {
		from := strings.Index(row, within)
		for i := from; i <= from+len(within); i++ {
			for _, odd := range []string{"е", "ｅ", "\u00a0", "\u200b", "\u3164", "\ufeff", "“"} {
				text := row[:i] + odd + row[i:]
				if got, want := refused(t, text)[0], fmt.Sprintf("policy.csv:1:%d: ", i+1); !strings.HasPrefix(got, want) {
					t.Errorf("%q\ngot  %s\nwant %s", text, got, want)
				}
				if got := refused(t, text)[0]; !strings.Contains(got, fmt.Sprintf("U+%04X", []rune(odd)[0])) && odd != "“" {
					t.Errorf("%q: the character is not named: %s", text, got)
				}
			}
		}
	}
}

// A comma in a condition is reported at the first comma, wherever that stands.
func TestACommaInAConditionIsReportedWhereItStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []string
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			parts = append(parts, rapid.SampledFrom([]string{"r.obj.owner == 'a'", "r.obj.owner in ('a', 'b')", "r.sub.level in (1,2,3)", "ipMatch(r.env.ip, '::1')", "(r.obj.public || r.obj.owner in ('a','b'))"}).Draw(t, "part"))
		}
		condition := strings.Join(parts, " && ")
		comma := strings.Index(condition, ",")
		if comma < 0 {
			return
		}
		const before = "p, role:a, *, doc, read, "
		_, err := policy.Load(folder(map[string]string{"attributes.csv": testAttributes, "policy.csv": before + condition + ", allow"}), policy.Options{})
		if want := fmt.Sprintf("policy.csv:1:%d: ", len(before)+comma+1); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "the condition holds a comma: put it in double quotes") {
			t.Fatalf("%s\ngot  %v\nwant %s", condition, err, want)
		}
		if _, err := policy.Load(folder(map[string]string{"attributes.csv": testAttributes, "policy.csv": before + `"` + condition + `", allow`}), policy.Options{}); err != nil {
			t.Fatalf("what the error says does not help: %v", err)
		}
	})
}
