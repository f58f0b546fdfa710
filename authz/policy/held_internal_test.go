package policy

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// A policy that is too large as a whole, by what is new in one tenant's file, must not keep the
// others from their edits. The limits themselves take gigabytes to reach.
func TestTheTenantWithTheLongestNewFileIsHeldWhenAPolicyIsTooLarge(t *testing.T) {
	acme, globex, initech := tenant.MustParse("acme"), tenant.MustParse("globex"), tenant.MustParse("initech")
	b, err := ReadBundle(policies.Files())
	if err != nil {
		t.Fatal(err)
	}
	row := func(id tenant.ID, n int) string {
		return strings.Repeat("# a comment\n", n) + "p, role:viewer, " + id.String() + ", invoice, read, true, deny\n"
	}
	file := func(id tenant.ID, n int) tenantFile {
		return tenantFile{id: id, name: TenantFile(id), content: row(id, n)}
	}
	b.tenants = []tenantFile{file(acme, 1), file(globex, 1), file(initech, 1000)}
	before, err := assemble(b, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	next := *b
	next.tenants = []tenantFile{file(acme, 2), file(globex, 100), file(initech, 1000)}
	next.found = problems{tooLarge: true, list: []problem{{Error: &Error{File: PolicyFile, Msg: "too many"}}}}
	s, err := assemble(&next, before, true)
	if err != nil || len(s.held) != 1 || s.held[0].Tenant != globex || s.held[0].Closed || s.good[acme] != row(acme, 2) || s.good[globex] != row(globex, 1) {
		t.Fatalf("%v %+v", err, s)
	}
	if want := "tenants/globex.csv: with this file, too many"; s.held[0].Err.Error() != want {
		t.Errorf("got %s, want %s", s.held[0].Err, want)
	}
	b.found = problems{tooLarge: true, list: []problem{{Error: &Error{File: PolicyFile, Msg: "too many"}}}}
	if s, err := assemble(b, before, true); err == nil {
		t.Errorf("no tenant's file is new, and yet some are held: %+v", s.held)
	}
}
