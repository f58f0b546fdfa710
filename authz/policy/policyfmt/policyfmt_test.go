package policyfmt_test

import (
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz/policy/policyfmt"
	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/policies"
)

func TestTheStandardPolicyIsFormatted(t *testing.T) {
	for _, name := range []string{"policy.csv", "attributes.csv"} {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := policyfmt.Source(string(data))
		if err != nil || got != string(data) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

func TestRowsAreAligned(t *testing.T) {
	const in = "# a comment  \r\n\r\np,role:a,*,/x,GET,true,allow\r\n  p, role:editor , *, \"invoice\", update, \"r.obj.a in ('x', 'y')\",deny\r\ng,role:a,role:editor,*\r\n"
	const want = "# a comment\r\n\r\np, role:a,      *, /x,      GET,    true, allow\r\n  p, role:editor, *, invoice, update, \"r.obj.a in ('x', 'y')\", deny\r\ng, role:a, role:editor, *\r\n"
	if got, err := policyfmt.Source(in); err != nil || got != want {
		t.Errorf("%v\n%q\n%q", err, got, want)
	}
}

func TestWhatIsNoCSVIsRefusedWithItsPosition(t *testing.T) {
	for in, want := range map[string]string{
		"p, a\np; role:a; *": "2:2: ", "p, \"a": "1:", "\ufeffp, a": "1:1: a byte order mark", "p, a\x00b": "1:5: ", "p, \xff": "1:4: ",
	} {
		if got, err := policyfmt.Source(in); got != "" || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}

func TestFormattingTwiceIsFormattingOnceAndKeepsTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z:*/ ,"']{0,8}`)
		var b strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "lines") {
			if rapid.Bool().Draw(t, "comment") {
				b.WriteString("# " + strings.ReplaceAll(value.Draw(t, "text"), ",", "") + "\n")
				continue
			}
			var row []string
			for range rapid.IntRange(1, 7).Draw(t, "values") {
				row = append(row, strings.TrimSpace(value.Draw(t, "value")))
			}
			b.WriteString(policycsv.Join(append([]string{rapid.SampledFrom([]string{"p", "g", "invoice"}).Draw(t, "section")}, row...)) + "\n")
		}
		once, err := policyfmt.Source(b.String())
		if err != nil {
			return
		}
		twice, err := policyfmt.Source(once)
		if err != nil || twice != once {
			t.Fatalf("%v\n%q\n%q", err, once, twice)
		}
		before, after := policycsv.Parse(b.String()).Lines(), policycsv.Parse(once).Lines()
		if len(before) != len(after) {
			t.Fatalf("%d lines, then %d", len(before), len(after))
		}
		for i := range before {
			if len(before[i].Fields) != len(after[i].Fields) {
				t.Fatalf("%q: %q", before[i].Text, after[i].Text)
			}
			for j := range before[i].Fields {
				if strings.TrimRight(before[i].Fields[j].Text, " \t") != after[i].Fields[j].Text {
					t.Fatalf("%q: %q", before[i].Text, after[i].Text)
				}
			}
		}
	})
}
