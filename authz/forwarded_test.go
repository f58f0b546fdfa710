package authz_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// claimed are headers by which a proxy, or whoever says to be one, tells where a request
// came from or what it was before. Reeve reads none of them by itself: what it decides on is
// the request that arrived. A tenant's host is the request's Host, and a service that wants
// the address of a client behind a proxy says whom to trust and for which header, with
// middleware.Proxies.
var claimed = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Ssl", "X-Forwarded-Port",
	"X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Method", "X-Forwarded-User", "X-Real-Ip", "X-Url-Scheme", "X-Client-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip", "X-Original-Url", "X-Original-Uri", "X-Original-Method", "X-Rewrite-Url", "X-Http-Method-Override",
	"X-Http-Method", "X-Method-Override", "_method", "X-User-Id", "X-Roles", "X-Remote-User", "Remote-User",
}

// fromEcho are the methods and constants of Echo by which they are read.
var (
	methodsOfEcho   = []string{"RealIP", "Scheme", "IsTLS"}
	constantsOfEcho = []string{
		"HeaderXForwardedFor", "HeaderXForwardedProto", "HeaderXForwardedProtocol", "HeaderXForwardedSsl", "HeaderXUrlScheme",
		"HeaderXHTTPMethodOverride", "HeaderXRealIP",
	}
)

// sent are the files that send such headers to see that nothing comes of it.
var sent = map[string]bool{"echo_probe.go": true}

// asked are the names that package forwardauth has to know: in proxy.go those by which the one
// proxy that a service names says what it asks about, and in request.go those that it refuses.
var asked = map[string][]string{
	filepath.Join("..", "authz", "forwardauth", "proxy.go"):   {"X-Original-Method", "X-Original-Uri", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"},
	filepath.Join("..", "authz", "forwardauth", "request.go"): {"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"},
}

func TestNothingReadsHeadersThatProxiesSet(t *testing.T) {
	root, read := "..", 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "authztest" || d.Name() == "tenanttest" || d.Name() == "forwardauth") {
				return filepath.SkipDir // the two suites send them, and a proxy's question is made of them
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		read++
		return scan(t, path)
	})
	if err != nil || read < 60 {
		t.Fatalf("%d files read: %v", read, err)
	}
}

func scan(t *testing.T, path string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			for _, name := range claimed {
				if n.Kind == token.STRING && err == nil && !slices.Contains(asked[path], name) && !sent[filepath.Base(path)] && strings.EqualFold(strings.ReplaceAll(text, "_", "-"), strings.ReplaceAll(name, "_", "-")) {
					t.Errorf("%s names %s", path, name)
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(methodsOfEcho, f.Sel.Name) {
				t.Errorf("%s calls %s", path, f.Sel.Name)
			}
		case *ast.SelectorExpr:
			if slices.Contains(constantsOfEcho, n.Sel.Name) {
				t.Errorf("%s names %s", path, n.Sel.Name)
			}
		}
		return true
	})
	return nil
}
