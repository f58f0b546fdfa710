package lint_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
)

const casbinModel = `[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && \
    r.act == p.act # by look-up
`

func TestMistakesOfCasbinPolicies(t *testing.T) {
	for rows, want := range map[string]string{
		"p, a, /x, read, denny":                             "policy.csv:1:17: error RV101",
		"p, a, /x, read, DENY":                              "policy.csv:1:17: error RV102",
		"p, a, /x, read, deny # why":                        "policy.csv:1:22: error RV005",
		"p, a, /x, read, deny ":                             "policy.csv:1:21: warning RV006",
		"p, a , /x, read, deny":                             "policy.csv:1:5: warning RV006",
		"p, a, /x, read":                                    "policy.csv:1:1: error RV002",
		"g, a":                                              "policy.csv:1:1: error RV002",
		"p2, a, /x, read, allow":                            "policy.csv:1:1: error RV003",
		"\ufeffp, a, /x, read, allow":                       "policy.csv:1:1: error RV004",
		"p, \"a, /x, read, allow":                           "policy.csv:1:",
		"p, a, /x, read, allow\np,a,/x,read,allow":          "policy.csv:2:1: warning RV108",
		"p, a, /(x|y), read, allow":                         "policy.csv:1:7: warning RV126",
		"p, a:b, /x, read, allow\ng, a:a, a:b\ng, a:b, a:a": "policy.csv:3:1: warning RV107",
		"g, a:a, a:a":                                       "policy.csv:1:9: warning RV122",
	} {
		found := lint.Casbin("model.conf", casbinModel, "policy.csv", rows+"\n", lint.Options{})
		if !strings.Contains(text(found), want) {
			t.Errorf("%q: want %s, found\n%s", rows, want, text(found))
		}
	}
	if found := lint.Casbin("model.conf", casbinModel, "policy.csv", "p, role:a, /x/:id, read, allow\ng, user:b, role:a\n", lint.Options{}); len(found) > 0 {
		t.Errorf("a good policy:\n%s", text(found))
	}
	found := lint.Casbin("model.conf", casbinModel, "policy.csv", "p, a, /x, read\n", lint.Options{Disable: []string{"RV002"}})
	if len(found) != 1 || found[0].Code != policy.CodeRowLength {
		t.Errorf("what Casbin does not load is disabled:\n%s", text(found))
	}
}
