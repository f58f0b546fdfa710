package sqlscope

import (
	"context"
	"database/sql/driver"

	"github.com/reevehq/reeve/tenant"
)

// stmt is a prepared statement. Its tenant is that of the context in which it is executed.
type stmt struct {
	c     *conn
	inner driver.Stmt
}

// wrap keeps ColumnConverter for a driver that has it: database/sql converts otherwise without.
func wrap(c *conn, inner driver.Stmt) driver.Stmt {
	s := &stmt{c, inner}
	//lint:ignore SA1019 an old driver has nothing newer
	if converter, ok := inner.(driver.ColumnConverter); ok {
		return &converting{s, converter}
	}
	return s
}

// Close implements [driver.Stmt].
func (s *stmt) Close() error { return s.inner.Close() }

// NumInput implements [driver.Stmt].
func (s *stmt) NumInput() int { return s.inner.NumInput() }

// Exec implements [driver.Stmt]. There is no context, and so no tenant.
func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, tenant.ErrNoScope }

// Query implements [driver.Stmt]. There is no context, and so no tenant.
func (s *stmt) Query([]driver.Value) (driver.Rows, error) { return nil, tenant.ErrNoScope }

// ExecContext implements [driver.StmtExecContext].
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.exec(ctx, func() (driver.Result, error) { return stmtExec(ctx, s.inner, args) })
}

// QueryContext implements [driver.StmtQueryContext].
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.query(ctx, func() (driver.Rows, error) { return stmtQuery(ctx, s.inner, args) })
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.c.CheckNamedValue(v)
}

// converting is a stmt of a driver with ColumnConverter.
type converting struct {
	*stmt
	driver.ColumnConverter
}
