package policy_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

const (
	acmeFile      = "tenants/acme.csv"
	globexFile    = "tenants/globex.csv"
	acmeWrites    = "p, role:viewer, acme, doc, write, true, allow\n"
	globexDenies  = "p, role:viewer, globex, doc, read, true, deny\n"
	misspelt      = "p, role:viewer, acme, doc, read, true, denny\n"
	cyclic        = "g, role:viewer, role:editor, acme\n"
	editorsReview = "g, role:editor, role:viewer, *\n"
)

// tenantsOf is a policy of common rows and of tenants' files.
func tenantsOf(common string, files map[string]string) fs.FS {
	fsys := with(common)
	for name, rows := range files {
		fsys[name] = &mapFile{Data: []byte(rows)}
	}
	return fsys
}

func reads(t *testing.T, e *policy.Engine, name string) bool {
	t.Helper()
	return allows(t, e, within(asks("bob", "read", doc("1"), "viewer"), name))
}

func isClosed(t *testing.T, e *policy.Engine, name string) bool {
	t.Helper()
	r := within(asks("bob", "read", doc("1"), "viewer"), name)
	d, err := e.Decide(t.Context(), r)
	_, whyNot := e.Explain(t.Context(), r)
	if errors.Is(err, policy.ErrTenantClosed) != errors.Is(whyNot, policy.ErrTenantClosed) || err != nil && d.Allowed() || errors.Is(err, policy.ErrRequest) {
		t.Errorf("in %s: Decide says %v %v, and Explain %v", name, d, err, whyNot)
	}
	return errors.Is(err, policy.ErrTenantClosed)
}

func TestWhileRunningABadFileOfOneTenantHoldsThatTenantAlone(t *testing.T) {
	var log bytes.Buffer
	e, err := policy.Load(tenantsOf(fine, map[string]string{acmeFile: acmeDenies}), policy.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	common := fine + "p, role:viewer, *, doc, write, true, allow\n"
	bad := tenantsOf(common, map[string]string{acmeFile: misspelt, globexFile: globexDenies})
	err = e.Reload(bad)
	if !errors.Is(err, policy.ErrTenantHeld) || !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), "tenants/acme.csv:1:40: unknown effect") {
		t.Errorf("the reload says %v", err)
	}
	if reads(t, e, "acme") {
		t.Error("acme has lost its own deny")
	}
	if reads(t, e, "globex") || !reads(t, e, "initech") {
		t.Error("the others do not have their new rules")
	}
	if !allows(t, e, within(asks("bob", "write", doc("1"), "viewer"), "acme")) {
		t.Error("acme does not have the new rules for all")
	}
	s := e.Stats()
	if s.Loads != 2 || s.Refused != 0 || len(s.Held) != 1 || s.Held[0].Tenant != acme || s.Held[0].Closed || !errors.Is(s.Held[0].Err, policy.ErrInvalid) {
		t.Errorf("%+v", s)
	}
	if line := log.String(); strings.Count(line, "policy of one tenant refused") != 1 || !strings.Contains(line, "tenant=acme closed=false") || !strings.Contains(line, "unknown effect") {
		t.Error(line)
	}
	x := explain(t, e, asks("bob", "read", doc("1"), "viewer"))
	if !x.Held || !strings.Contains(x.String(), "the tenant's own file does not load: its last good rows decide") || x.Decision.Reasons[0].Rule != strings.TrimSpace(acmeDenies) {
		t.Errorf("%+v", x)
	}
	if x := explain(t, e, within(asks("bob", "read", doc("1"), "viewer"), "globex")); x.Held || strings.Contains(x.String(), "last good") {
		t.Errorf("%+v", x)
	}
	if n := len(e.Rules()); n != 4 || s.Rules != n {
		t.Errorf("%d rules", n)
	}
	// It stays so, and is good again with its file.
	if err := e.Reload(bad); !errors.Is(err, policy.ErrTenantHeld) || reads(t, e, "acme") {
		t.Errorf("the second time: %v", err)
	}
	good := tenantsOf(common, map[string]string{acmeFile: acmeWrites, globexFile: globexDenies})
	if err := e.Reload(good); err != nil || !reads(t, e, "acme") || len(e.Stats().Held) != 0 || e.Revision() != mustLoad(t, good).Revision() {
		t.Errorf("once it is mended: %v", err)
	}
	// A file that is removed is an edit.
	if err := e.Reload(tenantsOf(common, nil)); err != nil || !reads(t, e, "globex") {
		t.Errorf("without the files: %v", err)
	}
}

func TestATenantWhoseFirstFileIsBadIsClosed(t *testing.T) {
	e := mustLoad(t, with(fine))
	if !reads(t, e, "acme") {
		t.Fatal("denied")
	}
	for name, rows := range map[string]string{
		"a misspelt effect": misspelt, "nothing": "", "a comment": "# to come\n", "another tenant's row": globexDenies, "a row of all": fine + "# again\n", "half a row": acmeDenies[:20],
	} {
		if err := e.Reload(tenantsOf(fine, map[string]string{acmeFile: rows})); !errors.Is(err, policy.ErrTenantHeld) {
			t.Errorf("%s: %v", name, err)
		}
		if !isClosed(t, e, "acme") || isClosed(t, e, "globex") || !reads(t, e, "globex") {
			t.Errorf("%s does not close acme, and acme alone", name)
		}
	}
	// An anonymous caller who asks in the tenant is refused too, one who asks in none is not.
	r := policy.Request{Tenant: acme, Action: "GET", Object: policy.Route("/x")}
	if _, err := e.Decide(t.Context(), r); !errors.Is(err, policy.ErrTenantClosed) {
		t.Errorf("an anonymous caller: %v", err)
	}
	if d, err := e.Decide(t.Context(), policy.Request{Action: "GET", Object: policy.Route("/x")}); err != nil || d.Allowed() {
		t.Errorf("an anonymous caller in no tenant: %v", err)
	}
	if err := e.Reload(with(fine)); err != nil || !reads(t, e, "acme") {
		t.Errorf("once the file is removed: %v", err)
	}
}

func TestAtAStartATenantsBadFileIsAnErrorOrClosesThatTenant(t *testing.T) {
	bad := tenantsOf(fine, map[string]string{acmeFile: misspelt, globexFile: globexDenies})
	if e, err := policy.Load(bad, policy.Options{}); e != nil || !errors.Is(err, policy.ErrInvalid) || errors.Is(err, policy.ErrTenantHeld) {
		t.Errorf("by default: %v %v", e, err)
	}
	e, err := policy.Load(bad, policy.Options{TenantErrors: policy.Isolate})
	if err != nil {
		t.Fatal(err)
	}
	if !isClosed(t, e, "acme") || isClosed(t, e, "globex") || reads(t, e, "globex") || !reads(t, e, "initech") {
		t.Error("not acme alone is closed")
	}
	if s := e.Stats(); len(s.Held) != 1 || !s.Held[0].Closed || s.Held[0].Tenant != acme {
		t.Errorf("%+v", s)
	}
	good := tenantsOf(fine, map[string]string{acmeFile: acmeDenies, globexFile: globexDenies})
	if err := e.Reload(good); err != nil || isClosed(t, e, "acme") || reads(t, e, "acme") {
		t.Errorf("once it is mended: %v", err)
	}
	for name, fsys := range map[string]fs.FS{"what is everyone's": with(misspelt), "a file that is not read": tenantsOf(fine, map[string]string{"tenants/Acme.csv": acmeDenies})} {
		if e, err := policy.Load(fsys, policy.Options{TenantErrors: policy.Isolate}); e != nil || err == nil {
			t.Errorf("%s is isolated: %v", name, err)
		}
	}
}

func TestTheRevisionTellsAtWhatTenantsAreHeld(t *testing.T) {
	bad := tenantsOf(fine, map[string]string{acmeFile: misspelt})
	start := func(rows string) *policy.Engine {
		return mustLoad(t, tenantsOf(fine, map[string]string{acmeFile: rows}))
	}
	a, b, again := start(acmeDenies), start(acmeWrites), start(acmeDenies)
	closed, err := policy.Load(bad, policy.Options{TenantErrors: policy.Isolate})
	if err != nil {
		t.Fatal(err)
	}
	seen := []string{closed.Revision(), a.Revision(), b.Revision(), mustLoad(t, with(fine)).Revision()}
	for _, e := range []*policy.Engine{a, b, again} {
		if err := e.Reload(bad); !errors.Is(err, policy.ErrTenantHeld) {
			t.Fatal(err)
		}
	}
	if a.Revision() != again.Revision() || len(a.Revision()) != 32 {
		t.Errorf("two engines that decide alike: %s and %s", a.Revision(), again.Revision())
	}
	seen = append(seen, a.Revision(), b.Revision())
	if slices.Sort(seen); len(slices.Compact(seen)) != 6 {
		t.Errorf("two of them have one revision: %q", seen)
	}
	if d := decide(t, a, asks("bob", "read", doc("1"), "viewer")); d.Revision != a.Revision() {
		t.Error("a decision names another revision")
	}
}

// A fault may be seen in the rules for all tenants and yet be the tenant's doing, or the other way
// round.
func TestRowsOfATenantAndOfAllThatDoNotGoTogether(t *testing.T) {
	attributed := "p, role:viewer, acme, doc, read, r.obj.owner == 'x', deny\n"
	ownerless := strings.ReplaceAll(testAttributes, "doc, owner,   string,  no, owner\n", "")
	for name, c := range map[string]struct {
		before, after            map[string]string
		refused, closed, rewrote bool // the whole; acme; acme reads by the new rules for all
	}{
		"a cycle through the tenant's new row": {
			before: map[string]string{"policy.csv": fine + editorsReview, acmeFile: acmeDenies},
			after:  map[string]string{"policy.csv": fine + editorsReview + "# new\n", acmeFile: acmeDenies + cyclic},
		},
		"a cycle through a new row of all, and an old one of the tenant": {
			before:  map[string]string{"policy.csv": fine, acmeFile: acmeDenies + cyclic},
			after:   map[string]string{"policy.csv": fine + editorsReview, acmeFile: acmeDenies + cyclic},
			refused: true,
		},
		"the same, and the tenant's file has become bad as well": {
			before: map[string]string{"policy.csv": fine, acmeFile: acmeDenies + cyclic},
			after:  map[string]string{"policy.csv": fine + editorsReview, acmeFile: misspelt},
			closed: true,
		},
		"an attribute is gone, and the tenant's file is as it was": {
			before:  map[string]string{"policy.csv": fine, "attributes.csv": testAttributes, acmeFile: attributed},
			after:   map[string]string{"policy.csv": fine, "attributes.csv": ownerless, acmeFile: attributed},
			refused: true,
		},
		"an attribute is gone, and the tenant's file has become bad": {
			before: map[string]string{"policy.csv": fine, "attributes.csv": testAttributes, acmeFile: attributed},
			after:  map[string]string{"policy.csv": fine, "attributes.csv": ownerless, acmeFile: misspelt},
			closed: true,
		},
		"the tenant's row is a new row of all, and its file has become bad": {
			before: map[string]string{"policy.csv": fine, acmeFile: acmeDenies},
			after:  map[string]string{"policy.csv": fine + acmeDenies, acmeFile: misspelt},
			closed: true,
		},
		"a cycle of the tenant's within the file of all": {
			before:  map[string]string{"policy.csv": fine, acmeFile: acmeDenies},
			after:   map[string]string{"policy.csv": fine + "g, role:a, role:b, acme\ng, role:b, role:a, acme\n", acmeFile: misspelt},
			refused: true,
		},
		"the tenant's new file goes with what is new for all": {
			before:  map[string]string{"policy.csv": fine, acmeFile: acmeDenies + cyclic},
			after:   map[string]string{"policy.csv": fine + editorsReview, acmeFile: acmeWrites},
			rewrote: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustLoad(t, folder(c.before))
			before := e.Revision()
			err := e.Reload(folder(c.after))
			held := len(e.Stats().Held) == 1
			switch {
			case c.refused:
				if err == nil || errors.Is(err, policy.ErrTenantHeld) || e.Revision() != before || held {
					t.Errorf("it is not refused as a whole: %v", err)
				}
			case c.rewrote:
				if err != nil || held || !reads(t, e, "acme") {
					t.Errorf("it does not load: %v", err)
				}
			case !errors.Is(err, policy.ErrTenantHeld) || !held || e.Stats().Held[0].Closed != c.closed || isClosed(t, e, "acme") != c.closed || !c.closed && reads(t, e, "acme"):
				t.Errorf("%v %+v", err, e.Stats())
			}
			if !reads(t, e, "globex") {
				t.Error("globex is denied")
			}
			// The files of before are good, whatever happened.
			if err := e.Reload(folder(c.before)); err != nil || e.Revision() != before {
				t.Errorf("the files of before: %v", err)
			}
		})
	}
}

// A closed tenant has not forgotten its last good rows: with rules for all that they go with,
// they decide again.
func TestAClosedTenantReturnsToItsLastGoodRows(t *testing.T) {
	e := mustLoad(t, tenantsOf(fine, map[string]string{acmeFile: acmeDenies + cyclic}))
	if err := e.Reload(tenantsOf(fine+editorsReview, map[string]string{acmeFile: misspelt})); err == nil || !isClosed(t, e, "acme") {
		t.Fatal("it is not closed", err)
	}
	if err := e.Reload(tenantsOf(fine, map[string]string{acmeFile: misspelt})); err == nil || isClosed(t, e, "acme") || reads(t, e, "acme") {
		t.Error("it is not back at its deny", err)
	}
}

// unreadable is a file system of which one file cannot be read.
type unreadable struct {
	fs.FS
	name string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.FS.Open(name)
}

func TestATenantsFileThatCannotBeReadHoldsThatTenant(t *testing.T) {
	good := tenantsOf(fine, map[string]string{acmeFile: acmeDenies, globexFile: globexDenies})
	e := mustLoad(t, good)
	if err := e.Reload(unreadable{good, acmeFile}); !errors.Is(err, policy.ErrTenantHeld) || !strings.Contains(err.Error(), "tenants/acme.csv: cannot be read") {
		t.Errorf("got %v", err)
	}
	if reads(t, e, "acme") || reads(t, e, "globex") || !reads(t, e, "initech") {
		t.Error("a deny is lost")
	}
	revision := e.Revision()
	for _, name := range []string{"policy.csv", "model.conf", "attributes.csv", "tenants"} {
		if err := e.Reload(unreadable{good, name}); err == nil || errors.Is(err, policy.ErrTenantHeld) || e.Revision() != revision {
			t.Errorf("%s: %v", name, err)
		}
	}
	fresh, err := policy.Load(unreadable{good, acmeFile}, policy.Options{TenantErrors: policy.Isolate})
	if err != nil || !isClosed(t, fresh, "acme") || isClosed(t, fresh, "globex") {
		t.Errorf("at a start: %v", err)
	}
}
