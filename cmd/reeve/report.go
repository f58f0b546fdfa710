package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
)

// output is one form of the findings, and where it goes.
type output struct {
	format string
	file   string // "" for standard output
}

func parseOutputs(format string, more []string) ([]output, error) {
	list := []output{{format, ""}}
	for _, m := range more {
		format, file, ok := strings.Cut(m, "=")
		if !ok || file == "" {
			return nil, usage("--output is FORMAT=FILE, not %s", m)
		}
		if writers[format] == nil {
			return nil, usage("--output: no format %s: pretty, compact, json, github, sarif or junit", format)
		}
		list = append(list, output{format, file})
	}
	return list, nil
}

var writers = map[string]func(*app, io.Writer, []lint.Finding) error{
	"pretty": writePretty, "compact": writeCompact, "json": writeJSON, "github": writeGitHub, "sarif": writeSARIF, "junit": writeJUnit,
}

// maxShown is how many findings and errors are printed for people: beyond, the file is another one
// than was meant.
const maxShown = 200

func (o output) write(a *app, found []lint.Finding) error {
	if o.file == "" {
		shown := found
		if (o.format == "pretty" || o.format == "compact") && len(found) > maxShown {
			shown = found[:maxShown]
		}
		err := writers[o.format](a, a.out, shown)
		if more := len(found) - len(shown); err == nil && more > 0 {
			fmt.Fprintf(a.diagnostics, "reeve: %s more: --format json and --output have all\n", count(more, "finding"))
		}
		return err
	}
	plain := *a
	plain.color = false
	var b bytes.Buffer
	if err := writers[o.format](&plain, &b, found); err != nil {
		return err
	}
	if err := os.WriteFile(o.file, b.Bytes(), 0o644); err != nil {
		return &exitError{codeLoad, err}
	}
	return nil
}

var severityColors = map[policy.Severity]string{policy.SeverityError: red, policy.SeverityWarning: yellow, policy.SeverityNote: blue}

func writePretty(a *app, w io.Writer, found []lint.Finding) error {
	counts := map[policy.Severity]int{}
	fixes := 0
	for _, f := range found {
		counts[f.Severity]++
		fmt.Fprintf(w, "%s: %s %s %s\n", a.paint(bold, printableLine(f.Position())), a.paint(severityColors[f.Severity], f.Severity.String()), f.Rule.ID, printableLine(f.Message))
		if source := printableLine(f.Source); source != "" && len(f.Source) < 400 && utf8.ValidString(f.Source) {
			fmt.Fprintf(w, "    %s\n    %s\n", source, a.paint(severityColors[f.Severity], caret(f)))
		}
		if f.Help != "" {
			fmt.Fprintf(w, "  do:   %s\n", printableLine(f.Help))
		}
		if f.Fix != nil {
			fixes++
			fmt.Fprintf(w, "  fix:  %s (reeve lint --fix)\n", f.Fix.What)
		}
		fmt.Fprintf(w, "  page: %s\n", f.Rule.Page())
	}
	if len(found) == 0 {
		return nil
	}
	fmt.Fprintf(w, "%s, %s, %s; %d with a fix\n", count(counts[policy.SeverityError], "error"), count(counts[policy.SeverityWarning], "warning"), count(counts[policy.SeverityNote], "note"), fixes)
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printableLine returns a line as a terminal may show it.
func printableLine(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t':
			return ' '
		case c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\ufeff' || c >= 0x200b && c <= 0x200f || c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069:
			return '·'
		}
		return c
	}, s)
}

// caret marks the columns of a finding below its line.
func caret(f lint.Finding) string {
	from := min(max(f.Col-1, 0), len(f.Source))
	to := min(max(f.EndCol-1, from), len(f.Source))
	lead, mark := utf8.RuneCountInString(f.Source[:from]), utf8.RuneCountInString(f.Source[from:to])
	return strings.Repeat(" ", lead) + strings.Repeat("^", max(mark, 1))
}

func writeCompact(_ *app, w io.Writer, found []lint.Finding) error {
	for _, f := range found {
		fmt.Fprintln(w, printableLine(fmt.Sprintf("%s: %s %s %s", f.Position(), f.Severity, f.Rule.ID, f.Message)))
	}
	return nil
}

// finding is a finding in JSON.
type finding struct {
	Rule     string `json:"rule"`
	Name     string `json:"name"`
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Col      int    `json:"col,omitempty"`
	EndCol   int    `json:"end_col,omitempty"`
	Message  string `json:"message"`
	Help     string `json:"help,omitempty"`
	Code     string `json:"code,omitempty"`
	Page     string `json:"page"`
	Fix      *fix   `json:"fix,omitempty"`
}

type fix struct {
	What  string   `json:"what"`
	Line  int      `json:"line"`
	Lines []string `json:"lines"` // in place of the line
}

func writeJSON(_ *app, w io.Writer, found []lint.Finding) error {
	list := []finding{}
	for _, f := range found {
		x := finding{f.Rule.ID, f.Rule.Name, f.Severity.String(), f.File, f.Line, f.Col, f.EndCol, f.Message, f.Help, string(f.Code), f.Rule.Page(), nil}
		if f.Fix != nil {
			x.Fix = &fix{f.Fix.What, f.Fix.Line, append([]string{}, f.Fix.New...)}
		}
		list = append(list, x)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(list)
}

// The escapes of GitHub's workflow commands.
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escapeData(s string) string     { return dataEscapes.Replace(s) }
func escapeProperty(s string) string { return propertyEscapes.Replace(s) }

// writeGitHub writes workflow commands, which GitHub shows beside the lines.
func writeGitHub(_ *app, w io.Writer, found []lint.Finding) error {
	level := map[policy.Severity]string{policy.SeverityError: "error", policy.SeverityWarning: "warning", policy.SeverityNote: "notice"}
	for _, f := range found {
		where := "file=" + escapeProperty(f.File)
		if f.Line > 0 {
			where += fmt.Sprintf(",line=%d,col=%d,endColumn=%d", f.Line, f.Col, f.EndCol)
		}
		text := f.Message
		if f.Help != "" {
			text += "\n" + f.Help
		}
		fmt.Fprintf(w, "::%s %s,title=%s::%s\n", level[f.Severity], where, escapeProperty(f.Rule.ID+" "+f.Rule.Name), escapeData(text))
	}
	return nil
}

func writeSARIF(_ *app, w io.Writer, found []lint.Finding) error {
	report := sarif.NewReport()
	run := sarif.NewRunWithInformationURI("reeve", "https://github.com/reevehq/reeve")
	for _, r := range lint.Rules() {
		run.AddRule(r.ID).WithName(r.Name).WithShortDescription(sarif.NewMultiformatMessageString().WithText(r.Summary)).WithHelpURI(r.Page())
	}
	for _, f := range found {
		location := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation((&url.URL{Path: f.File}).String()))
		if f.Line > 0 {
			// SARIF counts characters, from 1.
			location.WithRegion(sarif.NewRegion().WithStartLine(f.Line).WithStartColumn(runes(f.Source, f.Col)).WithEndColumn(runes(f.Source, f.EndCol)))
		}
		text := f.Message
		if f.Help != "" {
			text += ": " + f.Help
		}
		run.CreateResultForRule(f.Rule.ID).WithLevel(f.Severity.String()).WithMessage(sarif.NewTextMessage(text)).AddLocation(sarif.NewLocationWithPhysicalLocation(location))
	}
	report.AddRun(run)
	return report.PrettyWrite(w)
}

func runes(text string, col int) int {
	return utf8.RuneCountInString(text[:min(max(col-1, 0), len(text))]) + 1
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(_ *app, w io.Writer, found []lint.Finding) error {
	suite := junitSuite{Name: "lint"}
	for _, f := range found {
		suite.Cases = append(suite.Cases, junitCase{Class: f.File, Name: f.Rule.ID + " " + f.Rule.Name + " " + f.Position(), File: f.File, Line: f.Line,
			Failure: &junitFailure{Message: f.Message, Type: f.Severity.String(), Text: f.Position() + "\n" + printableLine(f.Source) + "\n" + f.Help}})
		suite.Failures++
	}
	if len(found) == 0 {
		suite.Cases = append(suite.Cases, junitCase{Class: "lint", Name: "no findings"})
	}
	return writeSuites(w, "reeve lint", suite)
}

func writeSuites(w io.Writer, name string, suites ...junitSuite) error {
	all := junitSuites{Name: name}
	for _, s := range suites {
		s.Tests = len(s.Cases)
		all.Tests, all.Failures = all.Tests+s.Tests, all.Failures+s.Failures
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
