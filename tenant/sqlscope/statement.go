package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// exec runs one statement: in the transaction of the connection, or in one of its own.
func (c *conn) exec(ctx context.Context, run func() (driver.Result, error)) (driver.Result, error) {
	if !c.tx.IsZero() {
		return inTx(ctx, c, run)
	}
	own, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	returned := false
	defer c.guard(&returned)
	result, err := run()
	returned = true
	if err = own.end(ctx, err); err != nil {
		return nil, err
	}
	return result, nil
}

// query is exec for a query: rows end its own transaction.
func (c *conn) query(ctx context.Context, run func() (driver.Rows, error)) (driver.Rows, error) {
	if !c.tx.IsZero() {
		inner, err := inTx(ctx, c, run)
		if err != nil {
			return nil, err
		}
		return c.wrapRows(ctx, inner, nil), nil
	}
	own, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	returned := false
	defer c.guard(&returned)
	inner, err := run()
	returned = true
	if err != nil {
		return nil, own.end(ctx, err)
	}
	c.busy = true
	return c.wrapRows(ctx, inner, own), nil
}

// inTx runs a statement of the transaction that BeginTx began.
func inTx[T any](ctx context.Context, c *conn, run func() (T, error)) (result T, err error) {
	if err := c.within(ctx, c.tx); err != nil {
		return result, err
	}
	if c.bad {
		return result, driver.ErrBadConn
	}
	returned := false
	defer c.guard(&returned)
	result, err = run()
	returned = true
	return result, err
}

// own is the transaction of one statement.
type own struct {
	c  *conn
	tx driver.Tx
}

// open begins the transaction of one statement, in the tenant of ctx.
func (c *conn) open(ctx context.Context) (*own, error) {
	s, err := c.scope(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := c.begin(ctx, s, driver.TxOptions{})
	if err != nil {
		return nil, err
	}
	return &own{c, tx}, nil
}

// begin begins a transaction in a scope, twice where the session had to be reset first.
func (c *conn) begin(ctx context.Context, s scope, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.beginOnce(ctx, s, opts)
	if !errors.Is(err, errReset) {
		return tx, err
	}
	tx, err = c.beginOnce(ctx, s, opts)
	if errors.Is(err, errReset) { // it does not go back to what it was
		c.bad = true
		return nil, driver.ErrBadConn
	}
	return tx, err
}

func (c *conn) beginOnce(ctx context.Context, s scope, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	returned := false
	defer c.guard(&returned)
	tx, err := c.innerBegin(ctx, opts)
	if err != nil {
		c.bad = true // it may have begun
		returned = true
		return nil, err
	}
	o := &own{c, tx}
	if err := c.enter(ctx, s); err != nil {
		if errors.Is(err, errReset) {
			if e := o.end(ctx, nil); e != nil {
				err = e
			}
		} else {
			err = o.end(ctx, err)
		}
		returned = true
		return nil, err
	}
	returned = true
	return tx, nil
}

// end commits, or rolls back when there is an error or the context has ended, and returns the
// error. Unless the server has answered, the connection is bad.
func (o *own) end(ctx context.Context, err error) error {
	c := o.c
	c.busy = false
	if err == nil {
		err = ctx.Err()
	}
	returned := false
	defer c.guard(&returned)
	if err != nil {
		if e := o.tx.Rollback(); e != nil {
			c.bad = true
		}
		returned = true
		return err
	}
	if e := o.tx.Commit(); e != nil {
		c.bad = true
		err = committed(e)
	}
	returned = true
	return err
}

// committed is the error of a commit. database/sql must not try the statement again, which may
// have been done: it would for [driver.ErrBadConn].
func committed(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return fmt.Errorf("sqlscope: commit: %v", err)
	}
	return err
}
