package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/policies"
)

// verb is a command, and the file that is bad, in the folder of the test.
type verb struct{ args, bad string }

// verbs are the ways in which commands read files: the arguments, with FILE for what is bad, or
// none when it is a file of the folder policies.
var verbs = []verb{
	{"lint policies", "policies/policy.csv"},
	{"lint policies", "policies/model.conf"},
	{"lint policies", "policies/attributes.csv"},
	{"lint policies", "policies/tenants/acme.csv"},
	{"lint policies", "policies/ceiling.csv"},
	{"lint policies", "policies/policy_test.csv"},
	{"lint policies --fix", "policies/policy.csv"},
	{"lint policies --routes FILE", "routes.txt"},
	{"lint policies --before before", "before/policy.csv"},
	{"lint --model FILE --policy policies/policy.csv", "casbin.conf"},
	{"lint --model policies/model.conf --policy FILE", "casbin.csv"},
	{"fmt FILE", "policies/policy.csv"},
	{"fmt policies", "policies/policy.csv"},
	{"fmt -d policies", "policies/tenants/acme.csv"},
	{"fmt -w policies", "policies/attributes.csv"},
	{"fmt -w policies", "policies/ceiling.csv"},
	{"test policies", "policies/policy.csv"},
	{"test policies", "policies/policy_test.csv"},
	{"test policies --suggest", "policies/policy_test.csv"},
	{"can -p policies user:alice acme read invoice:1", "policies/policy.csv"},
	{"can -p policies --batch FILE", "batch.csv"},
	{"can --model FILE --policy policies/policy.csv alice data read", "casbin.conf"},
	{"can --model plain.conf --policy FILE alice data read", "casbin.csv"},
	{"can --model plain.conf --policy plain.csv --batch FILE", "batch.csv"},
	{"can -p policies user:alice acme read invoice:1", "policies/ceiling.csv"},
	{"explain -p policies user:alice acme read invoice:1", "policies/policy.csv"},
	{"diff before policies", "before/policy.csv"},
	{"diff before policies", "policies/tenants/acme.csv"},
	{"assert FILE -p policies", "assert.txt"},
	{"assert plain.txt -p policies", "policies/policy.csv"},
	{"who-can read invoice -p policies", "policies/policy.csv"},
	{"what-can user:alice -p policies", "policies/model.conf"},
	{"matrix policies", "policies/policy.csv"},
	{"matrix --model FILE --policy plain.csv", "casbin.conf"},
	{"matrix --model plain.conf --policy FILE", "casbin.csv"},
	{"test plain_test.csv --model FILE --policy plain.csv", "casbin.conf"},
	{"test plain_test.csv --model plain.conf --policy FILE", "casbin.csv"},
	{"test FILE --model plain.conf --policy plain.csv", "casbin_test.csv"},
	{"diff --model FILE plain.csv plain.csv", "casbin.conf"},
	{"diff --model plain.conf FILE plain.csv", "casbin.csv"},
	{"diff --model plain.conf plain.csv FILE --engine casbin", "casbin.csv"},
	{"routes -p policies --against FILE", "routes.txt"},
	{"routes -p policies --against plain.routes", "policies/policy.csv"},
	{"publish policies", "policies/policy.csv"},
	{"publish policies", "policies/policy_test.csv"},
	{"publish FILE --tenant globex --policies policies", "globex.csv"},
	{"publish plain.rows --tenant globex --policies policies", "policies/ceiling.csv"},
	{"review -p policies --format pretty", "policies/policy.csv"},
	{"review --verify FILE", "review.json"},
	{"db audit postgres://app@127.0.0.1:1/shop --owner owner --app app -p policies", "policies/policy.csv"},
	{"publish policies --env FILE", "bad.env"},
	{"rollback 0123456789ab --env FILE", "bad.env"},
	{"history --env FILE", "bad.env"},
	{"instances shop --env FILE", "bad.env"},
	{"sessions list acme alice --env FILE", "bad.env"},
	{"sessions events acme alice --env FILE", "bad.env"},
	{"tenants events acme --env FILE", "bad.env"},
	{"sessions revoke acme alice --all --env FILE", "bad.env"},
	{"tenants status acme --env FILE", "bad.env"},
	{"tenants suspend acme --env FILE", "bad.env"},
	{"tenants resume acme --env FILE", "bad.env"},
	{"review --env FILE", "bad.env"},
	{"db audit --owner owner --app app --env FILE", "bad.env"},
}

// loading are commands that load the policy in the folder policies, each of its files.
var loading = []string{
	"lint policies", "lint policies --format compact", "test policies", "test policies --mutate", "test policies --coverage", "can -p policies user:alice acme read invoice:1", "can -p policies --batch plain.batch", "explain -p policies user:alice acme read invoice:1",
	"diff policies before", "diff before policies --format json", "assert plain.txt -p policies", "who-can read invoice -p policies", "what-can user:alice -p policies", "matrix policies", "matrix policies --format svg",
	"routes -p policies --against plain.routes", "routes -p policies --against plain.routes --init", "publish policies", "publish policies --dry-run", "publish plain.rows --tenant globex --policies policies", "review -p policies --format pretty",
	"db audit postgres://app@127.0.0.1:1/shop --owner owner --app app -p policies", "lint before --before policies",
}

// everyVerb is verbs, and each that loads a policy with each of its files.
func everyVerb() []verb {
	all := slices.Clone(verbs)
	for _, args := range loading {
		for _, name := range []string{"model.conf", "policy.csv", "attributes.csv", "ceiling.csv", "tenants/acme.csv"} {
			all = append(all, verb{args, "policies/" + name})
		}
	}
	return all
}

// contents are the wrong contents that a file can have. A large file has no content here.
var contents = map[string]string{
	"empty":           "",
	"binary":          "\x7fELF\x02\x01\x01\x00\x00\x00\xff\xfe\x00p, role:a\n",
	"byte order mark": "\ufeffp, role:viewer, *, invoice, read, true, allow\n",
	"UTF-16":          "\xff\xfep\x00,\x00 \x00r\x00",
	"Latin-1":         "p, role:viewer, *, invoice, read, r.obj.owner == 'Jos\xe9', allow\n",
	"Mac lines":       "p, role:viewer, *, invoice, read, true, allow\rp, role:viewer, *, invoice, print, true, allow\r",
	"a long line":     strings.Repeat("p, role:viewer, ", 1<<16) + "\n",
	"many lines":      strings.Repeat("x\n", 1<<13),
	"semicolons":      "p; role:viewer; *; invoice; read; true; allow\n",
	"unclosed quote":  "p, role:viewer, *, \"invoice, read, true, allow\np, role:viewer, *, invoice, print, true, allow\n",
}

// harmless are those that a file may be, with the reason.
var harmless = []struct{ args, bad, kind, because string }{
	{"fmt", "policies/attributes.csv", "empty", "there is nothing to format"},
	{"fmt", "policies/tenants/acme.csv", "empty", "there is nothing to format"},
	{"fmt", "policies/policy.csv", "empty", "there is nothing to format"},
	{"fmt", "policies/ceiling.csv", "empty", "there is nothing to format"},
	{"fmt policies", "policies/policy.csv", "missing", "the other files of the folder are formatted"},
	{"fmt", "policies/policy.csv", "many lines", "rows of any words are aligned"},
	{"fmt", "policies/attributes.csv", "many lines", "rows of any words are aligned"},
	{"fmt", "policies/ceiling.csv", "many lines", "rows of any words are aligned"},
	{"fmt", "policies/tenants/acme.csv", "many lines", "rows of any words are aligned"},
	{"lint policies", "policies/policy_test.csv", "missing", "a policy may have no table"},
	{"lint policies --fix", "policies/policy.csv", "byte order mark", "that is mended"},
	{"lint policies --routes", "routes.txt", "empty", "a service may have no routes yet"},
	{"lint --model policies/model.conf", "casbin.csv", "empty", "Casbin loads it"},
	{"publish", "policies/policy_test.csv", "missing", "a policy may have no table; it is told"},
	{"", "bad.env", "empty", "nothing is set, which is an error of usage"},
}

func writeTree(t *testing.T, dir string) {
	t.Helper()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"model.conf", "policy.csv", "attributes.csv", "policy_test.csv"} {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		if write("policies/"+name, string(data)); name == "policy_test.csv" {
			write("policies/"+name, string(data)+"\nacme, user:vic, viewer, print, invoice:1, , allow, a rule of the tenant's own\n")
		}
		write("before/"+name, string(data))
	}
	write("policies/tenants/acme.csv", "p, role:viewer, acme, invoice, print, true, allow\n")
	write("policies/ceiling.csv", "p, role:viewer, acme, invoice, print\n")
	write("plain.conf", "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act\n")
	write("plain.csv", "p, alice, data, read\n")
	write("plain_test.csv", "alice, data, read, allow\n")
	write("plain.txt", "nobody outside acme may read secret\n")
	write("plain.rows", "p, role:viewer, globex, invoice, print, true, deny\n")
	write("plain.batch", "acme, user:alice, viewer, read, invoice:1, \n")
	write("plain.routes", "GET /invoices\n")
}

// position is a file and where in it, or the file as a whole.
var position = regexp.MustCompile(`(?m)^(reeve: )?[\w/]+\.\w+(:\d+){0,2}: `)

// A command says where what is wrong, ends with 3, and prints nothing of a result, whatever a file
// holds.
func TestABadFileIsToldWithItsPositionByEveryVerb(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	kinds := []string{"missing", "large", "folder"}
	optional := func(bad string) bool {
		return strings.Contains(bad, "tenants/") || strings.HasSuffix(bad, "attributes.csv") || strings.HasSuffix(bad, "ceiling.csv")
	}
	for kind := range contents {
		kinds = append(kinds, kind)
	}
	used := map[int]bool{}
	slices.Sort(kinds)
	writeTree(t, dir)
	tried := map[string]bool{}
	for n, v := range everyVerb() {
		for k, kind := range kinds {
			if kind == "missing" && optional(v.bad) {
				continue
			}
			may := false
			for i, h := range harmless {
				if h.bad == v.bad && h.kind == kind && strings.HasPrefix(v.args, h.args) {
					may, used[i] = true, true
				}
			}
			// Each file is bad in each way at least once; make soak has every verb for all of them.
			every := 3
			if n >= len(verbs) {
				every = 9
			}
			if tried[v.bad+kind] && (n+k)%every != 0 && !testneed.Soak() {
				continue
			}
			tried[v.bad+kind] = true
			path := filepath.FromSlash(v.bad)
			whole, err := os.ReadFile(path)
			was := err == nil
			if err = os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			switch kind {
			case "missing":
			case "large":
				if err = os.WriteFile(path, nil, 0o600); err == nil {
					err = os.Truncate(path, 100<<20)
				}
			case "folder":
				err = os.Mkdir(path, 0o755)
			default:
				err = os.WriteFile(path, []byte(contents[kind]), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			args := strings.Fields(strings.ReplaceAll(v.args, "FILE", v.bad))
			var out, diagnostics bytes.Buffer
			code := run(args, strings.NewReader(""), &out, &diagnostics, func(name string) string {
				if name == "REVIEW_KEYS" {
					return "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
				}
				return ""
			})
			if err = os.RemoveAll(path); err == nil && was {
				err = os.WriteFile(path, whole, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			said := diagnostics.String()
			if args[0] == "lint" {
				said += out.String()
			}
			switch {
			case strings.Contains(said, "goroutine "):
				t.Errorf("%s, %s: it panics\n%s", v.args, kind, said)
			case may && code != codeLoad:
			case may:
				t.Errorf("%s, %s: it is refused: delete the row", v.args, kind)
			case code != codeLoad:
				t.Errorf("%s, %s: exit code %d\n%s%s", v.args, kind, code, out.String(), said)
			case !position.MatchString(said):
				t.Errorf("%s, %s: no position\n%s", v.args, kind, said)
			case args[0] != "lint" && out.Len() > 0:
				t.Errorf("%s, %s: it prints a part of a result\n%s", v.args, kind, out.String())
			case len(said) > 100_000:
				t.Errorf("%s, %s: it says %d bytes", v.args, kind, len(said))
			}
		}
	}
	for i, h := range harmless {
		if !used[i] {
			t.Errorf("no verb reads %s: delete the row", h.bad)
		}
	}
}

// Lines that end as Windows ends them are read as others.
func TestLinesMayEndAsWindowsEndsThem(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeTree(t, dir)
	for _, name := range []string{"model.conf", "policy.csv", "attributes.csv", "policy_test.csv", "tenants/acme.csv"} {
		path := filepath.Join("policies", filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"routes.txt": "POST /login\r\n", "batch.csv": "acme, user:alice, viewer, read, invoice:1, \r\n", "assert.txt": "nobody outside acme may read secret\r\n", "crlf.env": "REDIS_URL='redis://127.0.0.1:1'\r\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{"lint policies", "fmt policies", "test policies", "can -p policies anonymous - POST /login", "can -p policies --batch batch.csv", "diff before policies", "assert assert.txt -p policies",
		"matrix policies", "routes -p policies --against routes.txt", "review -p policies --format pretty"} {
		var out, diagnostics bytes.Buffer
		if code := run(strings.Fields(line), strings.NewReader(""), &out, &diagnostics, func(string) string { return "" }); code != codeFine && code != codeFindings {
			t.Errorf("%s: exit code %d\n%s", line, code, diagnostics.String())
		}
	}
	var out, diagnostics bytes.Buffer
	if run([]string{"instances", "shop", "--env", "crlf.env"}, nil, &out, &diagnostics, os.Getenv); !strings.Contains(diagnostics.String(), "Redis is not available") {
		t.Errorf("an environment: %s", &diagnostics)
	}
}

// A device without an end says no size, and is read no further than a file.
func TestAFileWithoutAnEndIsTooLarge(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skip("this system has no /dev/zero")
	}
	t.Chdir(t.TempDir())
	writeTree(t, ".")
	var out, diagnostics bytes.Buffer
	if code := run([]string{"can", "-p", "policies", "--batch", "/dev/zero"}, nil, &out, &diagnostics, func(string) string { return "" }); code != codeLoad || out.Len() > 0 || !strings.Contains(diagnostics.String(), "/dev/zero:1:1: the file has more than") {
		t.Errorf("%d %s", code, &diagnostics)
	}
}
