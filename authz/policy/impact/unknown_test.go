package impact_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy/impact"
)

// A name that no row has is told of in each place of a sentence, with the one that was probably meant:
// a sentence about nobody holds whatever the rows say.
func TestANameThatNoRowHasIsToldOf(t *testing.T) {
	p := of(t, "p, role:editor, *, doc, update, true, allow", "p, role:admin, acme, /docs/:id, DELETE, true, allow", "p, role:root, *, *, *, true, allow", "p, role:clerk, *, invoice, update, true, allow", "g, user:ann, role:editor, acme")
	for sentence, want := range map[string][]string{
		"no role but admin may update doc":              nil,
		"nobody may PROPFIND /docs/*":                   nil,
		"nobody may anything":                           nil,
		"nobody outside globex may update doc":          nil, // rows for every tenant are for it
		"nobody with role:anyone may update doc:7":      nil,
		"nobody may updte doc":                          {"no row names the action updte: did you mean update?"},
		"nobody may update docs, doc":                   {"no row names the object docs"}, // too short to tell
		"nobody may update invioce":                     {"no row names the object invioce: did you mean invoice?"},
		"no role but amdin may update doc":              {"no row names role:amdin: did you mean role:admin?"},
		"nobody but role:root, role:guest may update":   {"no row names role:guest"},
		"role:Editor may not update doc":                {"no row names role:Editor: did you mean role:editor?"},
		"nobody outside acmee may update doc":           {"no row names the tenant acmee: did you mean acme?"},
		"nobody may update doc in acem":                 {"no row names the tenant acem: did you mean acme?"},
		"nobody may DELETE /doc/:id":                    {"no row names the object /doc/:id: did you mean /docs/:id?"},
		"nobody may DELETE /docs/42":                    {"no row names the object /docs/42: did you mean /docs/:id?"},
		"nobody may DELETE /docs/42/lines":              {"no row names the object /docs/42/lines"},
		"nobody may DELETE /files/*":                    {"no row names the object /files/*"},
		"nobody with role:guest may purge memo in acme": {"no row names role:guest", "no row names the action purge", "no row names the object memo"},
	} {
		list, err := impact.ParseAssertions("a", sentence)
		if err != nil {
			t.Errorf("%s: %v", sentence, err)
			continue
		}
		var got []string
		for _, u := range p.UnknownIn(list[0]) {
			got = append(got, u.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", sentence, diff)
		}
	}
}

// A question that no rule could be about is refused, and not answered with nobody.
func TestAQuestionThatNoRuleCanBeAboutIsRefused(t *testing.T) {
	p := of(t, "p, role:editor, *, doc, update, true, allow")
	for _, q := range []impact.Question{
		{Action: "read", Object: "/docs"}, {Action: "HEAD", Object: "/docs"}, {Action: "HEAD"}, {Action: "GET", Object: "doc"}, {Action: "Read", Object: "doc"},
		{Object: "Doc"}, {Object: "doc:"}, {Object: "/a*b"}, {Object: "doc*"}, {Object: "https://a/b"}, {Tenant: "a b"}, {Action: "read,write", Object: "doc"},
	} {
		if cells, err := p.WhoCan(q); err == nil {
			t.Errorf("%+v: %v", q, cells)
		}
	}
	for _, q := range []impact.Question{{}, {Action: "*"}, {Action: "read"}, {Action: "GET"}, {Action: "GET", Object: "*"}, {Action: "read", Object: "doc:7"}, {Object: "doc:*"}, {Object: "route:/*", Action: "GET"}} {
		if _, err := p.WhoCan(q); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
