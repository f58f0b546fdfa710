package sqlitescope_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// Processes that meet a new tenant at once make its file once, and no call of theirs is refused:
// of two that make it a WAL SQLite answers one by "locked", and waits for neither.
func TestProcessesThatMakeAFileAtOnceAreAllServed(t *testing.T) {
	active := &statuses{of: map[tenant.ID]tenant.Status{acme: tenant.Active}}
	for round := range 25 {
		dir := filepath.Join(t.TempDir(), "tenants")
		stores := make([]*sqlitescope.Store, 4)
		for i := range stores {
			var err error
			if stores[i], err = sqlitescope.New(sqlitescope.Config{Dir: dir, Statuses: active, Migrate: schema}); err != nil {
				t.Fatal(err)
			}
			defer stores[i].Close()
		}
		var all sync.WaitGroup
		for _, s := range stores {
			all.Go(func() {
				if _, err := s.DB().ExecContext(in(t, acme), "INSERT INTO notes (body) VALUES ('x')"); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
	}
}
