package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/reevehq/reeve/tenant"
)

// conn is a connection whose statements run in the tenant of their context. As database/sql asks
// of drivers, one goroutine uses it at a time. It embeds nothing: a driver's features beyond the
// interfaces of database/sql are out of reach.
type conn struct {
	inner driver.Conn
	cfg   *Config

	tx   tenant.ID // of the transaction that BeginTx began, zero without one
	busy bool      // a statement's own transaction is open, by rows that are not closed
	bad  bool      // the state of the transaction is not known

	settings driver.Value // of the session, as it began
}

var errBusy = errors.New("sqlscope: the rows of an earlier query of this connection are open: close them, or begin a transaction")

// guard marks the connection as bad unless what follows it returns: deferred with a pointer that
// is set at the end. A panic leaves a protocol midway.
func (c *conn) guard(returned *bool) {
	if !*returned {
		c.bad = true
	}
}

func (c *conn) usable() error {
	switch {
	case c.bad:
		return driver.ErrBadConn
	case c.busy:
		return errBusy
	}
	return nil
}

// Prepare implements [driver.Conn]. There is no context, and so no tenant.
func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, tenant.ErrNoScope }

// Begin implements [driver.Conn]. There is no context, and so no tenant.
func (c *conn) Begin() (driver.Tx, error) { return nil, tenant.ErrNoScope }

// Close implements [driver.Conn].
func (c *conn) Close() error {
	c.bad = true
	return c.inner.Close()
}

// PrepareContext implements [driver.ConnPrepareContext]. The statement is of no tenant.
func (c *conn) PrepareContext(ctx context.Context, text string) (_ driver.Stmt, err error) {
	if c.tx.IsZero() {
		_, err = c.require(ctx)
	} else {
		err = c.within(ctx, c.tx)
	}
	if err != nil {
		return nil, err
	}
	if err := check(text); err != nil {
		return nil, err
	}
	if err := c.usable(); err != nil {
		return nil, err
	}
	returned := false
	defer c.guard(&returned)
	s, err := c.innerPrepare(ctx, text)
	returned = true
	if err != nil {
		return nil, err
	}
	return wrap(c, s), nil
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if err := check(text); err != nil {
		return nil, refusal(ctx, err)
	}
	if _, ok := c.inner.(driver.ExecerContext); !ok {
		return nil, driver.ErrSkip // database/sql prepares it
	}
	return c.exec(ctx, func() (driver.Result, error) {
		if !several(text) {
			return c.innerExec(ctx, text, args)
		}
		s, err := c.innerPrepare(ctx, text) // of which there is one
		if err != nil {
			return nil, err
		}
		result, err := stmtExec(ctx, s, args)
		return result, errors.Join(err, s.Close())
	})
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := check(text); err != nil {
		return nil, refusal(ctx, err)
	}
	if _, ok := c.inner.(driver.QueryerContext); !ok {
		return nil, driver.ErrSkip
	}
	return c.query(ctx, func() (driver.Rows, error) {
		if !several(text) {
			return c.innerQuery(ctx, text, args)
		}
		s, err := c.innerPrepare(ctx, text)
		if err != nil {
			return nil, err
		}
		rows, err := stmtQuery(ctx, s, args)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return &prepared{rows, s}, nil
	})
}

// refusal is the error for a text that is refused, or for a context that is before it.
func refusal(ctx context.Context, text error) error {
	if _, err := tenant.Require(ctx); err != nil {
		return err
	}
	return text
}

// Ping implements [driver.Pinger]. It sends no statement.
func (c *conn) Ping(ctx context.Context) error {
	if err := c.usable(); err != nil {
		return err
	}
	if p, ok := c.inner.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// ResetSession implements [driver.SessionResetter].
func (c *conn) ResetSession(ctx context.Context) error {
	if c.bad || c.busy || !c.tx.IsZero() {
		return driver.ErrBadConn
	}
	if r, ok := c.inner.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid implements [driver.Validator].
func (c *conn) IsValid() bool {
	if c.bad || c.busy || !c.tx.IsZero() {
		return false
	}
	v, ok := c.inner.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
