package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// timeouts are needed by a server that strangers talk to: without them a connection that
// sends or reads nothing is kept for ever (CWE-400).
var timeouts = []string{"ReadHeaderTimeout", "ReadTimeout", "WriteTimeout", "IdleTimeout"}

// TestEveryProgramThatServesSetsTimeouts, in the README and its siblings as in examples: it is
// what people copy.
func TestEveryProgramThatServesSetsTimeouts(t *testing.T) {
	programs := programs(t)
	serving := 0
	for name, source := range programs {
		set, serves := serverFields(t, name, source)
		if !serves {
			continue
		}
		serving++
		for _, field := range timeouts {
			if !slices.Contains(set, field) {
				t.Errorf("%s serves without %s", name, field)
			}
		}
	}
	if serving < 2 {
		t.Errorf("%d programs of %d serve: the walk is broken", serving, len(programs))
	}
	if _, serves := serverFields(t, "none", "package main\nfunc main() { e.Logger.Fatal(e.Start(\":80\")) }"); !serves {
		t.Error("a program that serves is not seen")
	}
}

var goBlock = regexp.MustCompile("(?s)```go[^\n]*\n(package .*?)```")

// programs returns the source of every program that documents and examples show.
func programs(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != root && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		document := strings.HasSuffix(p, ".md")
		example := strings.HasSuffix(p, ".go") && (within(filepath.ToSlash(rel), "examples") || strings.HasPrefix(d.Name(), "example_"))
		if !document && (!example || strings.HasSuffix(p, "_test.go") && !strings.HasPrefix(d.Name(), "example_")) {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if example {
			found[rel] = string(text)
			return nil
		}
		for i, block := range goBlock.FindAllStringSubmatch(string(text), -1) {
			found[rel+" block "+strconv.Itoa(i+1)] = block[1]
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// serverFields returns the names of fields that a program sets, and whether it serves.
func serverFields(t *testing.T, name, source string) (set []string, serves bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if field, ok := left.(*ast.SelectorExpr); ok {
					set = append(set, field.Sel.Name)
				}
			}
		case *ast.KeyValueExpr:
			if field, ok := n.Key.(*ast.Ident); ok {
				set = append(set, field.Name)
			}
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch called.Sel.Name {
			case "Serve", "ServeTLS", "ListenAndServe", "ListenAndServeTLS", "StartTLS", "StartAutoTLS", "StartServer", "StartH2CServer":
				serves = true
			case "Start": // of Echo; that of a fetcher or a cache has no address
				serves = serves || len(n.Args) == 1 && !isContext(n.Args[0])
			}
		}
		return true
	})
	return set, serves
}

// isContext reports whether an argument looks like one.
func isContext(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "ctx"
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		return ok && (f.Sel.Name == "Background" || f.Sel.Name == "Context" || f.Sel.Name == "WithoutCancel")
	}
	return false
}
