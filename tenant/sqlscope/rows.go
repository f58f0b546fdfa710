package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
)

// rows are those of a query. With a transaction of their own they end it: at the last row,
// where the error of a commit is still heard, or when they are closed.
type rows struct {
	c     *conn
	inner driver.Rows
	stmt  driver.Stmt     // closed with them, nil without one
	own   *own            // nil in a transaction of BeginTx
	ctx   context.Context // of the query; an ended one rolls back
	err   error           // of reading
	done  bool            // closed or ended
}

// Columns implements [driver.Rows].
func (r *rows) Columns() []string { return r.inner.Columns() }

// Next implements [driver.Rows].
func (r *rows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	err := r.guarded(func() error { return r.inner.Next(dest) })
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, io.EOF):
		r.err = err
		return err
	case r.HasNextResultSet():
		return io.EOF
	}
	if r.own != nil {
		if err := r.Close(); err != nil {
			return err
		}
	}
	return io.EOF
}

// Close implements [driver.Rows].
func (r *rows) Close() error {
	if r.done {
		return nil
	}
	r.done = true
	err := r.guarded(r.inner.Close)
	if r.stmt != nil {
		err = errors.Join(err, r.guarded(r.stmt.Close))
	}
	if r.own == nil {
		return err
	}
	if r.err != nil {
		err = r.err
	}
	return r.own.end(r.ctx, err)
}

// guarded marks the connection as bad when by panics.
func (r *rows) guarded(by func() error) error {
	returned := false
	defer r.c.guard(&returned)
	err := by()
	returned = true
	return err
}

// HasNextResultSet implements [driver.RowsNextResultSet].
func (r *rows) HasNextResultSet() bool {
	n, ok := r.inner.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

// NextResultSet implements [driver.RowsNextResultSet].
func (r *rows) NextResultSet() error {
	if n, ok := r.inner.(driver.RowsNextResultSet); ok && !r.done {
		return n.NextResultSet()
	}
	return io.EOF
}

// ColumnTypeScanType implements [driver.RowsColumnTypeScanType]. For a driver without it, this
// and the next ones say what database/sql says then.
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if c, ok := r.inner.(driver.RowsColumnTypeScanType); ok {
		return c.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

// ColumnTypeDatabaseTypeName implements [driver.RowsColumnTypeDatabaseTypeName].
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if c, ok := r.inner.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return c.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// ColumnTypeLength implements [driver.RowsColumnTypeLength].
func (r *rows) ColumnTypeLength(i int) (int64, bool) {
	if c, ok := r.inner.(driver.RowsColumnTypeLength); ok {
		return c.ColumnTypeLength(i)
	}
	return 0, false
}

// ColumnTypeNullable implements [driver.RowsColumnTypeNullable].
func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if c, ok := r.inner.(driver.RowsColumnTypeNullable); ok {
		return c.ColumnTypeNullable(i)
	}
	return false, false
}

// ColumnTypePrecisionScale implements [driver.RowsColumnTypePrecisionScale].
func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if c, ok := r.inner.(driver.RowsColumnTypePrecisionScale); ok {
		return c.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}

// prepared are rows of a statement that ends with them.
type prepared struct {
	driver.Rows
	stmt driver.Stmt
}

// wrapRows returns the rows of a query.
func (c *conn) wrapRows(ctx context.Context, inner driver.Rows, own *own) driver.Rows {
	r := &rows{c: c, inner: inner, own: own, ctx: ctx}
	if p, ok := inner.(*prepared); ok {
		r.inner, r.stmt = p.Rows, p.stmt
	}
	return r
}
