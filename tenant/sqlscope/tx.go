package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/reevehq/reeve/tenant"
)

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	s, err := c.scope(ctx)
	if err != nil {
		return nil, err
	}
	if !c.tx.IsZero() {
		return nil, errors.New("sqlscope: the connection is in a transaction, which savepoints divide")
	}
	inner, err := c.begin(ctx, s, opts)
	if err != nil {
		return nil, err
	}
	c.tx = s.id
	return &tx{c, inner}, nil
}

// tx is a transaction of one tenant.
type tx struct {
	c     *conn
	inner driver.Tx
}

// Commit implements [driver.Tx].
func (t *tx) Commit() error {
	if err := t.end(t.inner.Commit); err != nil {
		return committed(err)
	}
	return nil
}

// Rollback implements [driver.Tx].
func (t *tx) Rollback() error { return t.end(t.inner.Rollback) }

// end ends the transaction. Without an answer that it has ended, the connection is bad.
func (t *tx) end(by func() error) error {
	returned := false
	defer t.c.guard(&returned)
	err := by()
	if err != nil {
		t.c.bad = true
	}
	t.c.tx = tenant.ID{}
	returned = true
	return err
}
