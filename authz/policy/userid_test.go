package policy_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/invisible"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A decision is about a user that a session can have, and about no other: the two
// agree what an id is on every character that shows nothing, and on many that do.
func TestPoliciesAndSessionsAgreeWhatAUserIDIs(t *testing.T) {
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || !invisible.Is(r) && !unicode.IsMark(r) && r > 0x600 && r%61 != 0 || r >= 0xe1000 && r%4093 != 0 || r > 0x20000 && r < 0xe0000 && r%997 != 0 {
			continue
		}
		for _, id := range []string{string(r), "a" + string(r)} {
			_, refused := session.ParseUserID(id)
			_, err := engine.Decide(t.Context(), policy.Request{
				Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: id}, Action: "GET", Object: policy.Route("/x"),
			})
			if errors.Is(err, policy.ErrRequest) != (refused != nil) {
				t.Fatalf("%+q: session %v, policy %v", id, refused, err)
			}
		}
	}
}

// Ids of identity providers stand in rules as they are, and a rule for one of them is for no other.
// Those that CSV or Casbin would read otherwise are refused, and never taken for another's.
func TestAUserIDStandsInARuleAsItIsOrIsRefused(t *testing.T) {
	ids := []string{
		"alice", "f:9b1d-5a1c:bob", "spiffe://example.org/ns/prod/sa/billing", "system:serviceaccount:prod:worker", "repo:acme/app:ref:refs/heads/main",
		"auth0|5f7c", "a", "b", "role:editor", "user:alice", "user:", "p", "g", "'", "\\", "=1+1", "é", strings.Repeat("é", 127) + "x",
	}
	row := func(id string, n int) []string {
		if _, err := session.ParseUserID(id); err != nil {
			t.Fatal(err)
		}
		return []string{"p", "user:" + id, "*", fmt.Sprint("/", n), "GET", "true", "allow"}
	}
	load := func(rows ...[]string) (*policy.Engine, error) {
		var text bytes.Buffer
		if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{"policy.csv": {Data: text.Bytes()}}
		for _, name := range []string{"model.conf", "attributes.csv"} {
			data, err := fs.ReadFile(policies.Files(), name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: data}
		}
		return policy.Load(files, policy.Options{})
	}
	var rows [][]string
	for n, id := range ids {
		rows = append(rows, row(id, n))
	}
	engine, err := load(rows...)
	if err != nil {
		t.Fatal(err)
	}
	odd := []string{"a,b", `a"b`, `"`, `""`, ",", "#alice", "*"}
	for n := range ids {
		for m, id := range append(ids, odd...) {
			decision, err := engine.Decide(t.Context(), policy.Request{
				Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: id}, Action: "GET", Object: policy.Route(fmt.Sprint("/", n)),
			})
			if err != nil {
				t.Fatalf("%q: %v", id, err)
			}
			if decision.Allowed() != (n == m) {
				t.Errorf("the rule for %q allows %q: %v", ids[n], id, decision.Allowed())
			}
		}
	}
	for _, id := range odd {
		if _, err := load(row(id, 0)); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("a rule for %q: %v", id, err)
		}
	}
}
