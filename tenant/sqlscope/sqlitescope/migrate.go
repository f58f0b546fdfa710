package sqlitescope

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"

	"github.com/reevehq/reeve/tenant"
)

// migration is one call of Config.Migrate. Connections that it opened may do nothing once it is
// over.
type migration struct {
	id   tenant.ID
	over atomic.Bool
}

// migrate brings the schema of a file up to date, once while it is open. Others wait for it.
func (s *Store) migrate(ctx context.Context, f *file) error {
	if s.cfg.Migrate == nil || f.migrated.Load() {
		return nil
	}
	select {
	case <-f.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { f.turn <- struct{}{} }()
	if f.migrated.Load() {
		return nil
	}
	bound, err := tenant.BindUnchecked(ctx, f.id)
	if err != nil {
		return err
	}
	m := &migration{id: f.id}
	db := sql.OpenDB(&connector{store: s, migration: m})
	defer func() {
		m.over.Store(true)
		_ = db.Close()
	}()
	if err := s.cfg.Migrate(bound, db); err != nil {
		return fmt.Errorf("sqlitescope: migrating %s: %w", f.id, err)
	}
	f.migrated.Store(true)
	return nil
}
