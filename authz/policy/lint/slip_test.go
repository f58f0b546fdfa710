package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/lint"
)

// slip is a kind of mistake, with examples of it, each of which is to be found under the rule.
type slip struct {
	name string
	rule string // "" for what is harmless
	rows []string
	opts lint.Options
}

// A row is added to policy.csv, unless it begins with a file's name and a colon.
func edit(files map[string]string, row string) {
	for name := range files {
		if rest, ok := strings.CutPrefix(row, name+": "); ok {
			files[name] += rest + "\n"
			return
		}
	}
	if name, rest, ok := strings.Cut(row, ".csv: "); ok && !strings.Contains(name, ",") {
		files[name+".csv"] += rest + "\n"
		return
	}
	if from, to, ok := strings.Cut(row, " => "); ok {
		if !strings.Contains(files["policy.csv"]+files["model.conf"], from) {
			panic("no " + from)
		}
		files["policy.csv"] = strings.Replace(files["policy.csv"], from, to, 1)
		files["model.conf"] = strings.Replace(files["model.conf"], from, to, 1)
		return
	}
	files["policy.csv"] += row + "\n"
}

var routes = []lint.Route{{"POST", "/login"}, {"POST", "/refresh"}, {"GET", "/.well-known/jwks.json"}, {"GET", "/livez"}, {"GET", "/readyz"}, {"POST", "/logout"}, {"POST", "/logout/all"},
	{"GET", "/me"}, {"GET", "/invoices"}, {"GET", "/invoices/:id"}, {"POST", "/invoices"}, {"PUT", "/invoices/:id"}, {"DELETE", "/invoices/:id"}}

var slips = []slip{
	// Accepted by the loader, and found here alone.
	{"a deny for a misspelt action", "RV110", []string{"p, role:editor, *, invoice, updte, true, deny", "p, role:editor, *, invoice, remove, true, deny", "p, user:bob, acme, invoice:7, deelte, true, deny", "p, role:viewer, *, invoice:*, wipe, true, deny"}, lint.Options{}},
	{"a deny for a misspelt method", "RV110", []string{"p, role:viewer, *, /invoices, PSOT, true, deny", "p, role:editor, *, /invoices/:id, PATCH, true, deny", "p, role:editor, *, /invoices/:id, UPDATE, true, deny", "p, role:editor, acme, /invoices/:id, PURGE, true, deny"}, lint.Options{}},
	{"a deny for a type in the plural or misspelt", "RV110", []string{"p, role:editor, *, invoices, update, true, deny", "p, role:editor, *, invioce, delete, true, deny", "p, role:editor, *, bill, update, true, deny", "p, role:editor, acme, invoices:13, *, true, deny"}, lint.Options{}},
	{"a deny for a misspelt role", "RV128", []string{"p, role:edtior, *, invoice, update, true, deny", "p, role:veiwer, *, invoice, read, true, deny", "p, role:Editor, *, /invoices, POST, true, deny", "p, role:admn, acme, invoice, delete, true, deny"}, lint.Options{}},
	{"a deny for a built-in role that is misspelt", "RV128", []string{"p, role:Authenticated, *, invoice, update, true, deny", "p, role:Anyone, *, invoice, delete, true, deny", "p, role:authentcated, *, /invoices, POST, true, deny", "p, role:everyone, *, invoice, read, true, deny"}, lint.Options{}},
	{"a deny for a user in another case", "RV128", []string{"p, user:Alice, *, invoice, update, true, deny", "p, user:BOB, *, invoice, read, true, deny", "p, user:Mallory, *, invoice, read, true, deny", "p, user:CAROL, acme, invoice, delete, true, deny"}, lint.Options{}},
	{"a deny for an unknown tenant", "RV113", []string{"p, role:editor, amce, invoice, update, true, deny", "p, role:editor, initech, invoice, update, true, deny", "p, role:viewer, acm, invoice, read, true, deny", "p, role:viewer, acme-corp, /invoices, GET, true, deny"}, lint.Options{}},
	{"a deny for a value in another case or misspelt", "RV128", []string{"p, role:editor, *, invoice, update, r.obj.status == 'Paid', deny", "p, role:editor, *, invoice, update, r.obj.status == 'piad', deny", `p, role:editor, *, invoice, update, "r.obj.status in ('DRAFT', 'paid')", deny`, "p, role:editor, *, invoice, update, r.obj.status != 'Frozen', deny"}, lint.Options{}},
	{"a deny whose condition never holds", "RV130", []string{"p, role:editor, *, invoice, update, r.env.hour == 24, deny", "p, role:editor, *, invoice, update, r.env.weekday == 0, deny", "p, role:editor, *, invoice, update, r.env.hour < 8 && r.env.hour > 18, deny", "p, role:editor, *, invoice, update, r.obj.status == 'paid' && r.obj.status == 'draft', deny", "p, role:editor, *, invoice, update, r.obj.amount > 100 && r.obj.amount < 101, deny", "p, role:editor, *, invoice, update, r.env.mfa && !r.env.mfa, deny"}, lint.Options{}},
	{"an allow whose condition always holds", "RV129", []string{"p, role:auditor, *, invoice, read, r.env.hour > 8 || r.env.hour < 18, allow", "p, role:auditor, *, invoice, read, r.env.weekday >= 1, allow", "p, role:auditor, *, invoice, read, r.obj.status != 'paid' || r.obj.status != 'draft', allow", "p, role:auditor, *, invoice, read, r.env.weekday != 0, allow"}, lint.Options{}},
	{"a deny on a route whose parameter can have no such value", "RV130", []string{"p, role:editor, *, /invoices/:id, PUT, r.obj.id == '7' && r.obj.id == '8', deny", "p, role:editor, acme, /invoices/:id, DELETE, r.obj.id != '7' && r.obj.id == '7', deny", "p, role:editor, *, route:/invoices/:id, PUT, r.obj.id == 'a' && (r.obj.id == 'b' || r.obj.id == 'c'), deny", "p, role:viewer, *, /invoices/:id, GET, r.env.mfa && r.obj.id < 'a' && r.obj.id > 'b' && r.obj.id == 'c' && r.obj.id == 'd', deny"}, lint.Options{}},
	{"an allow on a route whose parameter may be anything", "RV129", []string{"p, role:auditor, *, /invoices/:id, GET, r.obj.id != '7' || r.obj.id != '8', allow", "p, role:auditor, *, /users/:name, GET, r.obj.name == 'a' || r.obj.name != 'a', allow", "p, role:auditor, *, route:/users/:name, GET, r.obj.name != 'a' || r.env.mfa || r.obj.name != 'b', allow", "p, role:auditor, *, /users/:name, GET, !(r.obj.name == 'a' && r.obj.name == 'b'), allow"}, lint.Options{}},
	{"|| beside && on a route", "RV131", []string{"p, role:auditor, *, /users/:id, GET, r.obj.id == r.sub.id || r.env.mfa && r.env.hour > 6, allow", "p, role:auditor, *, /users/:id, GET, r.env.mfa && r.env.hour > 6 || r.obj.id == r.sub.id, allow", "p, role:auditor, *, route:/users/:id, GET, r.obj.id == 'x' && r.env.mfa || r.obj.id == 'y', allow", "p, role:auditor, acme, /users/:id/keys/:key, GET, r.obj.id == r.sub.id && r.obj.key == 'a' || r.obj.key == 'b', allow"}, lint.Options{}},
	{"a value of a route's parameter in another case or misspelt", "RV128", []string{"p, role:auditor, *, /kinds/:kind, GET, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PUT, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PATCH, r.obj.kind == 'Invoices', deny", "p, role:auditor, *, /kinds/:kind, GET, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PUT, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PATCH, r.obj.kind == 'invioces', deny", "p, role:auditor, *, /kinds/:kind, GET, \"r.obj.kind in ('invoices', 'other')\", allow\np, role:auditor, *, /kinds/:kind, PUT, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PATCH, r.obj.kind == 'invoice', deny", "p, role:auditor, *, /kinds/:kind, GET, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PUT, r.obj.kind == 'invoices', allow\np, role:auditor, *, /kinds/:kind, PATCH, r.obj.kind != 'INVOICES', deny"}, lint.Options{}},
	{"a g row with times under the model that knows none", "RV143", []string{"g, user:bob, role:viewer, acme, _, 2026-12-31 18:00:00", "g, user:bob, role:viewer, acme, 2026-12-31 18:00:00, _", "g, user:bob, role:viewer, acme, _, _", "g, role:clerk, role:viewer, *, 2026-12-31, _"}, lint.Options{}},
	{"|| beside && without parentheses", "RV131", []string{"p, role:auditor, *, invoice, read, r.obj.owner == r.sub.id || r.obj.status == 'paid' && r.env.mfa, allow", "p, role:auditor, *, invoice, read, r.env.mfa && r.obj.amount > 5 || r.obj.status == 'paid', allow", "p, role:editor, *, invoice, update, r.env.hour < 6 || r.env.hour > 20 && r.obj.amount > 9, deny", "p, role:auditor, *, invoice, read, !r.env.mfa && r.obj.amount > 5 || r.obj.owner == r.sub.id && r.obj.amount > 7, allow"}, lint.Options{}},
	{"a g row that is turned round", "RV118", []string{"g, role:editor, role:viewer, * => g, role:viewer, role:editor, *", "g, role:admin,  role:editor, * => g, role:editor, role:admin, *", "g, role:clerk, role:admin, acme", "g, role:viewer, role:clerk, acme"}, lint.Options{}},
	{"a g row for every tenant that was meant for one", "RV106", []string{"g, user:bob, role:editor, *", "g, user:carol, role:admin, *", "g, user:dan, role:viewer, *", "g, user:eve, role:clerk, *"}, lint.Options{}},
	{"a rule for one user in every tenant", "RV104", []string{"p, user:bob, *, invoice, read, true, allow", "p, user:carol, *, /invoices, GET, true, allow", "p, user:dan, *, invoice:13, update, true, allow", "p, user:eve, *, invoice, *, r.env.mfa, allow"}, lint.Options{}},
	{"a write for everyone", "RV105", []string{"p, role:anyone, *, /invoices, POST, true, allow", "p, role:anyone, *, invoice, *, true, allow", "p, role:anyone, acme, invoice, delete, true, allow", "p, role:anyone, *, /invoices/:id, *, true, allow"}, lint.Options{}},
	{"everything for a role", "RV137", []string{"p, role:viewer, *, *, *, true, allow", "p, role:anyone, *, *, *, true, allow", "p, role:authenticated, acme, *, *, true, allow", "p, role:editor, *, /*, *, true, allow"}, lint.Options{}},
	{"tenant and object have changed places", "RV139", []string{"p, role:viewer, invoice, acme, read, true, allow", "p, role:editor, invoice, acme, update, true, deny", "p, role:viewer, invoice, globex, read, true, allow", "p, user:bob, invoice, acme, delete, true, allow"}, lint.Options{}},
	{"object and action have changed places", "RV139", []string{"p, role:viewer, *, read, invoice, true, allow", "p, role:editor, *, update, invoice, true, deny", "p, role:editor, acme, delete, invoice, true, allow", "p, user:bob, acme, create, invoice, true, allow"}, lint.Options{}},
	{"a deny prefix that leaves out the list", "RV133", []string{"p, role:viewer, *, /invoices/*, *, true, deny", "p, role:viewer, *, invoice:*, read, true, deny", "p, role:editor, acme, invoice:*, *, true, deny", "p, user:bob, acme, /invoices/*, GET, true, deny"}, lint.Options{}},
	{"a route with a parameter of another name, braces, a slash, a number", "RV140", []string{"p, role:editor, *, /invoices/:invoice, PUT, true, deny", "p, role:editor, *, /invoices/{id}, PUT, true, deny", "p, role:editor, *, /invoices/, POST, true, deny", "p, role:viewer, *, /Invoices, GET, true, deny", "p, role:viewer, *, /invoices/42, GET, true, deny"}, lint.Options{}},
	{"a route that the service does not have", "RV115", []string{"p, role:editor, *, /invoices/:invoice, PUT, true, deny", "p, role:editor, *, /invoices/{id}, PUT, true, deny", "p, role:viewer, *, /invoices/, GET, true, deny", "p, role:viewer, *, /invoice, GET, true, allow", "p, role:editor, *, /invoices/:id, PATCH, true, allow"}, lint.Options{Routes: routes}},
	{"a route without a rule", "RV114", []string{"# nothing", "p, role:viewer, *, /export, POST, true, allow", "p, role:viewer, *, /exports, GET, true, allow", "p, role:viewer, *, /exports/:id, GET, true, allow"}, lint.Options{Routes: append(routes[:len(routes):len(routes)], lint.Route{"GET", "/export"})}},
	{"files that nobody reads", "RV007", []string{"tenant/acme.csv: p, role:clerk, acme, invoice, delete, true, deny", "policy-extra.csv: p, role:clerk, acme, invoice, delete, true, deny", "policies/policy.csv: p, role:viewer, *, invoice, read, true, deny", "tenants/Globex Corp.csv: p, role:viewer, globex, invoice, read, true, deny"}, lint.Options{}},
	{"a tenant's file that widens", "RV136", []string{"tenants/acme.csv: p, role:viewer, acme, invoice, delete, true, allow", "tenants/acme.csv: p, role:anyone, acme, /invoices, POST, true, allow", "tenants/acme.csv: g, user:bob, role:admin, acme", "tenants/globex.csv: p, role:authenticated, globex, invoice, read, true, allow"}, lint.Options{}},
	{"a deny that asks for an attribute that requests lack", "RV132", []string{`p, role:editor, *, invoice, update, "!(ipMatch(r.env.ip, '10.0.0.0/8'))", deny`, "p, role:editor, *, invoice, update, !r.env.mfa, deny", "p, role:editor, *, invoice, update, r.env.ip != '10.0.0.1', deny", "p, role:editor, *, invoice, update, r.env.mfa == false && r.obj.amount > 5, deny"}, lint.Options{}},
	{"an allow for a role that nobody has", "RV128", []string{"p, role:everyone, *, /news, GET, true, allow", "p, role:edtior, *, invoice, read, true, allow", "p, role:users, *, /news, GET, true, allow", "p, role:public, *, /news, GET, true, allow"}, lint.Options{}},
	{"a role that is not declared", "RV111", []string{"p, role:intern, *, invoice, read, true, allow", "p, role:partner, *, invoice, read, true, deny", "p, role:bot, *, /invoices, GET, true, allow", "p, role:temp, acme, invoice, read, true, allow"}, lint.Options{Roles: []string{"viewer", "editor", "admin", "clerk"}}},
	{"a granted role without a rule", "RV112", []string{"g, user:bob, role:edtior, acme", "g, user:bob, role:boss, acme", "g, role:clerk, role:helper, acme", "g, user:dan, role:everyone, acme"}, lint.Options{}},
	{"a misspelt action or type in an allow", "RV128", []string{"p, role:clerk, *, invoice, updte, true, allow", "p, role:clerk, *, invoice, raed, true, allow", "p, role:clerk, *, invioce, read, true, allow", "p, role:clerk, *, invoices, update, true, allow"}, lint.Options{}},
	{"an allow and a deny for the same", "RV127", []string{"p, role:viewer, *, invoice, read, true, deny", "p, role:admin, *, invoice, delete, true, deny", "p, role:anyone, *, /livez, *, true, deny", "p, role:editor, *, /invoices/*, PUT, true, deny"}, lint.Options{}},
	{"a rule that another covers", "RV109", []string{"p, role:editor, *, invoice, read, true, allow", "p, role:viewer, acme, invoice, read, true, allow", "p, role:viewer, *, invoice:13, read, true, allow", "p, role:admin, *, /invoices/:id, GET, r.env.mfa, allow"}, lint.Options{}},
	{"a file that was cut", "RV135", []string{"p, user:mallory, *, invoice, update, true, deny => ", "p, role:editor, acme, invoice, update, r.obj.status == 'frozen', deny => ", "p, user:mallory, *, invoice, update, true, deny => # later", "p, user:mallory, *, invoice, update, true, deny\np, role:editor, acme, invoice, update, r.obj.status == 'frozen', deny => "}, lint.Options{Before: beforeCut}},
	{"an attribute that nothing asks for", "RV134", []string{"attributes.csv: invoice, note, string, yes,", "attributes.csv: sub, dept, string, no,", "attributes.csv: env, channel, string, no,", "attributes.csv: report, size, int, no, size"}, lint.Options{}},
	{"a rule that no test covers", "RV119", []string{"p, role:clerk, *, /clerk, GET, true, allow", "p, role:clerk, *, invoice:*, print, true, allow", "p, user:bob, acme, invoice, print, true, allow", "p, role:admin, acme, invoice, seal, true, allow"}, lint.Options{}},
	{"a regular expression as a route", "RV126", []string{"p, role:viewer, *, /invoices/[0-9]+, GET, true, allow", "p, role:viewer, *, /a|/b, GET, true, allow", "p, role:viewer, *, /files/(.+), GET, true, allow", "p, role:viewer, *, /me$, GET, true, deny"}, lint.Options{}},
	{"a table of requests that cannot be read", "RV015", []string{"policy_test.csv: acme, bob, , read, invoice, , allow, x", "policy_test.csv: acme, user:bob, , read, invoice, , alow, x", "policy_test.csv: a, b", "more_test.csv: acme; user:bob"}, lint.Options{}},
	{"a role in a condition that no caller has", "RV128", []string{"p, role:clerk, acme, invoice, print, 'role:editor' in r.sub.roles, allow", "p, role:editor, *, invoice, update, 'Editor' in r.sub.roles, deny", "p, role:editor, *, invoice, update, 'edtior' in r.sub.roles, deny", `p, role:editor, *, invoice, update, "containsAny(r.sub.roles, ('clerk', 'role:admin'))", deny`, `p, role:editor, *, invoice, update, "!(containsAll(r.sub.roles, ('admni')))", deny`}, lint.Options{}},
	{"a role in a condition that cannot be one", "RV130", []string{"p, role:editor, *, invoice, update, 'no such role' in r.sub.roles, deny", "p, role:editor, *, invoice, update, 'editor ' in r.sub.roles, deny", "p, role:editor, *, invoice, update, 'еditor' in r.sub.roles, deny", "p, role:editor, *, invoice, update, 'authenticated' in r.sub.roles, deny", "p, role:editor, *, invoice, update, '*' in r.sub.roles, deny"}, lint.Options{}},
	{"an id that begins as a name does", "RV128", []string{"p, role:editor, *, invoice, update, r.sub.id == 'user:alice', deny", "p, role:editor, *, invoice, update, r.obj.owner == 'user:alice', deny", "p, role:editor, *, invoice, update, r.sub.id == 'role:editor', deny", "p, role:editor, *, invoice, update, r.obj.id == 'invoice:1', deny", "p, role:editor, *, invoice, update, r.env.actor == 'user:eve', deny", `p, role:editor, *, invoice, update, "r.sub.id in ('alice', 'user:bob')", deny`}, lint.Options{}},
	{"a text that looks like another", "RV128", []string{"p, role:editor, *, invoice, update, r.obj.status == 'pаid', deny", "p, role:editor, *, invoice, update, r.obj.status == ' paid', deny", "p, role:editor, *, invoice, update, r.obj.status == 'ｐaid', deny", "p, role:editor, *, invoice, update, r.obj.status == 'оverdue', deny"}, lint.Options{}},
	{"a user who looks like another", "RV128", []string{"p, user:mаllory, *, invoice, read, true, deny", "p, user:аlice, *, invoice, read, true, deny", "p, user:role:editor, *, invoice, update, true, deny", "p, user:user:bob, *, invoice, update, true, deny", "g, user:Bob, role:editor, acme", "g, user:bоb, role:editor, acme"}, lint.Options{}},
	{"a member that is misspelt", "RV128", []string{"g, role:edtior, role:viewer, *", "g, role:Editor, role:viewer, acme", "g, role:viewr, role:clerk, acme", "g, role:admni, role:clerk, acme"}, lint.Options{}},
	{"a word that is meant for *", "RV128", []string{"p, role:clerk, acme, invoice, all, true, allow", "p, role:clerk, acme, invoice, any, true, allow", "p, role:clerk, acme, /invoices, ANY, true, allow", "p, role:clerk, acme, everything, print, true, allow", "p, role:editor, *, invoice, every, true, deny"}, lint.Options{}},
	{"a tenant that is meant for *", "RV113", []string{"p, role:clerk, all, invoice, print, true, allow", "p, role:clerk, any, invoice, print, true, allow", "p, role:editor, every, invoice, update, true, deny", "g, user:bob, role:editor, all"}, lint.Options{}},
	{"a method that HTTP has not", "RV128", []string{"p, role:clerk, acme, /invoices, GETT, true, allow", "p, role:clerk, acme, /invoices, PUTS, true, allow", "p, role:clerk, acme, /invoices, POSTS, true, allow", "p, role:clerk, acme, /invoices, DELET, true, allow", "p, role:clerk, acme, /invoices/*, PTCH, true, allow"}, lint.Options{}},
	{"a time that is past", "RV130", []string{"p, role:editor, *, invoice, update, r.env.time < '2020-01-01T00:00:00Z', deny", "p, role:clerk, acme, invoice, print, r.env.time <= 1577836800, allow", "p, role:clerk, acme, invoice, print, r.env.mfa && '2020-01-01T00:00:00Z' > r.env.time, allow", "p, role:clerk, acme, invoice, print, r.env.time == 1577836800, allow"}, lint.Options{}},
	{"a route that is encoded or has a slash more", "RV140", []string{"p, role:editor, *, /invoices/%3Aid, PUT, true, deny", "p, role:editor, *, /invoices//:id, PUT, true, deny", "p, role:editor, *, //invoices/:id, PUT, true, deny", "p, role:editor, *, /invoices/$id, PUT, true, deny", "p, role:editor, *, /invoices/@id, PUT, true, deny"}, lint.Options{}},
	{"an hour that there is not", "RV130", []string{"p, role:editor, *, invoice, update, r.env.hour > 23, deny", "p, role:editor, *, invoice, update, r.env.hour >= 24, deny", "p, role:editor, *, invoice, update, 24 == r.env.hour, deny", `p, role:editor, *, invoice, update, "r.env.hour in (24, 25)", deny`, "p, role:editor, *, invoice, update, r.env.hour < 0, deny"}, lint.Options{}},
	{"a weekday that there is not", "RV130", []string{"p, role:editor, *, invoice, update, r.env.weekday == 8, deny", "p, role:editor, *, invoice, update, r.env.weekday > 7, deny", "p, role:editor, *, invoice, update, r.env.weekday < 1, deny", `p, role:editor, *, invoice, update, "r.env.weekday in (0, 8)", deny`}, lint.Options{}},
	{"a span of hours or days the wrong way round", "RV130", []string{"p, role:editor, *, invoice, update, r.env.hour <= 6 && r.env.hour >= 22, deny", "p, role:editor, *, invoice, update, r.env.weekday > 5 && r.env.weekday < 2, deny", "p, role:editor, *, invoice, update, 18 < r.env.hour && 8 > r.env.hour, deny", "p, role:editor, *, invoice, update, r.env.mfa && r.env.hour > 20 && r.env.hour < 6, deny"}, lint.Options{}},
	{"bounds with || of which one always holds", "RV129", []string{"p, role:auditor, *, invoice, read, r.env.hour >= 8 || r.env.hour <= 18, allow", "p, role:auditor, *, invoice, read, r.env.weekday > 1 || r.env.weekday < 5, allow", "p, role:auditor, *, invoice, read, r.env.hour != 8 || r.env.hour != 9, allow", "p, role:auditor, *, invoice, read, !(r.env.hour < 8 && r.env.hour > 18), allow"}, lint.Options{}},
	{"a value in another case", "RV128", []string{"p, role:editor, *, invoice, update, r.obj.status == 'PAID', deny", "p, role:editor, *, invoice, update, 'Draft' == r.obj.status, deny", "p, role:editor, *, invoice, update, r.obj.status == 'FROZEN', deny", `p, role:editor, *, invoice, update, "!(r.obj.status in ('Paid'))", deny`}, lint.Options{}},
	{"a tenant in another case than other rows", "RV010", []string{"p, role:clerk, globex, invoice, print, true, allow\np, role:clerk, globex, invoice, seal, true, allow\np, role:viewer, Globex, invoice, read, true, deny", "p, role:clerk, globex, invoice, print, true, allow\np, role:clerk, globex, invoice, seal, true, allow\np, role:viewer, GLOBEX, invoice, read, true, deny", "p, role:clerk, globex, invoice, print, true, allow\np, role:clerk, globex, invoice, seal, true, allow\np, role:clerk, gLobex, invoice, fold, true, allow", "p, role:clerk, globex, invoice, print, true, allow\np, role:clerk, globex, invoice, seal, true, allow\ng, user:bob, role:editor, Globex"}, lint.Options{}},
	{"a deny prefix of a type that leaves out the type", "RV133", []string{"p, role:editor, *, invoice:*, update, true, deny", "p, role:clerk, acme, invoice:*, archive, true, deny", "p, user:mallory, acme, invoice:*, read, true, deny", "p, role:anyone, *, invoice:*, delete, r.env.mfa, deny"}, lint.Options{}},
	{"a deny prefix of routes that leaves out the first", "RV133", []string{"p, role:editor, *, /invoices/*, POST, true, deny", "p, role:viewer, globex, /invoices/*, GET, true, deny", "p, role:authenticated, *, /logout/*, POST, true, deny", "p, role:authenticated, *, /logout/*, *, r.env.mfa, deny"}, lint.Options{}},
	{"a parameter of another name", "RV140", []string{"p, role:viewer, *, /invoices/:no, GET, true, deny", "p, role:admin, *, /invoices/:invoice_id, DELETE, true, deny", "p, role:editor, *, /invoices/:ID, PUT, true, deny", "p, role:clerk, acme, /invoices/:number, GET, true, allow"}, lint.Options{}},
	{"a parameter in braces or brackets", "RV140", []string{"p, role:viewer, *, /invoices/{invoice}, GET, true, deny", "p, role:admin, *, /invoices/<id>, DELETE, true, deny", "p, role:clerk, acme, /invoices/{id}, GET, true, allow", "p, role:clerk, acme, /reports/{id}, GET, true, allow"}, lint.Options{}},
	{"a slash at the end", "RV140", []string{"p, role:viewer, *, /me/, GET, true, deny", "p, role:viewer, *, /logout/all/, POST, true, deny", "p, role:editor, *, /invoices/:id/, PUT, true, deny", "p, role:clerk, acme, /invoices/, GET, true, allow"}, lint.Options{}},
	{"an address in place of a route", "RV140", []string{"p, role:editor, *, /invoices/7, PUT, true, deny", "p, role:viewer, *, /invoices/0042, GET, true, deny", "p, role:admin, *, /invoices/1/, DELETE, true, deny", "p, role:clerk, acme, /invoices/13, GET, true, allow"}, lint.Options{}},
	{"a folder of tenants of another name", "RV007", []string{"Tenants/acme.csv: p, role:clerk, acme, invoice, delete, true, deny", "tenants/eu/acme.csv: p, role:clerk, acme, invoice, delete, true, deny", "tenant-acme.csv: p, role:clerk, acme, invoice, delete, true, deny", "tenants.csv: p, role:clerk, acme, invoice, delete, true, deny"}, lint.Options{}},
	{"a second policy in the folder", "RV007", []string{"policy2.csv: p, role:clerk, acme, invoice, delete, true, deny", "Policy.csv: p, role:clerk, acme, invoice, delete, true, deny", "deny.csv: p, role:clerk, acme, invoice, delete, true, deny", "rules/policy.csv: p, role:clerk, acme, invoice, delete, true, deny"}, lint.Options{}},
	{"a tenant's file that makes admins", "RV136", []string{"tenants/acme.csv: g, role:clerk, role:admin, acme", "tenants/globex.csv: g, user:dan, role:admin, globex", "tenants/globex.csv: p, role:viewer, globex, /invoices, POST, true, allow", "tenants/globex.csv: p, role:anyone, globex, invoice, update, true, allow"}, lint.Options{}},

	{"a condition that says a thing and its opposite", "RV130", []string{"p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.owner != r.sub.id, deny", "p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.sub.id != r.obj.owner, deny", "p, role:editor, *, invoice, update, r.obj.owner < r.sub.id && r.sub.id < r.obj.owner, deny", "p, role:editor, *, invoice, update, 'clerk' in r.sub.roles && !('clerk' in r.sub.roles), deny", "p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && !(r.obj.owner == r.sub.id || r.env.mfa), deny", "p, role:editor, *, invoice, update, r.obj.owner == r.obj.customer && r.obj.owner > r.obj.customer, deny"}, lint.Options{}},
	{"a condition that says a thing or its opposite", "RV129", []string{"p, role:auditor, *, invoice, read, r.obj.owner == r.sub.id || r.obj.owner != r.sub.id, allow", "p, role:auditor, *, invoice, read, r.obj.owner <= r.sub.id || r.sub.id <= r.obj.owner, allow", "p, role:auditor, *, invoice, read, 'clerk' in r.sub.roles || !('clerk' in r.sub.roles), allow", `p, role:auditor, *, invoice, read, "ipMatch(r.env.ip, '10.0.0.0/8') || !(ipMatch(r.env.ip, '10.0.0.0/8'))", allow`, "p, role:auditor, *, invoice, read, r.env.mfa || !r.env.mfa, allow"}, lint.Options{}},
	{"two networks of which no address is in both", "RV130", []string{`p, role:editor, *, invoice, update, "ipMatch(r.env.ip, '10.0.0.0/8') && ipMatch(r.env.ip, '192.168.0.0/16')", deny`, `p, role:editor, *, invoice, update, "ipMatch(r.env.ip, '10.1.0.0/16') && !(ipMatch(r.env.ip, '10.0.0.0/8'))", deny`, `p, role:editor, *, invoice, update, "ipMatch(r.env.ip, '10.0.0.0/8') && ipMatch(r.env.ip, '::1')", deny`, `p, role:editor, *, invoice, update, "r.env.ip == '10.0.0.1' && ipMatch(r.env.ip, '192.168.0.0/16')", deny`}, lint.Options{}},
	{"texts of which none is both", "RV130", []string{`p, role:editor, *, invoice, update, "startsWith(r.obj.status, 'dr') && r.obj.status == 'paid'", deny`, `p, role:editor, *, invoice, update, "startsWith(r.obj.customer, 'a-') && startsWith(r.obj.customer, 'b-')", deny`, `p, role:editor, *, invoice, update, "endsWith(r.obj.customer, '.eu') && endsWith(r.obj.customer, '.us')", deny`, `p, role:editor, *, invoice, update, "contains(r.obj.customer, 'test') && !(contains(r.obj.customer, 'es'))", deny`, "p, role:editor, *, invoice, update, r.obj.status < 'a' && r.obj.status > 'b', deny", "p, role:editor, *, invoice, update, r.obj.status > 'q' && r.obj.status == 'paid', deny"}, lint.Options{}},
	{"a span of time that ends before it begins", "RV130", []string{"p, role:editor, *, invoice, update, r.env.time > '2999-02-01T00:00:00Z' && r.env.time < '2999-01-01T00:00:00Z', deny", "p, role:editor, *, invoice, update, r.env.time >= '2999-01-01T00:00:00Z' && r.env.time < '2999-01-01T00:00:00Z', deny", "p, role:clerk, acme, invoice, print, '2999-02-01T00:00:00Z' < r.env.time && '2999-01-01T00:00:00Z' > r.env.time, allow", "p, role:clerk, acme, invoice, print, !(r.env.time < '2999-02-01T00:00:00Z' || r.env.time > '2999-01-01T00:00:00Z'), allow"}, lint.Options{}},
	{"an attribute in quotes", "RV138", []string{"p, role:editor, *, invoice, update, r.obj.owner == 'r.sub.id', allow", "p, role:editor, *, invoice, update, 'r.obj.owner' == r.sub.id, deny", `p, role:editor, *, invoice, update, "r.obj.owner in ('sub.id', 'alice')", deny`, "p, role:auditor, *, /users/:id, GET, r.obj.id == 'r.sub.id', allow", `p, role:editor, *, invoice, update, "startsWith(r.obj.customer, 'r.sub.id')", deny`}, lint.Options{}},
	{"a pattern where texts are compared", "RV138", []string{"p, role:editor, *, invoice, update, r.obj.status == 'paid*', deny", "p, role:editor, *, invoice, update, r.obj.status != '%draft', allow", `p, role:editor, *, invoice, update, "r.obj.status in ('fro*', 'paid')", deny`, "p, role:editor, *, invoice, update, r.obj.customer == '.*corp.*', deny", "p, role:editor, *, invoice, update, r.sub.id == 'bot-*', deny"}, lint.Options{}},
	{"several texts in one", "RV138", []string{"p, role:editor, *, invoice, update, r.obj.status == 'paid|frozen', deny", `p, role:editor, *, invoice, update, "r.obj.status in ('paid, frozen')", deny`, `p, role:editor, *, invoice, update, "r.obj.status == 'frozen,paid'", deny`, "p, role:editor, *, invoice, update, r.obj.status == 'paid or frozen', deny", "p, role:editor, *, invoice, update, r.obj.status != 'draft; paid', allow"}, lint.Options{}},
	{"a deny rule in a comment", "RV146", []string{"# p, user:mallory, acme, invoice, read, true, deny", "#p,role:editor,acme,invoice,read,true,deny", "# Mallory reads nothing. p, user:mallory, acme, invoice, read, true, deny", "p, user:mallory, *, invoice, update, true, deny => ## p, user:mallory, *, invoice, update, true, deny", `# p, role:editor, *, invoice, update, "r.obj.status in ('paid', 'frozen')", deny`}, lint.Options{}},
	{"a user who is meant to be a role", "RV128", []string{"p, user:editor, acme, invoice, update, true, deny", "p, user:viewer, acme, invoice, read, true, deny", "g, user:editor, role:clerk, acme", "p, user:clerk, acme, invoice, print, true, allow"}, lint.Options{}},
	{"a role that is meant to be a user", "RV128", []string{"p, role:alice, acme, invoice, update, true, deny", "g, role:alice, role:editor, acme", "g, user:eve, role:viewer, acme\np, role:eve, acme, invoice, read, true, deny", "p, role:bob, acme, invoice, print, true, allow"}, lint.Options{}},
	{"everything to see for everybody", "RV137", []string{"p, role:anyone, *, /*, GET, true, allow", "p, role:anyone, *, *, read, true, allow", "p, role:anyone, acme, /*, OPTIONS, true, allow", "p, role:anyone, acme, *, list, true, allow"}, lint.Options{}},
	{"a letter and an accent of its own", "RV128", []string{"p, user:jose\u0301, acme, invoice, read, true, deny", "g, user:rene\u0301e, role:viewer, acme", "p, role:editor, *, invoice, update, r.obj.customer == 'Cafe\u0301', deny", "p, role:editor, *, invoice, update, r.obj.customer == 'Mu\u0308ller', deny"}, lint.Options{}},

	{"a name in a row of a table that wants a denial", "RV128", []string{"policy_test.csv: acme, user:bob, viewer, delte, invoice:1, , deny, x", "policy_test.csv: acme, user:bob, viewer, delete, invioce:1, , deny, x", "policy_test.csv: acme, user:bob, viewre, delete, invoice:1, , deny, x", "policy_test.csv: acme, user:bob, viewer, DELTE, /invoices/:id, , deny, x", "more_test.csv: acme, user:bob, editor vewer, delete, invoice:1, , deny, x"}, lint.Options{}},

	{"attributes whose columns have changed places or are misspelt", "RV147", []string{"attributes.csv: invoice, payer, string, no, owner", "attributes.csv: report, title, string, no, name\nreport, name, string, no, title", "attributes.csv: report, title, string, no, titel", "attributes.csv: invoice, state, string, no, status"}, lint.Options{}},
	{"a reader who changes or deletes", "RV148", []string{"p, role:viewer, *, invoice, delete, true, allow", "p, role:viewer, acme, /invoices/:id, PUT, true, allow", "p, role:authenticated, *, invoice, delete, true, allow", "p, role:Reader, *, /invoices/*, DELETE, true, allow"}, lint.Options{}},
	{"a network that every address is in", "RV129", []string{`p, role:auditor, *, invoice, read, "ipMatch(r.env.ip, '0.0.0.0/0')", allow`, `p, role:auditor, *, invoice, read, "ipMatch(r.env.ip, '::/0')", allow`, `p, role:auditor, *, invoice, read, "r.env.mfa && ipMatch(r.env.ip, '0.0.0.0/0')", allow`, `p, role:auditor, *, /x, GET, "!(ipMatch(r.env.ip, '0.0.0.0/0'))", allow`}, lint.Options{}},
	{"a star where a text is compared", "RV138", []string{"p, role:auditor, *, invoice, read, r.obj.owner == '*', allow", "p, role:editor, *, invoice, update, '*' == r.obj.status, deny", `p, role:editor, *, invoice, update, "r.obj.status in ('*')", deny`, "p, role:editor, *, invoice, update, r.obj.customer != '*', deny"}, lint.Options{}},

	{"a deny that says the condition of an allow in other words", "RV127", []string{"p, role:editor, *, invoice, update, r.obj.status != 'paid', deny", "p, role:editor, *, invoice, update, r.sub.id == r.obj.owner && 'paid' != r.obj.status, deny", "p, role:editor, *, invoice, *, r.obj.owner == r.sub.id || r.env.mfa, deny", "p, role:viewer, *, invoice, update, !(r.obj.owner != r.sub.id || r.obj.status == 'paid'), deny"}, lint.Options{}},

	// Refused by the loader.
	{"the effect and another value have changed places", "RV101", []string{"p, role:viewer, *, /a, GET, allow, true", "p, role:viewer, *, /a, allow, true, GET", "p, allow, role:viewer, *, /a, GET, true", "p, role:viewer, *, invoice, deny, true, read"}, lint.Options{}},
	{"a row as a spreadsheet pads it", "RV002", []string{"p, role:viewer, *, /a, GET, true, allow,,,", "g, user:bob, role:viewer, acme,,,", "p, role:viewer, *, , GET, true, allow", "p,,,,,,"}, lint.Options{}},
	{"a condition in the words of another language", "RV116", []string{"p, role:viewer, *, invoice, read, not r.env.mfa, allow", "p, role:viewer, *, invoice, read, r.obj.amount <> 5, allow", "p, role:viewer, *, invoice, read, r.obj.amount > 10k, allow", "p, role:viewer, *, invoice, read, 1 < r.obj.amount < 5, allow", "p, role:viewer, *, invoice, read, r.obj.status == null, allow", "p, role:viewer, *, invoice, read, r.obj.status is 'a', allow"}, lint.Options{}},
	{"a value of another kind", "RV116", []string{"p, role:viewer, *, invoice, read, r.env.time > '2026-01-01', allow", "p, role:viewer, *, invoice, read, r.env.hour == '8', allow", "p, role:viewer, *, invoice, read, r.obj.status == 5, allow", "p, role:viewer, *, invoice, read, r.env.mfa == 'true', allow"}, lint.Options{}},
	{"a network with bits beyond its length", "RV116", []string{`p, role:viewer, *, invoice, read, "ipMatch(r.env.ip, '10.0.0.1/8')", allow`, `p, role:viewer, *, invoice, read, "ipMatch(r.env.ip, '10.0.0.0/33')", allow`, `p, role:viewer, *, invoice, read, "ipMatch(r.env.ip, '10.0.0')", allow`, `p, role:viewer, *, invoice, read, "ipMatch(r.env.ip, '300.0.0.0/8')", allow`}, lint.Options{}},
	{"a text that an apostrophe or a double quote ends", "RV116", []string{"p, role:viewer, *, invoice, read, r.obj.status == 'O'Neil', allow", "p, role:viewer, *, invoice, read, r.obj.status == 'a, allow", "p, role:viewer, *, invoice, read, r.obj.status == 'it's', allow", "p, role:viewer, *, invoice, read, r.obj.status == a', allow"}, lint.Options{}},
	{"an attribute without its beginning", "RV116", []string{"p, role:viewer, *, invoice, read, obj.owner == r.sub.id, allow", "p, role:viewer, *, invoice, read, r.user == 'a', allow", "p, role:viewer, *, invoice, read, owner == r.sub.id, allow", "p, role:viewer, *, invoice, read, sub.id == r.obj.owner, allow"}, lint.Options{}},
	{"a condition that is empty or says nothing", "RV116", []string{"p, role:viewer, *, /a, GET, , allow", "p, role:viewer, *, invoice, read, r.obj.owner, allow", "p, role:viewer, *, invoice, read, 'paid', allow", "p, role:viewer, *, invoice, read, r.obj.status ==, allow"}, lint.Options{}},
	{"a tenant with a file of its own in another case", "RV010", []string{"p, role:editor, ACME, invoice, update, true, deny", "p, role:clerk, Acme, invoice, print, true, allow", "g, user:bob, role:editor, ACME", "g, user:bob, role:editor, aCme"}, lint.Options{}},
	{"an effect in another case", "RV102", []string{"p, role:viewer, *, /a, GET, true, Allow", "p, role:viewer, *, /a, GET, true, DENY", "p, role:viewer, *, invoice, read, true, Deny", "p, role:viewer, acme, *, *, true, ALLOW"}, lint.Options{}},
	{"an effect that is none", "RV101", []string{"p, role:viewer, *, /a, GET, true, denny", "p, role:viewer, *, /a, GET, true, alow", "p, role:viewer, *, /a, GET, true, 'deny'", "p, role:viewer, *, invoice, read, true, permit"}, lint.Options{}},
	{"a comment behind a value", "RV005", []string{"p, role:viewer, *, /a, GET, true, deny # why", "p, role:viewer, *, /a, GET, true, deny // why", "p, role:viewer, *, /a, GET, true, deny, # why", "g, user:bob, role:viewer, acme # for now"}, lint.Options{}},
	{"too few or too many values", "RV002", []string{"p, role:viewer, /a, GET, true, allow", "p, role:viewer, *, /a, GET, allow", "p, role:viewer, *, /a, GET, true, allow,", "g, user:bob, role:viewer", "p, role:viewer, *, /a, GET, true allow", "p, role:viewer, *, invoice, read, r.obj.status in ('a', 'b'), allow"}, lint.Options{}},
	{"a method in another case", "RV103", []string{"p, role:viewer, *, /a, get, true, allow", "p, role:viewer, *, /a, Post, true, allow", "p, role:viewer, *, /a/*, delete, true, deny", "p, role:viewer, acme, /b, pUT, true, allow"}, lint.Options{}},
	{"an action that does not go with the object", "RV012", []string{"p, role:viewer, *, /a, GET|POST, true, allow", "p, role:viewer, *, /a, HEAD, true, allow", "p, role:viewer, *, invoice, GET, true, allow", "p, role:viewer, *, invoice, Read, true, allow"}, lint.Options{}},
	{"a tenant that is none", "RV010", []string{"p, role:viewer, Acme Inc, /a, GET, true, allow", "p, role:viewer, ac.me, /a, GET, true, allow", "tenants/acme.csv: p, role:clerk, globex, invoice, read, true, allow", "tenants/acme.csv: p, role:clerk, *, invoice, read, true, allow"}, lint.Options{}},
	{"a name that is none", "RV009", []string{"p, viewer, *, /a, GET, true, allow", "p, group:viewer, *, /a, GET, true, allow", "p, user:*, *, /a, GET, true, allow", "g, role:anyone, role:viewer, *", "p, role:viеwer, *, /a, GET, true, allow", "g, user:bob, user:carol, acme"}, lint.Options{}},
	{"an object that is none", "RV011", []string{"p, role:viewer, *, https://a/b, GET, true, allow", "p, role:viewer, *, /a*b, GET, true, allow", "p, role:viewer, *, Invoice, read, true, allow", "p, role:viewer, *, obj.x, read, true, allow", "p, role:viewer, *, /**, GET, true, allow"}, lint.Options{}},
	{"a space at the edge of a value", "RV006", []string{"p, role:viewer , *, /a, GET, true, allow", "p, role:viewer, *, /a, GET, true, allow ", "p, role:viewer, *, /a\t, GET, true, allow", "g, user:bob , role:viewer, acme"}, lint.Options{}},
	{"text that is no CSV", "RV001", []string{"p; role:viewer; *; /a; GET; true; allow", "p\trole:viewer\t*\t/a\tGET\ttrue\tallow", `p, "role:viewer, *, /a, GET, true, allow`, `p, role:"viewer", *, /a, GET, true, allow`, "p, role:viewer\u00a0, *, /a, GET, true, allow", "p, role:viewer\u200b, *, /a, GET, true, allow", "p, role:\xe9, *, /a, GET, true, allow", `"p, role:viewer, *, /a, GET, true, allow"`}, lint.Options{}},
	{"a row that begins otherwise", "RV003", []string{"P, role:viewer, *, /a, GET, true, allow", "p2, role:viewer, *, /a, GET, true, allow", "// p, role:viewer", "; comment", "<<<<<<< HEAD", "[matchers] => [matchersx]"}, lint.Options{}},
	{"a row that stands twice", "RV108", []string{"g, role:editor, role:viewer, *", "p, role:admin,  *, invoice, delete, true, allow", "p,role:admin,*,invoice,delete,true,allow", "p, user:mallory, *, invoice, update, true, deny"}, lint.Options{}},
	{"a role that has itself", "RV107", []string{"g, role:viewer, role:admin, *", "g, role:viewer, role:viewer, *", "g, role:viewer, role:editor, acme", "g, role:viewer, role:a, *\ng, role:a, role:editor, *"}, lint.Options{}},
	{"a condition that does not compile", "RV116", []string{"p, role:viewer, *, invoice, read, r.obj.status = 'a', allow", "p, role:viewer, *, invoice, read, r.env.mfa AND r.env.mfa, allow", "p, role:viewer, *, invoice, read, r.obj.amount > '10', allow", "p, role:viewer, *, invoice, read, ‘a’ == r.obj.status, allow", "p, role:viewer, *, invoice, read, false, allow", "p, role:viewer, *, /a, GET, r.obj.status == 'a', allow"}, lint.Options{}},
	{"an attribute that is not declared", "RV117", []string{"p, role:viewer, *, invoice, read, r.obj.ownr == r.sub.id, allow", "p, role:viewer, *, invoice, read, r.sub.role == 'a', allow", "p, role:viewer, *, invoice, read, r.env.tz == 'a', allow", "p, role:viewer, *, report, read, r.obj.owner == r.sub.id, allow"}, lint.Options{}},
	{"attributes that are not valid", "RV013", []string{"attributes.csv: invoice, tags, list, no,", "attributes.csv: invoice, paid, bool, maybe,", "attributes.csv: Invoice, paid, bool, no,", "attributes.csv: sub, dept, string, no, dept", "attributes.csv: invoice, owner, string, no, owner2"}, lint.Options{}},
	{"a changed model", "RV008", []string{"g(r.sub.Name, p.sub, r.dom) => g(r.sub.Name, p.sub)", `p.dom == "*" || r.dom == p.dom => r.dom == p.dom`, "&& !some(where (p.eft == deny)) => ", "keyMatch(r.obj.Name, p.obj) => keyMatch2(r.obj.Name, p.obj)"}, lint.Options{}},
	{"a file without a row", "RV014", []string{"tenants/globex.csv: ", "tenants/globex.csv: # nothing yet", "tenants/initech.csv: \n", "tenants/x1.csv: #"}, lint.Options{}},

	// Harmless.
	{"what works as it stands", "", []string{
		`p, "role:clerk", acme, "invoice", "print", "true", "allow"`, "p,\trole:clerk,\tacme,\tinvoice,\tprint,\ttrue,\tallow", "p, role:clerk, acme, invoice, print, r.obj.amount < 10.5, allow", "p, role:auditor, *, invoice, inspect, true, allow",
		"p, role:anyone, *, /contact, POST, true, allow", "p, role:anyone, *, /hooks/stripe, POST, true, allow", "p, role:anyone, *, /news, GET, true, allow", "p, role:superadmin, *, *, *, true, allow",
		"p, role:authenticated, *, /me, PUT, true, allow", "p, role:editor, *, /invoices/:id/lines, POST, true, allow", "p, role:viewer, *, /invoices/:id/pdf, GET, true, allow", "p, role:anyone, *, route:/*, GET, true, allow",
		"p, role:viewer, *, invoice, read, r.obj.status == 'secret', deny", "p, role:anyone, acme, invoice, *, r.env.hour < 6, deny", "p, user:eve, acme, invoice, read, true, deny", "p, role:clerk, globex, invoice:13, seal, true, allow",
		"g, user:bob, role:editor, acme", "g, role:admin, role:clerk, acme", "g, role:auditor, role:viewer, *", "g, user:carol, role:admin, globex",
		"p, role:clerk, acme, invoice, print, (r.env.mfa && r.obj.amount > 5) || r.obj.owner == r.sub.id, allow", "p, role:clerk, acme, invoice, print, r.env.hour >= 8 && r.env.hour < 18, allow", "p, role:clerk, acme, invoice, print, r.env.hour < 8 || r.env.hour >= 18, allow", "p, role:clerk, acme, invoice, print, r.env.weekday <= 5 && r.obj.status != 'paid', allow",
		"p, role:clerk, acme, invoice, hold, true, allow\np, role:clerk, acme, invoice, fold, true, allow", "p, role:clerk, acme, invoice1, print, true, allow\np, role:clerk, acme, invoice2, print, true, allow", "p, user:bob1, acme, invoice, print, true, allow\np, user:bob2, acme, invoice, print, true, allow", "p, role:team-a, acme, /team, GET, true, allow\np, role:team-b, acme, /team, GET, true, allow",
		"p, role:clerk, acme, invoice, print, 'editor' in r.sub.roles, allow", `p, role:clerk, acme, invoice, print, "containsAny(r.sub.roles, ('clerk', 'admin', 'gardener'))", allow`, "p, role:clerk, acme, invoice, print, r.obj.owner == 'alice', allow", "p, role:clerk, acme, invoice, print, r.obj.customer == 'user:alice', allow",
		"p, role:clerk, acme, invoice, print, r.env.time > '2020-01-01T00:00:00Z', allow", "p, role:clerk, acme, invoice, print, r.env.time < '2999-01-01T00:00:00Z', allow", "p, role:clerk, acme, invoice, print, r.obj.customer == 'à la carte', allow", "p, role:clerk, acme, invoice, print, r.obj.customer == 'Иван', allow",
		"p, role:clerk, acme, /cache, PURGE, true, allow", "p, role:clerk, acme, /cache, M-SEARCH, true, allow", "p, role:clerk, acme, /cache, MERGE, true, allow", "g, role:intern, role:clerk, acme", "p, user:josé, acme, invoice, print, true, allow", "p, user:иван, acme, invoice, print, true, allow", "p, user:auth0|5f, acme, invoice, print, true, allow",
		"p, role:viewer, *, /invoices/*, GET, true, allow", "p, role:admin, *, /admin/*, *, r.env.mfa, allow", "tenants/globex.csv: p, role:teller, globex, invoice, print, true, allow", "tenants/globex.csv: g, user:dan, role:viewer, globex",
		"p, role:clerk, acme, invoice, print, r.obj.owner == r.sub.id || r.obj.customer == r.sub.id, allow", `p, role:clerk, acme, invoice, print, "ipMatch(r.env.ip, '10.0.0.0/8') && !(ipMatch(r.env.ip, '10.1.0.0/16'))", allow`, `p, role:clerk, acme, invoice, print, "startsWith(r.obj.customer, 'a') && !(startsWith(r.obj.customer, 'ab'))", allow`, `p, role:clerk, acme, invoice, print, "startsWith(r.obj.customer, 'ab') && startsWith(r.obj.customer, 'abc') && r.obj.customer != 'abc'", allow`,
		`p, role:clerk, acme, invoice, print, "r.obj.customer == 'A*' || r.obj.customer == '100%' || r.obj.customer == 'Smith, Jones'", allow`, "p, role:clerk, acme, invoice, print, r.obj.owner <= r.sub.id && r.sub.id <= r.obj.owner, allow", "p, role:clerk, acme, invoice, print, r.env.time > '2999-01-01T00:00:00Z' && r.env.time < '2999-02-01T00:00:00Z', allow", "g, user:admin, role:admin, acme",
		"# p, who, tenant, object, action, condition, deny", "# p, role:viewer, acme, invoice, print, true, allow", "# deny rules follow: p, and then who", "p, role:anyone, *, /assets/*, GET, true, allow",
		"p, role:auditor, *, /users/:id, GET, r.obj.id == r.sub.id, allow", "p, role:auditor, *, /users/:id, GET, (r.obj.id == r.sub.id && r.env.mfa) || r.obj.id == 'me', allow", "p, role:auditor, *, /kinds/:kind, GET, r.obj.kind == 'a', allow\np, role:auditor, *, /kinds/:kind, PUT, r.obj.kind == 'b', allow", "p, role:auditor, *, route:/kinds/:kind, GET, r.obj.kind != 'secret', allow",
	}, lint.Options{}},
}

var beforeCut = folder(func() map[string]string {
	var t testing.T
	return base(&t)
}())

func TestEverySlipIsFound(t *testing.T) {
	for _, s := range slips {
		if n := len(s.rows); n < 4 {
			t.Errorf("%s: %d examples, one and three siblings are needed", s.name, n)
		}
		for _, r := range s.rows {
			t.Run(s.name+"/"+r, func(t *testing.T) {
				files := base(t)
				edit(files, r)
				found := look(t, files, s.opts)
				if s.rule != "" {
					if !has(found, s.rule) {
						t.Errorf("not found under %s:\n%s", s.rule, text(found))
					}
					return
				}
				for _, f := range found {
					if f.Rule.ID != "RV119" && !(f.Rule.ID == "RV109" && f.Line < 37) {
						t.Errorf("a harmless row: %s", f)
					}
				}
			})
		}
	}
}

// Every finding is about the row that was added, not about one that was right before.
func TestASlipIsFoundInItsOwnRow(t *testing.T) {
	for _, s := range slips {
		if s.rule == "" || slices.Contains([]string{"RV007", "RV014", "RV114", "RV135", "RV015", "RV127", "RV107", "RV003", "RV008"}, s.rule) {
			continue
		}
		for _, r := range s.rows {
			if strings.Contains(r, " => ") || strings.Contains(r, ".csv: ") {
				continue
			}
			files := base(t)
			edit(files, r)
			last := strings.Count(files["policy.csv"], "\n")
			found := look(t, files, s.opts)
			if !slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule.ID == s.rule && f.File == "policy.csv" && f.Line == last }) {
				t.Errorf("%s: %s: not in line %d\n%s", s.name, r, last, fmt.Sprint(text(found)))
			}
		}
	}
}
