package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyfmt"
)

type fmtCommand struct {
	Path  []string `arg:"" optional:"" help:"CSV files, or folders of policies. Default: policies, or the current folder."`
	Write bool     `short:"w" help:"Write the files instead of printing them."`
	Diff  bool     `short:"d" help:"Print what would change, and exit with 1 if anything would."`
	List  bool     `short:"l" help:"Print the names of the files that would change, and exit with 1 if there are any."`
}

func (*fmtCommand) Help() string {
	return `Examples:

  reeve fmt -w policies
  reeve fmt -d policies/policy.csv

Only spaces and needless quotes change: each row keeps its values, and comments and the order of lines stay.

Exit codes: 0 fine, 1 -d or -l found something to change, 2 usage, 3 a file cannot be read as CSV.`
}

func (c *fmtCommand) Run(a *app) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	type result struct{ name, old, new string }
	var results []result
	var bad []error
	for _, name := range files {
		text, err := readFile(name)
		if err != nil {
			return err
		}
		out, err := policyfmt.Source(text)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				bad = append(bad, errors.New(name+":"+strings.TrimSuffix(line, "\n")))
			}
			continue
		}
		results = append(results, result{name, text, out})
	}
	if len(bad) > 0 {
		return &exitError{codeLoad, errors.Join(bad...)}
	}
	changed := false
	for _, r := range results {
		differs := r.old != r.new
		changed = changed || differs
		if c.Write && differs {
			if err := rewrite(r.name, r.new); err != nil {
				return &exitError{codeLoad, err}
			}
		}
		switch {
		case c.List && differs:
			a.printf("%s\n", r.name)
		case c.Diff && differs:
			a.diff(r.name, r.old, r.new)
		case !c.Write && !c.List && !c.Diff:
			a.printf("%s", r.new)
		}
	}
	if changed && (c.Diff || c.List) && !c.Write {
		return ends(codeFindings)
	}
	return nil
}

// files are the CSV files of a policy that hold rows, tables of requests left out.
func (c *fmtCommand) files() (files []string, err error) {
	paths := c.Path
	if len(paths) == 0 {
		dir, err := folderOf("")
		if err != nil {
			return nil, err
		}
		paths = []string{dir}
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err != nil:
			return nil, &exitError{codeLoad, fmt.Errorf("%s:1:1: no such file or folder", p)}
		case !info.IsDir():
			files = append(files, p)
			continue
		}
		var found []string
		for _, pattern := range []string{policy.PolicyFile, policy.AttributesFile, policy.CeilingFile, policy.TenantsFolder + "/*.csv"} {
			names, err := filepath.Glob(filepath.Join(p, pattern))
			if err != nil {
				return nil, usage("%s: %w", p, err)
			}
			found = append(found, names...)
		}
		if len(found) == 0 {
			return nil, &exitError{codeLoad, fmt.Errorf("%s:1:1: no CSV file of a policy", p)}
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// diff prints the lines that change; a formatter keeps their number.
func (a *app) diff(name, from, to string) {
	a.printf("--- %s\n+++ %s\n", name, name)
	old, changed := strings.Split(from, "\n"), strings.Split(to, "\n")
	for i := 0; i < len(old); i++ {
		if old[i] == changed[i] {
			continue
		}
		end := i
		for end < len(old) && old[end] != changed[end] {
			end++
		}
		a.printf("@@ -%d,%d +%d,%d @@\n", i+1, end-i, i+1, end-i)
		for _, line := range old[i:end] {
			a.printf("%s\n", a.paint(red, "-"+strings.TrimSuffix(line, "\r")))
		}
		for _, line := range changed[i:end] {
			a.printf("%s\n", a.paint(green, "+"+strings.TrimSuffix(line, "\r")))
		}
		i = end
	}
}
