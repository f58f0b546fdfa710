package policycsv_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/internal/policycsv"
)

const sample = "# rules\r\n\r\np, role:a,\t*,  doc, read, \"r.obj.x in (\"\"a\"\", 'b')\", allow\n  # more\n\t \np,user:b , *, doc, read, true, deny \nlast, a\"b"

func TestLinesSayWhatTheyAreAndWhereValuesBegin(t *testing.T) {
	var got []string
	for l := range policycsv.Lines(sample) {
		s := fmt.Sprintf("%d %v %q", l.Number, [...]string{"", "blank", "comment", "row"}[l.Kind], l.End)
		for _, f := range l.Fields {
			s += fmt.Sprintf(" %d:%s", f.Col, f.Text)
		}
		for _, f := range l.Faults {
			s += fmt.Sprintf(" !%d:%.20s", f.Col, f.Msg)
		}
		got = append(got, s)
	}
	want := []string{
		`1 comment "\r\n"`,
		`2 blank "\r\n"`,
		`3 row "\n" 1:p 4:role:a 12:* 16:doc 21:read 27:r.obj.x in ("a", 'b') 54:allow`,
		`4 comment "\n"`,
		`5 blank "\n"`,
		`6 row "\n" 1:p 3:user:b  12:* 15:doc 20:read 26:true 32:deny !36:a space at the end o`,
		`7 row "" !8:a double quote insid`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAByteOfAQuotedValueHasItsColumn(t *testing.T) {
	for l := range policycsv.Lines(`p, "a""b,c", "", d`) {
		for i, f := range l.Fields {
			for at := range len(f.Text) {
				if col := l.Column(f, at); l.Text[col-1] != f.Text[at] {
					t.Errorf("byte %d of field %d is said to be in column %d", at, i, col)
				}
			}
		}
		if l.Comma(1) != 2 || l.Comma(3) != 16 {
			t.Errorf("the commas are in columns %d and %d", l.Comma(1), l.Comma(3))
		}
	}
}

// draw makes a text of what files hold, and of what breaks readers.
func draw(t *rapid.T) string {
	part := rapid.SampledFrom([]string{"p", "g", ", ", ",", " ", "\t", `"`, `""`, "\n", "\r\n", "\r", "#", "# note", "role:a", "'x, y'", `"a, b"`, "\u00a0", "\ufeff", "\x00", "\xff", "é", "allow", ";", "p, a, b, c\n"})
	return strings.Join(rapid.SliceOfN(part, 0, 30).Draw(t, "parts"), "")
}

func TestAFileThatIsNotEditedIsWrittenAsItWasRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, draw(t))
	})
}

func checkRoundTrip(t interface{ Fatalf(string, ...any) }, content string) {
	f := policycsv.Parse(content)
	if got := f.String(); got != content {
		t.Fatalf("read %q, written %q", content, got)
	}
	for i, l := range f.Lines() {
		if l.Number != i+1 || strings.Contains(l.Text, "\n") || (l.Kind == policycsv.Row) != (strings.Trim(l.Text, " \t") != "" && strings.TrimLeft(l.Text, " \t")[0] != '#') {
			t.Fatalf("%q: line %+v", content, l)
		}
		for _, bad := range l.Faults {
			if bad.Msg == "" || bad.Kind == 0 || bad.Col < 1 || bad.Col > len(l.Text)+1 {
				t.Fatalf("%q: fault %+v", l.Text, bad)
			}
		}
		for n, field := range l.Fields { // the value is where it is said to be
			for at := range len(field.Text) {
				if l.Text[l.Column(field, at)-1] != field.Text[at] {
					t.Fatalf("%q: field %d %+v", l.Text, n, field)
				}
			}
		}
	}
}

// casbinReads returns what Casbin's file adapter reads of a line that begins with p and has n
// more values.
func casbinReads(line string, n int) (values []string, err error) {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("v%d", i)
	}
	m, err := model.NewModelFromString("[request_definition]\nr = a\n[policy_definition]\np = " + strings.Join(names, ", ") +
		"\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = true\n")
	if err != nil {
		return nil, err
	}
	if err := persist.LoadPolicyLine(strings.TrimSpace(line), m); err != nil {
		return nil, err
	}
	if rules := m["p"]["p"].Policy; len(rules) == 1 {
		return append([]string{"p"}, rules[0]...), nil
	}
	return nil, nil
}

func checkCasbin(t interface{ Fatalf(string, ...any) }, content string) {
	for l := range policycsv.Lines(content) {
		if len(l.Faults) > 0 || l.Kind == policycsv.Row && (l.Fields[0].Text != "p" || len(l.Fields) < 2) {
			continue
		}
		var ours []string
		for _, f := range l.Fields {
			ours = append(ours, f.Text)
		}
		if theirs, err := casbinReads(l.Text, max(len(l.Fields)-1, 1)); err != nil || !slices.Equal(ours, theirs) {
			t.Fatalf("%q: we read %q, Casbin %q %v", l.Text, ours, theirs, err)
		}
	}
}

func TestARowWithoutAFaultIsWhatCasbinReads(t *testing.T) {
	checkCasbin(t, sample)
	rapid.Check(t, func(t *rapid.T) {
		checkCasbin(t, "p, "+draw(t))
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{sample, "", "\n", "\r", "a\r", "\r\r\n", "p, \"a\nb\"", "\xef\xbb\xbfp, a", strings.Repeat("x", policycsv.MaxLine+1), `"p, a"`, "p;a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		checkRoundTrip(t, content)
		checkCasbin(t, content)
	})
}
