package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	modzip "golang.org/x/mod/zip"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

const outsideRelease = "v0.0.0"

// A stranger has neither this tree nor its workspace: what they install comes from a module proxy,
// as a module of its own.
func TestAStrangerInstallsReeveAndImportsEachModule(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles every module anew")
	}
	root := filepath.Join("..", "..")
	proxy, modules := t.TempDir(), publishable(t, root)
	for dir, mod := range modules {
		serve(t, root, dir, mod, proxy)
	}
	if modules["."] == "" || modules["cmd/reeve"] == "" {
		t.Fatalf("modules: %v", modules)
	}
	bin, home := t.TempDir(), t.TempDir()
	// Modules that are downloaded already are not asked for again, and what make test has compiled of
	// other modules is not compiled again: by -trimpath and the same flags it is the same in any folder.
	// Our own modules have a version here and are compiled anew, which is quicker without optimization.
	cache := goEnv(t, "GOMODCACHE")
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod -modcacherw -buildvcs=false -trimpath '-gcflags="+modules["."]+"/...=-dwarf=false -N -l'", "GOSUMDB=off", "GONOSUMDB=*", "GOBIN="+bin, "GOMODCACHE="+filepath.Join(home, "mod"),
		"GOPROXY=file://"+filepath.ToSlash(proxy)+",file://"+filepath.ToSlash(filepath.Join(cache, "cache", "download"))+","+goEnv(t, "GOPROXY"))
	outsider := filepath.Join(home, "stranger")
	if err := os.Mkdir(outsider, 0o755); err != nil {
		t.Fatal(err)
	}
	command := func(name string, args ...string) string {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir, c.Env = outsider, env
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command("go", "mod", "init", "example.com/stranger")
	for dir, mod := range modules {
		command("go", "get", mod+"@"+outsideRelease)
		command("go", "list", "-deps", mod+"/...")
		if dir == "." {
			use := "package stranger\n\nimport _ \"" + mod + "/authz/policy/lint\"\n"
			if err := os.WriteFile(filepath.Join(outsider, "stranger.go"), []byte(use), 0o644); err != nil {
				t.Fatal(err)
			}
			command("go", "build", ".")
		}
	}
	command("go", "install", modules["cmd/reeve"]+"@"+outsideRelease)
	policies, err := filepath.Abs(filepath.Join(root, "policies"))
	if err != nil {
		t.Fatal(err)
	}
	reeve := filepath.Join(bin, "reeve"+strings.TrimSpace(command("go", "env", "GOEXE")))
	if out := command(reeve, "lint", policies); out != "" {
		t.Errorf("lint: %s", out)
	}
	if out := command(reeve, "can", "-p", policies, "anonymous", "-", "POST", "/login"); out != "yes\n" {
		t.Errorf("can: %s", out)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// publishable returns the modules of the workspace that replace nothing, by folder. One that
// replaces cannot be installed.
func publishable(t *testing.T, root string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for _, u := range work.Use {
		data, err := os.ReadFile(filepath.Join(root, u.Path, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		mod, err := modfile.Parse("go.mod", data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(mod.Replace) == 0 {
			modules[path.Clean(filepath.ToSlash(u.Path))] = mod.Module.Mod.Path
		}
	}
	return modules
}

// treeFile is a file of the tree as a module's archive has it.
type treeFile struct{ name, at string }

func (f treeFile) Path() string                 { return f.name }
func (f treeFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.at) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(f.at) }

// serve writes a module to the folder of a proxy: what git knows of, without the modules in it.
func serve(t *testing.T, root, dir, mod, proxy string) {
	t.Helper()
	out, err := exec.Command("git", "-C", filepath.Join(root, dir), "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var names, nested []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if path.Base(name) == "go.mod" && path.Dir(name) != "." {
			nested = append(nested, path.Dir(name)+"/")
		}
		names = append(names, name)
	}
	var files []modzip.File
	for _, name := range names {
		inner := false
		for _, n := range nested {
			inner = inner || strings.HasPrefix(name, n)
		}
		at := filepath.Join(root, dir, name)
		if info, err := os.Lstat(at); inner || err != nil || !info.Mode().IsRegular() {
			continue
		}
		files = append(files, treeFile{name, at})
	}
	v := module.Version{Path: mod, Version: outsideRelease}
	var b bytes.Buffer
	if err := modzip.Create(&b, v, files); err != nil {
		t.Fatal(err)
	}
	if _, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Fatal(err)
	}
	escaped, err := module.EscapePath(mod)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"list": []byte(outsideRelease + "\n"), outsideRelease + ".info": []byte(`{"Version":"` + outsideRelease + `"}`), outsideRelease + ".mod": gomod, outsideRelease + ".zip": b.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
