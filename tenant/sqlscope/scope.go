package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/reevehq/reeve/tenant"
)

// enter sets a setting until the transaction ends, and tells whether the session has what outlived an
// earlier one: a cursor WITH HOLD, or temporary objects, of which tables and types hide those of the
// service; and whether functions among them may have replaced a statement that the driver keeps
// prepared. Operators are the system's, as functions are.
const enter = `SELECT pg_catalog.set_config($1, $2, true),
	EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
	OR (pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND EXISTS (SELECT FROM pg_catalog.pg_depend
		WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())),
	pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)`

// leavings are the statements that are sent to a session with such leftovers.
var leavings = []string{"CLOSE ALL", "DISCARD TEMP"}

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

// enter sends the scope, and what cleans the session of an earlier one.
func (c *conn) enter(ctx context.Context, s scope) error {
	row, err := c.row(ctx, enter, s.name, s.value)
	if err != nil {
		return fmt.Errorf("sqlscope: set the tenant: %w", err)
	}
	if len(row) != 3 || !is(row[0], s.value) {
		return errors.New("sqlscope: the tenant is not what was set")
	}
	left, ok := row[1].(bool)
	replaced, also := row[2].(bool)
	switch {
	case !ok || !also:
		return fmt.Errorf("sqlscope: the driver has %T and %T for booleans", row[1], row[2])
	case replaced: // nobody may PREPARE, and the driver would not know
		c.bad = true
		return driver.ErrBadConn
	case !left:
		return nil
	}
	for _, text := range leavings {
		if err := c.send(ctx, text); err != nil {
			return fmt.Errorf("sqlscope: clean the session: %w", err)
		}
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
