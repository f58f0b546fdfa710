package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

const godoc = "https://pkg.go.dev/github.com/reevehq/reeve"

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	symbolSpan = regexp.MustCompile(`^([a-z]+)\.([A-Z]\w*(?:\.[A-Z]\w*)?)(?:\(.*\))?$`)
)

// TestEveryLinkLeadsSomewhere follows the links of the pages within the repository, to their
// headings too, and those to our godoc.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	links := 0
	for _, p := range pages(t) {
		for _, m := range linkTarget.FindAllStringSubmatch(p.prose, -1) {
			links++
			if why := deadLink(t, p.name, m[1]); why != "" {
				t.Errorf("%s: %s %s", p.name, m[1], why)
			}
		}
	}
	if links < 100 {
		t.Errorf("found %d links", links)
	}
	for _, dead := range []string{"nowhere.md", "docs/policy.md#nowhere", godoc + "/authz#Nothing", godoc + "/authz#example-Nothing", godoc + "/nowhere", godoc + "/authz#Config.Nothing"} {
		if deadLink(t, "README.md", dead) == "" {
			t.Errorf("%s leads somewhere", dead)
		}
	}
}

func deadLink(t *testing.T, from, target string) (why string) {
	t.Helper()
	if rest, ours := strings.CutPrefix(target, godoc); ours {
		dir, symbol, named := strings.Cut(strings.TrimPrefix(rest, "/"), "#")
		known := symbols(t, dir)
		switch {
		case known == nil:
			return "is no package"
		case strings.HasPrefix(symbol, "example-") && !examples(t, dir)[symbol]:
			return "is no example"
		case named && !strings.HasPrefix(symbol, "example-") && !known[symbol]:
			return "is no symbol"
		}
		return ""
	}
	if strings.Contains(target, "://") {
		return ""
	}
	file, anchor, named := strings.Cut(target, "#")
	if file == "" {
		file = path.Base(from)
	}
	full := filepath.Join("..", filepath.FromSlash(path.Join(path.Dir(from), file)))
	if _, err := os.Stat(full); err != nil {
		return "does not exist"
	}
	if !named {
		return ""
	}
	text, err := os.ReadFile(full)
	if err != nil {
		return err.Error()
	}
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		if anchorOf(m[1]) == anchor {
			return ""
		}
	}
	return "is no heading there"
}

// anchorOf returns the anchor that GitHub gives a heading.
func anchorOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// TestEverySymbolOfThePagesExists looks up what pages name as code in the form package.Symbol, so
// that none of them keeps a name that is gone.
func TestEverySymbolOfThePagesExists(t *testing.T) {
	folders := libraries(t)
	found := 0
	for _, p := range pages(t) {
		for _, m := range codeSpan.FindAllStringSubmatch(p.prose, -1) {
			s := symbolSpan.FindStringSubmatch(m[1])
			if s == nil || folders[s[1]] == "" {
				if s := memberSpan.FindStringSubmatch(m[1]); s != nil {
					if of := variables[s[1]]; of != "" {
						s[1] = of
					}
					if is, member := isMember(t, folders, s[1], s[2]); is {
						found++
						if !member {
							t.Errorf("%s: there is no %s", p.name, m[1])
						}
					}
				}
				continue
			}
			found++
			if !symbols(t, folders[s[1]])[s[2]] {
				t.Errorf("%s: there is no %s", p.name, m[1])
			}
		}
	}
	if found < 150 {
		t.Errorf("found %d names", found)
	}
}

// memberSpan is Type.Member or variable.Member, with or without arguments.
var memberSpan = regexp.MustCompile(`^([A-Za-z]\w*)\.([A-Z]\w*)`)

// variables are the usual names in the pages of values of some types.
var variables = map[string]string{
	"store": "Store", "fetcher": "Fetcher", "engine": "Engine", "sessions": "Manager", "cache": "Store", "signer": "Signer",
	"publisher": "Publisher", "follower": "Follower", "reader": "Reader", "member": "Member", "guard": "Guard", "streams": "StreamGuard", "limit": "SignInLimit",
}

// isMember reports whether some package has a type of the name, and whether one of these has such
// a field or method.
func isMember(t *testing.T, folders map[string]string, typ, member string) (is, has bool) {
	t.Helper()
	if !ast.IsExported(typ) {
		return false, false
	}
	for _, dir := range folders {
		names := symbols(t, dir)
		is, has = is || names[typ], has || names[typ+"."+member]
	}
	return is, has
}

var symbolsRead = map[string]map[string]bool{}

// symbols returns the exported names of a package as godoc anchors them: Func, Type, Type.Method,
// Type.Field; nil where there is no package.
func symbols(t *testing.T, dir string) map[string]bool {
	t.Helper()
	if known, ok := symbolsRead[dir]; ok {
		return known
	}
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]bool
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if names == nil {
			names = map[string]bool{}
		}
		for _, d := range file.Decls {
			declare(names, d)
		}
	}
	symbolsRead[dir] = names
	return names
}

func declare(names map[string]bool, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d.Recv.List[0].Type) + "." + name
		}
		names[name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names[n.Name] = true
				}
			case *ast.TypeSpec:
				names[s.Name.Name] = true
				for _, member := range members(s.Type) {
					names[s.Name.Name+"."+member] = true
				}
			}
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func members(e ast.Expr) (names []string) {
	var fields *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return nil
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}
