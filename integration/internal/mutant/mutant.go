// Package mutant proves that tests find what they are there for: it changes one place of the
// source at a time, without touching the files (go build -overlay), and expects that the tests
// of a package fail.
//
//	mutant.Run(t, mutant.Set{Config: mutant.Config{Source: "../../tenant/pgxscope", Package: ".", Tests: "."}, Mutants: []mutant.Mutant{
//		{Name: "the setting outlives the transaction", File: "scope.go", Old: "$2, true)", New: "$2, false)"},
//	}})
//
// A mutant that no test kills is an error, and so is one that does not compile, or whose text
// is not in its file once: it would prove nothing. [Stand] finds the last of these in no time.
package mutant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Mutant is one change of one file.
type Mutant struct {
	// Name says what the changed code does wrongly. Required, and each mutant has its own.
	Name string
	// File is the file, below Config.Source.
	File string
	// Old is a text that stands in File once, and New what stands there instead.
	Old, New string
	// Tests is a regular expression of tests that must find it; "" for Config.Tests.
	Tests string
}

// Config says what is changed and what must notice.
type Config struct {
	// Source is the folder that mutants name files of.
	Source string
	// Package is the package of the tests, such as "." or "./pgx", below the working folder,
	// which is that of the running test's package.
	Package string
	// Tests is a regular expression of the tests that run, without REEVE_SOAK: the caller, which
	// should need that, is so left out.
	Tests string
	// Timeout is how long the tests may take for one mutant: a mutant that makes them hang is
	// killed by it. 0 is two minutes.
	Timeout time.Duration
}

// Set is mutants of one source, and what must notice them.
type Set struct {
	Config  Config
	Mutants []Mutant
}

// Run tries each mutant in a subtest that logs what killed it. The first of a set tries the tests
// without a change before, which must pass. The subtests are parallel: so many run at once as
// -parallel says.
func Run(t *testing.T, sets ...Set) {
	t.Helper()
	Stand(t, sets...)
	for _, s := range sets {
		config := s.Config
		if config.Timeout == 0 {
			config.Timeout = 2 * time.Minute
		}
		unchanged := sync.OnceValue(func() error {
			killer, err := config.try(t.Context(), t.TempDir(), nil)
			if err == nil && killer != "" {
				err = errors.New(killer)
			}
			return err
		})
		for _, m := range s.Mutants {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				if err := unchanged(); err != nil {
					t.Fatalf("mutant: without a change: %v", err)
				}
				switch killer, err := config.try(t.Context(), t.TempDir(), &m); {
				case err != nil:
					t.Error(err)
				case killer == "":
					t.Errorf("no test notices: %s: %q for %q", m.File, m.New, m.Old)
				default:
					t.Log("killed by " + killer)
				}
			})
		}
	}
}

// Stand fails the test unless each mutant has a name of its own and changes one place of its file, as
// it is now. It builds nothing.
func Stand(t *testing.T, sets ...Set) {
	t.Helper()
	var names []string
	for _, s := range sets {
		if len(s.Mutants) == 0 {
			t.Error("mutant: there are none")
		}
		for _, m := range s.Mutants {
			if m.Name == "" || slices.Contains(names, m.Name) {
				t.Errorf("mutant: a name is missing or there twice: %q", m.Name)
			}
			names = append(names, m.Name)
			if _, _, err := m.changed(s.Config.Source); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
	}
}

// compile makes a binary of tests that nobody debugs: without DWARF it takes a third less time. The
// flags are those of make test, whose packages are so found in the cache.
var compile = []string{"test", "-c", "-vet=off", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-w"}

// try builds the tests with a mutant, or none, and runs them. It returns what has failed.
func (c Config) try(ctx context.Context, dir string, m *Mutant) (killer string, err error) {
	binary := filepath.Join(dir, "tests")
	build := exec.CommandContext(ctx, "go", append(slices.Clone(compile), "-o", binary)...)
	tests := c.Tests
	if m != nil {
		overlay, err := m.overlay(c.Source, dir)
		if err != nil {
			return "", err
		}
		build.Args = append(build.Args, "-overlay", overlay)
		if m.Tests != "" {
			tests = m.Tests
		}
	}
	build.Args = append(build.Args, c.Package)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mutant: it does not compile: %w\n%s", err, out)
	}
	run := exec.CommandContext(ctx, binary, "-test.run", tests, "-test.failfast", "-test.timeout", c.Timeout.String())
	run.Dir = c.Package
	run.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "REEVE_SOAK=") })
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil && !ranSomething(out):
		return "", fmt.Errorf("mutant: no test ran: %s", out)
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", fmt.Errorf("mutant: %w: %s", err, out)
	}
	killer = firstFailure(out)
	if m == nil {
		killer += "\n" + string(out)
	}
	return killer, nil
}

// ranSomething reports whether a run that has passed had tests.
func ranSomething(out []byte) bool { return !strings.Contains(string(out), "no tests to run") }

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)|^(panic: .*)|^(fatal error: .*)`)

// firstFailure returns the name of the test that has failed, or what ended all of them.
func firstFailure(out []byte) string {
	found := failure.FindSubmatch(out)
	for i := 1; i < len(found); i++ {
		if len(found[i]) > 0 {
			return string(found[i])
		}
	}
	return "an exit without a word"
}

// changed returns the file of a mutant and its text with the change.
func (m Mutant) changed(source string) (path, text string, err error) {
	if path, err = filepath.Abs(filepath.Join(source, m.File)); err != nil {
		return "", "", err
	}
	was, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	if n := strings.Count(string(was), m.Old); n != 1 || m.Old == m.New {
		return "", "", fmt.Errorf("mutant: %q stands %d times in %s", m.Old, n, m.File)
	}
	return path, strings.Replace(string(was), m.Old, m.New, 1), nil
}

// overlay writes the changed file and what tells the compiler of it.
func (m Mutant) overlay(source, dir string) (string, error) {
	path, text, err := m.changed(source)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, replace, 0o600)
}
