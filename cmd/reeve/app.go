package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes.
const (
	codeFine = iota
	codeFindings
	codeUsage
	codeLoad
	codeTests
)

// exitError ends a command with a code; err is nil when the result says it all.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func ends(code int) error { return &exitError{code: code} }

// usage is a mistake on the command line that the grammar cannot see.
func usage(format string, args ...any) error {
	return &exitError{codeUsage, fmt.Errorf(format, args...)}
}

// app is shared by the commands.
type app struct {
	in               io.Reader
	out, diagnostics io.Writer
	color            bool
	env              func(string) string
	printed          map[string]bool // the notes that were printed
}

func newApp(in io.Reader, out, diagnostics io.Writer, env func(string) string) *app {
	a := &app{in: in, out: out, diagnostics: diagnostics, env: env}
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			a.color = env("NO_COLOR") == "" && env("TERM") != "dumb"
		}
	}
	if force := env("CLICOLOR_FORCE"); force != "" && force != "0" && env("NO_COLOR") == "" {
		a.color = true
	}
	return a
}

// fail prints what is wrong and returns the code.
func (a *app) fail(code int, err error) int {
	n := 0
	for line := range strings.Lines(err.Error()) {
		if n++; n <= maxShown {
			// A server's words may be somebody else's.
			fmt.Fprintln(a.diagnostics, "reeve: "+printableLine(strings.TrimSuffix(line, "\n")))
		}
	}
	if n > maxShown {
		fmt.Fprintf(a.diagnostics, "reeve: and %s more\n", count(n-maxShown, "error"))
	}
	return code
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// The colors of severities.
const (
	red    = "31"
	yellow = "33"
	blue   = "34"
	green  = "32"
	bold   = "1"
)

func (a *app) paint(color, text string) string {
	if !a.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
