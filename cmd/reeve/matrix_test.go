package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/policies"
)

// elements counts the elements of a picture or a page, which is well formed.
func elements(t *testing.T, text string) map[string]int {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	counts := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return counts
		}
		if err != nil {
			t.Fatalf("%v\n%.500s", err, text)
		}
		if e, is := token.(xml.StartElement); is {
			counts[e.Name.Local]++
		}
	}
}

// A picture and a page of 50 roles and 200 routes have a square for each, in less than a second.
func TestAMatrixOf50RolesAnd200RoutesIsDrawnInTime(t *testing.T) {
	dir := t.TempDir()
	var rows strings.Builder
	for i := range 200 {
		fmt.Fprintf(&rows, "p, role:role-%d, *, /things-%d/:id, %s, %s, allow\n", i%50, i, []string{"GET", "PUT"}[i%2], []string{"true", "r.env.mfa", "r.env.hour < 8"}[i%3])
	}
	for i := 1; i < 50; i++ {
		fmt.Fprintf(&rows, "g, role:role-%d, role:role-%d, *\n", i, i/2)
	}
	model, err := policies.Files().Open("model.conf")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(model)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"model.conf": string(text), "policy.csv": rows.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for format, element := range map[string]string{"svg": "rect", "html": "td"} {
		start := testneed.ProcessorTime(t)
		var out, diagnostics bytes.Buffer
		code := run([]string{"matrix", dir, "--format", format}, nil, &out, &diagnostics, func(string) string { return "" })
		took := testneed.ProcessorTime(t) - start
		if code != codeFine || diagnostics.Len() > 0 {
			t.Fatalf("%s: %d %s", format, code, &diagnostics)
		}
		if took > time.Second && !testneed.Race {
			t.Errorf("%s: %v", format, took)
		}
		squares := 52 * 200 // anonymous and authenticated too
		if format == "svg" {
			squares++ // the ground
		}
		if got := elements(t, out.String())[element]; got != squares {
			t.Errorf("%s: %d squares, want %d", format, got, squares)
		}
	}
}

// The rows of somebody else's policy are text on a page and in a picture.
func TestAMatrixShowsWhatRowsHoldAsText(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	const hostile = `<script>alert(1)</script>&"'`
	writeTree(t, dir)
	if err := os.WriteFile("hostile.csv", []byte(`p, `+strings.ReplaceAll(hostile, `"`, "")+`, </table>, ]]>`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"svg", "html"} {
		var out, diagnostics bytes.Buffer
		if code := run([]string{"matrix", "--model", "plain.conf", "--policy", "hostile.csv", "--format", format}, nil, &out, &diagnostics, func(string) string { return "" }); code != codeFine {
			t.Fatalf("%s: %d %s", format, code, &diagnostics)
		}
		if counts := elements(t, out.String()); counts["script"] > 0 || counts["table"] > 1 {
			t.Errorf("%s: %v", format, counts)
		}
	}
}
