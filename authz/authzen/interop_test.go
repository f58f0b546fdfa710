package authzen_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/authzen"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// policyOf are the rules and attributes of an interop scenario.
func policyOf(t *testing.T, name string) (rules, attributes string) {
	t.Helper()
	read := func(file string) string {
		data, err := os.ReadFile(filepath.Join("..", "policy", "internal", "scenario", "testdata", "authzen", file))
		if err != nil {
			t.Fatal(err)
		}
		// Properties are attributes by their own names.
		return strings.ReplaceAll(string(data), "owner_id", "ownerID")
	}
	return read(name + ".csv"), read(name + ".attributes.csv")
}

type interopCase struct {
	ID, API string
	Request json.RawMessage
	Expect  json.RawMessage
}

// The evaluations of the interop scenarios, as their requests go over the wire.
func TestInteropEvaluations(t *testing.T) {
	for _, name := range []string{"todo", "gateway"} {
		var s struct {
			Users map[string]struct {
				ID    string
				Roles []string
			}
			Cases []interopCase
		}
		read(t, scenario(t, name), &s)
		users := directory{}
		for id, u := range s.Users {
			users["acme/"+id] = policy.Subject{ID: id, Roles: policy.RoleNames(u.Roles), Attributes: policy.Values{"email": u.ID}}
		}
		rules, attributes := policyOf(t, name)
		w := newFixture(t, rules, attributes, func(c *authzen.Config) { c.Subjects = users.find })
		gateway := w.signIn(acme, "gw", "gateway")
		for _, c := range s.Cases {
			rec := w.post(gateway, "/access/v1/"+c.API, string(c.Request))
			if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%s: %d %s", c.ID, rec.Code, rec.Body)
			}
			want, got := []bool{false}, []bool{false}
			if c.API == "evaluation" {
				var one struct{ Decision *bool }
				decode(t, rec.Body.Bytes(), &one)
				decode(t, c.Expect, &want[0])
				got[0] = *one.Decision
			} else {
				var all struct{ Evaluations []struct{ Decision bool } }
				decode(t, rec.Body.Bytes(), &all)
				decode(t, c.Expect, &want)
				got = nil
				for _, x := range all.Evaluations {
					got = append(got, x.Decision)
				}
			}
			if !slices.Equal(want, got) {
				t.Errorf("%s: %v, want %v", c.ID, got, want)
			}
		}
		if len(s.Cases) < 15 {
			t.Errorf("%s: %d cases: the vectors changed", name, len(s.Cases))
		}
	}
}

// The searches of the interop scenario: answers are sets.
func TestInteropSearches(t *testing.T) {
	var s struct {
		Users   []struct{ ID, Role, Department string }
		Records []struct{ ID, Department, Owner string }
		Cases   []interopCase
	}
	read(t, scenario(t, "search"), &s)
	users, records := directory{}, map[string]policy.Object{}
	for _, u := range s.Users {
		users["acme/"+u.ID] = policy.Subject{ID: u.ID, Roles: policy.RoleNames{u.Role}, Attributes: policy.Values{"department": u.Department}}
	}
	for _, r := range s.Records {
		records[r.ID] = policy.Object{Type: "record", ID: r.ID, Tenant: acme, Attributes: policy.Values{"owner": r.Owner, "department": r.Department}}
	}
	rules, attributes := policyOf(t, "search")
	w := newFixture(t, rules, attributes, func(c *authzen.Config) {
		c.Subjects = users.find
		c.Resources = func(_ context.Context, _ tenant.ID, r authzen.Resource) (policy.Object, error) {
			return records[r.ID], nil
		}
		c.SearchSubjects = func(context.Context, tenant.ID, string) (list []policy.Subject, _ error) {
			for _, u := range users {
				list = append(list, u)
			}
			return list, nil
		}
		c.SearchResources = func(context.Context, tenant.ID, string) (list []policy.Object, _ error) {
			for _, r := range s.Records {
				list = append(list, records[r.ID])
			}
			return list, nil
		}
	})
	gateway := w.signIn(acme, "gw", "gateway")
	for _, c := range s.Cases {
		rec := w.post(gateway, "/access/v1/"+c.API, string(c.Request))
		var answer struct {
			Results []struct{ Type, ID, Name string }
		}
		decode(t, rec.Body.Bytes(), &answer)
		var want, got []string
		decode(t, c.Expect, &want)
		for _, r := range answer.Results {
			got = append(got, r.ID+r.Name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s: %v, want %v", c.ID, got, want)
		}
	}
	if len(s.Cases) < 130 {
		t.Errorf("%d searches: the vectors changed", len(s.Cases))
	}
	// Pages of seven are the same list.
	var all, paged []string
	body := `{"subject":{"type":"user","id":"dan"},"action":{"name":"view"},"resource":{"type":"record"}`
	decodeIDs(t, w.post(gateway, authzen.PathSearchResource, body+"}").Body.Bytes(), &all)
	next := ""
	for range 10 {
		page := `,"page":{"limit":7` + next + "}}"
		rec := w.post(gateway, authzen.PathSearchResource, body+page)
		token := decodeIDs(t, rec.Body.Bytes(), &paged)
		if token == "" {
			break
		}
		next = `,"token":"` + token + `"`
		other := strings.Replace(body, "dan", "bob", 1) + `,"page":{"limit":7` + next + "}}"
		if rec := w.post(gateway, authzen.PathSearchResource, other); rec.Code != http.StatusBadRequest {
			t.Errorf("the token of another search: %d", rec.Code)
		}
	}
	if diff := cmp.Diff(all, paged); diff != "" || len(all) != 20 {
		t.Errorf("%d: %s", len(all), diff)
	}
}

func decodeIDs(t *testing.T, data []byte, ids *[]string) string {
	t.Helper()
	var answer struct {
		Results []struct{ ID string }
		Page    struct {
			Next string `json:"next_token"`
		}
	}
	decode(t, data, &answer)
	for _, r := range answer.Results {
		*ids = append(*ids, r.ID)
	}
	return answer.Page.Next
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, data, into)
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
}
