package policy_test

import (
	"strings"
	"testing"
)

// slip is a mistake, and each of its errors, whole: "…" stands for the names of the values
// of a row.
type slip struct {
	name, rows string
	want       []string
}

func (s slip) hold(t *testing.T) {
	t.Helper()
	got := refused(t, s.rows)
	for i := range got {
		got[i] = strings.TrimPrefix(got[i], "policy.csv:")
		got[i] = strings.Replace(got[i], "are needed: p, who, tenant, object, action, condition, effect", "are needed: …", 1)
		got[i] = strings.Replace(got[i], "are needed: g, who, role, tenant", "are needed: …", 1)
	}
	if strings.Join(got, "\n") != strings.Join(s.want, "\n") {
		t.Errorf("%q\ngot  %s\nwant %s", s.rows, strings.Join(got, "\n     "), strings.Join(s.want, "\n     "))
	}
}

// A user who edits a policy reads what is wrong, at which byte, and what to write instead.
func TestASlipInARowSaysWhatToWrite(t *testing.T) {
	for _, s := range []slip{
		{"a comma in a list", "p, role:a, *, doc, read, r.obj.owner in ('admin', 'user'), allow", []string{"1:49: 8 values, 7 are needed: …: the condition holds a comma: put it in double quotes"}},
		{"a comma in a call", "p, role:a, *, doc, read, ipMatch(r.env.ip, '10.0.0.0/8'), allow", []string{"1:42: 8 values, 7 are needed: …: the condition holds a comma: put it in double quotes"}},
		{"a comma in a text", "p, role:a, *, doc, read, r.obj.owner == 'Smith, John', allow", []string{"1:47: 8 values, 7 are needed: …: the condition holds a comma: put it in double quotes"}},
		{"commas in two lists", "p, role:a, *, doc, read, r.obj.owner in ('a', 'b') && r.obj.status in ('c', 'd'), allow", []string{"1:45: 9 values, 7 are needed: …: the condition holds a comma: put it in double quotes"}},
		{"a comma in a number", "p, role:a, *, doc, read, r.obj.size > 1,000, allow", []string{"1:40: 8 values, 7 are needed: …: the condition holds a comma: put it in double quotes"}},
		{"a comma in a condition that CSV quotes in part", `p, role:a, *, doc, read, r.obj.owner in ("a", "b"), allow`, []string{"1:42: a double quote inside a value: use single quotes, or quote the value as a whole and double it"}},
		{"typographic quotes around a condition", "p, role:a, *, doc, read, “r.obj.owner in ('admin', 'user')”, allow", []string{`1:26: 8 values, 7 are needed: …: U+201C (a typographic quote “) cannot quote a value: write "`}},
		{"guillemets around a condition", "p, role:a, *, doc, read, «r.obj.owner in ('admin', 'user')», allow", []string{`1:26: 8 values, 7 are needed: …: U+00AB (a typographic quote «) cannot quote a value: write "`}},
		{"semicolons", "# note\np; role:anyone; *; doc; read; true; allow\np; role:anyone; *; doc; read; true; allow\np; role:anyone; *; doc; read; true; allow\ng; role:a; role:b; *", []string{"2:2: values are separated by commas, not semicolons: save the table as CSV with commas"}},
		{"semicolons without spaces and with quotes", `p;role:anyone;*;doc;read;"r.obj.owner in ('a', 'b')";allow`, []string{"1:2: values are separated by commas, not semicolons: save the table as CSV with commas"}},
		{"tabs", "p\trole:anyone\t*\tdoc\tread\ttrue\tallow\ng\trole:a\trole:b\t*", []string{"1:2: values are separated by commas, not tabs: save the table as CSV with commas"}},
		{"spaces", "p role:anyone * doc read true allow", []string{"1:2: values are separated by commas, not spaces"}},
		{"bars", "p|role:anyone|*|doc|read|true|allow", []string{`1:2: values are separated by commas, not "|"`}},
		{"full-width commas", "p，role:a，*，doc，read，true，allow", []string{"1:2: values are separated by commas, not by U+FF0C (full-width ，): write ,"}},
		{"Arabic commas", "p، role:a، *، doc، read، true، allow", []string{"1:2: values are separated by commas, not by U+060C (،): write ,"}},
		{"rows that are quoted as a whole", "\"p, role:a, *, doc, read, true, allow\"\n\"p, role:b, *, doc, read, true, allow\"", []string{"1:1: the row is quoted as a whole: quote no value but one that holds a comma"}},
		{"a comma missing after p", "p role:a, *, doc, read, true, allow", []string{`1:2: unknown section "p role:a": rows begin with p or g; a comma is missing after p`}},
		{"a comma missing after a name", "p, role:a *, doc, read, true, allow", []string{`1:10: 6 values, 7 are needed: …: is a comma missing after "role:a"?`}},
		{"a comma missing in a g row", "g, role:a role:b, *", []string{`1:10: 3 values, 4 are needed: …: is a comma missing after "role:a"?`}},
		{"a trailing comma", "p, role:a, *, doc, read, true, allow,", []string{"1:37: 8 values, 7 are needed: …: remove the commas after the effect"}},
		{"a padded row", "p, role:a, *, doc, read, true, allow,,,", []string{"1:37: 10 values, 7 are needed: …: remove the commas after the effect"}},
		{"a padded row with spaces", "p, role:a, *, doc, read, true, allow, , ,", []string{"1:37: 10 values, 7 are needed: …: remove the commas after the effect"}},
		{"a padded g row", "g, user:a, role:b, *,,,,", []string{"1:21: 8 values, 4 are needed: …: remove the commas after the tenant"}},
		{"a condition forgotten", "p, role:a, *, doc, read, allow", []string{"1:26: 6 values, 7 are needed: …: the condition is missing, write true for none"}},
		{"an effect forgotten", "p, role:a, *, doc, read, true", []string{"1:30: 6 values, 7 are needed: …: the effect is missing"}},
		{"a tenant forgotten", "g, user:a, role:b", []string{"1:18: 3 values, 4 are needed: …: the tenant is missing"}},
		{"a value too many", "p, role:a, *, doc, read, true, allow, audit", []string{"1:37: 8 values, 7 are needed: …: nothing stands after the effect"}},
		{"a role in a rule", "p, user:alice, role:admin, acme", []string{`1:1: 4 values, 7 are needed: …: a row of who, role and tenant begins with g`}},
		{"a rule in a role", "g, role:viewer, *, doc, read, true, allow", []string{`1:1: 7 values, 4 are needed: …: a row that ends in allow or deny begins with p`}},
		{"Casbin's classic row", "p, alice, data1, read", []string{`1:4: 4 values, 7 are needed: …: "alice" is neither user:… nor role:…: write role:alice or user:alice`}},
		{"a comment behind a rule", "p, role:a, *, doc, read, true, allow # for now", []string{`1:38: unknown effect "allow # for now": write allow or deny, and nothing after it: a comment stands on a line of its own and begins with #`}},
		{"a comment with commas", "p, role:a, *, doc, read, true, allow # editors, viewers", []string{"1:38: 8 values, 7 are needed: …: a comment stands on a line of its own and begins with #"}},
		{"a comment behind a grant", "g, role:ORG.TEAM, role:x, * #works!", []string{`1:29: "* #works!" is neither * nor a tenant: a comment stands on a line of its own and begins with #`}},
		{"a comment behind an action", "p, role:a, *, doc, read # x, true, allow", []string{`1:25: "read # x" on a typed object: write a word in lower case, or *: a comment stands on a line of its own and begins with #`}},
		{"a comment of another language", "// rules of the shop\np, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "// rules of the shop": rows begin with p or g; a comment stands on a line of its own and begins with #`}},
		{"a comment of SQL", "-- rules of the shop", []string{`1:1: unknown section "-- rules of the shop": rows begin with p or g; a comment stands on a line of its own and begins with #`}},
		{"a comment of an ini file", "; rules of the shop", []string{`1:1: unknown section "; rules of the shop": rows begin with p or g; a comment stands on a line of its own and begins with #`}},
		{"a merge conflict", "<<<<<<< HEAD\np, role:a, *, doc, read, true, allow\n=======\np, role:b, *, doc, read, true, allow\n>>>>>>> theirs", []string{"1:1: a merge conflict that nobody has resolved: choose one side, and delete the marks", "3:1: a merge conflict that nobody has resolved: choose one side, and delete the marks", "5:1: a merge conflict that nobody has resolved: choose one side, and delete the marks"}},
		{"a header", "ptype, v0, v1, v2, v3, v4, v5", []string{`1:1: unknown section "ptype": rows begin with p or g; the names of the columns are a comment: begin the line with #`}},
		{"a section in upper case", "P, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "P": rows begin with p or g; write p`}},
		{"a section of Casbin's", "p2, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "p2": rows begin with p or g; the standard model has one kind of each: write p`}},
		{"a Cyrillic p", "р, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "р": rows begin with p or g; U+0440 (Cyrillic letter р) looks like p: write p`}},
		{"no section", "role:a, *, doc, read, true, allow", []string{`1:1: unknown section "role:a": rows begin with p or g; write p, role:a, … for a rule and g, role:a, … for a role`}},
		{"a byte order mark", "\ufeffp, role:a, *, doc, read, true, allow", []string{"1:1: a byte order mark: save the file without it"}},
		{"a byte order mark in the middle", "p, \ufeffrole:a, *, doc, read, true, allow", []string{"1:4: a character that does not print, U+FEFF (byte order mark): delete it"}},
		{"a no-break space", "p,\u00a0role:a, *, doc, read, true, allow", []string{"1:3: a character that does not print, U+00A0 (no-break space): write an ordinary space"}},
		{"a zero-width space", "p, role:a\u200b, *, doc, read, true, allow", []string{"1:10: a character that does not print, U+200B (zero-width space): delete it"}},
		{"an ideographic space", "p, role:a,\u3000*, doc, read, true, allow", []string{"1:11: a character that does not print, U+3000 (ideographic space): write an ordinary space"}},
		{"a soft hyphen", "p, role:a\u00adb, *, doc, read, true, allow", []string{"1:10: a character that does not print, U+00AD (soft hyphen): delete it"}},
		{"an escape", "p, role:a\x1b[31m, *, doc, read, true, allow", []string{"1:10: a character that does not print, U+001B (escape): delete it"}},
		{"UTF-16", "\xff\xfep\x00,\x00 \x00r\x00o\x00l\x00e\x00", []string{"1:1: the text is UTF-16: save the file as UTF-8"}},
		{"Latin-1", "p, user:b\xf8b, *, doc, read, true, allow", []string{"1:10: the text is not UTF-8: save the file as UTF-8"}},
		{"old line ends", "p, role:a, *, doc, read, true, allow\rp, role:b, *, doc, read, true, allow", []string{"1:37: a carriage return inside the line: end lines with a line feed"}},
		{"a space at the edge", "p, role:a , *, doc, read, true, allow", []string{`1:10: a space at the edge of the value "role:a " would be part of it: delete it`}},
		{"a space at the end", "p, role:a, *, doc, read, true, allow ", []string{"1:37: a space at the end of the row: delete it"}},
		{"an empty name", "p, , *, doc, read, true, allow", []string{"1:4: an empty value: write user:…, role:…, or role:anyone for every caller"}},
		{"an empty tenant", "p, role:a, , doc, read, true, allow", []string{"1:12: an empty value: write a tenant, or * for all"}},
		{"an empty object", "p, role:a, *, , read, true, allow", []string{"1:15: an empty value: write a route, a type, or * for everything"}},
		{"an empty action", "p, role:a, *, doc, , true, allow", []string{"1:20: an empty value: write a method or a word, or * for every action"}},
		{"an empty effect", "p, role:a, *, doc, read, true,", []string{"1:31: an empty value: write allow or deny"}},
		{"an empty role", "g, user:a, , *", []string{"1:12: an empty value: write role:…"}},
	} {
		t.Run(s.name, func(t *testing.T) { s.hold(t) })
	}
}

// Habits of other programs are told what to write here.
func TestARowInTheMannerOfOthersSaysWhatToWrite(t *testing.T) {
	for row, want := range map[string]string{
		"p, 10, role:editor, *, doc, read, true, allow":                          `policy.csv:2:4: 8 values, 7 are needed: p, who, tenant, object, action, condition, effect: there are no priorities: a deny rule wins over every allow rule: delete "10"`,
		`p, role:editor, *, doc, read, "r.obj.size < 1,000", allow`:              "policy.csv:2:46: no comma stands in a number: write 1000",
		`p, role:editor, *, doc, read, "ipMatch('10.0.0.0/8', r.env.ip)", allow`: "policy.csv:2:40: the address is an attribute and stands first, as in ipMatch(r.env.ip, '10.0.0.0/8')",
	} {
		if got := refused(t, fine+row+"\n"); len(got) != 1 || got[0] != want {
			t.Errorf("%s\n got %q\nwant %q", row, got, want)
		}
	}
}
