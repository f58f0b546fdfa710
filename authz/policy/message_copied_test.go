package policy_test

import "testing"

// Rows that were copied out of a text, or that a spreadsheet or another language's habit has
// changed.
func TestACopiedRowSaysWhatToWrite(t *testing.T) {
	for _, s := range []slip{
		{"a table of Markdown", "| p | role:a | * | doc | read | true | allow |", []string{`1:1: unknown section "| p | role:a | * | doc | read | true | allow |": rows begin with p or g; values are separated by commas, and no bars stand around them`}},
		{"a fence of Markdown", "```csv\np, role:a, *, doc, read, true, allow\n~~~", []string{"1:1: unknown section \"```csv\": rows begin with p or g; delete the line, which is Markdown", `3:1: unknown section "~~~": rows begin with p or g; delete the line, which is Markdown`}},
		{"a rule of Markdown", "|---|:--|", []string{`1:1: unknown section "|---|:--|": rows begin with p or g; delete the line, which is Markdown`}},
		{"code of Markdown", "`p, role:a, *, doc, read, true, allow", []string{"1:1: unknown section \"`p\": rows begin with p or g; delete what stands before p"}},
		{"an item of a list", "- p, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "- p": rows begin with p or g; delete what stands before p`}},
		{"an item of a list with a star", "* g, user:a, role:b, *", []string{`1:1: unknown section "* g": rows begin with p or g; delete what stands before g`}},
		{"an item of a numbered list", "12. p, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "12. p": rows begin with p or g; delete what stands before p`}},
		{"a formula", "=p, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "=p": rows begin with p or g; delete what stands before p`}},
		{"a comment of SQL, still", "-- p", []string{`1:1: unknown section "-- p": rows begin with p or g; a comment stands on a line of its own and begins with #`}},
		{"a spreadsheet's separator", "sep=,\np, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "sep=": rows begin with p or g; delete the line, which is a spreadsheet's own`}},
		{"an empty row of a spreadsheet", ",,,,,,\np, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "": rows begin with p or g; delete the comma before p, or the line`}},
		{"a colon after p", "p: role:a, *, doc, read, true, allow", []string{`1:2: unknown section "p: role:a": rows begin with p or g; a comma stands after p`}},
		{"a row of the model", "e, some(where (p.eft == allow))", []string{`1:1: unknown section "e": rows begin with p or g; definitions stand in model.conf`}},
		{"a word for p", "policy, role:a, *, doc, read, true, allow", []string{`1:1: unknown section "policy": rows begin with p or g; write p`}},
		{"single quotes around p", "'p', role:a, *, doc, read, true, allow", []string{`1:1: unknown section "'p'": rows begin with p or g; delete what stands before p`}},
		{"single quotes around a name", "p, 'role:a', *, doc, read, true, allow", []string{`1:4: "'role:a'" is neither user:… nor role:…: it stands in quotes that are part of it: write role:a`}},
		{"single quotes around a tenant", "p, role:a, '*', doc, read, true, allow", []string{`1:12: "'*'" is neither * nor a tenant: it stands in quotes that are part of it: write *`}},
		{"backquotes around an object", "p, role:a, *, `/a/:id`, GET, true, allow", []string{"1:15: \"`/a/:id`\" is neither a route such as /invoices/:id nor a type such as invoice: it stands in quotes that are part of it: write /a/:id"}},
		{"single quotes around an action", "p, role:a, *, doc, 'read', true, allow", []string{`1:20: "'read'" on a typed object: write a word in lower case, or *: it stands in quotes that are part of it: write read`}},
		{"single quotes around a condition", "p, role:a, *, doc, read, 'true', allow", []string{`1:26: string is no condition: write true, without quotes`}},
		{"single quotes around an effect", "p, role:a, *, doc, read, true, 'allow'", []string{`1:32: unknown effect "'allow'": write allow or deny, and nothing after it: it stands in quotes that are part of it: write allow`}},
		{"a number for no condition", "p, role:a, *, doc, read, 1, allow", []string{`1:26: number is no condition: write true for none, or compare it with an attribute`}},
		{"true as a spreadsheet writes it", "p, role:a, *, doc, read, WAHR, allow", []string{`1:26: "WAHR" means nothing: write true`}},
		{"a method and a route that changed places", "p, role:a, *, GET, /doc, true, allow", []string{`1:15: "GET" is neither a route such as /invoices/:id nor a type such as invoice: a method is the value after its route`, `1:20: "/doc" is neither a method in upper case, nor a word in lower case, nor *: a route is the value before its method`}},
		{"a method in lower case on one route by its name", "p, role:a, *, route:/doc, get, true, allow", []string{`1:27: "get" on a route: write a method in upper case, or *: write GET`}},
		{"a word on one route by its name", "p, role:a, *, route:/doc, read, true, allow", []string{`1:27: "read" on a route: write a method in upper case, or *: write READ`}},
		{"a space before a route's template", "p, role:a, *, route: /doc, GET, true, allow", []string{`1:21: "route: /doc" is not an object: no spaces and none of , " ' # ? \: no space stands after the colon: write route:/doc`}},
		{"a route without its slash", "p, role:a, *, docs/:id, GET, true, allow", []string{`1:15: "docs/:id" is neither a route such as /invoices/:id nor a type such as invoice: a route begins with /: write /docs/:id`}},
		{"a route without its template", "p, role:a, *, route:, GET, true, allow", []string{`1:15: "route:" has no id after the colon: write route:/invoices/:id for the one route of that name`}},
		{"a star that is none", "p, role:a, ∗, doc, read, true, allow", []string{`1:12: "∗" is neither * nor a tenant: U+2217 (∗) looks like *: write *`}},
		{"digits of another script", "p, role:a, *, doc, read, r.obj.size > ٣, allow", []string{`1:39: U+0663 (٣) looks like 3: write 3`}},
		{"a line that ends in another sign", "p, role:a, *, doc, read, true, allow\u2028", []string{`1:37: a character that does not print, U+2028 (line separator): delete it, and end lines with a line feed`}},
	} {
		t.Run(s.name, s.hold)
	}
}
