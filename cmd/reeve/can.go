package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/reevehq/reeve/authz/policy/policytest"
)

type canCommand struct {
	requestFlags

	Batch string `help:"Answer each row of a CSV file (- for standard input), one decision a line. A row is tenant, subject, roles, action, object, attributes; with --model the values of the request." placeholder:"FILE"`
	Quiet bool   `short:"q" help:"Print nothing: the exit code is the answer."`
}

func (*canCommand) Help() string {
	return `Examples:

  reeve can user:alice acme update invoice:1 --role editor --attr owner=alice --attr status=draft
  reeve can anonymous - POST /login
  reeve can --model model.conf --policy policy.csv alice data1 read
  reeve can --model model.conf --policy policy.csv --batch requests.csv
  reeve can user:alice acme read invoice --published --name billing

` + sourceHelp + `

Exit codes: 0 allowed, or every request of a batch decided; 1 denied, or an error in a batch; 2 usage; 3 the policy or the batch cannot be loaded.`
}

func (c *canCommand) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Batch != "" {
		return c.batch(a)
	}
	allowed := false
	if c.isCasbin() {
		e, n, err := c.casbin()
		if err != nil {
			return err
		}
		if len(c.Values) != n {
			return usage("%d values, %d are needed by the model's request", len(c.Values), n)
		}
		if allowed, _, err = e.EnforceEx(values(c.Values)...); err != nil {
			return undecided(err)
		}
	} else {
		quiet := *a
		if c.Quiet {
			quiet.diagnostics = io.Discard
		}
		d, err := c.decide(&quiet)
		if err != nil {
			return err
		}
		allowed = d.Allowed()
	}
	answer, code := "no", codeFindings
	if allowed {
		answer, code = "yes", codeFine
	}
	if !c.Quiet {
		a.printf("%s\n", answer)
	}
	return ends(code)
}

func values(texts []string) []any {
	all := make([]any, len(texts))
	for i, s := range texts {
		all[i] = s
	}
	return all
}

// batch answers every row, once all of them can be read.
func (c *canCommand) batch(a *app) error {
	if len(c.Values) > 0 || len(c.Role) > 0 || len(c.Attr) > 0 {
		return usage("--batch has the requests: give no other")
	}
	text, err := a.read(c.Batch)
	if err != nil {
		return err
	}
	var answer func(row []string) (bool, error)
	n, names := 6, ": tenant, subject, roles, action, object, attributes"
	if c.isCasbin() {
		e, want, err := c.casbin()
		if err != nil {
			return err
		}
		n, names = want, " by the model's request"
		answer = func(row []string) (bool, error) {
			allowed, _, err := e.EnforceEx(values(row)...)
			return allowed && err == nil, err
		}
	} else {
		engine, _, err := c.engine(a, c.Policies, time.Now)
		if err != nil {
			return err
		}
		declared := engine.Attributes()
		answer = func(row []string) (bool, error) {
			r, err := policytest.ParseRequest(row[0], row[1], row[2], row[3], row[4], row[5], declared)
			if err != nil {
				return false, err
			}
			d, err := engine.Decide(context.Background(), r)
			return d.Allowed() && err == nil, err
		}
	}
	rows, err := readRows(c.Batch, text, n, n, names)
	if err != nil {
		return err
	}
	code, w := codeFine, bufio.NewWriter(a.out)
	for _, row := range rows {
		allowed, err := answer(row.values)
		line := "deny"
		switch {
		case err != nil:
			line, code = "error: "+strings.ReplaceAll(err.Error(), "\n", " "), codeFindings
		case allowed:
			line = "allow"
		}
		if !c.Quiet {
			fmt.Fprintln(w, line)
		}
	}
	if err := w.Flush(); err != nil {
		return &exitError{codeLoad, err}
	}
	return ends(code)
}

// csvRow is a row, and where it and its values begin.
type csvRow struct {
	line   int
	cols   []int
	values []string
}

// readRows reads a CSV file of rows of some number of values. Lines that begin with # are comments.
func readRows(name, text string, least, most int, names string) (rows []csvRow, err error) {
	bad := func(line, col int, format string, args ...any) ([]csvRow, error) {
		return nil, &exitError{codeLoad, fmt.Errorf("%s:%d:%d: %s", name, line, col, fmt.Sprintf(format, args...))}
	}
	if strings.HasPrefix(text, "\ufeff") {
		return bad(1, 1, "a byte order mark: save the file without it")
	}
	line := 1
	for i, c := range text {
		switch {
		case c == utf8.RuneError || c < ' ' && c != '\t' && c != '\r' && c != '\n':
			return bad(line, i-strings.LastIndexByte(text[:i], '\n'), "not a text in UTF-8: requests are lines of CSV")
		case c == '\n':
			line++
		}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.TrimLeadingSpace, r.FieldsPerRecord = '#', true, -1
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
			return bad(wrong.StartLine, max(wrong.Column, 1), "a double quote inside a value, or one that does not end: quote a value as a whole")
		}
		if err != nil {
			return bad(1, 1, "%v", err)
		}
		row := csvRow{values: values}
		for i := range values {
			at, col := r.FieldPos(i)
			if row.cols = append(row.cols, col); i == 0 {
				row.line = at
			}
			values[i] = strings.TrimRight(values[i], " \t")
		}
		if len(values) < least || len(values) > most {
			why := ""
			if len(values) == 1 && strings.ContainsAny(values[0], ";\t") {
				why = ": values are separated by commas"
			}
			return bad(row.line, row.cols[0], "%d values, %d are needed%s%s", len(values), least, names, why)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return bad(1, 1, "no requests")
	}
	return rows, nil
}
