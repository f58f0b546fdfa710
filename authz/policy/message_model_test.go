package policy_test

import (
	"strconv"
	"strings"
	"testing"
)

// Of a model that is not the standard one, the first word that differs is named, where it
// stands.
func TestASlipInTheModelNamesTheFirstWordThatDiffers(t *testing.T) {
	standard := string(folder(nil)["model.conf"].Data)
	for name, c := range map[string]struct{ old, new, want string }{
		"a field renamed":            {"sub, dom, obj, act, cond, eft", "sub, dom, obj, act, condition, eft", `LINE:25: [policy_definition] is not the standard model's: "cond" is expected where "condition" stands`},
		"a field missing":            {"r = sub, dom, obj, act, env", "r = sub, obj, act, env", `LINE:10: [request_definition] is not the standard model's: "dom" is expected where "obj" stands`},
		"a field more":               {"act, cond, eft", "act, cond, eft, note", `LINE:34: [policy_definition] is not the standard model's: "," stands where the standard model ends: delete what follows`},
		"roles without tenants":      {"g = _, _, _", "g = _, _", `LINE:9: [role_definition] is not the standard model's: "," is missing behind "_"`},
		"an operator changed":        {`(p.act == "*" ||`, `(p.act != "*" ||`, `LINE:12: [matchers] is not the standard model's: "==" is expected where "!=" stands`},
		"a name changed":             {"keyMatch(", "keyMatch2(", `LINE:29: [matchers] is not the standard model's: "keyMatch" is expected where "keyMatch2" stands`},
		"a text changed":             {`"role:anyone"`, `"role:everyone"`, `LINE:15: [matchers] is not the standard model's: "role:anyone" is expected where "role:everyone" stands`},
		"a Cyrillic letter":          {"p.dom == \"*\"", "р.dom == \"*\"", `LINE:6: [matchers] is not the standard model's: "p.dom" is expected where "р" stands: U+0440 (Cyrillic letter р) looks like p: write p`},
		"eval forgotten":             {" \\\n && eval(p.cond)", "", `LINE:124: [matchers] is not the standard model's: "&&" is missing behind ")"`},
		"a superuser":                {"&& eval(p.cond)", `&& eval(p.cond) || r.sub.Name == "user:root"`, `LINE:18: [matchers] is not the standard model's: "||" stands where the standard model ends: delete what follows`},
		"deny forgotten":             {" && !some(where (p.eft == deny))", "", `LINE:33: [policy_effect] is not the standard model's: "&&" is missing behind ")"`},
		"an effect spaced otherwise": {"some(where (p.eft == allow))", "some(where(p.eft == allow))", `LINE:15: [policy_effect] is not the standard model's: the spaces count in the effect: write e = some(where (p.eft == allow)) && !some(where (p.eft == deny))`},
		"a second matcher":           {"&& eval(p.cond)\n", "&& eval(p.cond)\nm2 = true\n", `LINE+1:1: [matchers] is not the standard model's: "m2" is a second definition, and the standard model has one: delete it`},
		"a section misspelt":         {"[matchers]", "[matcher]", `LINE:1: unknown section "[matcher]": did you mean [matchers]?`},
		"a section twice":            {"[matchers]", "[matchers]\n[matchers]", `LINE+1:1: the section [matchers] stands twice: the first is in line LINE`},
		"a no-break space":           {"g = _, _, _", "g = _,\u00a0_, _", `LINE:7: a character that does not print, U+00A0 (no-break space): write an ordinary space`},
		"a byte order mark":          {"# The standard", "\ufeff# The standard", `LINE:1: a byte order mark: save the file without it`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(standard, c.old) {
				t.Fatalf("the model has no %q", c.old)
			}
			got := refusedFiles(t, map[string]string{"policy.csv": fine, "model.conf": strings.Replace(standard, c.old, c.new, 1)})
			line := 1 + strings.Count(standard[:strings.Index(standard, c.old)], "\n")
			want := "model.conf:" + strings.NewReplacer("LINE+1", strconv.Itoa(line+1), "LINE", strconv.Itoa(line)).Replace(c.want)
			if got[0] != want {
				t.Errorf("\ngot  %s\nwant %s", got[0], want)
			}
		})
	}
}

func TestASlipInAttributesSaysWhatToWrite(t *testing.T) {
	for rows, want := range map[string]string{
		"doc; owner; string; no; owner\ndoc; size; int; no; size": "1:4: values are separated by commas, not semicolons: save the table as CSV with commas",
		"doc\towner\tstring\tno\towner":                           "1:4: values are separated by commas, not tabs: save the table as CSV with commas",
		"doc owner string no owner":                               "1:4: values are separated by commas, not spaces",
		"doc, owner, String, no,":                                 `1:13: unknown kind "String": write string, int, float, bool, strings, time, uuid, parent, members or tenant; did you mean string?`,
		"doc, owner, text, no,":                                   `1:13: unknown kind "text": write string, int, float, bool, strings, time, uuid, parent, members or tenant; did you mean string?`,
		"doc, owner, boolean, no,":                                `1:13: unknown kind "boolean": write string, int, float, bool, strings, time, uuid, parent, members or tenant; did you mean bool?`,
		"doc, owner, timestamp, no,":                              `1:13: unknown kind "timestamp": write string, int, float, bool, strings, time, uuid, parent, members or tenant; did you mean time?`,
		"type, attribute, kind, nullable, column":                 `1:18: unknown kind "kind": write string, int, float, bool, strings, time, uuid, parent, members or tenant; the names of the columns are a comment: begin the line with #` + "\nattributes.csv:" + `1:24: "nullable" is not yes, no or value: write yes`,
		"doc, owner, string, true,":                               `1:21: "true" is not yes, no or value: write yes`,
		"doc, owner, string, NOT NULL,":                           `1:21: "NOT NULL" is not yes, no or value: write no`,
		"doc, Owner, string, no,":                                 `1:6: "Owner" cannot name an attribute: a lower-case letter, then letters, digits and _: write owner`,
		"doc, first-name, string, no,":                            `1:6: "first-name" cannot name an attribute: a lower-case letter, then letters, digits and _: write first_name`,
		"doc, ownеr, string, no,":                                 `1:6: "ownеr" cannot name an attribute: a lower-case letter, then letters, digits and _: U+0435 (Cyrillic letter е) looks like e: write e`,
		"Invoice, owner, string, no,":                             `1:1: "Invoice" is not an object type: write sub, env, or a word in lower case such as invoice: write invoice`,
		"obj, owner, string, no,":                                 `1:1: "obj" is not an object type: write sub, env, or a word in lower case such as invoice: obj stands for the object of any type, which has a name here`,
		"doc, owner, string, no, public.owner":                    `1:25: "public.owner" cannot name a column: letters, digits and _: not "."`,
		"doc, owner, string, no, owner # text":                    `1:31: a comment stands on a line of its own and begins with #`,
		"doc, owner, string, no, owner,,":                         `1:30: 7 values, 5 are needed: object type, attribute, kind, nullable, column: remove the commas after the column`,
		"doc, owner, string, no":                                  `1:23: 4 values, 5 are needed: object type, attribute, kind, nullable, column: the column is missing`,
		"sub, dept, string, no, dept":                             `1:24: an attribute of sub has no column: leave it empty`,
	} {
		got := refusedFiles(t, map[string]string{"policy.csv": fine, "attributes.csv": rows})
		if strings.Join(got, "\n") != "attributes.csv:"+want {
			t.Errorf("%q:\ngot  %s\nwant %s", rows, strings.Join(got, "\n"), want)
		}
	}
}
