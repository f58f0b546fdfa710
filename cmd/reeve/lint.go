package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
)

type lintCommand struct {
	Path    []string `arg:"" optional:"" help:"Folders of policies. Default: policies, or the current folder."`
	Model   string   `help:"The model of a Casbin policy, with --policy." placeholder:"FILE"`
	Policy  string   `help:"The rows of a Casbin policy, with --model." placeholder:"FILE"`
	Fix     bool     `help:"Mend what can be mended safely, and report the rest."`
	FailOn  string   `help:"The least severity that fails: error, warning or note." enum:"error,warning,warn,note" default:"warning"`
	Format  string   `help:"pretty, compact, json, github, sarif or junit." enum:"pretty,compact,json,github,sarif,junit" default:"pretty"`
	Output  []string `help:"A further output, as FORMAT=FILE. May be given more than once." placeholder:"FORMAT=FILE"`
	Disable []string `help:"Rules that are not looked for, by id or name." placeholder:"RULE"`
	Routes  string   `help:"A file of the service's routes, one METHOD TEMPLATE a line." placeholder:"FILE"`
	Tenants []string `help:"The tenants that there are." placeholder:"ID"`
	Roles   []string `help:"The roles that there are." placeholder:"NAME"`
	Before  string   `help:"The folder of the policy as it was." placeholder:"DIR"`
	List    bool     `help:"List the rules."`

	sourceFlags
}

func (*lintCommand) Help() string {
	return `Examples:

  reeve lint policies
  reeve lint policies --fix
  reeve lint policies --format github --output sarif=reeve.sarif
  reeve lint --model model.conf --policy policy.csv
  reeve lint --published --name billing
  reeve lint policies --rows acme=acme.csv

` + sourceHelp + `

Exit codes: 0 nothing found, 1 findings of --fail-on or worse, 2 usage, 3 the policy does not load.`
}

func (c *lintCommand) Run(a *app) error {
	if c.List {
		for _, r := range lint.Rules() {
			a.printf("%s  %-28s %s\n", r.ID, r.Name, r.Summary)
		}
		return nil
	}
	opts, err := c.options()
	if err != nil {
		return err
	}
	outputs, err := parseOutputs(c.Format, c.Output)
	if err != nil {
		return err
	}
	var found []lint.Finding
	switch {
	case c.Model != "" || c.Policy != "":
		found, err = c.casbin(a, opts)
	default:
		found, err = c.folders(a, opts)
	}
	if err != nil {
		return err
	}
	for _, o := range outputs {
		if err := o.write(a, found); err != nil {
			return err
		}
	}
	return ends(c.code(found))
}

func (c *lintCommand) code(found []lint.Finding) int {
	worst := map[string]policy.Severity{"error": policy.SeverityError, "note": policy.SeverityNote}[c.FailOn]
	if strings.HasPrefix(c.FailOn, "warn") {
		worst = policy.SeverityWarning
	}
	code := codeFine
	for _, f := range found {
		if f.Code != "" {
			return codeLoad
		}
		if f.Severity <= worst {
			code = codeFindings
		}
	}
	return code
}

func (c *lintCommand) options() (opts lint.Options, err error) {
	opts = lint.Options{Tenants: c.Tenants, Roles: c.Roles, Disable: c.Disable}
	for _, name := range c.Disable {
		if _, known := lint.FindRule(name); !known {
			return opts, usage("--disable: no rule %s: reeve lint --list names them", name)
		}
	}
	if c.Routes != "" {
		text, err := readFile(c.Routes)
		if err != nil {
			return opts, err
		}
		if opts.Routes, err = parseRoutes(c.Routes, text); err != nil {
			return opts, err
		}
	}
	if c.Before != "" {
		// With a policy that does not load nothing can be compared.
		_, dir, err := load(c.Before)
		if err != nil {
			return opts, err
		}
		opts.Before = os.DirFS(dir)
	}
	return opts, nil
}

func (c *lintCommand) folders(a *app, opts lint.Options) (all []lint.Finding, err error) {
	if len(c.Path) == 0 {
		c.Path = []string{""}
	}
	if c.Fix && (c.Published || len(c.Rows) > 0) {
		return nil, usage("--fix mends the files of a folder: leave --published and --rows out")
	}
	for _, p := range c.Path {
		if c.Fix {
			dir, err := folderOf(p)
			if err != nil {
				return nil, err
			}
			if err := c.mend(a, dir, func() ([]lint.Finding, error) { return lint.Folder(os.DirFS(dir), opts) }); err != nil {
				return nil, err
			}
		}
		s, err := c.source(a, p)
		if err != nil {
			return nil, err
		}
		all = append(all, s.lint(opts)...)
	}
	return all, nil
}

// lint looks at the files, and at what Redis holds of tenants and no instance takes.
func (s *source) lint(opts lint.Options) []lint.Finding {
	var tables fs.FS
	if s.dir != "" {
		tables = os.DirFS(s.dir)
	}
	found := lint.Bundle(s.bundle, tables, opts)
	found = slices.DeleteFunc(found, func(f lint.Finding) bool { return f.Rule.ID == "RV119" && s.isPublished(f.File) }) // the tables are of others
	for i := range found {
		found[i].File = s.name(found[i].File)
	}
	unread, _ := lint.FindRule("unread-file")
	for _, l := range s.lost {
		found = append(found, lint.Finding{Rule: unread, Severity: policy.SeverityError, File: s.name(ownFile(l.id)), Code: policy.CodeFileUnreadable,
			Message: "what the tenant " + l.id.String() + " has published is not taken, and the tenant is closed: " + l.err.Error(), Help: "publish its rows again: reeve publish --tenant " + l.id.String()})
	}
	return found
}

func (c *lintCommand) casbin(a *app, opts lint.Options) ([]lint.Finding, error) {
	if c.Model == "" || c.Policy == "" || len(c.Path) > 0 {
		return nil, usage("--model and --policy stand together, and without a folder")
	}
	if err := c.standardOnly(true); err != nil {
		return nil, err
	}
	look := func() ([]lint.Finding, error) {
		model, err := readFile(c.Model)
		if err != nil {
			return nil, err
		}
		rows, err := readFile(c.Policy)
		if err != nil {
			return nil, err
		}
		return lint.Casbin(c.Model, model, c.Policy, rows, opts), nil
	}
	if c.Fix {
		if err := c.mend(a, ".", look); err != nil {
			return nil, err
		}
	}
	return look()
}

// mend applies fixes until none is left.
func (c *lintCommand) mend(a *app, dir string, look func() ([]lint.Finding, error)) error {
	for range 10 {
		found, err := look()
		if err != nil {
			return &exitError{codeLoad, err}
		}
		files := map[string]string{}
		for _, f := range found {
			if f.Fix == nil || files[f.Fix.File] != "" {
				continue
			}
			if files[f.Fix.File], err = readFile(filepath.Join(dir, f.Fix.File)); err != nil {
				return err
			}
		}
		changed, err := lint.Apply(files, found)
		if err != nil {
			return &exitError{codeLoad, err}
		}
		if len(changed) == 0 {
			return nil
		}
		for name, content := range changed {
			if err := rewrite(filepath.Join(dir, name), content); err != nil {
				return &exitError{codeLoad, err}
			}
			fmt.Fprintln(a.diagnostics, "reeve: mended "+inDir(dir, name))
		}
	}
	return &exitError{codeLoad, errors.New("fixes do not end")}
}

// rewrite replaces a file as a whole: a reader sees the old or the new.
func rewrite(path, content string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
