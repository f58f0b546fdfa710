// Package deptest holds the import rules of the house as a test.
package deptest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/reevehq/reeve"

// testsOnly stands for no folder: what only it may import is for tests.
const testsOnly = "tests"

// layers lists the folders of the root module from the top down. A package imports only
// what stands below its own layer, or within it what layerRules allow.
var layers = []string{"authz", "middleware", "session", "tenant", "internal"}

// rules are the imports that may appear only in some folders or files, each with its reason.
// Test files, which no rule is about, may have any.
var rules = []struct {
	imports string   // this package and everything below it
	only    []string // folders, or files of them; testsOnly for none
	because string
}{
	{"github.com/casbin/casbin", []string{"authz/policy/model.go", "authz/policy/casbinindex", "authz/policy/casbinsurvey"},
		"the engine reads the form of Casbin's model and nothing else; Casbin's fail-open corners are met in the index, and a survey asks whatever decides"},
	{"github.com/casbin/govaluate", []string{"authz/policy/casbinindex"},
		"one package evaluates expressions that this module does not parse itself"},
	{module + "/authz/policy/casbinindex", []string{"authz/policy/fromindex.go", "authz/policy/lint"},
		"the engine decides without the index; one file lets an index stand in its place, and lint says what it scans"},
	{module + "/internal/secrettest", []string{testsOnly}, "it has keys of known bytes"},
	{"unsafe", []string{"internal/lookup"}, "one small package is read for the safety of memory"},
	{"github.com/golang-jwt", []string{"session/token"},
		"one package decides what a valid token is"},
	{"github.com/redis/go-redis", []string{"session/redisstore", "authz/policy/redispolicy", "tenant/redisscope", "service/fleet", "internal/redisclient"},
		"a service that brings its own store links no Redis client"},
	{"github.com/maypok86/otter", []string{"internal/nearcache"},
		"one package stands before the library of caches"},
	{module + "/internal/nearcache", []string{"session/cachestore", "session/token"},
		"a service without a near cache links none for its sessions"},
	{"github.com/fsnotify", []string{"authz/policy/filepolicy"},
		"a service that follows no folder links no watcher"},
	{"github.com/labstack/echo", []string{"authz"},
		"a door to another router is a file, not a copy"},
	{module + "/authz/insecureedge", []string{testsOnly}, "only a service may choose to decide in an outage"},
	{module + "/internal/testneed", []string{testsOnly, "authz/policy/internal/conditiontest"}, "it links package testing"},
	{module + "/internal/testproc", []string{testsOnly}, "no service starts processes"},
	{module + "/internal/testwait", []string{testsOnly}, "it links package testing"},
	{module + "/authz/policy/internal/conditiontest", []string{"tests"}, "it links package testing"},
	{"net/http", []string{"authz", "middleware", "authz/httpauthz", "authz/forwardauth", "authz/insecureedge", "authz/authzen", "authz/authztest", "session", "session/token/jwks", "session/token/introspect", "tenant/tenanttest", "service"},
		"tokens, tenants and policies are decided without a server; keys come from one, and a device from a request"},
}

// standardOnly lists folders that import the standard library and this module alone, but
// for the one library named.
var standardOnly = []struct{ dir, but, because string }{
	{"tenant", "", "everything stands on it"},
	{"tenant/rls", "", "any driver's scope may stand on it"},
	{"tenant/sqlscope", "", "a wrapper of any driver brings none"},
	{"tenant/job", "", "what is signed is small enough to be believed"},
	{"authz/policy/condition", "", "a language needs no library, and Casbin's is the oracle of its tests"},
	{"internal/reqctx", "", "everything stands on it"},
	{"internal/invisible", "", "everything stands on it"},
	{"internal/policycsv", "", "it reads rows and knows no policy"},
	{"internal/testneed", "", "every module's tests may import it"},
	{"internal/testproc", "", "every module's tests may import it"},
	{"internal/testwait", "", "every module's tests may import it"},
	{"internal/ascii", "", "everything stands on it"},
	{"internal/lookup", "", "it is the one package with unsafe code, and small enough to be read"},
	{"internal/redisaccess", "", "it asks questions and knows no client"},
	{"internal/redisclient", "github.com/redis/go-redis/v9", "it looks at the library's clients"},
	{"internal/fairlimit", "", "what keeps one tenant from starving others is small enough to be believed"},
	{"internal/configerr", "", "everything may stand on it"},
	{"session", "", "stores, caches and tokens bring their own libraries"},
	{"session/erasure", "", "it puts calls in order"},
	{"session/cachestore", "github.com/maypok86/otter/v2", "memory is bounded by this one"},
	{"session/memstore", "", "it is the reference model: small enough to be believed"},
	{"session/sessiontest", "", "any store's tests may import it"},
	{"service", "", "any service may stand on it"},
}

// standardImports lists folders whose own files import the standard library and this module
// alone, whatever these bring in.
var standardImports = []struct{ dir, because string }{
	{"middleware", "it needs a request and a response, and no router"},
	{"authz/httpauthz", "a service on net/http needs nothing else"},
	{"authz/forwardauth", "a proxy is answered by net/http"},
}

// leaves lists folders that link no other folder of this module but the ones given, whether
// they import them or a folder that they import does.
var leaves = []struct {
	dir string
	may []string
	why string
}{
	{"tenant", []string{"internal/hint", "internal/reqctx"}, "the lowest layer"},
	{"tenant/tenanttest", nil, "it attacks services from outside"},
	{"tenant/rls", []string{"tenant", "internal/configerr"}, "the database's wall knows no session, no policy and no driver"},
	{"tenant/sqlscope", []string{"tenant", "tenant/rls", "internal/configerr"}, "it says for whom statements are, and what they may read the database decides"},
	{"tenant/crosstenant", []string{"tenant", "internal/configerr", "internal/reqctx"}, "the policy is asked above it"},
	{"tenant/job", []string{"tenant", "internal/configerr"}, "an envelope knows a tenant, and no session and no policy"},
	{"internal/hint", []string{"internal/invisible"}, "it is below the lowest layer"},
	{"internal/reqctx", nil, "it is below the lowest layer"},
	{"internal/invisible", nil, "it is below the lowest layer"},
	{"internal/testneed", nil, "it is below the lowest layer"},
	{"internal/testproc", nil, "it is below the lowest layer"},
	{"internal/testwait", nil, "it is below the lowest layer"},
	{"internal/configerr", nil, "it is below the lowest layer"},
	{"internal/ascii", nil, "it is below the lowest layer"},
	{"internal/lookup", nil, "its tables know numbers and texts, not rules"},
	{"authz/policy/condition", []string{"internal/ascii", "internal/hint"}, "conditions know no request, no rule and no tenant: lint, filters and explanations walk the same tree"},
	{"authz/policy/internal/conditiontest", []string{"internal/testneed"}, "it has texts alone, which tests of any package compile"},
	{"authz/policy/casbinindex", []string{"internal/ascii", "internal/configerr", "internal/hint", "internal/invisible", "internal/lookup"}, "it decides any Casbin model, and knows no policy of ours"},
	{"authz/policy/casbinsurvey", nil, "it asks any Casbin model, by whatever decides, and knows no policy of ours"},
	{"authz/policy/internal/sqltext", []string{"authz/policy/condition", "internal/ascii"}, "it prints conditions for a database, and knows no request, no rule and no driver"},
	{"authz/policy", []string{"authz/policy/casbinindex", "authz/policy/condition", "authz/policy/internal/sqltext", "tenant", "internal/ascii", "internal/configerr", "internal/hint", "internal/invisible", "internal/lookup", "internal/policycsv"}, "a decision needs facts, not sessions or servers"},
	{"authz", []string{"authz/policy", "middleware", "session", "session/token", "tenant", "tenant/crosstenant", "internal/configerr", "internal/reqctx"}, "what decides stands on what is known of who asks, and on no store, no follower and no file"},
	{"authz/authztest", []string{"authz", "middleware", "session", "session/token", "tenant"}, "it stands in front of a service, and reaches it as any client does"},
	{"authz/policy/policyfmt", []string{"internal/policycsv"}, "spaces mean nothing, so it knows no policy"},
	{"authz/policy/internal/scenario", nil, "it has texts alone"},
	{"internal/nearcache", nil, "it is below the stores"},
	{"internal/secrettest", []string{"session"}, "its tests look at everything, and the package at keys"},
	{"authz/policy/filepolicy", []string{"authz/policy", "internal/configerr"}, "a follower moves a policy and decides nothing"},
	{"authz/policy/policyrls", []string{"authz/policy", "authz/policy/condition", "tenant", "tenant/rls", "internal/configerr"}, "it stands between two packages that know nothing of each other"},
	{"authz/policy/redispolicy", []string{"authz/policy", "session", "tenant", "internal/configerr", "internal/redisaccess", "internal/redisclient"}, "a follower moves a policy and decides nothing"},
	{"authz/policy/internal/requestrow", []string{"authz/policy"}, "it writes requests, and decides none"},
	{"authz/policy/policytest", []string{"authz/policy", "tenant", "internal/hint", "internal/policycsv", "authz/policy/internal/requestrow"}, "it asks the engine as a service does"},
	{"authz/policy/impact", []string{"authz/policy", "authz/policy/condition", "tenant", "internal/ascii", "internal/hint", "internal/policycsv", "authz/policy/internal/requestrow"}, "it asks about all requests, and the engine decides each"},
	{"authz/policy/release", []string{"authz/policy", "authz/policy/lint", "authz/policy/policytest", "tenant"}, "it puts questions together and asks none of its own"},
	{"authz/policy/review", []string{"authz/policy/impact", "session"}, "it tells what impact finds, and signs it"},
	{"authz/policy/lint", []string{"authz/policy", "authz/policy/casbinindex", "authz/policy/condition", "authz/policy/policytest", "internal/ascii", "internal/hint", "internal/policycsv"}, "it reads what the engine reads, and decides nothing"},
	{"internal/policycsv", []string{"internal/hint"}, "it reads rows and knows no policy"},
	{"session", []string{"tenant", "internal/configerr", "internal/reqctx", "internal/invisible"}, "a session knows no token and no store"},
	{"session/cachestore", []string{"session", "tenant", "internal/configerr", "internal/nearcache", "internal/reqctx"}, "a store knows the contract alone"},
	{"session/token", []string{"session", "tenant", "internal/configerr", "internal/nearcache"}, "a token names a session and does not load it"},
	{"session/token/jwks", []string{"session/token", "internal/configerr"}, "it finds keys and decides nothing"},
	{"session/token/introspect", []string{"session", "internal/configerr"}, "it asks and decides nothing"},
	{"session/erasure", []string{"session", "tenant", "internal/configerr"}, "what else a service keeps is for the service to name"},
	{"session/memstore", []string{"session", "tenant"}, "a store knows the contract alone"},
	{"internal/redisaccess", nil, "it is below the stores"},
	{"internal/redisclient", nil, "it is below the stores"},
	{"internal/fairlimit", nil, "it shares slots among parties of any kind"},
	{"middleware", []string{"tenant", "tenant/crosstenant", "tenant/job", "session", "session/token", "internal/configerr", "internal/fairlimit", "internal/hint", "internal/reqctx"}, "who asks is established for any router, and by no policy"},
	{"authz/httpauthz", []string{"authz", "authz/policy", "middleware", "tenant/crosstenant"}, "a door names routes and decides nothing"},
	{"authz/forwardauth", []string{"authz", "authz/httpauthz", "middleware", "internal/configerr"}, "it stands behind the door of net/http and decides nothing"},
	{"authz/insecureedge", []string{"authz", "authz/policy", "middleware", "session", "tenant", "tenant/crosstenant", "internal/configerr"}, "what weakens stands by itself, and only who imports it has it"},
	{"authz/detect", []string{"authz", "authz/policy", "middleware", "session", "tenant", "tenant/crosstenant", "internal/configerr"}, "it is told of decisions and makes none"},
	{"authz/authzen", []string{"authz", "authz/policy", "middleware", "tenant", "tenant/crosstenant", "internal/configerr"}, "it asks the engine as a service does, and stands behind any door"},
	{"session/redisstore", []string{"session", "tenant", "internal/configerr", "internal/redisaccess"}, "a store knows the contract alone"},
	{"service/fleet", []string{"internal/configerr", "internal/redisaccess", "internal/redisclient"}, "instances are told of, and know no session and no policy"},
	{"tenant/redisscope", []string{"tenant", "internal/configerr"}, "a scope knows the tenant alone"},
	{"session/sessiontest", []string{"session", "tenant"}, "the suite knows the contract alone"},
	{"policies", nil, "it is data"},
	{"service", []string{"internal/configerr"}, "the life of a service knows no session and no policy: those are parts like others"},
}

// filesOnly are the imports that may appear only in files of some names, each with its reason.
var filesOnly = []struct{ dir, imports, pattern, because string }{
	{"authz", "github.com/labstack/echo", "echo*.go", "Echo is one thin layer: the guard, the config and what handlers call serve any router"},
}

// doorLines is how long a file of a door may be: what is longer decides something.
const doorLines = 200

type file struct {
	dir, name string // dir relative to the module
	imports   []string
}

func TestImportsFollowTheRules(t *testing.T) {
	files := sources(t)
	if len(files) < 20 {
		t.Fatalf("found %d source files: the walk is broken", len(files))
	}
	for _, f := range files {
		for _, imp := range f.imports {
			checkOnly(t, f, imp)
			checkStandard(t, f, imp)
			checkLeaves(t, f, imp)
			checkLayers(t, f, imp)
			checkFiles(t, f, imp)
		}
	}
}

func checkOnly(t *testing.T, f file, imp string) {
	for _, r := range rules {
		if within(imp, r.imports) && !slices.Contains(r.only, f.dir) && !slices.Contains(r.only, f.dir+"/"+f.name) {
			t.Errorf("%s/%s imports %s, which only %v may: %s", f.dir, f.name, imp, r.only, r.because)
		}
	}
}

func checkFiles(t *testing.T, f file, imp string) {
	for _, r := range filesOnly {
		if ok, _ := path.Match(r.pattern, f.name); f.dir == r.dir && within(imp, r.imports) && !ok {
			t.Errorf("%s/%s imports %s, which there only %s may: %s", f.dir, f.name, imp, r.pattern, r.because)
		}
	}
}

// unlinked are libraries that a folder links in no way, also not by the folders that it imports.
var unlinked = []struct{ dir, imports, because string }{
	{"middleware", "github.com/labstack/echo", "it serves any router"},
	{"middleware", "github.com/casbin", "it decides nothing"},
	{"middleware", "github.com/redis/go-redis", "the store is the service's choice"},
}

// TestNothingIsLinkedByADetour follows imports as far as they go.
func TestNothingIsLinkedByADetour(t *testing.T) {
	g := packages(t)
	for _, r := range unlinked {
		for p := range g.reach(module+"/"+r.dir, func(string) bool { return true }) {
			if within(p, r.imports) {
				t.Errorf("%s links %s: %s", r.dir, p, r.because)
			}
		}
	}
}

// TestADoorIsAFile: a file of a door that grows beyond a screen or four is a second guard.
func TestADoorIsAFile(t *testing.T) {
	doors := 0
	for _, f := range sources(t) {
		if f.dir != "authz/httpauthz" && f.dir+"/"+f.name != "authz/echo.go" {
			continue
		}
		doors++
		text, err := os.ReadFile(filepath.Join("..", "..", f.dir, f.name))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > doorLines {
			t.Errorf("%s/%s has %d lines, a door has at most %d", f.dir, f.name, n, doorLines)
		}
	}
	if doors < 4 {
		t.Errorf("found %d files of doors: the walk is broken", doors)
	}
}

// TestTheConfigHoldsNothingOfARouter reads what Config is made of.
func TestTheConfigHoldsNothingOfARouter(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "authz", "config.go"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "echo.") {
		t.Error("authz/config.go names a type of Echo")
	}
}

func checkStandard(t *testing.T, f file, imp string) {
	if !strings.Contains(strings.Split(imp, "/")[0], ".") || within(imp, module) {
		return
	}
	for _, r := range standardOnly {
		if f.dir == r.dir && imp != r.but {
			t.Errorf("%s/%s imports %s: only the standard library is allowed: %s", f.dir, f.name, imp, r.because)
		}
	}
	for _, r := range standardImports {
		if f.dir == r.dir {
			t.Errorf("%s/%s imports %s: only the standard library is allowed: %s", f.dir, f.name, imp, r.because)
		}
	}
}

func checkLeaves(t *testing.T, f file, imp string) {
	if !within(imp, module) {
		return
	}
	target := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
	for _, r := range leaves {
		if f.dir == r.dir && !slices.Contains(r.may, target) {
			t.Errorf("%s/%s imports %s; it may import only %v: %s", f.dir, f.name, target, r.may, r.why)
		}
	}
}

// checkLayers refuses arrows upward, also between folders that no rule names.
func checkLayers(t *testing.T, f file, imp string) {
	if !within(imp, module) {
		return
	}
	target := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
	from, to := layer(f.dir), layer(target)
	if from < 0 || to < 0 {
		return
	}
	if to < from {
		t.Errorf("%s/%s imports %s, which stands above it", f.dir, f.name, target)
	}
}

func layer(dir string) int {
	if dir == "internal/secrettest" {
		return -1 // it is for tests, and looks at everything
	}
	return slices.IndexFunc(layers, func(l string) bool { return within(dir, l) })
}

func within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

// sources returns the non-test files of the root module.
func sources(t *testing.T) []file {
	t.Helper()
	return filesBelow(t, filepath.Join("..", ".."))
}

// filesBelow returns the non-test files of the module whose go.mod is in a folder.
func filesBelow(t *testing.T, top string) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []file
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || nested(p)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := file{dir: path.Dir(rel), name: path.Base(rel)}
		for _, spec := range parsed.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imp)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// nested reports whether dir is another module.
func nested(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
