package integration_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// page is one document of the repository.
type page struct {
	name   string // as seen from the root: docs/policy.md
	text   string
	prose  string // the text without its blocks
	blocks []block
}

// block is one fenced block of a page: ```kind note. A Go block whose note is the name of a file
// is that file of the page's program.
type block struct {
	page       string
	line       int // of its first line
	kind, note string
	text       string
}

// pages returns every document but the changelog, which speaks of what was.
func pages(t *testing.T) []page {
	t.Helper()
	var found []page
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel("..", file)
			if err != nil {
				t.Fatal(err)
			}
			if name = filepath.ToSlash(name); name != "CHANGELOG.md" {
				found = append(found, readPage(t, name))
			}
		}
	}
	if len(found) < 12 {
		t.Fatalf("found %d pages: the walk is broken", len(found))
	}
	return found
}

// pageOf returns the page of a name.
func pageOf(t *testing.T, name string) page {
	t.Helper()
	all := pages(t)
	i := slices.IndexFunc(all, func(p page) bool { return p.name == name })
	if i < 0 {
		t.Fatalf("there is no %s", name)
	}
	return all[i]
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	p := page{name: name, text: string(data)}
	var open *block
	n := 0
	for line := range strings.Lines(p.text) {
		n++
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case open == nil && isFence:
			kind, note, _ := strings.Cut(fence, " ")
			open = &block{page: name, line: n + 1, kind: kind, note: note}
		case open != nil && isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		default:
			p.prose += line
			if strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimSpace(line), "-") {
				t.Errorf("%s:%d: an indented block, which nobody runs: fence it and say what it is", name, n)
			}
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the block does not end", name, open.line)
	}
	return p
}

// of returns the blocks of a kind and, unless it is "*", a note.
func (p page) of(kind, note string) []block {
	var found []block
	for _, b := range p.blocks {
		if b.kind == kind && (note == "*" || b.note == note) {
			found = append(found, b)
		}
	}
	return found
}

// isFile reports whether the block is a file of the page's program.
func (b block) isFile() bool { return b.kind == "go" && b.note != "" && b.note != "stack" }

// isProgram reports whether the block is a program of its own.
func (b block) isProgram() bool {
	return b.kind == "go" && b.note == "" && strings.HasPrefix(b.text, "package main")
}
