package sqlitescope

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// Erase deletes the files of a tenant: its rows, and what SQLite keeps beside them. The tenant
// must not be active, which is asked now and not remembered. Calls under way are waited for, and
// new ones refused with [ErrErasing]. A tenant without files is erased already. When Erase fails
// it can be called again.
//
// Every other process with this folder open must have ceased to serve the tenant too: suspend
// the tenant, and wait for [Config.StatusFor]. Backups are the service's to delete.
func (s *Store) Erase(ctx context.Context, id tenant.ID) error {
	if _, err := tenant.BindUnchecked(ctx, id); err != nil {
		return err
	}
	status, err := s.cfg.Statuses.TenantStatus(ctx, id)
	if err != nil {
		return fmt.Errorf("sqlitescope: status of %s: %w", id, err)
	}
	if status == tenant.Active {
		return fmt.Errorf("%w: %s", ErrActive, id)
	}
	f, err := s.shut(id)
	if err != nil {
		return err
	}
	defer s.reopen(f)
	select {
	case <-f.drained:
	case <-ctx.Done():
		return fmt.Errorf("sqlitescope: erasing %s: %w", id, ctx.Err())
	}
	if err := s.folder.remove(id); err != nil {
		return fmt.Errorf("sqlitescope: erasing %s: %w", id, err)
	}
	return nil
}

// shut lets no new call to a file, and closes the connections that wait for one.
func (s *Store) shut(id tenant.ID) (*file, error) {
	f, err := s.enter(id, nil)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if f.erasing { // by another call, since enter
		s.mu.Unlock()
		s.leave(f)
		return nil, fmt.Errorf("%w: %s", ErrErasing, id)
	}
	f.erasing = true
	f.activeUntil.Store(0)
	f.migrated.Store(false)
	var open []*handle
	for len(f.idle) > 0 {
		open = append(open, s.unpark(f.idle[0]))
	}
	s.mu.Unlock()
	for _, h := range open {
		_ = h.conn.Close()
	}
	s.leave(f)
	return f, nil
}

// reopen ends what shut began.
func (s *Store) reopen(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.erasing, f.drained = false, make(chan struct{})
	s.forget(f)
}
