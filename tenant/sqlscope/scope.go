package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/reevehq/reeve/tenant"
)

// scope is the tenant of a statement, as the setting that policies read.
type scope struct {
	id          tenant.ID
	name, value string
}

// require returns the tenant of ctx, when it may be served now.
func (c *conn) require(ctx context.Context) (tenant.ID, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return tenant.ID{}, err
	}
	if _, err := tenant.Bind(ctx, id, c.cfg.Statuses); err != nil {
		return tenant.ID{}, err
	}
	return id, nil
}

// scope returns the scope of a transaction that begins now. It sends nothing.
func (c *conn) scope(ctx context.Context) (scope, error) {
	id, err := c.require(ctx)
	if err != nil {
		return scope{}, err
	}
	name, value, err := c.cfg.Context.Setting(ctx, id)
	if err != nil {
		return scope{}, fmt.Errorf("sqlscope: the context of %s: %w", id, err)
	}
	if name == "" || value == "" {
		return scope{}, fmt.Errorf("sqlscope: the context of %s is empty", id)
	}
	return scope{id, name, value}, nil
}

// within returns an error unless a statement of ctx belongs into the transaction of id.
func (c *conn) within(ctx context.Context, id tenant.ID) error {
	got, err := c.require(ctx)
	if err != nil {
		return err
	}
	if got != id {
		return fmt.Errorf("sqlscope: %w: the transaction is of another tenant than the context", tenant.ErrMismatch)
	}
	return nil
}

// is reports whether a driver's value is a text.
func is(v driver.Value, text string) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case []byte:
		return string(v) == text
	}
	return false
}

// row returns the one row of a query of ours.
func (c *conn) row(ctx context.Context, text string, args ...string) (row []driver.Value, err error) {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	rows, err := c.innerQuery(ctx, text, values)
	if errors.Is(err, driver.ErrSkip) {
		var s driver.Stmt
		if s, err = c.innerPrepare(ctx, text); err != nil {
			return nil, err
		}
		defer s.Close()
		rows, err = stmtQuery(ctx, s, values)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	row = make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no row")
		}
		return nil, err
	}
	for i, v := range row {
		if b, ok := v.([]byte); ok { // the driver's memory
			row[i] = string(b)
		}
	}
	if err := rows.Next(make([]driver.Value, len(row))); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("more than one row"), err)
	}
	return row, nil
}

// send runs a statement of ours.
func (c *conn) send(ctx context.Context, text string) error {
	_, err := c.innerExec(ctx, text, nil)
	if errors.Is(err, driver.ErrSkip) {
		var s driver.Stmt
		if s, err = c.innerPrepare(ctx, text); err != nil {
			return err
		}
		defer s.Close()
		_, err = stmtExec(ctx, s, nil)
	}
	return err
}
