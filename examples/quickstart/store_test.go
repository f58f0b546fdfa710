package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/tenant"
)

func tenantID(s string) tenant.ID { return tenant.MustParse(s) }

func inTenant(t *testing.T, id string) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), tenantID(id))
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func newInvoices(t *testing.T, dir string) *invoices {
	t.Helper()
	s, err := openInvoices(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func willing(invoice) error { return nil }

func TestNothingIsReadOrWrittenWithoutATenant(t *testing.T) {
	s, ctx := newInvoices(t, t.TempDir()), t.Context()
	asked := func(invoice) error { t.Error("an invoice was found"); return nil }
	_, listErr := s.list(ctx, 0, 9)
	_, getErr := s.get(ctx, 1)
	_, createErr := s.create(ctx, examples()[0])
	_, updateErr := s.update(ctx, 1, content{"X", 1, "draft"}, asked)
	removeErr := s.remove(ctx, 1, asked)
	for name, err := range map[string]error{"list": listErr, "get": getErr, "create": createErr, "update": updateErr, "remove": removeErr} {
		if !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATenantsFileHoldsItsInvoicesAlone(t *testing.T) {
	dir := t.TempDir()
	s := newInvoices(t, dir)
	for id, want := range map[string]int{"acme": 3, "globex": 2, "initech": 0} {
		all, err := s.list(inTenant(t, id), 0, 99)
		if err != nil || len(all) != want {
			t.Errorf("%s has %d invoices, %v; want %d", id, len(all), err, want)
		}
		for _, inv := range all {
			if inv.Tenant != tenantID(id) {
				t.Errorf("%s has %v", id, inv)
			}
		}
		info, err := os.Stat(filepath.Join(dir, id+".db"))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// SQL on a tenant's connection must stay in the tenant's file, however it came about.
func TestAConnectionCannotLeaveItsFile(t *testing.T) {
	dir := t.TempDir()
	s := newInvoices(t, dir)
	ctx := inTenant(t, "acme")
	db, err := s.db(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "globex.db")
	for _, query := range []string{
		`ATTACH DATABASE '` + other + `' AS other`,
		`attach '` + other + `' as other`,
		`SELECT 1; ATTACH DATABASE '` + other + `' AS other`,
		`VACUUM INTO '` + filepath.Join(dir, "copy.db") + `'`,
		`DETACH DATABASE main`,
		`SELECT load_extension('` + other + `')`,
	} {
		if _, err := db.ExecContext(ctx, query); err == nil {
			t.Errorf("%s was allowed", query)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "copy.db")); err == nil {
		t.Error("VACUUM INTO wrote a copy")
	}
}

// A file under another tenant's name must not make its rows that tenant's.
func TestARowOfAnotherTenantIsNotServed(t *testing.T) {
	s := newService(t)
	ctx := inTenant(t, "acme")
	stray := invoice{Tenant: tenantID("globex"), Owner: "carol", content: content{"Umbrella", 1, "draft"}}
	stray, err := s.app.invoices.create(ctx, stray)
	if err != nil {
		t.Fatal(err)
	}
	if stray.ID != 6 {
		t.Fatalf("id %d", stray.ID)
	}
	s.want(s.as("dave", "GET", "/invoices/6"), 404)
	s.want(s.as("dave", "DELETE", "/invoices/6"), 404)
	s.want(s.as("dave", "PUT", "/invoices/6", jsonBody(`{"customer":"X","amount":1,"status":"draft"}`)), 404)
	if r := s.as("dave", "GET", "/invoices"); len(decode[[]invoice](t, r)) != 3 {
		t.Errorf("%s", r.body)
	}
}

func TestAnUpdateOrRemovalIsOfTheRowThatWasAskedAbout(t *testing.T) {
	dir := t.TempDir()
	s, other := newInvoices(t, dir), newInvoices(t, dir)
	ctx := inTenant(t, "acme")
	paid := content{"Initech", 125_000, "paid"}
	var wait sync.WaitGroup
	_, err := s.update(ctx, 1, content{"Initech", 1, "draft"}, func(stored invoice) error {
		if stored.Status != "sent" {
			t.Errorf("asked about %v", stored)
		}
		started := make(chan struct{})
		wait.Go(func() {
			close(started)
			if _, err := other.update(ctx, 1, paid, willing); err != nil {
				t.Error(err)
			}
		})
		<-started
		got, err := other.get(ctx, 1) // readers are not kept waiting, and see the old row
		if err != nil || got.Status != "sent" {
			t.Errorf("while an update is decided: %v, %v", got, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wait.Wait()
	got, err := s.get(ctx, 1)
	if err != nil || got.content != paid {
		t.Errorf("%v, %v", got, err)
	}

	refused := errors.New("refused")
	no := func(invoice) error { return refused }
	if _, err := s.update(ctx, 1, content{"X", 1, "draft"}, no); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := s.remove(ctx, 1, no); !errors.Is(err, refused) {
		t.Error(err)
	}
	if got, err := s.get(ctx, 1); err != nil || got.content != paid {
		t.Errorf("a refusal changed it: %v, %v", got, err)
	}
}

// Many writers each pay an invoice that is not paid: exactly one may.
func TestOfManyConcurrentUpdatesEachIsDecidedOnItsOwnRow(t *testing.T) {
	dir := t.TempDir()
	a, b := newInvoices(t, dir), newInvoices(t, dir)
	ctx := inTenant(t, "acme")
	errPaid := errors.New("paid")
	results := make([]error, 12)
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() {
			s := []*invoices{a, b}[i%2]
			_, results[i] = s.update(ctx, 1, content{"Initech", int64(i + 1), "paid"}, func(stored invoice) error {
				if stored.Status == "paid" {
					return errPaid
				}
				return nil
			})
		})
	}
	wait.Wait()
	updated := 0
	for _, err := range results {
		switch {
		case err == nil:
			updated++
		case !errors.Is(err, errPaid):
			t.Error(err)
		}
	}
	if updated != 1 {
		t.Errorf("%d updates of an unpaid invoice, want 1", updated)
	}
}

func TestProcessesThatStartAtOnceStoreTheExamplesOnceAndShareTheIDs(t *testing.T) {
	dir := t.TempDir()
	stores := make([]*invoices, 4)
	var wait sync.WaitGroup
	for i := range stores {
		wait.Go(func() {
			s, err := openInvoices(context.Background(), dir)
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	var mu sync.Mutex
	seen := map[int64]bool{}
	for i, s := range stores {
		t.Cleanup(func() { _ = s.close() })
		id := []string{"acme", "globex"}[i%2]
		ctx := inTenant(t, id)
		for range 10 {
			wait.Go(func() {
				inv, err := s.create(ctx, invoice{Tenant: tenantID(id), Owner: "x", content: content{"X", 1, "draft"}})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || seen[inv.ID] || inv.ID <= int64(len(examples())) {
					t.Errorf("%v, %v", inv, err)
				}
				seen[inv.ID] = true
			})
		}
	}
	wait.Wait()
}

func TestExamplesAreStoredOnceAndNotAgainAfterARestart(t *testing.T) {
	dir := t.TempDir()
	first := newInvoices(t, dir)
	ctx := inTenant(t, "acme")
	if err := first.remove(ctx, 1, willing); err != nil {
		t.Fatal(err)
	}
	second := newInvoices(t, dir)
	if _, err := second.get(ctx, 1); !errors.Is(err, errNoInvoice) {
		t.Errorf("a deleted example is back: %v", err)
	}
	got, err := second.get(ctx, 2)
	if diff := cmp.Diff(examples()[1], got, cmp.AllowUnexported(invoice{}, tenant.ID{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestAFolderWithMarksOfAURLInItsNameIsThatFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20e&f=g")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	newInvoices(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "acme.db")); err != nil {
		t.Error(err)
	}
}

func TestAFileThatAnotherWriterHoldsIsBusyAndNotBroken(t *testing.T) {
	dir := t.TempDir()
	newInvoices(t, dir)
	impatient, err := sql.Open("sqlite", filepath.Join(dir, "acme.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer impatient.Close()
	holder, err := impatient.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	_, err = impatient.BeginTx(t.Context(), nil)
	if got := problem(err); !busy(err) || got != errBusy.Problem {
		t.Errorf("%v is answered %v", err, got)
	}
	if busy(nil) || busy(sql.ErrNoRows) {
		t.Error("everything is busy")
	}
}
