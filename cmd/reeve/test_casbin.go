package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// casbinCase is a row of a table beside a Casbin policy, and what came of it.
type casbinCase struct {
	line      int
	values    []string
	want, got string // allow, deny or error
	note      string
	rule      []string // that decided
	why       string   // the error
}

func (c casbinCase) name() string {
	return strings.TrimSpace(strings.Join(c.values, " ") + " " + c.note)
}

// failure says what came instead, "" for what was wanted.
func (c casbinCase) failure() string {
	if c.got == c.want {
		return ""
	}
	text := fmt.Sprintf("want %s, got %s", c.want, c.got)
	switch {
	case c.why != "":
		return text + ": " + c.why
	case len(c.rule) > 0:
		return text + " by p, " + strings.Join(c.rule, ", ")
	}
	return text + ": no rule matches"
}

// casbinTests runs the table beside a policy of any Casbin model.
func (c *testCommand) casbinTests(a *app, only *regexp.Regexp) error {
	if c.Coverage || c.Mutate || c.Suggest || c.Min != 0 {
		return usage("--coverage, --mutate, --suggest and --min are for the standard model")
	}
	file := c.Dir
	if file == "" {
		file = strings.TrimSuffix(c.Policy, ".csv") + "_test.csv"
	}
	e, n, err := c.casbin()
	if err != nil {
		return err
	}
	cases, err := readCasbinCases(file, n)
	if err != nil {
		return err
	}
	kept := cases[:0]
	for _, x := range cases {
		if !only.MatchString(x.name()) {
			continue
		}
		allowed, rule, err := e.EnforceEx(values(x.values)...)
		x.got, x.rule = "deny", rule
		switch {
		case err != nil:
			x.got, x.why = "error", strings.ReplaceAll(err.Error(), "\n", " ")
		case allowed:
			x.got = "allow"
		}
		kept = append(kept, x)
	}
	if len(kept) == 0 {
		return usage("--run %s: no case matches", c.Run_)
	}
	failed, err := c.reportCasbin(a, file, kept)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	if failed > 0 {
		return ends(codeTests)
	}
	return nil
}

// readCasbinCases reads rows of the values of a request, what is wanted, and a note that may be left
// out.
func readCasbinCases(file string, n int) (cases []casbinCase, err error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	rows, err := readRows(file, text, n+1, n+2, ": the values of the model's request, then allow, deny or error, and a note")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		x := casbinCase{line: row.line, values: row.values[:n], want: row.values[n], note: strings.Join(row.values[n+1:], " ")}
		if x.want != "allow" && x.want != "deny" && x.want != "error" {
			return nil, &exitError{codeLoad, fmt.Errorf("%s:%d:%d: %q is wanted: write allow, deny or error", file, row.line, row.cols[n], x.want)}
		}
		cases = append(cases, x)
	}
	return cases, nil
}

func (c *testCommand) reportCasbin(a *app, file string, cases []casbinCase) (failed int, err error) {
	for _, x := range cases {
		if x.failure() != "" {
			failed++
		}
	}
	switch c.Format {
	case "json":
		type testCase struct {
			File string `json:"file"`
			Line int    `json:"line"`
			Name string `json:"name"`
			Want string `json:"want"`
			Got  string `json:"got"`
			Pass bool   `json:"pass"`
			Err  string `json:"error,omitempty"`
		}
		out := struct {
			Cases []testCase `json:"cases"`
		}{[]testCase{}}
		for _, x := range cases {
			out.Cases = append(out.Cases, testCase{file, x.line, x.name(), x.want, x.got, x.failure() == "", x.failure()})
		}
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return failed, e.Encode(out)
	case "junit":
		suite := junitSuite{Name: "cases", Failures: failed}
		for _, x := range cases {
			y := junitCase{Class: file, Name: fmt.Sprintf("line %d %s", x.line, x.name()), File: file, Line: x.line}
			if why := x.failure(); why != "" {
				y.Failure = &junitFailure{Message: why, Type: "case"}
			}
			suite.Cases = append(suite.Cases, y)
		}
		return failed, writeSuites(a.out, "reeve test", suite)
	}
	for _, x := range cases {
		why := x.failure()
		switch {
		case c.Format == "github" && why != "":
			a.printf("::error file=%s,line=%d::%s\n", escapeProperty(file), x.line, escapeData(why))
		case c.Format == "github":
		case why != "":
			a.printf("%s %s:%d: %s\n     %s\n", a.paint(red, "FAIL"), file, x.line, x.name(), why)
		case c.Verbose:
			a.printf("%s %s:%d: %s\n", a.paint(green, "ok  "), file, x.line, x.name())
		}
	}
	if c.Format != "github" {
		a.printf("%s, %d failed\n", count(len(cases), "case"), failed)
	}
	return failed, nil
}
