package secrettest

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session"
)

// Check is the rule for another module: types are its exported types, and public the fields that
// hold bytes, or text with the name of a secret, and may be shown, each with its reason. The test
// runs in the folder of the module.
func Check(t *testing.T, types []reflect.Type, public map[string]string) {
	t.Helper()
	checkListed(t, ".", types)
	checkFields(t, types, public)
	checkPrinters(t, types)
}

const module = "github.com/reevehq/reeve"

// checkListed looks that the exported types of the packages below dir, but for those of other
// modules, are all listed, and no others. It returns how many there are.
func checkListed(t *testing.T, dir string, types []reflect.Type) int {
	t.Helper()
	listed := map[string]bool{}
	for _, typ := range types {
		name, _, _ := strings.Cut(typ.Name(), "[") // an instance stands for its generic type
		listed[typ.PkgPath()+"."+name] = true
	}
	declared := exportedTypes(t, dir)
	for name := range declared {
		if !listed[name] {
			t.Errorf("%s is not listed in this test: add reflect.TypeFor[%s](), of a generic type an instance", name, name[strings.LastIndex(name, "/")+1:])
		}
	}
	for name := range listed {
		if !declared[name] {
			t.Errorf("%s is listed and is not declared", name)
		}
	}
	return len(declared)
}

func exportedTypes(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	of := importPath(t, root)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"internal", "testdata", "examples", "integration", "cmd"}, name)) {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil && file != root {
				return fs.SkipDir // another module, which this one cannot import
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		for _, decl := range parsed.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				typ := spec.(*ast.TypeSpec)
				if !typ.Name.IsExported() || typ.Assign.IsValid() {
					continue
				}
				found[path.Join(of, filepath.ToSlash(dir))+"."+typ.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// keyTypes are the types of other packages that hold a key.
var keyTypes = []reflect.Type{
	reflect.TypeFor[ed25519.PrivateKey](), reflect.TypeFor[*ecdsa.PrivateKey](), reflect.TypeFor[ecdsa.PrivateKey](), reflect.TypeFor[*rsa.PrivateKey](), reflect.TypeFor[rsa.PrivateKey](),
	reflect.TypeFor[*ecdh.PrivateKey](), reflect.TypeFor[crypto.Signer](), reflect.TypeFor[crypto.Decrypter](), reflect.TypeFor[tls.Certificate](), reflect.TypeFor[*tls.Config](),
}

// keyNames are the names of fields that would hold a secret.
var keyNames = regexp.MustCompile(`(?i)(secret|passw|credential|private|nonce|token|seed|salt|master|^raw$|key(s)?$)`)

// checkFields looks that each field that could hold a key is of the one type that no printer
// shows. fmt reads the unexported fields of a struct, and encoders follow the exported pointers.
// public are the fields that may be shown.
func checkFields(t *testing.T, types []reflect.Type, public map[string]string) {
	t.Helper()
	used := map[string]bool{}
	for _, typ := range types {
		w := walk{t: t, root: typ, types: types, public: public, used: used, seen: map[reflect.Type]bool{}}
		w.visit(typ, typ.PkgPath()[len(module)+1:]+"."+typ.Name(), "", 0, true)
	}
	for field := range public {
		if !used[field] {
			t.Errorf("%s needs no reason: there is no such field, or it holds no bytes", field)
		}
	}
}

type walk struct {
	t      *testing.T
	root   reflect.Type
	types  []reflect.Type
	public map[string]string
	used   map[string]bool
	seen   map[reflect.Type]bool
}

// visit looks at a type as the printers do: at depth 0 fmt follows one pointer, and below
// none; encoders follow those that are exported.
func (w *walk) visit(typ reflect.Type, path, name string, depth int, exported bool) {
	if typ == reflect.TypeFor[session.SecretKey]() && typ != w.root {
		return
	}
	if why := suspicious(typ, name); why != "" {
		if _, ok := w.public[path]; ok {
			w.used[path] = true
			return
		}
		w.t.Errorf("%s is %s: make it a session.SecretKey, put it where no printer comes, or say in this test why it may be shown", path, why)
		return
	}
	switch typ.Kind() {
	case reflect.Pointer:
		if depth == 0 || exported {
			w.visit(typ.Elem(), path, name, depth+1, exported)
		}
	case reflect.Slice, reflect.Array:
		w.visit(typ.Elem(), path, name, depth+1, exported)
	case reflect.Map:
		w.visit(typ.Key(), path, "", depth+1, exported)
		w.visit(typ.Elem(), path, name, depth+1, exported)
	case reflect.Struct:
		if !strings.HasPrefix(typ.PkgPath(), module) && typ.PkgPath() != "" || w.seen[typ] {
			return
		}
		w.seen[typ] = true
		defer delete(w.seen, typ)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if w.listedAlone(f.Type) {
				continue
			}
			w.visit(f.Type, path+"."+f.Name, f.Name, depth+1, exported && f.IsExported())
		}
	}
}

// listedAlone reports whether a field's type is walked by itself.
func (w *walk) listedAlone(typ reflect.Type) bool {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ != w.root && slices.Contains(w.types, typ)
}

func suspicious(typ reflect.Type, name string) string {
	switch {
	case slices.Contains(keyTypes, typ):
		return "a " + typ.String()
	case (typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array && typ.Len() >= 8) && typ.Elem().Kind() == reflect.Uint8:
		return "bytes"
	case typ.Kind() == reflect.String && keyNames.MatchString(name):
		return "text with the name of a secret"
	case typ == reflect.TypeFor[any]() && keyNames.MatchString(name):
		return "an any with the name of a secret"
	}
	return ""
}

// importPath returns the path of the module in a folder.
func importPath(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name)
		}
	}
	t.Fatalf("%s: no module", dir)
	return ""
}
