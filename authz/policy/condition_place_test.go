package policy_test

import (
	"strings"
	"testing"
)

// A text that is refused once is refused at each place where it stands.
func TestARefusedTextHasThePlaceOfEachRow(t *testing.T) {
	got := refused(t, strings.Join([]string{
		`p, role:a, *, doc, read, r.sub.level >, allow`,
		`p, role:a, *, /x/:id, GET,   "r.sub.level >", allow`,
		``,
		`p, role:b, *, doc, read, "r.obj.owner == ""a"" && r.sub.nope", allow`,
		`p, role:longer, *, doc, read, "r.obj.owner == ""a"" && r.sub.nope", allow`,
	}, "\n"))
	want := []string{"policy.csv:1:39: an attribute", "policy.csv:2:44: an attribute", "policy.csv:4:51: unknown attribute", "policy.csv:5:56: unknown attribute"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %s, want %s", got[i], want[i])
		}
	}
}
