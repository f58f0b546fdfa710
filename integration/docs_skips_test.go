package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// skip is a place that ends a test early, as it is written.
type skip struct {
	why  string // the arguments of the call
	soak bool   // whether it is done unless REEVE_SOAK=1
}

// function has the calls of a function or method, by bare names, and its skips.
type function struct {
	calls []string
	skips []skip
}

// functionsOf returns the functions of a folder's Go files by their bare names. Of two methods of
// one name the calls and skips of both count.
func functionsOf(t testing.TB, dir string) map[string]function {
	t.Helper()
	if all, ok := functionsRead[dir]; ok {
		return all
	}
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]function{}
	for _, f := range files {
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				f := all[d.Name.Name]
				f.read(d.Body, false)
				all[d.Name.Name] = f
			}
		}
	}
	functionsRead[dir] = all
	return all
}

var functionsRead = map[string]map[string]function{}

// read adds what stands in a node. A subtest that is skipped is none of the test's, and
// [testing.TB] has no other methods that end one early.
func (f *function) read(n ast.Node, soak bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			long := soak || notSoaking(n.Cond)
			f.read(n.Cond, soak)
			f.read(n.Body, long)
			if n.Init != nil {
				f.read(n.Init, soak)
			}
			if n.Else != nil {
				f.read(n.Else, soak)
			}
			return false
		case *ast.CallExpr:
			switch fun := n.Fun.(type) {
			case *ast.Ident:
				f.calls = append(f.calls, fun.Name)
			case *ast.SelectorExpr:
				switch fun.Sel.Name {
				case "Run": // a subtest
					return false
				case "Skip", "Skipf", "SkipNow":
					s := skip{soak: soak}
					for _, a := range n.Args {
						s.why += text(a)
					}
					f.skips = append(f.skips, s)
				}
				f.calls = append(f.calls, fun.Sel.Name)
			}
		}
		return true
	})
}

// notSoaking reports whether a condition is, or begins with, that REEVE_SOAK is not set.
func notSoaking(cond ast.Expr) bool {
	switch cond := cond.(type) {
	case *ast.UnaryExpr:
		call, ok := cond.X.(*ast.CallExpr)
		if !ok || cond.Op != token.NOT {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Soak"
	case *ast.BinaryExpr:
		return cond.Op == token.EQL && strings.Contains(text(cond.X), "REEVE_SOAK") || cond.Op == token.LOR && notSoaking(cond.X)
	}
	return false
}

// text is all text that stands in an expression.
func text(e ast.Expr) (all string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			all += lit.Value
		}
		return true
	})
	return all
}

// skipsOf returns the skips of a test, and of the functions of its folder that it calls.
func skipsOf(t testing.TB, dir, test string) (skips []skip) {
	t.Helper()
	all, seen := functionsOf(t, dir), map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if f := all[name]; !seen[name] {
			seen[name] = true
			skips = append(skips, f.skips...)
			for _, called := range f.calls {
				visit(called)
			}
		}
	}
	visit(test)
	return skips
}

// TestSkipsAreFoundWhereTheyStand: the check of docs/guarantees.md sees a skip in a test, and in
// what the test calls.
func TestSkipsAreFoundWhereTheyStand(t *testing.T) {
	for test, want := range map[string]struct {
		dir, why string
		soak     bool
	}{
		"TestBurstsAfterADeploy":                        {"integration", "REEVE_SOAK", true},
		"TestTheServiceUnderARealSystemd":               {"integration/service", "systemd", true},
		"TestCedarUseCasesAreDecidedAsPublished":        {"authz/policy/internal/scenario", "REEVE_VECTORS", false},
		"TestInteropEvaluations":                        {"authz/authzen", "REEVE_VECTORS", false},
		"TestIndexDecidesThePoliciesOfProjectsAsCasbin": {"authz/policy/casbinindex", "REEVE_VECTORS", false},
	} {
		found := false
		for _, s := range skipsOf(t, want.dir, test) {
			found = found || s.soak == want.soak && strings.Contains(s.why, want.why)
		}
		if !found {
			t.Errorf("%s: no skip that says %s", test, want.why)
		}
	}
	if s := skipsOf(t, "integration", "TestGuaranteesNameTestsThatExist"); len(s) > 0 {
		t.Errorf("found where there is none: %+v", s)
	}
}
