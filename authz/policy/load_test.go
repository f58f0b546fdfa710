package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

const fine = "p, role:viewer, *, doc, read, true, allow\n"

// refused loads a policy.csv and returns the errors' texts. It fails t when it loads.
func refused(t *testing.T, rows string) []string {
	t.Helper()
	return refusedFiles(t, map[string]string{"policy.csv": rows, "attributes.csv": testAttributes})
}

func refusedFiles(t *testing.T, files map[string]string) []string {
	t.Helper()
	e, err := policy.Load(folder(files), policy.Options{})
	if err == nil || e != nil {
		t.Fatalf("it loads: %q", files)
	}
	if !errors.Is(err, policy.ErrInvalid) {
		t.Errorf("the error does not wrap ErrInvalid: %v", err)
	}
	return strings.Split(err.Error(), "\n")
}

// refusedTable runs rows that must not load; want begins the first error.
func refusedTable(t *testing.T, cases []struct{ name, rows, want string }) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := refused(t, c.rows); !strings.HasPrefix(got[0], c.want) {
				t.Errorf("got  %s\nwant %s", got[0], c.want)
			}
		})
	}
}

func TestRowsThatDoNotLoad(t *testing.T) {
	refusedTable(t, []struct{ name, rows, want string }{
		{"six values", "p, role:a, *, doc, read, allow", "policy.csv:1:26: 6 values, 7 are needed"},
		{"eight values", fine + "p, role:a, *, doc, read, true, allow, x", "policy.csv:2:37: 8 values"},
		{"a g row of three", fine + "g, user:a, role:b", "policy.csv:2:18: 3 values, 4 are needed"},
		{"an unknown section", fine + "p2, role:a, *, doc, read, true, allow", "policy.csv:2:1: unknown section \"p2\""},
		{"an upper-case section", fine + "  P, role:a, *, doc, read, true, allow", "policy.csv:2:3: unknown section \"P\""},
		{"an empty value", "p, role:a, , doc, read, true, allow", "policy.csv:1:12: an empty value"},
		{"an empty condition", "p, role:a, *, doc, read, , allow", "policy.csv:1:26: an empty condition, which Casbin cannot evaluate: write true"},
		{"a byte order mark", "\ufeff" + fine, "policy.csv:1:1: a byte order mark"},
		{"bytes that are not UTF-8", fine + "p, role:a\xff, *, doc, read, true, allow", "policy.csv:2:10: the text is not UTF-8"},
		{"a NUL", fine + "p, role:a\x00, *, doc, read, true, allow", "policy.csv:2:10: a character that does not print"},
		{"a carriage return that hides a row in a comment", fine + "# note\rp, role:a, *, doc, read, true, allow", "policy.csv:2:7: a carriage return"},
		{"a line separator in a comment", fine + "# note\u2028p, role:a", "policy.csv:2:7: a character that does not print"},
		{"text that runs backwards in a comment", fine + "# \u202eevil", "policy.csv:2:3: a character that does not print"},
		{"a space that does not look like one", fine + "p,\u00a0role:a, *, doc, read, true, allow", "policy.csv:2:3: a character that does not print"},
		{"a quoted value over two lines", "p, role:a, *, doc, read, \"true\n\", allow", "policy.csv:1:30: the quoted value does not end here"},
		{"a quote inside a value", "p, role:a, *, doc, read, r.obj.owner == \"x\", allow", "policy.csv:1:41: a double quote inside a value"},
		{"the same row twice", fine + "# again\n" + fine, "policy.csv:3:1: the same row stands in policy.csv, line 1"},
		{"the same row twice, spaced otherwise", fine + "p,role:viewer,*,doc,read,true,allow", "policy.csv:2:1: the same row"},
		{"a name without a kind", "p, viewer, *, doc, read, true, allow", "policy.csv:1:4: \"viewer\" is neither user:… nor role:…"},
		{"everyone by a star", "p, *, *, doc, read, true, allow", "policy.csv:1:4: \"*\" is neither"},
		{"a role with a space", "p, role:a b, *, doc, read, true, allow", "policy.csv:1:10: \"role:a b\" is not a valid name"},
		{"a tenant with a dot", "p, role:a, acme.eu, doc, read, true, allow", "policy.csv:1:16: \"acme.eu\" is neither * nor a tenant"},
		{"a tenant pattern", "p, role:a, acme*, doc, read, true, allow", "policy.csv:1:16: \"acme*\" is neither"},
		{"an object in upper case", "p, role:a, *, Doc, read, true, allow", "policy.csv:1:15: \"Doc\" is neither a route"},
		{"a type without its id", "p, role:a, *, doc:, read, true, allow", "policy.csv:1:15: \"doc:\" has no id"},
		{"a type that is a part of the request", "p, role:a, *, env, read, true, allow", "policy.csv:1:15: \"env\" is no object type"},
		{"a method in lower case", "p, role:a, *, /x, get, true, allow", "policy.csv:1:19: \"get\" on a route"},
		{"a method on a type", "p, role:a, *, doc, GET, true, allow", "policy.csv:1:20: \"GET\" on a typed object"},
		{"a rule for HEAD, which is never met", "p, role:a, *, /x, HEAD, true, deny", "policy.csv:1:19: HEAD is decided as GET"},
		{"a mixed-case action on everything", "p, role:a, *, *, Read, true, allow", "policy.csv:1:18: \"Read\" is neither"},
		{"a member of a built-in role", fine + "g, user:a, role:authenticated, *", "policy.csv:2:12: \"role:authenticated\" is built in"},
		{"a built-in role as a member", fine + "g, role:anyone, role:viewer, *", "policy.csv:2:4: \"role:anyone\" is built in"},
		{"a user as a role", fine + "g, user:a, user:b, *", "policy.csv:2:12: a user is not a role"},
		{"no rule at all", "# nothing\n", "policy.csv: no rule"},
		{"roles without a rule", "g, user:a, role:b, *", "policy.csv: no rule"},
		{"a role that has itself", fine + "g, role:a, role:a, *", "policy.csv:2:4: a role cycle"},
		{"a role cycle", fine + "g, role:a, role:b, *\ng, role:b, role:c, *\ng, role:c, role:a, *", "policy.csv:4:4: a role cycle: role:c has role:a"},
		{"a role cycle through one tenant", fine + "g, role:a, role:b, *\ng, role:b, role:a, acme", "policy.csv:3:4: a role cycle: role:b has role:a, which has it already, through policy.csv:2"},
		{"a role cycle through one tenant, begun by it", fine + "g, role:b, role:a, acme\ng, role:a, role:b, *", "policy.csv:2:4: a role cycle: role:b has role:a"},
		{"a long role cycle through one tenant", fine + "g, role:a, role:b, *\ng, role:b, role:c, *\ng, role:d, role:a, *\ng, role:c, role:d, acme", "policy.csv:5:4: a role cycle: role:c has role:d"},
	})
}

func TestEveryProblemOfALoadIsReportedInOrder(t *testing.T) {
	got := refusedFiles(t, map[string]string{
		"policy.csv":         "p, role:a, *, doc, read, true, denny\np, bob, -cme, doc, READ, r.obj.x == 1, allow\n",
		"attributes.csv":     "doc, owner, text, no,\n",
		"tenants/acme.csv":   "p, role:a, globex, doc, read, true, allow\n",
		"tenants/globex.txt": "",
	})
	// A file that is not where it should be stops the load before the rest is read.
	if len(got) != 1 || !strings.HasPrefix(got[0], "tenants/globex.txt: not a tenant's file") {
		t.Errorf("%q", got)
	}
	got = refusedFiles(t, map[string]string{
		"policy.csv":       "p, role:a, *, doc, read, true, denny\np, bob, -cme, doc, READ, r.obj.x == 1, allow\n",
		"attributes.csv":   "doc, owner, text, no,\n",
		"tenants/acme.csv": "p, role:a, globex, doc, read, true, allow\n",
	})
	want := []string{
		"attributes.csv:1:13: ", "policy.csv:1:32: ", "policy.csv:2:4: ", "policy.csv:2:9: ", "policy.csv:2:20: ", "policy.csv:2:26: ", "tenants/acme.csv:1:12: ",
	}
	if len(got) != len(want) {
		t.Fatalf("%d errors, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %s, want it at %s", got[i], want[i])
		}
	}
}

func TestATenantsFileSpeaksForThatTenantAlone(t *testing.T) {
	for name, c := range map[string]struct{ rows, want string }{
		"another tenant's rule":  {"p, role:a, globex, doc, read, true, allow", "tenants/acme.csv:1:12: \"globex\" in the file of the tenant acme"},
		"a rule for all tenants": {"p, role:a, *, doc, read, true, allow", "tenants/acme.csv:1:12: \"*\" in the file"},
		"another tenant's role":  {"g, user:a, role:b, globex", "tenants/acme.csv:1:20: \"globex\""},
		"a role for all tenants": {"g, user:a, role:b, *", "tenants/acme.csv:1:20: \"*\""},
		"no row":                 {"# nothing yet\n", "tenants/acme.csv: no row"},
		"a row of policy.csv":    {"p, role:a, acme, doc, read, true, allow", "tenants/acme.csv:1:1: the same row stands in policy.csv, line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusedFiles(t, map[string]string{
				"policy.csv":       fine + "p, role:a, acme, doc, read, true, allow",
				"tenants/acme.csv": c.rows,
			})
			if !strings.HasPrefix(got[0], c.want) {
				t.Errorf("got %s, want %s", got[0], c.want)
			}
		})
	}
	for _, name := range []string{"tenants/Acme.csv", "tenants/acme.cvs", "tenants/*.csv", "tenants/acme", "tenants/..data/acme.csv"} {
		files := map[string]string{"policy.csv": fine, name: "p, role:a, acme, doc, read, true, allow"}
		if _, err := policy.Load(folder(files), policy.Options{}); (err == nil) != strings.HasPrefix(name, "tenants/.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAttributesThatDoNotLoad(t *testing.T) {
	for rows, want := range map[string]string{
		"doc, owner, string, no":                                "attributes.csv:1:23: 4 values, 5 are needed",
		"doc, owner, String, no,":                               "attributes.csv:1:13: unknown kind \"String\"",
		"doc, owner, string, maybe,":                            "attributes.csv:1:21: \"maybe\" is not yes, no or value",
		"Doc, owner, string, no,":                               "attributes.csv:1:1: \"Doc\" is not an object type",
		"obj, owner, string, no,":                               "attributes.csv:1:1: \"obj\" is not an object type",
		"doc, Name, string, no,":                                "attributes.csv:1:6: \"Name\" cannot name an attribute",
		"doc, a.b, string, no,":                                 "attributes.csv:1:6: \"a.b\" cannot name",
		"doc, owner, string, no, a b":                           "attributes.csv:1:25: \"a b\" cannot name a column",
		"sub, dept, string, no, dept":                           "attributes.csv:1:24: an attribute of sub has no column",
		"sub, id, string, no,":                                  "attributes.csv:1:6: r.sub.id is built in",
		"doc, id, float, no, id":                                "attributes.csv:1:10: r.obj.id is built in: a string, an int or a uuid",
		"doc, id, int, yes, id":                                 "attributes.csv:1:15: an object that has an id has one: write no",
		"sub, roles, strings, no,":                              "attributes.csv:1:6: r.sub.roles is built in: delete the row",
		"doc, project, parent, no, project_id":                  "attributes.csv:1:37: 5 values, 8 are needed: object type, attribute, kind, nullable, column, type of the parent, table, key: the type of the parent is missing",
		"doc, project, parent, no, project_id, project, p, id":  `attributes.csv:1:39: no row is about the object type "project"`,
		"doc, project, parent, no, , doc, docs, id":             "attributes.csv:1:27: a relation needs the column",
		"doc, project, parent, value, p, doc, docs, id":         "attributes.csv:1:23: an object without a parent has no attributes of one: write yes",
		"sub, project, parent, no, p, doc, docs, id":            "attributes.csv:1:1: an attribute of sub is no row of a table",
		"doc, project, parent, no, p, Doc, docs, id":            `attributes.csv:1:30: "Doc" is not an object type`,
		"doc, project, parent, no, p, doc, public.docs, id":     `attributes.csv:1:35: "public.docs" cannot name a column`,
		"doc, readers, members, yes, id, readers, doc, user":    "attributes.csv:1:24: a list of rows is there when there are none: write no",
		"doc, readers, members, no, id, readers, doc":           "attributes.csv:1:44: 7 values, 8 are needed: object type, attribute, kind, nullable, column, table, key, value: the value is missing",
		"doc, readers, members, no, id, r, doc, user, role":     "attributes.csv:1:50: 9 values, 10 are needed: object type, attribute, kind, nullable, column, table, key, value, filter column, filter text: the filter text is missing",
		"doc, readers, members, no, id, r, doc, user, role, ":   `attributes.csv:1:51: `,
		"doc, readers, members, no, id, r, doc, us er":          `attributes.csv:1:40: "us er" cannot name a column`,
		"doc, owner, string, no,\ndoc, owner, int, no,":         "attributes.csv:2:6: the attribute owner of doc is declared already",
		"doc, owner, string, no, owner'; drop table users; --'": "attributes.csv:1:25: ",
		"doc, owner, string, no, owner\u200b":                   "attributes.csv:1:30: a character that does not print",
		"doc, \"owner\", string, no, \"own\"\"er\"":             "attributes.csv:1:27: \"own\"er\" cannot name a column",
		"# a comment\n\n  doc,  owner ,string, no, owner":       "attributes.csv:3:14: a space at the edge",
	} {
		got := refusedFiles(t, map[string]string{"policy.csv": fine, "attributes.csv": rows})
		if !strings.HasPrefix(got[0], want) {
			t.Errorf("%q:\ngot  %s\nwant %s", rows, got[0], want)
		}
	}
}

func TestConditionsThatDoNotLoad(t *testing.T) {
	for text, want := range map[string]string{
		"false":                                  "0: true stands alone",
		"true && r.obj.public":                   "0: true stands alone",
		"r.obj.owner":                            "0: string is no condition",
		"r.obj.ownr == 'a'":                      "0: unknown attribute r.obj.ownr: those of doc are id, owner, public, score, size, status, tags",
		"r.sub.rank == 1":                        "0: unknown attribute r.sub.rank: those of sub are dept, id, level, regions, roles, staff",
		"r.obj.Name == 'doc:1'":                  "6: \"r.obj.Name\" means nothing",
		"r.dom == 'acme'":                        "0: \"r.dom\" means nothing",
		"p.sub == 'x'":                           "0: \"p.sub\" means nothing",
		"r.obj.owner.name == 'x'":                "11: \"r.obj.owner.name\" means nothing",
		"r.obj.owner == 5":                       "12: string and number cannot be compared",
		"r.obj.size == '5'":                      "11: int and string cannot be compared",
		"r.obj.public < true":                    "13: of two bools neither is less",
		"r.obj.tags == 'x'":                      "11: a list is not compared",
		"'a' == 'a'":                             "4: both sides are constants",
		"r.obj.owner = 'a'":                      "12: = compares nothing: write ==",
		"r.obj.size + 1 == 2":                    "11: \"+\" is not an operator",
		"r.obj.owner =~ 'a.*'":                   "12: \"=~\" is not an operator",
		"r.obj.owner == 'a' ? true : false":      "19: \"?\" is not an operator",
		"r.obj.size == 1 == true":                "16: unexpected ==",
		"r.obj.size == 1 r.obj.public":           "16: unexpected r.obj.public",
		"r.obj.size ==":                          "13: an attribute or a constant is missing before end",
		"(r.obj.public":                          "13: a ) is missing before end",
		"r.obj.public)":                          "12: unexpected )",
		"!r.obj.size == 1":                       "1: int is no condition",
		"!!r.obj.public":                         "0: \"!!\" is not an operator",
		"! !r.obj.public":                        "2: ! stands before an attribute of kind bool",
		"r.obj.public &&!r.obj.public":           "13: \"&&!\" is not an operator",
		"r.obj.public & r.obj.public":            "13: \"&\" is not an operator",
		"r.obj.owner == 'a":                      "15: the text does not end",
		"r.obj.owner == 'it\"s'":                 "18: Casbin ends a text at either quote",
		`r.obj.owner == 'a\n'`:                   "17: \\ stands before an apostrophe",
		"r.obj.owner == '2024-01-01'":            "15: Casbin reads '2024-01-01' as something else",
		"r.obj.owner == '9:04PM'":                "15: Casbin reads '9:04PM' as something else",
		"r.obj.owner == 'x r.y'":                 "15: Casbin reads 'x r.y' as something else",
		"r.obj.size == 9007199254740993":         "14: the number is too large",
		"r.obj.size == 90071992547409930":        "14: the number is too large",
		"r.obj.size == 1e5":                      "14: \"1e5\" is not a number",
		"r.obj.size == 0x10":                     "14: \"0x10\" is not a number",
		"r.obj.size == 1.":                       "14: \"1.\" is not a number",
		"r.obj.size in (1, 'a')":                 "18: string in a list for int",
		"r.obj.size in (1, -1)":                  "18: a list holds no negative numbers",
		"r.obj.size in ()":                       "15: an empty list, in which nothing is: write a value, as in ('x')",
		"r.obj.size in (r.sub.level)":            "15: a list holds constants only",
		"r.obj.size in (1":                       "16: a , or ) is missing before end",
		"r.obj.size in [1]":                      "14: \"[\" means nothing here: a list stands in parentheses",
		"r.obj.size in 1":                        "14: after in stands a list",
		"'a' in ('a')":                           "0: before in and a list stands an attribute",
		"r.obj.size in r.obj.tags":               "14: in an attribute: the left side is a string",
		"'a' in r.obj.owner":                     "7: in an attribute",
		"keyMatch(r.obj.owner, 'a*')":            "0: \"keyMatch\": functions and methods cannot be called",
		"r.sub.Nuke()":                           "0: \"r.sub.Nuke\": functions and methods cannot be called",
		"r.obj.owner == \u200b'a'":               "15: ",
		"владелец == 'a'":                        "0: ",
		"owner == 'a'":                           "0: \"owner\" means nothing",
		strings.Repeat("(", 33) + "r.obj.public": "32: the condition is nested too deeply",
		strings.Repeat("r.obj.public && ", 70):   "1024: the condition is too long",
		"r.obj.size in (" + strings.Repeat("1, ", 64) + "1)": "207: the list is too long",
	} {
		_, at, why := policy.CompileCondition(text, "doc", testAttributes)
		if got := fmt.Sprintf("%d: %s", at, why); why == "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestAConditionOnARouteOrOnEverythingAsksForNoObjectsAttribute(t *testing.T) {
	for _, object := range []string{"/x, GET", "/x/*, GET", "*, GET", "*, *"} {
		got := refused(t, "p, role:a, *, "+object+", r.obj.id == r.sub.id, allow")
		if !strings.Contains(got[0], "cannot ask for r.obj.id") && !strings.Contains(got[0], "the route has no parameter that r.obj.id could be") {
			t.Error(got)
		}
		mustLoad(t, with("p, role:a, *, "+object+", r.sub.level > 1 && r.env.hour < 5, allow"))
	}
}

func TestThePositionInAQuotedConditionCountsItsQuotes(t *testing.T) {
	for rows, want := range map[string]string{
		`p, role:a, *, doc, read, "r.obj.owner == ""x"" && r.obj.nope", allow`: "policy.csv:1:51: unknown attribute",
		`p, role:a, *, doc, read, "r.obj.nope", allow`:                         "policy.csv:1:27: unknown attribute",
		`  p, role:a, *, doc, read, r.obj.nope, allow`:                         "policy.csv:1:28: unknown attribute",
		`p, "role:a", *, doc, read,    "r.obj.nope", allow`:                    "policy.csv:1:32: unknown attribute",
	} {
		if got := refused(t, rows); !strings.HasPrefix(got[0], want) {
			t.Errorf("got %s, want %s", got[0], want)
		}
	}
}

func TestModelsThatAreNotTheStandardModel(t *testing.T) {
	standard := string(folder(nil)["model.conf"].Data)
	edit := func(old, new string) string {
		if !strings.Contains(standard, old) {
			t.Fatalf("the model has no %q", old)
		}
		return strings.Replace(standard, old, new, 1)
	}
	for name, c := range map[string]struct{ model, want string }{
		"default allow":              {edit(`some(where (p.eft == allow)) && !some(where (p.eft == deny))`, `!some(where (p.eft == deny))`), "[policy_effect]"},
		"no deny":                    {edit(` && !some(where (p.eft == deny))`, ``), "[policy_effect]"},
		"an effect spaced otherwise": {edit(`some(where (p.eft == allow))`, `some(where(p.eft == allow))`), "[policy_effect]"},
		"a tenant not compared":      {edit(`(p.dom == "*" || r.dom == p.dom) \`, `true \`), "[matchers]"},
		"a superuser":                {edit(`&& eval(p.cond)`, `&& eval(p.cond) || r.sub.Name == "user:root"`), "[matchers]"},
		"a space within a text":      {edit(`"role:anyone"`, `"role: anyone"`), "[matchers]"},
		"a split operator":           {edit(`&& eval`, `& & eval`), "[matchers]"},
		"a field misspelled":         {edit(`p = sub, dom, obj, act, cond, eft`, `p = sub, dom, obj, atc, cond, eft`), "[policy_definition]"},
		"roles without tenants":      {edit(`g = _, _, _`, `g = _, _`), "[role_definition]"},
		"a second matcher":           {standard + "\nm2 = true\n", "[matchers]"},
		"a second kind of rule":      {edit(`p = sub`, "p2 = sub, act\np = sub"), "[policy_definition]"},
		"an unknown section":         {standard + "\n[constraint_definition]\nc = x\n", "unknown section"},
		"a section twice":            {standard + "\n[matchers]\nm = true\n", "stands twice"},
		"a section missing":          {strings.Split(standard, "[matchers]")[0], "missing required sections: matchers"},
		"nothing":                    {"", "missing required sections"},
		"a hidden carriage return":   {edit("# g = who", "# x\rm = true # g = who"), "a carriage return"},
		"a byte order mark":          {"\ufeff" + standard, "a byte order mark"},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusedFiles(t, map[string]string{"policy.csv": fine, "model.conf": c.model})
			if !strings.HasPrefix(got[0], "model.conf:") || !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for name, model := range map[string]string{
		"on one line":       strings.ReplaceAll(standard, "\\\n", ""),
		"without comments":  edit("# g = who, role, tenant; * is every tenant.\n", ""),
		"spaced otherwise":  edit(`g = _, _, _`, "g  =  _ ,_,  _"),
		"with CRLF":         strings.ReplaceAll(standard, "\n", "\r\n"),
		"brackets set wide": edit(`eval(p.cond)`, `eval( p.cond )`),
	} {
		t.Run(name+" is fine", func(t *testing.T) {
			mustLoad(t, folder(map[string]string{"policy.csv": fine, "model.conf": model}))
		})
	}
}

func TestMissingFilesDoNotLoad(t *testing.T) {
	for _, name := range []string{"model.conf", "policy.csv"} {
		fsys := folder(map[string]string{"policy.csv": fine})
		delete(fsys, name)
		if _, err := policy.Load(fsys, policy.Options{}); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	// Without attributes.csv only the built-in attributes can be compared.
	mustLoad(t, folder(map[string]string{"policy.csv": "p, role:a, *, doc, read, r.obj.id == r.sub.id, allow"}))
}

// Each rule has its own condition, as it was compiled.
func TestTheConditionsOfAnEngineAreThoseOfItsRules(t *testing.T) {
	e, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rules, conditions := e.Rules(), e.Conditions()
	if len(rules) == 0 || len(rules) != len(conditions) {
		t.Fatalf("%d rules, %d conditions", len(rules), len(conditions))
	}
	for i, r := range rules {
		if conditions[i].Source() != r.Condition {
			t.Errorf("%s: %s", r, conditions[i].Source())
		}
	}
	if list := (&policy.Engine{}).Conditions(); list != nil {
		t.Errorf("of no policy: %v", list)
	}
}
