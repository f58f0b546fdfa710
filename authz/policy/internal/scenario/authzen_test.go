package scenario

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

type evaluation struct {
	Subject     struct{ Type, ID string }
	Action      struct{ Name string }
	Resource    resource
	Evaluations []evaluation
}

type resource struct {
	Type, ID   string
	Properties map[string]any
}

type interopCase struct {
	ID, API string
	Request evaluation
	Expect  json.RawMessage
}

func interopEngine(t *testing.T, name string) *policy.Engine {
	t.Helper()
	read := func(file string) string {
		data, err := os.ReadFile(filepath.Join("testdata", "authzen", file))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return engine(t, read(name+".csv"), read(name+".attributes.csv"))
}

func vector(t *testing.T, folder, name string) string {
	t.Helper()
	for _, file := range vectors(t, folder) {
		if named(file) == name {
			return file
		}
	}
	t.Fatalf("no %s/%s.json", folder, name)
	return ""
}

// The evaluations of the interop scenarios, single and in batches: the engine answers each as all
// participants agreed. Package authz/authzen has the same over HTTP.
func TestAuthZENEvaluationsAreDecidedAsPublished(t *testing.T) {
	decisions := 0
	for _, name := range []string{"todo", "gateway"} {
		var s struct {
			Users map[string]struct {
				ID    string
				Roles []string
			}
			Cases []interopCase
		}
		readJSON(t, vector(t, "authzen", name), &s)
		e := interopEngine(t, name)
		for _, c := range s.Cases {
			batch := c.Request.Evaluations
			var want []bool
			if c.API == "evaluation" {
				batch, want = []evaluation{c.Request}, []bool{false}
				if err := json.Unmarshal(c.Expect, &want[0]); err != nil {
					t.Fatal(err)
				}
			} else if err := json.Unmarshal(c.Expect, &want); err != nil {
				t.Fatal(err)
			}
			user := s.Users[c.Request.Subject.ID]
			for i, q := range batch {
				if q.Action.Name == "" {
					q.Action = c.Request.Action
				}
				object := policy.Object{Type: q.Resource.Type, ID: q.Resource.ID, Attributes: policy.Values{"owner_id": q.Resource.Properties["ownerID"]}}
				if object.Type == "route" {
					object = policy.Route(object.ID)
				}
				decisions++
				got := allows(t, e, policy.Request{
					Subject: policy.Subject{ID: c.Request.Subject.ID, Roles: policy.RoleNames(user.Roles), Attributes: policy.Values{"email": user.ID}},
					Action:  policy.Action(q.Action.Name), Object: object,
				})
				if got != want[i] {
					t.Errorf("%s %d: %v, want %v", c.ID, i, got, want[i])
				}
			}
		}
	}
	if decisions < 49 {
		t.Errorf("%d decisions: the vectors changed", decisions)
	}
}

// Searches of all three kinds are answered by asking about each candidate.
func TestAuthZENSearchesAreAnsweredAsPublished(t *testing.T) {
	var s struct {
		Users   []struct{ ID, Role, Department string }
		Records []struct{ ID, Department, Owner string }
		Cases   []interopCase
	}
	readJSON(t, vector(t, "authzen", "search"), &s)
	e := interopEngine(t, "search")
	allowed := map[[3]string]bool{} // user, action, record
	for _, u := range s.Users {
		for _, action := range []string{"view", "edit", "delete"} {
			for _, r := range s.Records {
				allowed[[3]string{u.ID, action, r.ID}] = allows(t, e, policy.Request{
					Subject: policy.Subject{ID: u.ID, Roles: policy.RoleNames{u.Role}, Attributes: policy.Values{"department": u.Department}},
					Action:  policy.Action(action),
					Object:  policy.Object{Type: "record", ID: r.ID, Attributes: policy.Values{"owner": r.Owner, "department": r.Department}},
				})
			}
		}
	}
	for _, c := range s.Cases {
		at := map[string]int{"search/subject": 0, "search/action": 1, "search/resource": 2}[c.API]
		asked := [3]string{c.Request.Subject.ID, c.Request.Action.Name, c.Request.Resource.ID}
		asked[at] = ""
		var want, got []string
		if err := json.Unmarshal(c.Expect, &want); err != nil {
			t.Fatal(err)
		}
		for one, yes := range allowed {
			name := one[at]
			if one[at] = ""; yes && one == asked {
				got = append(got, name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s: %v, want %v", c.ID, got, want)
		}
	}
	if len(s.Cases) < 139 || len(allowed) != 360 {
		t.Errorf("%d searches over %d decisions: the vectors changed", len(s.Cases), len(allowed))
	}
}
