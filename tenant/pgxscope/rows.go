package pgxscope

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows are rows of a batch. Their end is that of the batch.
type rows struct {
	inner pgx.Rows // nil when there are none
	end   func() error
	err   error // of the end
}

func failed(err error) (pgx.Rows, error) { return &rows{err: err}, err }

func (r *rows) Close() {
	if r.inner != nil {
		r.inner.Close()
	}
	if end := r.end; end != nil {
		r.end = nil
		r.err = end()
	}
}

func (r *rows) Err() error {
	if r.inner != nil && r.inner.Err() != nil {
		return plain(r.inner.Err())
	}
	return plain(r.err)
}

func (r *rows) CommandTag() pgconn.CommandTag {
	if r.inner == nil {
		return pgconn.CommandTag{}
	}
	return r.inner.CommandTag()
}

func (r *rows) FieldDescriptions() []pgconn.FieldDescription {
	if r.inner == nil {
		return nil
	}
	return r.inner.FieldDescriptions()
}

func (r *rows) Next() bool {
	if r.inner != nil && r.inner.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *rows) Scan(dest ...any) error {
	if r.inner == nil {
		return r.err
	}
	err := r.inner.Scan(dest...)
	if err != nil {
		r.Close()
	}
	return err
}

func (r *rows) Values() ([]any, error) {
	if r.inner == nil {
		return nil, r.err
	}
	values, err := r.inner.Values()
	if err != nil {
		r.Close()
	}
	return values, err
}

func (r *rows) RawValues() [][]byte {
	if r.inner == nil {
		return nil
	}
	return r.inner.RawValues()
}

// Conn returns nil: a connection is in no tenant.
func (r *rows) Conn() *pgx.Conn { return nil }

func (r *rows) TypeMap() *pgtype.Map {
	if r.inner == nil {
		return nil
	}
	return r.inner.TypeMap()
}

// row is the first of some rows.
type row struct{ rows pgx.Rows }

// Scan reads the row, or returns [pgx.ErrNoRows], and ends the rows.
func (r row) Scan(dest ...any) error {
	defer r.rows.Close() // also when a Scanner panics
	for _, d := range dest {
		if _, ok := d.(*pgtype.DriverBytes); ok {
			return errors.New("pgxscope: cannot scan into *pgtype.DriverBytes from QueryRow")
		}
	}
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
