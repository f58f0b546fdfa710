package casbinindex_test

import (
	"slices"
	"strings"
	"testing"

	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

func TestARevisionTellsPoliciesApart(t *testing.T) {
	const rules = "p, admin, t1, d, read\np, alice, t1, e, read\ng, alice, admin, t1\n"
	first := mustIndexText(t, exactModel, rules).Revision()
	if again := mustIndexText(t, exactModel, "# a comment\n"+rules).Revision(); first == "" || again != first {
		t.Errorf("%s, and %s for the same rules", first, again)
	}
	seen := map[string]string{first: "the policy"}
	for name, ix := range map[string]*casbinindex.Index{
		"another rule":          mustIndexText(t, exactModel, rules+"p, bob, t1, d, read\n"),
		"another order":         mustIndexText(t, exactModel, "p, alice, t1, e, read\np, admin, t1, d, read\ng, alice, admin, t1\n"),
		"another role":          mustIndexText(t, exactModel, strings.Replace(rules, "g, alice", "g, bob", 1)),
		"another matcher":       mustIndexText(t, strings.Replace(exactModel, "r.act == p.act", "p.act == r.act", 1), rules),
		"a matching function":   mustIndexText(t, exactModel, rules, matching("g", casbinutil.KeyMatch)),
		"a domain function":     mustIndexText(t, exactModel, rules, domainMatching("g", casbinutil.KeyMatch)),
		"a value that moved on": mustIndexText(t, exactModel, strings.Replace(rules, "admin, t1, d", "admin, t1 d, ", 1)),
	} {
		if other := seen[ix.Revision()]; other != "" {
			t.Errorf("%s has the revision of %s", name, other)
		}
		seen[ix.Revision()] = name
	}
	if (&casbinindex.Index{}).Revision() != "" || (*casbinindex.Index)(nil).Revision() != "" {
		t.Error("an index without a policy has a revision")
	}
}

func TestAnIndexTellsItsRequestValuesAndItsRoles(t *testing.T) {
	ix := mustIndexText(t, exactModel, "p, admin, t1, d, read\ng, alice, admin, t1\n")
	if got := ix.RequestValues(); !slices.Equal(got, []string{"sub", "dom", "obj", "act"}) {
		t.Error(got)
	}
	for name, want := range map[string]bool{"admin": true, "alice": false, "nobody": false, "": false, "t1": false} {
		if ix.IsRole(name) != want {
			t.Errorf("%q is a role: %v", name, !want)
		}
	}
	var zero *casbinindex.Index
	if zero.RequestValues() != nil || zero.IsRole("admin") || (&casbinindex.Index{}).IsRole("admin") {
		t.Error("an index without a policy has values or roles")
	}
}
