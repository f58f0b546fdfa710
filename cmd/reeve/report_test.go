package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

// evil are texts that would be something else in some output, if they were not written as what they are.
var evil = []string{
	"100% of %0A", "a\r\nb", "a\n::error file=x::forged", "::set-output name=x::y", "a,line=1:2", "%25%0D", "]]></failure><testcase/>", `a"b'c&d<e>f`, "\x1b[31mred\x07", "\u202egnp", "a\x00b", "\xff\xfe", "::stop-commands::x",
}

func evilFinding(text string) lint.Finding {
	rule, _ := lint.FindRule("RV101")
	return lint.Finding{Rule: rule, Severity: policy.SeverityError, File: "policies/" + text + ".csv", Line: 3, Col: 2, EndCol: 4, Message: text, Help: text, Source: text}
}

func written(t *testing.T, format string, found ...lint.Finding) string {
	t.Helper()
	var b bytes.Buffer
	if err := writers[format](newApp(nil, &b, &b, func(string) string { return "" }), &b, found); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unescaped reads a workflow command as GitHub's runner does: properties up to the second ::, then the message.
func unescaped(t *testing.T, line string) (level string, properties map[string]string, message string) {
	t.Helper()
	head, message, found := strings.Cut(strings.TrimPrefix(line, "::"), "::")
	if !strings.HasPrefix(line, "::") || !found {
		t.Fatalf("%q is no command", line)
	}
	level, list, _ := strings.Cut(head, " ")
	properties = map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			t.Fatalf("%q in %q is no property", pair, line)
		}
		properties[name] = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(value)
	}
	return level, properties, strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(message)
}

// Each finding is one workflow command, whatever its texts hold, and GitHub reads them as they are.
func TestAnAnnotationIsOneCommandWhateverTheTextsHold(t *testing.T) {
	for _, text := range evil {
		out := written(t, "github", evilFinding(text))
		line, rest, _ := strings.Cut(out, "\n")
		if rest != "" || strings.Contains(line, "\r") {
			t.Errorf("%q: more than one line: %q", text, out)
			continue
		}
		level, properties, message := unescaped(t, line)
		if level != "error" || len(properties) != 5 || properties["file"] != "policies/"+text+".csv" || properties["line"] != "3" || properties["title"] != "RV101 unknown-effect" || message != text+"\n"+text {
			t.Errorf("%q: %s %v %q", text, level, properties, message)
		}
	}
}

// A failed case and an idle rule are one command each.
func TestTheAnnotationsOfTestsAreOneCommandEach(t *testing.T) {
	for _, text := range evil {
		var b bytes.Buffer
		c := policytest.Case{File: text, Line: 2, Note: text, Want: policy.Allow}
		c.Request.Object = policy.Object{Type: "invoice", ID: text}
		failing := outcome{Result: policytest.Result{Case: c, Decision: policy.Decision{Effect: policy.Deny, Reasons: []policy.Reason{{File: text, Line: 1, Rule: text, Effect: policy.Deny}}}}}
		if _, err := (&testCommand{Format: "github"}).report(newApp(nil, &b, &b, func(string) string { return "" }), []outcome{failing}, []policy.Rule{{File: text, Line: 7}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != 2 {
			t.Errorf("%q: %q", text, lines)
			continue
		}
		for i, line := range lines {
			level, properties, message := unescaped(t, line)
			if level != "error" || properties["file"] != text || len(properties) != 2 || i == 0 && !strings.Contains(message, text) {
				t.Errorf("%q: %s %v %q", text, level, properties, message)
			}
		}
	}
}

// visible is a text without what XML and JSON cannot hold.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == '\ufffd' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
}

// A report of JUnit is XML with one failure for each finding, and holds the texts as they are, but for
// characters that XML has none of.
func TestAJUnitReportIsWellFormedWhateverTheTextsHold(t *testing.T) {
	for _, text := range evil {
		out := written(t, "junit", evilFinding(text))
		var got junitSuites
		if err := xml.Unmarshal([]byte(out), &got); err != nil {
			t.Errorf("%q: %v\n%s", text, err, out)
			continue
		}
		if got.Tests != 1 || got.Failures != 1 || len(got.Suites) != 1 || len(got.Suites[0].Cases) != 1 {
			t.Fatalf("%q: %+v", text, got)
		}
		if c := got.Suites[0].Cases[0]; visible(c.Failure.Message) != visible(text) || !strings.Contains(visible(c.Class), visible(text)) {
			t.Errorf("%q: %q %q", text, c.Failure.Message, c.Class)
		}
		var b bytes.Buffer
		c := policytest.Case{File: text, Line: 2, Note: text, Want: policy.Allow}
		if err := junitOf(newApp(nil, &b, &b, func(string) string { return "" }), []outcome{{Result: policytest.Result{Case: c}, why: text}}, []policy.Rule{{File: text, Condition: text}}); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
			t.Errorf("%q: %v\n%s", text, err, b.String())
		}
	}
}

// A SARIF report and one in JSON hold the texts as they are, but for bytes that are no text, and the
// place of a file is a URI.
func TestASARIFReportHoldsTheTextsAsTheyAre(t *testing.T) {
	for _, text := range evil {
		var report struct {
			Runs []struct {
				Results []struct {
					Message   struct{ Text string }
					Locations []struct {
						PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
					}
				}
			}
		}
		out := written(t, "sarif", evilFinding(text))
		if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Runs) != 1 || len(report.Runs[0].Results) != 1 {
			t.Fatalf("%q: %v\n%s", text, err, out)
		}
		r := report.Runs[0].Results[0]
		if want := strings.ToValidUTF8(text+": "+text, "\ufffd"); strings.ReplaceAll(r.Message.Text, "\ufffd\ufffd", "\ufffd") != want {
			t.Errorf("%q: %q", text, r.Message.Text)
		}
		if uri := r.Locations[0].PhysicalLocation.ArtifactLocation.URI; strings.ContainsAny(uri, " \r\n\x00\x1b\"<>\\^`{|}") || strings.ContainsFunc(uri, func(c rune) bool { return c > '~' }) {
			t.Errorf("%q: the place is no URI: %q", text, uri)
		}
		var list []finding
		if err := json.Unmarshal([]byte(written(t, "json", evilFinding(text))), &list); err != nil || len(list) != 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A finding on a terminal moves no cursor and begins no line of its own.
func TestAFindingOnATerminalIsWrittenInCharactersThatShow(t *testing.T) {
	for _, text := range evil {
		for _, format := range []string{"pretty", "compact"} {
			out := written(t, format, evilFinding(text))
			if strings.ContainsAny(out, "\x1b\x07\x00\r") || strings.Contains(out, "\u202e") {
				t.Errorf("%s: %q: %q", format, text, out)
			}
			if format == "compact" && strings.Count(out, "\n") != 1 {
				t.Errorf("%q: more than one line: %q", text, out)
			}
		}
	}
}

// Of a file that is another one than was meant people read some errors, and programs get all of them.
func TestOfVeryManyFindingsPeopleReadSome(t *testing.T) {
	var found []lint.Finding
	for range maxShown + 50 {
		found = append(found, evilFinding("x"))
	}
	for format, want := range map[string]int{"compact": maxShown, "json": maxShown + 50} {
		var out, diagnostics bytes.Buffer
		a := newApp(nil, &out, &diagnostics, func(string) string { return "" })
		if err := (output{format: format}).write(a, found); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "policies/x.csv"); got != want || (diagnostics.String() == "reeve: 50 findings more: --format json and --output have all\n") != (format == "compact") {
			t.Errorf("%s: %d findings, %s", format, got, &diagnostics)
		}
	}
	var diagnostics bytes.Buffer
	a := newApp(nil, nil, &diagnostics, func(string) string { return "" })
	a.fail(codeLoad, errors.New(strings.Repeat("policy.csv:1:1: x\n", maxShown+7)))
	if got := diagnostics.String(); strings.Count(got, "\n") != maxShown+1 || !strings.HasSuffix(got, "reeve: and 7 errors more\n") {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
}
