//go:build unix

package attacks_test

import (
	"context"
	"testing"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/tenant"
)

// works fails the test unless a stack does what its service is for, in the tenant.
func works(t *testing.T, w attacks.Fixture, s attacks.Stack) {
	t.Helper()
	if err := w.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, err := tenant.BindUnchecked(t.Context(), attacks.Attacker)
	if err != nil {
		t.Fatal(err)
	}
	store := s.Store()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	counts := func(want int) {
		t.Helper()
		if n, err := store.Count(ctx, ""); err != nil || n != want {
			t.Errorf("%d notes, %v; want %d", n, err, want)
		}
	}
	counts(3)
	must("create", store.Create(ctx, attacks.Note{ID: "a-n7", Project: "a-p1", Title: "new"}))
	counts(4)
	must("save", store.Save(ctx, attacks.Note{Tenant: attacks.Attacker.String(), ID: "a-n7", Project: "a-p1", Title: "saved"}))
	must("upsert", store.Upsert(ctx, attacks.Note{ID: "a-n7", Project: "a-p1", Title: "upserted"}))
	counts(4)
	if n, err := store.Get(ctx, "a-n7"); err != nil || n.Title != "upserted" || n.Tenant != attacks.Attacker.String() {
		t.Errorf("get: %+v, %v", n, err)
	}
	for what, by := range map[string]func(context.Context) (int, error){
		"update":    func(ctx context.Context) (int, error) { return store.Update(ctx, "a-n7", map[string]any{"title": "x"}) },
		"increment": func(ctx context.Context) (int, error) { return store.Increment(ctx, "a-n7") },
	} {
		if n, err := by(ctx); err != nil || n != 1 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	must("tag", store.Tag(ctx, "a-n7", "s-t1"))
	if notes, err := store.Tagged(ctx, "s-t1"); err != nil || len(notes) != 2 {
		t.Errorf("tagged: %+v, %v", notes, err)
	}
	must("untag", store.Untag(ctx, "a-n7", "s-t1"))
	if name, notes, err := store.Project(ctx, "a-p1"); err != nil || name == "" || len(notes) != 3 {
		t.Errorf("project: %q, %+v, %v", name, notes, err)
	}
	if names, err := store.Joined(ctx, ""); err != nil || len(names) == 0 {
		t.Errorf("joined: %q, %v", names, err)
	}
	if n, err := store.Delete(ctx, "a-n7"); err != nil || n != 1 {
		t.Errorf("delete: %d, %v", n, err)
	}
	err = s.Tx(ctx, func(r attacks.Runner) error {
		_, err := r.Exec(ctx, "UPDATE note SET votes = 5")
		return err
	})
	must("a transaction", err)
	if rows, err := s.Query(ctx, "SELECT sum(votes) FROM note"); err != nil || len(rows) != 1 || rows[0][0] != "15" {
		t.Errorf("rows: %q, %v", rows, err)
	}
}

func TestStacksWorkForTheirOwnTenant(t *testing.T) {
	w := attacks.NewPostgres(t)
	c := connectors(t, w.App())
	for name := range c {
		t.Run(name, func(t *testing.T) { works(t, w, newSQL(name, scopedPool(t, c[name], w.Signer))) })
	}
	t.Run("gorm", func(t *testing.T) {
		works(t, w, &gormStack{"GORM", openGORM(t, scopedPool(t, c["pgx"], w.Signer), gormPlugin(t, false))})
	})
}
