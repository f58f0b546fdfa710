package sqlitescope

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

var (
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("sqlitescope: closed")
	// ErrActive means that a tenant may still be served, so that its files are not deleted.
	ErrActive = errors.New("sqlitescope: the tenant is active")
	// ErrForeignFile means that the file under a tenant's name is not the one that this
	// package set up for the tenant, such as one that was put back under the wrong name.
	ErrForeignFile = errors.New("sqlitescope: not the tenant's file")
	// ErrErasing means that the files of the tenant are being deleted.
	ErrErasing = errors.New("sqlitescope: the tenant is being erased")
)

// Store has the files of all tenants. It is safe for concurrent use.
type Store struct {
	cfg    Config
	db     *sql.DB
	folder *folder
	start  time.Time

	refused, opened, evicted atomic.Uint64

	mu     sync.Mutex
	closed bool
	files  map[tenant.ID]*file
	idle   list.List // of *handle, the one used last in front
	inUse  int       // connections
}

// file is a tenant's file while a connection to it is open or wanted.
type file struct {
	id          tenant.ID
	activeUntil atomic.Int64 // since Store.start
	migrated    atomic.Bool
	turn        chan struct{} // holds one token: its taker migrates

	// Below Store.mu.
	users   int // calls that want a connection, and connections in use
	idle    []*handle
	erasing bool
	drained chan struct{} // closed when there are no users left to wait for
}

// New returns a store of the files in cfg.Dir.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	folder, err := openFolder(cfg.Dir)
	if err != nil {
		var problems configerr.Problems
		problems.Add("Dir", "%w", err)
		return nil, problems.Err("sqlitescope", nil)
	}
	s := &Store{cfg: cfg, folder: folder, start: time.Now(), files: map[tenant.ID]*file{}}
	s.db = sql.OpenDB(&connector{store: s})
	s.db.SetMaxOpenConns(cfg.MaxOpen)
	s.db.SetMaxIdleConns(cfg.MaxOpen) // shells, without a file
	return s, nil
}

// DB returns the one handle for all tenants. Each call is made in the file of the tenant that
// its context is bound to.
func (s *Store) DB() *sql.DB { return s.db }

// Close closes the handle and all files that are not in use. Those in use are closed when they
// are given back.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var open []*handle
	for e := s.idle.Front(); e != nil; e = s.idle.Front() {
		open = append(open, s.unpark(e.Value.(*handle)))
	}
	s.mu.Unlock()
	errs := []error{s.db.Close()}
	for _, h := range open {
		errs = append(errs, h.conn.Close())
	}
	return errors.Join(append(errs, s.folder.root.Close())...)
}

// Stats are counts of a [Store].
type Stats struct {
	InUse, Idle int    // connections now
	Files       int    // tenants with an open file, or a call that waits for one
	Opened      uint64 // connections that were opened
	Evicted     uint64 // connections that were closed for MaxIdle
	Refused     uint64 // things that statements asked for and the authorizer refused
}

// Stats returns the counts. Refused rises when a statement is wrong, or was injected.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{s.inUse, s.idle.Len(), len(s.files), s.opened.Load(), s.evicted.Load(), s.refused.Load()}
}

// acquire returns a connection to the file of a tenant that may be served now.
func (s *Store) acquire(ctx context.Context, id tenant.ID, m *migration) (*handle, error) {
	f, err := s.enter(id, m)
	if err != nil {
		return nil, err
	}
	h, err := s.connect(ctx, f, m)
	if err != nil {
		s.leave(f)
		return nil, err
	}
	return h, nil
}

func (s *Store) connect(ctx context.Context, f *file, m *migration) (*handle, error) {
	if m == nil {
		if err := s.served(ctx, f); err != nil {
			return nil, err
		}
		if err := s.migrate(ctx, f); err != nil {
			return nil, err
		}
		if h := s.fromIdle(f); h != nil {
			return h, nil
		}
	}
	h, err := s.open(ctx, f, m)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.inUse++
	s.mu.Unlock()
	return h, nil
}

// served asks whether a tenant may be served, unless it was told so a moment ago.
func (s *Store) served(ctx context.Context, f *file) error {
	if int64(time.Since(s.start)) < f.activeUntil.Load() {
		return nil
	}
	asked := time.Since(s.start)
	status, err := s.cfg.Statuses.TenantStatus(ctx, f.id)
	if err != nil {
		return fmt.Errorf("sqlitescope: status of %s: %w", f.id, err)
	}
	if err := status.Err(); err != nil {
		f.activeUntil.Store(0)
		return fmt.Errorf("%w: %s", err, f.id)
	}
	f.activeUntil.Store(int64(asked + s.cfg.StatusFor))
	return nil
}

// enter keeps the entry of a file until leave.
func (s *Store) enter(id tenant.ID, m *migration) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	switch {
	case s.closed:
		return nil, ErrClosed
	case f == nil:
		f = &file{id: id, turn: make(chan struct{}, 1), drained: make(chan struct{})}
		f.turn <- struct{}{}
		s.files[id] = f
	case f.erasing && m == nil:
		return nil, fmt.Errorf("%w: %s", ErrErasing, id)
	}
	f.users++
	return f, nil
}

func (s *Store) leave(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.users--
	s.forget(f)
}

// forget drops the entry of a file that nobody has open. Below mu.
func (s *Store) forget(f *file) {
	if f.users > 0 || len(f.idle) > 0 {
		return
	}
	if f.erasing {
		close(f.drained)
		return
	}
	delete(s.files, f.id)
}

func (s *Store) fromIdle(f *file) *handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(f.idle) == 0 {
		return nil
	}
	s.inUse++
	return s.unpark(f.idle[len(f.idle)-1])
}

// unpark takes a connection out of the idle ones. Below mu.
func (s *Store) unpark(h *handle) *handle {
	s.idle.Remove(h.element)
	h.element = nil
	for i, other := range h.file.idle {
		if other == h {
			h.file.idle = append(h.file.idle[:i], h.file.idle[i+1:]...)
			break
		}
	}
	return h
}

// giveBack keeps a connection for the next call, or closes it. A connection whose state is in
// doubt is closed.
func (s *Store) giveBack(h *handle) {
	keep := h.clean()
	s.mu.Lock()
	s.inUse--
	var surplus []*handle
	if !keep || s.closed || h.file.erasing {
		surplus = append(surplus, h)
	} else {
		h.element = s.idle.PushFront(h)
		h.file.idle = append(h.file.idle, h)
		for s.idle.Len() > max(s.cfg.MaxIdle, 0) {
			oldest := s.unpark(s.idle.Back().Value.(*handle))
			surplus = append(surplus, oldest)
			s.evicted.Add(1)
			if oldest.file != h.file {
				s.forget(oldest.file)
			}
		}
	}
	s.mu.Unlock()
	for _, h := range surplus {
		_ = h.conn.Close() // nothing waits in it: all that was not committed is undone
	}
	s.leave(h.file)
}
