package impact_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

const testAttributes = `
sub, level,   int,     no,
sub, regions, strings, no,
sub, dept,    string,  no,
doc, owner,   string,  no,
doc, status,  string,  yes,
doc, size,    int,     no,
doc, score,   float,   no,
doc, public,  bool,    no,
note, title,  string,  no,
`

// richAttributes are those of the kinds that testAttributes has none of.
const richAttributes = testAttributes + `
doc, readers, members, no,    id, doc_readers, doc, role
doc, tags,    strings, no,
doc, folder,  parent,  yes,   folder_id, folder, folders, id
doc, made,    time,    no,
doc, due,     int,     no,
doc, ref,     uuid,    no,
doc, boss,    string,  value,
folder, owner, string, no,
folder, level, int,    no,
`

func modelText() string {
	text, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// files is a policy of the standard model.
func files(rows []string, attributes string) fstest.MapFS {
	return fstest.MapFS{
		policy.ModelFile:      {Data: []byte(modelText())},
		policy.PolicyFile:     {Data: []byte(strings.Join(rows, "\n") + "\n")},
		policy.AttributesFile: {Data: []byte(attributes)},
	}
}

func load(t testing.TB, fsys fs.FS) *impact.Policy {
	t.Helper()
	b, err := policy.ReadBundle(fsys)
	if err != nil {
		t.Fatal(err)
	}
	p, err := impact.New(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func of(t testing.TB, rows ...string) *impact.Policy {
	t.Helper()
	return load(t, files(rows, testAttributes))
}

func diff(t testing.TB, old, new *impact.Policy) []impact.Cell {
	t.Helper()
	r, err := impact.Diff(old, new)
	if err != nil {
		t.Fatal(err)
	}
	return r.Cells
}

func allowed(p *impact.Policy, r policy.Request) bool {
	d, err := p.Engine().Decide(context.Background(), r)
	return err == nil && d.Allowed()
}

// gen makes random policies and requests over few names, so that they meet.
type gen struct {
	*rand.Rand
	rich richness
}

// richness says which conditions there are.
type richness uint8

const (
	plainKinds richness = iota
	casbinKinds
	everyKind // of which Casbin knows some otherwise
)

func newGen(seed uint64) gen { return gen{Rand: rand.New(rand.NewPCG(seed, 15))} }

// of loads a policy of the attributes that the generator's conditions ask for.
func (g gen) of(t testing.TB, rows []string) *impact.Policy {
	t.Helper()
	if g.rich == plainKinds {
		return of(t, rows...)
	}
	return load(t, files(rows, richAttributes))
}

const uuid1, uuid2 = "6b1f0c9e-0000-4000-8000-000000000001", "6b1f0c9e-0000-4000-8000-000000000002"

// richLeaf is a comparison of what is no value of the request, or not one of the usual kinds.
func (g gen) richLeaf(typ string) string {
	op := pick(g, " == ", " != ", " < ", " >= ")
	eq := pick(g, " == ", " != ")
	role := "'" + pick(g, "a", "b", "c", "d", "e") + "'"
	forms := []string{role + " in r.sub.roles", role + " in r.sub.roles", "r.sub.dept in r.sub.roles", "containsAny(r.sub.roles, ('a', 'c'))", "containsAll(r.sub.roles, (" + role + "))"}
	if g.rich == everyKind {
		forms = append(forms, "has(r.sub, 'level')", "startsWith(r.sub.dept, 'e')", "has(r.env, 'actor')")
	}
	if typ == "doc" {
		forms = append(forms, "containsAny(r.obj.readers, r.sub.roles)", role+" in r.obj.readers", "r.sub.dept in r.obj.readers", "containsAll(r.obj.tags, ('eu', 'us'))", "r.obj.folder.owner"+eq+"r.sub.id", "r.obj.folder.level"+op+"1",
			"r.obj.status in r.sub.roles")
		if g.rich == everyKind {
			forms = append(forms, "has(r.obj, 'folder')", "has(r.obj, 'size')", "r.obj.made"+op+"'2026-01-01T00:00:00Z'", "r.obj.made"+op+"r.obj.due", "r.obj.made < r.env.time", "r.obj.ref"+eq+"'"+uuid1+"'",
				"isNull(r.obj, 'boss')", "r.obj.boss"+eq+"r.sub.id", "r.obj.boss in ('alice', 'bob')", "endsWith(r.obj.owner, 'b')", "contains(r.obj.status, 'ai')")
		}
	}
	return pick(g, forms...)
}

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }

func (g gen) tenant() string { return pick(g, "acme", "globex", "*", "*") }
func (g gen) user() string   { return pick(g, "alice", "bob") }
func (g gen) role() string   { return pick(g, "a", "b", "c", "d") }

func (g gen) leaf(typ string) string {
	op := pick(g, " == ", " != ", " < ", " >= ")
	eq := pick(g, " == ", " != ")
	forms := []string{
		"r.sub.level" + op + pick(g, "1", "2"), "r.sub.id" + eq + "'alice'", "r.sub.dept" + eq + pick(g, "'eu'", "'us'"), "'eu' in r.sub.regions",
		"r.env.hour" + op + pick(g, "8", "18"), "r.env.mfa", "ipMatch(r.env.ip, '10.0.0.0/8')", "r.sub.dept in r.sub.regions", "r.env.actor" + eq + "''",
	}
	if typ == "doc" {
		forms = append(forms, "r.obj.owner"+eq+"r.sub.id", "r.obj.status"+eq+"'paid'", "r.obj.status in ('paid', 'draft')", "r.obj.size"+op+pick(g, "1", "2"),
			"r.obj.score"+op+"1.5", "r.obj.public", "r.obj.id"+eq+"'1'", "r.obj.size"+op+"r.sub.level", "r.obj.owner"+op+"'m'")
	}
	if g.rich != plainKinds && g.IntN(2) == 0 {
		return g.richLeaf(typ)
	}
	return pick(g, forms...)
}

func (g gen) condition(typ string, depth int) string {
	if depth > 0 && g.IntN(2) == 0 {
		return pick(g, g.condition(typ, depth-1)+" && "+g.condition(typ, depth-1), g.condition(typ, depth-1)+" || "+g.condition(typ, depth-1), "!("+g.condition(typ, depth-1)+")")
	}
	return g.leaf(typ)
}

func (g gen) rule(conditions bool) string {
	sub := pick(g, "user:"+g.user(), "role:"+g.role(), "role:"+g.role(), "role:"+g.role(), "role:anyone", "role:authenticated")
	obj := pick(g, "/x", "/x/:id", "/x/*", "/*", "//h.test/x", "route:/x/*", "doc", "doc", "doc", "doc:1", "doc:*", "doc:k/*", "doc:k/1", "note", "*")
	typ, act := "", pick(g, "GET", "POST", "*")
	if strings.HasPrefix(obj, "doc") {
		typ = "doc"
	}
	if obj[0] != '/' && !strings.HasPrefix(obj, "route:/") {
		act = pick(g, "read", "write", "*")
	}
	cond := "true"
	if conditions && g.IntN(2) == 0 {
		cond = g.condition(typ, 2)
	}
	if strings.ContainsAny(cond, `,"`) {
		cond = `"` + cond + `"`
	}
	return fmt.Sprintf("p, %s, %s, %s, %s, %s, %s", sub, g.tenant(), obj, act, cond, pick(g, "allow", "allow", "allow", "deny"))
}

func (g gen) grant() string {
	member, role := "user:"+g.user(), g.role()
	if r := g.role(); g.IntN(2) == 0 && r < role {
		member = "role:" + r
	}
	return fmt.Sprintf("g, %s, role:%s, %s", member, role, g.tenant())
}

func (g gen) rows() []string {
	conditions := g.IntN(3) > 0
	var rows []string
	for range 1 + g.IntN(10) {
		rows = append(rows, g.rule(conditions))
	}
	for range g.IntN(5) {
		rows = append(rows, g.grant())
	}
	return unique(rows)
}

// edited is rows after a few edits.
func (g gen) edited(rows []string) []string {
	out := append([]string{}, rows...)
	for range 1 + g.IntN(3) {
		switch i := g.IntN(len(out)); g.IntN(5) {
		case 0:
			if len(out) > 1 {
				out = append(out[:i], out[i+1:]...)
			}
		case 1:
			out = append(out, g.grant())
		case 2:
			if strings.HasSuffix(out[i], "allow") {
				out[i] = strings.TrimSuffix(out[i], "allow") + "deny"
			}
		default:
			out = append(out, g.rule(true))
		}
	}
	if !strings.HasPrefix(strings.Join(out, "\n"), "p,") && !strings.Contains(strings.Join(out, "\n"), "\np,") {
		out = append(out, g.rule(false))
	}
	return unique(out)
}

func unique(rows []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range rows {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}

// enrich gives a document the attributes of richAttributes, some of them not there.
func (g gen) enrich(r *policy.Request) {
	values := r.Object.Attributes.(policy.Values)
	list := func(from ...string) []string {
		out := []string{}
		for _, s := range from {
			if g.IntN(3) == 0 {
				out = append(out, s)
			}
		}
		return out
	}
	values["readers"], values["tags"] = list("a", "b", "c", "eu", "stranger"), list("eu", "us", "xx")
	values["folder"] = policy.Values{"owner": pick(g, "alice", "bob", "zoe"), "level": int64(g.IntN(3))}
	if g.rich != everyKind {
		return
	}
	at := time.Date(2026, 1, 1, 0, 0, g.IntN(3)-1, 1000*pick(g, 0, 0, 1, 999_999), time.UTC)
	values["made"], values["due"], values["ref"] = at, at.Unix()+int64(g.IntN(3)-1), pick(g, uuid1, uuid2)
	r.Env.(policy.Values)["time"] = at.Unix() + int64(g.IntN(3)-1)
	values["boss"] = pick[any](g, "alice", "zoe", nil)
	switch g.IntN(4) {
	case 0:
		values["folder"] = policy.Values{}
	case 1:
		delete(values, "folder")
	}
}

var routes = []string{"/x", "/x/:id", "/x/y/z", "/y", "//h.test/x", "//i.test/x", "/x/*"}

// session returns a caller, and request one of theirs.
func (g gen) session() policy.Request {
	r := policy.Request{Tenant: tenant.MustParse(pick(g, "acme", "globex", "initech")), Subject: policy.Subject{ID: pick(g, "alice", "bob", "carol")}}
	var roles policy.RoleNames
	for range g.IntN(3) {
		roles = append(roles, pick(g, "a", "b", "c", "d", "stranger"))
	}
	r.Subject.Roles = roles
	if g.IntN(6) == 0 {
		r.Subject = policy.Subject{}
		if g.IntN(2) == 0 {
			r.Tenant = tenant.ID{}
		}
	}
	return r
}

func (g gen) request(r policy.Request) policy.Request {
	r.Subject.Attributes = policy.Values{"level": int64(g.IntN(4)), "dept": pick(g, "eu", "us", "xx"), "regions": pick(g, []string{}, []string{"eu"}, []string{"us", "xx"})}
	r.Env = policy.Values{"hour": int64(pick(g, 7, 8, 12, 18, 20)), "mfa": g.IntN(2) == 0, "ip": pick(g, "10.1.2.3", "192.168.0.1", "2001:db8::1"), "actor": pick(g, "", "eve")}
	if g.IntN(2) == 0 {
		r.Object, r.Action = policy.Route(pick(g, routes...)), pick[policy.Action](g, "GET", "POST", "PATCH")
		return r
	}
	r.Action = pick[policy.Action](g, "read", "write", "purge")
	r.Object = policy.Object{Type: pick(g, "doc", "doc", "doc", "note"), ID: pick(g, "", "1", "2", "k/1", "k/2", "k/"), Attributes: policy.Values{
		"owner": pick(g, "alice", "bob", "zoe"), "status": pick(g, "paid", "draft", "sent"), "size": int64(g.IntN(4)), "score": pick(g, 1.0, 1.5, 2.0), "public": g.IntN(2) == 0, "title": "t",
	}}
	if g.rich != plainKinds && r.Object.Type == "doc" {
		g.enrich(&r)
	}
	if r.Tenant.IsZero() {
		r.Object.ID = ""
	}
	if r.Object.ID != "" {
		r.Object.Tenant = r.Tenant
	}
	return r
}

// oracle is stock Casbin with the same rows.
type oracle struct {
	*casbin.Enforcer
	asks bool // whether conditions ask for r.sub.roles
}

// allRoles are those that callers may have.
var allRoles = []string{"a", "b", "c", "d", "e", "eu", "us", "xx", "paid", "draft", "sent", "stranger", "other", "other2", "other3"}

// r.sub.roles is what Casbin's role manager says.
func newOracle(t testing.TB, rows []string) oracle {
	t.Helper()
	m, err := model.NewModelFromString(modelText())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, fileadapter.NewAdapter(path))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range condition.Functions() {
		e.AddFunction(name, f)
	}
	e.EnableAutoSave(false)
	e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch)
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return oracle{e, strings.Contains(strings.Join(rows, "\n"), "r.sub.roles")}
}

// as runs f with the roles of a request's session as g rows.
func (o oracle) as(t testing.TB, r policy.Request, f func()) {
	t.Helper()
	var added [][]string
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			row := []string{"user:" + r.Subject.ID, "role:" + r.Subject.Roles.At(i), r.Tenant.String()}
			fresh, err := o.AddGroupingPolicy(row)
			if err != nil {
				t.Fatal(err)
			}
			if fresh {
				added = append(added, row)
			}
		}
	}
	f()
	for _, row := range added {
		if _, err := o.RemoveGroupingPolicy(row); err != nil {
			t.Fatal(err)
		}
	}
	if len(added) > 0 {
		if err := o.BuildRoleLinks(); err != nil {
			t.Fatal(err)
		}
	}
}

func (o oracle) allows(r policy.Request) (allowed bool, err error) {
	defer func() {
		if x := recover(); x != nil {
			allowed, err = false, fmt.Errorf("panic: %v", x)
		}
	}()
	sub, obj, env := plain(r.Subject.Attributes), plain(r.Object.Attributes), plain(r.Env)
	sub["Name"] = "anonymous"
	if r.Subject.ID != "" {
		sub["Name"], sub["id"] = "user:"+r.Subject.ID, r.Subject.ID
	}
	obj["Name"], obj["Type"] = r.Object.Route, ""
	if r.Object.Route == "" {
		obj["Name"], obj["Type"] = r.Object.Type, r.Object.Type
	}
	if r.Object.ID != "" {
		obj["Name"], obj["id"] = r.Object.Type+":"+r.Object.ID, r.Object.ID
	}
	roles, ask := []any{}, []string(nil)
	if o.asks {
		ask = allRoles
	}
	for _, role := range ask {
		if linked, err := o.GetRoleManager().HasLink("user:"+r.Subject.ID, "role:"+role, r.Tenant.String()); err == nil && linked && r.Subject.ID != "" {
			roles = append(roles, role)
		}
	}
	sub["roles"] = roles
	if _, there := env["actor"]; !there {
		env["actor"] = ""
	}
	return o.Enforce(sub, r.Tenant.String(), obj, string(r.Action), env)
}

func plain(a policy.AttributeSource) map[string]any {
	out := map[string]any{}
	values, _ := a.(policy.Values)
	for name, v := range values {
		if inner, ok := v.(policy.Values); ok {
			v = plain(inner)
		}
		if list, ok := v.([]string); ok {
			anys := make([]any, len(list))
			for i, s := range list {
				anys[i] = s
			}
			v = anys
		}
		out[name] = v
	}
	return out
}
