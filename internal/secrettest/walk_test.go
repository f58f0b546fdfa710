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
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session"
)

const module = "github.com/reevehq/reeve"

// The list of types is complete: whoever adds an exported type adds it there, and has it walked.
func TestEveryExportedTypeIsWalked(t *testing.T) {
	listed := map[string]bool{}
	for _, typ := range types {
		name, _, _ := strings.Cut(typ.Name(), "[") // an instance stands for its generic type
		listed[typ.PkgPath()+"."+name] = true
	}
	declared := exportedTypes(t)
	if len(declared) < 100 {
		t.Fatalf("found %d exported types: the walk is broken", len(declared))
	}
	for name := range declared {
		if !listed[name] {
			t.Errorf("%s is not in types_test.go: add reflect.TypeFor[%s](), of a generic type an instance", name, name[strings.LastIndex(name, "/")+1:])
		}
	}
	for name := range listed {
		if !declared[name] {
			t.Errorf("%s is in types_test.go and is not declared", name)
		}
	}
}

func exportedTypes(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name != ".." && (strings.HasPrefix(name, ".") || slices.Contains([]string{"internal", "testdata", "examples", "integration", "cmd"}, name)) {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return fs.SkipDir // another module, which this one cannot import
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				typ := spec.(*ast.TypeSpec)
				if !typ.Name.IsExported() || typ.Assign.IsValid() {
					continue
				}
				found[module+"/"+filepath.ToSlash(dir)+"."+typ.Name.Name] = true
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

// A field that could hold a key is of the one type that no printer shows. fmt reads the
// unexported fields of a struct, and encoders follow the exported pointers.
func TestAFieldThatCouldHoldAKeyIsASecretKey(t *testing.T) {
	used := map[string]bool{}
	for _, typ := range types {
		w := walk{t: t, root: typ, used: used, seen: map[reflect.Type]bool{}}
		w.visit(typ, typ.PkgPath()[len(module)+1:]+"."+typ.Name(), "", 0, true)
	}
	for field := range public {
		if !used[field] {
			t.Errorf("%s needs no reason: there is no such field, or it holds no bytes", field)
		}
	}
}

type walk struct {
	t    *testing.T
	root reflect.Type
	used map[string]bool
	seen map[reflect.Type]bool
}

// visit looks at a type as the printers do: at depth 0 fmt follows one pointer, and below
// none; encoders follow those that are exported.
func (w *walk) visit(typ reflect.Type, path, name string, depth int, exported bool) {
	if typ == reflect.TypeFor[session.SecretKey]() && typ != w.root {
		return
	}
	if why := suspicious(typ, name); why != "" {
		if _, ok := public[path]; ok {
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
			if listedAlone(w.root, f.Type) {
				continue
			}
			w.visit(f.Type, path+"."+f.Name, f.Name, depth+1, exported && f.IsExported())
		}
	}
}

// listedAlone reports whether a field's type is walked by itself.
func listedAlone(root, typ reflect.Type) bool {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ != root && slices.Contains(types, typ)
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
