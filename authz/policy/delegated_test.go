package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

func in(id tenant.ID) policy.Request {
	r := guest
	r.Tenant, r.Object.Tenant = id, id
	return r
}

func TestOneTenantsRowsAreSetAndClearedAlone(t *testing.T) {
	const fine, bad = "p, user:alice, acme, doc, read, true, allow\n", "p, user:alice, acme, doc, read, true, alow\n"
	fsys := bounded("p, role:authenticated, *, doc, read", "p, role:admin, *, doc, write, true, allow")
	fsys["tenants/globex.csv"] = &mapFile{Data: []byte("p, user:alice, globex, doc, read, true, allow\n")}
	engine := mustLoad(t, fsys)
	first := engine.Revision()
	allowed := func(when string, want bool) {
		t.Helper()
		if got := decide(t, engine, in(acme)).Allowed(); got != want {
			t.Errorf("%s: acme %t", when, got)
		}
		if !decide(t, engine, in(globex)).Allowed() {
			t.Errorf("%s: globex is decided otherwise", when)
		}
	}
	allowed("before", false)
	if err := engine.SetTenant(acme, fine); err != nil {
		t.Fatal(err)
	}
	allowed("set", true)
	if engine.Revision() == first || engine.Stats().Source != first {
		t.Errorf("the revision is %s, of %s, and the folder's %s", engine.Revision(), engine.Stats().Source, first)
	}
	if err := engine.SetTenant(acme, bad); !errors.Is(err, policy.ErrTenantHeld) || !strings.Contains(err.Error(), `tenants/acme.csv:1:39: unknown effect "alow"`) {
		t.Error(err)
	}
	allowed("held at its last good rows", true)
	if err := engine.SetTenant(globex, "p, user:alice, globex, doc, read, true, allow\n"); err != nil {
		t.Errorf("an error of another tenant: %v", err)
	}
	if err := engine.Reload(fsys); !errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	allowed("held over a reload", true)
	if err := engine.SetTenant(acme, fine); err != nil {
		t.Fatal(err)
	}
	if err := engine.Reload(fsys); err != nil {
		t.Fatal(err)
	}
	allowed("kept over a reload", true)
	fsys["policy.csv"].Data = []byte("p, role:admin, *, doc, write, true, denny")
	if err := engine.Reload(fsys); !errors.Is(err, policy.ErrInvalid) || errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	allowed("the rest is refused", true)
	fsys["policy.csv"].Data = []byte("p, role:admin, *, doc, write, true, allow")
	if err := engine.ClearTenant(acme); err != nil {
		t.Fatal(err)
	}
	allowed("cleared", false)
	if err := engine.ClearTenant(globex); err != nil {
		t.Fatal(err)
	}
	if engine.Revision() != first {
		t.Error("without rows of tenants the revision is not that of the folder")
	}
	if err := engine.SetTenant(tenant.ID{}, fine); !errors.Is(err, policy.ErrInvalid) {
		t.Error(err)
	}
	if err := engine.SetTenant(acme, ""); !errors.Is(err, policy.ErrTenantHeld) {
		t.Errorf("an empty file is taken for none: %v", err)
	}
}

// A ceiling that is lowered closes the tenants that stand above it, and stops nobody else: the
// operator can always publish.
func TestALoweredCeilingClosesWhoStandsAboveIt(t *testing.T) {
	fsys := bounded("p, role:authenticated, *, doc, read", "p, role:admin, *, doc, write, true, allow")
	engine := mustLoad(t, fsys)
	for _, id := range []tenant.ID{acme, globex} {
		object := map[tenant.ID]string{acme: "doc", globex: "doc:1"}[id]
		if err := engine.SetTenant(id, "p, user:alice, "+id.String()+", "+object+", read, true, allow\n"); err != nil {
			t.Fatal(err)
		}
	}
	fsys["ceiling.csv"].Data = []byte("p, role:authenticated, *, doc:1, read")
	if err := engine.Reload(fsys); !errors.Is(err, policy.ErrTenantHeld) || !strings.Contains(err.Error(), "tenants/acme.csv:1:22: above the ceiling") {
		t.Error(err)
	}
	if _, err := engine.Decide(t.Context(), in(acme)); !errors.Is(err, policy.ErrTenantClosed) {
		t.Error(err)
	}
	if !decide(t, engine, in(globex)).Allowed() {
		t.Error("a tenant within the ceiling is closed")
	}
	delete(fsys, "ceiling.csv")
	if err := engine.Reload(fsys); !errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	for _, id := range []tenant.ID{acme, globex} {
		if _, err := engine.Decide(t.Context(), in(id)); !errors.Is(err, policy.ErrTenantClosed) {
			t.Errorf("%s without a ceiling: %v", id, err)
		}
	}
	if decide(t, engine, in(tenant.MustParse("initech"))).Allowed() {
		t.Error("a tenant without rows")
	}
	if err := mustLoad(t, with("p, role:admin, *, doc, write, true, allow")).SetTenant(acme, "p, user:alice, acme, doc, read, true, deny"); !errors.Is(err, policy.ErrNoCeiling) {
		t.Error(err)
	}
}

// A tenant whose rows are signed by a key of its own is decided by nobody before these are there:
// they may deny.
func TestATenantWithAKeyIsClosedUntilItsRowsAreThere(t *testing.T) {
	fsys := bounded("p, role:authenticated, *, doc, read\nkey, acme, "+aKey, "p, role:authenticated, *, doc, read, true, allow")
	engine := mustLoad(t, fsys)
	b, err := policy.ReadBundle(fsys)
	if err != nil || engine.Revision() != b.Revision() {
		t.Errorf("%s is not %s: %v", engine.Revision(), b.Revision(), err)
	}
	if _, err := engine.Decide(t.Context(), in(acme)); !errors.Is(err, policy.ErrTenantClosed) {
		t.Error(err)
	}
	if !decide(t, engine, in(globex)).Allowed() {
		t.Error("another tenant is closed")
	}
	if err := engine.SetTenant(acme, "p, user:alice, acme, doc:1, read, true, deny\n"); err != nil {
		t.Fatal(err)
	}
	if decide(t, engine, in(acme)).Allowed() || len(engine.Stats().Held) != 0 {
		t.Error("the rows that are there do not count")
	}
	lost := errors.New("nobody knows")
	if err := engine.SetTenants(map[tenant.ID]policy.TenantRows{acme: {Err: lost}}); !errors.Is(err, lost) || !errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	if _, err := engine.Decide(t.Context(), in(acme)); !errors.Is(err, policy.ErrTenantClosed) || !errors.Is(err, lost) {
		t.Error(err)
	}
	if err := engine.ClearTenant(acme); !errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	if _, err := engine.Decide(t.Context(), in(acme)); !errors.Is(err, policy.ErrTenantClosed) {
		t.Error("a cleared tenant with a key is decided by the common rules")
	}
	if keys := b.TenantKeys(); len(keys) != 1 || len(keys[acme]) != 1 {
		t.Errorf("%v", keys)
	}
}

// A tenant that writes down what another tenant's file says is wrong itself. It once held the other,
// whose row then stood there for the second time.
func TestARowThatStandsInAnotherTenantsFileIsNobodyElsesMistake(t *testing.T) {
	const row = "p, user:alice, globex, doc, read, true, allow\n"
	fsys := with("p, role:admin, *, doc, write, true, allow")
	fsys["tenants/acme.csv"] = &mapFile{Data: []byte("p, user:alice, acme, doc, read, true, allow\n")}
	fsys["tenants/globex.csv"] = &mapFile{Data: []byte(row)}
	engine := mustLoad(t, fsys)
	fsys["tenants/acme.csv"].Data = []byte(row)
	if err := engine.Reload(fsys); !errors.Is(err, policy.ErrTenantHeld) || strings.Contains(err.Error(), "globex.csv") {
		t.Error(err)
	}
	if held := engine.Stats().Held; len(held) != 1 || held[0].Tenant != acme {
		t.Errorf("held are %+v", held)
	}
	if !decide(t, engine, in(globex)).Allowed() || !decide(t, engine, in(acme)).Allowed() {
		t.Error("the last good rows do not decide")
	}
}
