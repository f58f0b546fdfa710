package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// nodes are the commands, those that have others below them too.
func nodes(n *kong.Node) []*kong.Node {
	list := []*kong.Node{n}
	for _, c := range n.Children {
		list = append(list, nodes(c)...)
	}
	return list
}

// Each command says its usage, examples and exit codes, as the files in testdata/help have them:
// REEVE_UPDATE=1 writes these.
func TestTheHelpOfEveryCommand(t *testing.T) {
	t.Setenv("COLUMNS", "")
	parser, err := newApp(nil, nil, nil, os.Getenv).parser()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, n := range nodes(parser.Model.Node) {
		words := strings.Fields(n.Path())
		name := strings.Join(append([]string{"reeve"}, words...), "_") + ".txt"
		files[name] = true
		var out, diagnostics bytes.Buffer
		if code := run(append(words, "--help"), nil, &out, &diagnostics, func(string) string { return "" }); code != codeFine || diagnostics.Len() > 0 {
			t.Errorf("%v: exit code %d, %s", words, code, &diagnostics)
		}
		golden := filepath.Join("testdata", "help", name)
		if os.Getenv("REEVE_UPDATE") != "" {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if len(n.Children) > 0 {
			continue
		}
		for _, part := range []string{"Usage: reeve " + n.Path(), "Examples:", "Exit codes: 0 "} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%v: the help has no %q", words, part)
			}
		}
		examples := 0
		for line := range strings.Lines(n.Detail) {
			line, is := strings.CutPrefix(strings.TrimRight(line, "\n"), "  reeve ")
			if !is {
				continue
			}
			args := shellWords(line)
			if strings.HasPrefix(strings.Join(args, " ")+" ", n.Path()+" ") {
				examples++
			}
			if err := parses(args); err != nil {
				t.Errorf("%v: the example %q: %v", words, line, err)
			}
		}
		if examples == 0 {
			t.Errorf("%v: no example of the command itself", words)
		}
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "help"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !files[e.Name()] {
			t.Errorf("testdata/help/%s is of no command: delete it", e.Name())
		}
	}
}

// shellWords splits a line as a shell does, up to a redirection or a pipe.
func shellWords(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if strings.ContainsRune("><|", rune(line[0])) {
			return words
		}
		var word string
		if line[0] == '\'' {
			word, line, _ = strings.Cut(line[1:], "'")
		} else {
			word, line, _ = strings.Cut(line, " ")
		}
		words = append(words, word)
	}
	return words
}
