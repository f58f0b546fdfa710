package policy_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// chainOf is rows that give role:r0 eleven roles, one by way of the other.
func chainOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "g, role:r%d, role:r%d, *\n", i, i+1)
	}
	return b.String()
}

// mistakes are files that make each mistake, and no other.
var mistakes = map[policy.Code]map[string]string{
	policy.CodeFileMisplaced:      {"polices.csv": "p"},
	policy.CodeEncoding:           {"policy.csv": "p, role:a\u200b, *, doc, read, true, allow"},
	policy.CodeLineTooLong:        {"policy.csv": "# " + strings.Repeat("x", 5000) + "\n" + fine},
	policy.CodeCSVSeparator:       {"policy.csv": "p; role:a; *; doc; read; true; allow"},
	policy.CodeCSVQuotes:          {"policy.csv": `p, role:a, *, doc, read, r.obj.id == "x, allow`},
	policy.CodeCSVSpace:           {"policy.csv": "p, role:a , *, doc, read, true, allow"},
	policy.CodeRowSection:         {"policy.csv": "q, role:a, *, doc, read, true, allow"},
	policy.CodeRowLength:          {"policy.csv": "p, role:a, *, doc, read, allow"},
	policy.CodeRowEmpty:           {"policy.csv": "p, , *, doc, read, true, allow"},
	policy.CodeRowDuplicate:       {"policy.csv": "p, role:a, *, doc, read, true, allow\np,role:a, *, doc, read, true, allow"},
	policy.CodeRuleSubject:        {"policy.csv": "p, alice, *, doc, read, true, allow"},
	policy.CodeRuleTenant:         {"policy.csv": "p, role:a, acme.eu, doc, read, true, allow"},
	policy.CodeRuleObject:         {"policy.csv": "p, role:a, *, Doc, read, true, allow"},
	policy.CodeRuleAction:         {"policy.csv": "p, role:a, *, doc, GET, true, allow"},
	policy.CodeRuleCondition:      {"policy.csv": "p, role:a, *, doc, read, r.obj.id ==, allow"},
	policy.CodeRuleEffect:         {"policy.csv": "p, role:a, *, doc, read, true, denny"},
	policy.CodeRuleFilter:         {"attributes.csv": "thing, id, string, no, id\nthing, org, tenant, no, tenant_id\nthing, owner, string, no,", "policy.csv": "p, role:a, *, thing, read, r.obj.owner == r.sub.id, allow"},
	policy.CodeGrantSubject:       {"policy.csv": fine + "\ng, alice, role:a, *"},
	policy.CodeGrantRole:          {"policy.csv": fine + "\ng, user:alice, user:bob, *"},
	policy.CodeGrantTenant:        {"policy.csv": fine + "\ng, user:alice, role:a, acme.eu"},
	policy.CodeGrantTime:          {"policy.csv": fine + "\ng, user:alice, role:a, *, _, 2026-12-31 18:00:00"},
	policy.CodeRoleCycle:          {"policy.csv": fine + "\ng, role:x, role:y, *\ng, role:y, role:x, *"},
	policy.CodeRoleChain:          {"policy.csv": fine + "\n" + chainOf(11)},
	policy.CodeAttributeType:      {"attributes.csv": "Doc, owner, string, no,"},
	policy.CodeAttributeName:      {"attributes.csv": "thing, Owner, string, no,"},
	policy.CodeAttributeKind:      {"attributes.csv": "thing, owner, text, no,"},
	policy.CodeAttributeNullable:  {"attributes.csv": "thing, owner, string, maybe,"},
	policy.CodeAttributeColumn:    {"attributes.csv": "thing, owner, string, no, own-er"},
	policy.CodeAttributeRelation:  {"attributes.csv": "thing, owner, parent, no, owner_id, person, people, id"},
	policy.CodeAttributeDuplicate: {"attributes.csv": "thing, owner, string, no,\nthing, owner, int, no,"},
	policy.CodeModelSyntax:        {"model.conf": "[request_definition]\nr = sub\n"},
	policy.CodeModelSection:       {"model.conf": string(folder(nil)["model.conf"].Data) + "\n[matcher]\nm = true\n"},
	policy.CodeModelDefinition:    {"model.conf": strings.Replace(string(folder(nil)["model.conf"].Data), "some(where (p.eft == allow)) && ", "", 1)},
	policy.CodePolicyEmpty:        {"policy.csv": "# nothing\n"},
	policy.CodeCeilingRow:         {"ceiling.csv": "p, role:a, *, doc, read, true, allow"},
	policy.CodeCeilingAbove:       {"ceiling.csv": "# nothing", "tenants/acme.csv": "p, role:a, acme, thing, read, true, allow"},
	policy.CodeTenantEmpty:        {"tenants/acme.csv": "# nothing\n"},
	policy.CodeRuleRoute: {
		"policy.csv": "p, role:a, *, route:/*, GET, true, allow",
		"model.conf": strings.Replace(string(folder(nil)["model.conf"].Data), ` || (r.obj.Type == "" && p.obj == "route:" + r.obj.Name)`, "", 1),
	},
	policy.CodeFolderTooLarge: strays(),
}

// strays are more files than are looked through.
func strays() map[string]string {
	files := map[string]string{}
	for n := range 10_001 {
		files["notes/"+strconv.Itoa(n)] = ""
	}
	return files
}

func TestEveryMistakeHasItsCode(t *testing.T) {
	elsewhere := []policy.Code{
		policy.CodeFileUnreadable, // below
		policy.CodePolicyTooLarge, // takes gigabytes to reach
		policy.CodeRolesTooMany,   // likewise
	}
	for _, code := range policy.Codes() {
		change, ok := mistakes[code]
		if !ok {
			if !slices.Contains(elsewhere, code) {
				t.Errorf("%s: no policy with the mistake", code)
			}
			continue
		}
		files := map[string]string{"policy.csv": "p, role:a, *, thing, read, true, allow"}
		for name, content := range change {
			files[name] = content
		}
		_, err := policy.Load(folder(files), policy.Options{})
		if got := codes(t, err); len(got) != 1 || got[0] != code {
			t.Errorf("%s: got %v of %v", code, got, err)
		}
	}
	fsys := with(fine)
	delete(fsys, "policy.csv")
	if _, err := policy.Load(fsys, policy.Options{}); !slices.Contains(codes(t, err), policy.CodeFileUnreadable) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// codes returns the codes of an error, each once.
func codes(t *testing.T, err error) (list []policy.Code) {
	t.Helper()
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Errorf("not a load's error: %v", err)
		return nil
	}
	for _, e := range all.Unwrap() {
		e, ok := e.(*policy.Error)
		if !ok || e.Severity != policy.SeverityError {
			t.Errorf("%#v", e)
			continue
		}
		if !slices.Contains(list, e.Code) {
			list = append(list, e.Code)
		}
	}
	return list
}

// Others write codes down: each constant is listed, has a sentence, and looks like a code.
func TestEveryCodeIsListedAndExplained(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	listed := policy.Codes()
	for _, code := range listed {
		if s := code.Summary(); !form.MatchString(string(code)) || !strings.HasSuffix(s, ".") || strings.Contains(s, "\n") {
			t.Errorf("%q: %q", code, s)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) == 0 {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if n++; err != nil || !slices.Contains(listed, policy.Code(value)) {
			t.Errorf("%s is not listed: %v", spec.Names[0].Name, err)
		}
		return true
	})
	if n != len(listed) {
		t.Errorf("%d constants for %d codes", n, len(listed))
	}
	if policy.Code("nope").Summary() != "" {
		t.Error("an unknown code has a summary")
	}
	for s, want := range map[policy.Severity]string{policy.SeverityError: "error", policy.SeverityWarning: "warning", policy.SeverityNote: "note", 9: "error"} {
		if s.String() != want {
			t.Errorf("severity %d is %s", s, s)
		}
	}
}
