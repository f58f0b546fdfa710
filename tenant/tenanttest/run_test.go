package tenanttest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant/tenanttest"
)

// leaks are mistakes of services, with a place and a kind by which each is found.
var leaks = []struct {
	leak, request string
	kind          tenanttest.Kind
}{
	{"list without the tenant", "GET /items", tenanttest.ReadsForeign},
	{"list without the tenant, packed", "GET /items", tenanttest.ReadsForeign},
	{"list without the tenant, in a coding that nobody reads", "GET /items", tenanttest.Refused},
	{"search by OR", "GET /items?q=o", tenanttest.ReadsForeign},
	{"SQL in the search", "GET /items?q=o", tenanttest.ReadsForeign},
	{"count without the tenant", "GET /items", tenanttest.SeesWork},
	{"read by id alone", "GET /items/{item}", tenanttest.ReadsForeign},
	{"count without the tenant, in a cache", "GET /items", tenanttest.SeesWork},
	{"update by id alone", "PUT /items/{item}", tenanttest.WritesForeign},
	{"delete by id alone", "DELETE /items/{item}", tenanttest.WritesForeign},
	{"body names the tenant", "POST /items", tenanttest.WritesForeign},
	{"header names the tenant", "GET /items", tenanttest.ReadsForeign},
	{"parameter names the tenant", "GET /items", tenanttest.ReadsForeign},
	{"cookie names the tenant", "GET /items", tenanttest.ReadsForeign},
	{"host names the tenant", "GET /items", tenanttest.ReadsForeign},
	{"cache without the tenant", "GET /items/latest", tenanttest.ReadsForeign},
	{"foreign shelf", "POST /items", tenanttest.LinksForeign},
	{"forbidden in place of not found", "GET /items/{item}", tenanttest.TellsExistence},
	{"error text", "GET /items/{item}", tenanttest.ReadsForeign},
	{"job without the tenant", "POST /exports", tenanttest.WritesForeign},
	{"job copies what it finds", "POST /exports", tenanttest.CopiesForeign},
	{"name exists once for all", "POST /items", tenanttest.SeesWork},
	{"no credential asked for", "GET /items", tenanttest.LetsAnyoneIn},
	{"tenant in a variable", "GET /items", tenanttest.ReadsForeign},
	{"list beside the policy", "GET /items", tenanttest.ReadsHidden},
	{"list beside the policy", "GET /items", tenanttest.ListsHidden},
	{"an object that nobody asked about", "GET /items/{item}", tenanttest.ReadsHidden},
	{"a column that was not selected", "GET /items/{item}", tenanttest.ReadsHidden},
	{"neither asks", "GET /items", tenanttest.ReadsHidden},
	{"neither asks", "GET /items/{item}", tenanttest.ReadsHidden},
}

func findings(t *testing.T, leak string) []tenanttest.Finding {
	t.Helper()
	list, err := tenanttest.Check(t.Context(), service(&shop{leak: leak}))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEachLeakIsFound(t *testing.T) {
	for _, row := range leaks {
		t.Run(row.leak, func(t *testing.T) {
			list := findings(t, row.leak)
			if !slices.ContainsFunc(list, func(f tenanttest.Finding) bool { return f.Kind == row.kind && f.Request == row.request }) {
				t.Errorf("no %s at %s in %v", row.kind, row.request, list)
			}
		})
	}
}

func TestAServiceWithoutLeaksHasNoFindings(t *testing.T) {
	tenanttest.Run(t, service(&shop{}))
}

// A description that tests nothing is an error and no pass.
func TestAnIncompleteDescriptionIsAnError(t *testing.T) {
	for want, change := range map[string]func(*tenanttest.Service){
		"Handler: required":  func(s *tenanttest.Service) { s.Handler = nil },
		"Requests: required": func(s *tenanttest.Service) { s.Requests = nil },
		"Rows: required":     func(s *tenanttest.Service) { s.Rows = nil },
		"Reset: required":    func(s *tenanttest.Service) { s.Reset = nil },
		"Tenants: both are":  func(s *tenanttest.Service) { s.Tenants[1].Name = "acme" },
		"needs Name, Sign":   func(s *tenanttest.Service) { s.Tenants[1].Secrets = nil },
		"too short":          func(s *tenanttest.Service) { s.Tenants[1].Secrets = []string{"x"} },
		"stands in the row": func(s *tenanttest.Service) {
			s.Tenants[0].Secrets, s.Tenants[1].Secrets = []string{"globe of"}, []string{"anvil of"}
		},
		"a secret of both":            func(s *tenanttest.Service) { s.Tenants[1].Secrets = s.Tenants[0].Secrets },
		"needs Name, Sign and Hidden": func(s *tenanttest.Service) { s.Tenants[1].Users[0].Hidden = nil },
		"the hidden text \"x\"":       func(s *tenanttest.Service) { s.Tenants[1].Users[0].Hidden = []string{"x"} },
		"stands in no row":            func(s *tenanttest.Service) { s.Tenants[1].Users[0].Hidden = []string{"no such text"} },
		"it needs Objects":            func(s *tenanttest.Service) { s.Tenants[1].Objects = nil },
		"a request that Reads one":    func(s *tenanttest.Service) { s.Requests[3].Reads = "" },
		"which is no value of it":     func(s *tenanttest.Service) { s.Requests[0].Reads = "item" },
		"needs a method":              func(s *tenanttest.Service) { s.Requests[0].Path = "items" },
		"{item} needs a value":        func(s *tenanttest.Service) { s.Tenants[1].Values["item"] = "item-1001" },
		"Rows: broken": func(s *tenanttest.Service) {
			s.Rows = func(context.Context, string) ([]string, error) { return nil, errors.New("broken") }
		},
		"Rows: acme has none": func(s *tenanttest.Service) {
			s.Rows = func(context.Context, string) ([]string, error) { return nil, nil }
		},
		"Reset: broken":  func(s *tenanttest.Service) { s.Reset = func(context.Context) error { return errors.New("broken") } },
		"Settle: broken": func(s *tenanttest.Service) { s.Settle = func(context.Context) error { return errors.New("broken") } },
	} {
		s := service(&shop{})
		change(&s)
		_, err := tenanttest.Check(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), strings.Replace(want, "acme", "globex", 1)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// A request that fails on the tenant's own data would pass every attack.
func TestARequestThatNeverSucceedsIsAFinding(t *testing.T) {
	s := service(&shop{})
	s.Requests = []tenanttest.Request{{Method: "GET", Path: "/items/none"}}
	list, err := tenanttest.Check(t.Context(), s)
	if err != nil || len(list) != 1 || list[0].Kind != tenanttest.Refused {
		t.Errorf("%v, %v", list, err)
	}
}

// A user to whom everything is refused reads nothing that is hidden, and shows nothing.
func TestAUserWhoIsRefusedEverywhereIsAFinding(t *testing.T) {
	s := service(&shop{})
	s.Tenants[0].Users[0].Sign = func(*http.Request) {}
	list, err := tenanttest.Check(t.Context(), s)
	if err != nil || len(list) != 1 || list[0].Kind != tenanttest.Refused || !strings.Contains(list[0].Probe, "a guest") {
		t.Errorf("%v, %v", list, err)
	}
}

// A list that hides less than its objects do is found without anybody having said what is hidden.
func TestAListThatAgreesWithNoObjectIsFoundForTheTenantsOwnUser(t *testing.T) {
	s := service(&shop{leak: "list beside the policy"})
	for i := range s.Tenants {
		s.Tenants[i].Sign, s.Tenants[i].Users = s.Tenants[i].Users[0].Sign, nil
	}
	list, err := tenanttest.Check(t.Context(), s)
	if err != nil || !slices.ContainsFunc(list, func(f tenanttest.Finding) bool { return f.Kind == tenanttest.ListsHidden && f.Request == "GET /items" }) {
		t.Errorf("%v, %v", list, err)
	}
}

func TestAFindingSaysWhereHowAndWhat(t *testing.T) {
	for _, f := range findings(t, "read by id alone") {
		if text := fmt.Sprint(f); !strings.HasPrefix(text, f.Request+": "+string(f.Kind)+": as a user of ") || f.Message == "" {
			t.Errorf("%q", text)
		}
	}
}
