package sqlitescope

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// connector gives database/sql its shells.
type connector struct {
	store     *Store
	migration *migration
}

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	return &conn{store: c.store, migration: c.migration}, nil
}

func (c *connector) Driver() driver.Driver { return noName{} }

// noName is the driver that nothing can be opened by: without a tenant there is no file.
type noName struct{}

func (noName) Open(string) (driver.Conn, error) {
	return nil, errors.New("sqlitescope: a file is opened by a Store alone")
}

// TenantScoped marks the pool: each statement runs in the file of its context's tenant.
// gormscope asks for it.
func (noName) TenantScoped() {}

// conn is a shell. It has a real connection from its first call until database/sql takes it
// back, and is the connection of that one tenant meanwhile.
type conn struct {
	store     *Store
	migration *migration
	handle    *handle
	tenant    tenant.ID
}

var (
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

// take returns the connection for a call in ctx. Every call goes through it.
func (c *conn) take(ctx context.Context) (*handle, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return nil, err
	}
	if m := c.migration; m != nil {
		if m.id != id {
			return nil, fmt.Errorf("%w: a migration stays in its tenant", tenant.ErrMismatch)
		}
		if m.over.Load() {
			return nil, errors.New("sqlitescope: the migration is over")
		}
	}
	if c.handle == nil {
		h, err := c.store.acquire(ctx, id, c.migration)
		if err != nil {
			return nil, err
		}
		c.handle, c.tenant = h, id
		return h, nil
	}
	if c.tenant != id {
		return nil, fmt.Errorf("%w: the connection is at work for another tenant", tenant.ErrMismatch)
	}
	if c.migration == nil {
		// A transaction may be long.
		if err := c.store.served(ctx, c.handle.file); err != nil {
			return nil, err
		}
	}
	return c.handle, nil
}

func (c *conn) release() {
	if h := c.handle; h != nil {
		c.handle, c.tenant = nil, tenant.ID{}
		c.store.giveBack(h)
	}
}

// IsValid is called by database/sql when it takes a connection back.
func (c *conn) IsValid() bool {
	c.release()
	return true
}

// ResetSession is called by database/sql before it hands out a connection that was used.
func (c *conn) ResetSession(context.Context) error {
	c.release()
	return nil
}

func (c *conn) Close() error {
	c.release()
	return nil
}

func (c *conn) Ping(ctx context.Context) error {
	_, err := c.QueryContext(ctx, "SELECT 1", nil)
	return err
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	h, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	return h.conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	h, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	return h.conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// PrepareContext compiles the statement for its errors alone: it is compiled again in the file
// of the tenant for whom it runs.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	h, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	prepared, err := h.conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if err := prepared.Close(); err != nil {
		return nil, err
	}
	return &stmt{c, query}, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	h, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	h.control = true
	inner, err := h.conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	h.control = false
	if err != nil {
		return nil, err
	}
	h.inTx, h.readOnly = true, opts.ReadOnly
	return &tx{h, inner}, nil
}

// Prepare and Begin are for callers without a context, whose tenant is not known.
func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, tenant.ErrNoScope }
func (c *conn) Begin() (driver.Tx, error)           { return nil, tenant.ErrNoScope }

type tx struct {
	handle *handle
	inner  driver.Tx
}

func (t *tx) Commit() error   { return t.end(t.inner.Commit) }
func (t *tx) Rollback() error { return t.end(t.inner.Rollback) }

// end leaves the transaction. When it fails the connection is closed in place of kept, whatever
// state it is in.
func (t *tx) end(by func() error) error {
	t.handle.control = true
	err := by()
	t.handle.control = false
	t.handle.inTx, t.handle.readOnly = err != nil, false
	return err
}

// stmt is the text of a statement on a shell.
type stmt struct {
	conn  *conn
	query string
}

func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return -1 }

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, tenant.ErrNoScope }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, tenant.ErrNoScope }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}
