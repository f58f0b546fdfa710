package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

type initCommand struct {
	Dir string `arg:"" optional:"" help:"The folder to write. Default: policies." default:"policies"`
}

func (*initCommand) Help() string {
	return `Examples:

  reeve init
  reeve init services/billing/policies

It writes the standard model and a policy to start from, with its attributes and its table of requests. No file is replaced.

Exit codes: 0 written, 2 usage, 3 a file is there, or cannot be written.`
}

func (c *initCommand) Run(a *app) error {
	names := []string{policy.ModelFile, policy.PolicyFile, policy.AttributesFile, policy.TestFile}
	var there []error
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(c.Dir, name)); err == nil {
			there = append(there, fmt.Errorf("%s:1:1: the file is there: init replaces none", inDir(c.Dir, name)))
		}
	}
	if len(there) > 0 {
		return &exitError{codeLoad, errors.Join(there...)}
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return &exitError{codeLoad, err}
	}
	for _, name := range names {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			return &exitError{codeLoad, err}
		}
		f, err := os.OpenFile(filepath.Join(c.Dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return &exitError{codeLoad, err}
		}
		_, err = f.Write(data)
		if err := errors.Join(err, f.Close()); err != nil {
			return &exitError{codeLoad, err}
		}
		a.printf("%s\n", inDir(c.Dir, name))
	}
	return nil
}
