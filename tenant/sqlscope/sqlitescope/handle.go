package sqlitescope

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
)

// handle is a real connection to the file of one tenant.
type handle struct {
	store     *Store
	file      *file
	conn      driver.Conn
	migration *migration // the one that it was opened for, or nil

	// Only whoever uses the connection, one at a time, reads and writes these.
	control  bool // BEGIN, COMMIT or ROLLBACK of ours runs
	inTx     bool
	readOnly bool

	element *list.Element // among the idle ones, below Store.mu
}

// engine is a driver of our own: functions, hooks and collations that other code registers for
// its connections do not come into these.
var engine sqlite.Driver

func (s *Store) open(ctx context.Context, f *file, m *migration) (*handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.folder.ready(f.id); err != nil {
		return nil, fmt.Errorf("sqlitescope: file of %s: %w", f.id, err)
	}
	conn, err := engine.Open(s.folder.source(f.id))
	if err != nil {
		return nil, fmt.Errorf("sqlitescope: opening the file of %s: %w", f.id, err)
	}
	h := &handle{store: s, file: f, conn: conn, migration: m}
	if err := h.prepare(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("sqlitescope: opening the file of %s: %w", f.id, err)
	}
	s.opened.Add(1)
	return h, nil
}

// prepare sets what every connection has, sees whose file it is, and closes the door.
func (h *handle) prepare(ctx context.Context) error {
	if err := h.set(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", h.store.cfg.BusyTimeout.Milliseconds())); err != nil {
		return err
	}
	if err := h.claim(ctx); err != nil {
		return err
	}
	if err := h.patiently(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	for _, pragma := range []string{
		"PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF",
		"PRAGMA temp_store = MEMORY", // no rows in a folder that all may read
		"PRAGMA cell_size_check = ON", "PRAGMA mmap_size = 0",
	} {
		if err := h.set(ctx, pragma); err != nil {
			return err
		}
	}
	authorizer, ok := h.conn.(sqlite.AuthorizerRegisterer)
	if !ok {
		return errors.New("the driver has no authorizer")
	}
	return authorizer.RegisterAuthorizer(h.authorize)
}

// claim marks an empty file as the tenant's, and refuses a file with another mark. Another process
// may mark it and fill it meanwhile, so the state that decides is read under the lock of a writer.
func (h *handle) claim(ctx context.Context) error {
	want := int64(mark(h.file.id))
	if got, err := h.number(ctx, "PRAGMA application_id"); err != nil || got == want {
		return err
	}
	if err := h.set(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := h.claimLocked(ctx, want)
	if err != nil {
		return errors.Join(err, h.set(context.WithoutCancel(ctx), "ROLLBACK"))
	}
	return h.set(ctx, "COMMIT")
}

func (h *handle) claimLocked(ctx context.Context, want int64) error {
	got, err := h.number(ctx, "PRAGMA application_id")
	if err != nil || got == want {
		return err
	}
	objects, err := h.number(ctx, "SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	if got != 0 || objects != 0 {
		return ErrForeignFile
	}
	return h.set(ctx, fmt.Sprintf("PRAGMA application_id = %d", want))
}

// patiently is set for a statement to which SQLite answers "locked" without waiting, where another
// process is at the same.
func (h *handle) patiently(ctx context.Context, text string) error {
	for began := time.Now(); ; {
		err := h.set(ctx, text)
		if !locked(err) || time.Since(began) > h.store.cfg.BusyTimeout {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Millisecond):
		}
	}
}

// locked reports whether err is SQLITE_BUSY, of whatever kind.
func locked(err error) bool {
	const busy = 5 // the kind is in higher bits
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == busy
}

func (h *handle) set(ctx context.Context, text string) error {
	_, err := h.conn.(driver.ExecerContext).ExecContext(ctx, text, nil)
	return err
}

func (h *handle) number(ctx context.Context, text string) (int64, error) {
	rows, err := h.conn.(driver.QueryerContext).QueryContext(ctx, text, nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil {
		return 0, err
	}
	n, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%s gave %T", text, row[0])
	}
	return n, nil
}

// clean reports whether the connection may serve another call.
func (h *handle) clean() bool {
	valid, ok := h.conn.(driver.Validator)
	return ok && valid.IsValid() && !h.inTx && !h.control && h.migration == nil
}

// migrates reports whether the connection is that of a migration which is under way.
func (h *handle) migrates() bool { return h.migration != nil && !h.migration.over.Load() }
