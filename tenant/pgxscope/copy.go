package pgxscope

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	// copyChunk is how many rows are sent in one flush.
	copyChunk = 1000

	// copyParameters is how many values one statement has at most, unless a row has more. The
	// protocol allows 65,535.
	copyParameters = 400
)

// CopyFrom inserts rows in one transaction and returns how many they are. PostgreSQL refuses
// COPY FROM into tables with row-level security, so the rows are sent as INSERTs, a thousand in
// one flush. The slice and the bytes that source returns may be used again for the next row;
// everything else that its values point to must stay as it is until CopyFrom returns.
func (db *DB) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	s, err := db.scope(ctx)
	if err != nil {
		return 0, err
	}
	c := &copier{table: table.Sanitize(), columns: columns, source: source}
	if err := c.read(); err != nil || len(c.chunk) == 0 {
		return 0, err
	}
	if c.done { // one flush is a transaction
		conn, err := db.acquire(ctx, &s, nil)
		if err != nil {
			return 0, err
		}
		defer conn.Release()
		return c.result(c.send(ctx, conn.Conn(), s))
	}
	return c.result(db.InTx(ctx, pgx.TxOptions{}, func(begun pgx.Tx) error {
		t := begun.(*tx)
		return c.sendAll(ctx, t.inner, t.scope)
	}))
}

// CopyFrom inserts rows as [DB.CopyFrom] does, all or none.
func (t *tx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	s, err := t.scope(ctx)
	if err != nil {
		return 0, err
	}
	c := &copier{table: table.Sanitize(), columns: columns, source: source}
	if err := c.read(); err != nil || len(c.chunk) == 0 {
		return 0, err
	}
	if c.done {
		return c.result(c.send(ctx, t.inner, s))
	}
	// The source may fail when rows were sent already: these must not stay.
	return c.result(pgx.BeginFunc(ctx, t.inner, func(savepoint pgx.Tx) error {
		return c.sendAll(ctx, savepoint, t.scope)
	}))
}

// copier moves rows from a source into a table.
type copier struct {
	table   string
	columns []string
	source  pgx.CopyFromSource
	chunk   [][]any // read and not sent
	done    bool    // the source has no more
	rows    int64
}

// read reads a chunk of rows.
func (c *copier) read() error {
	c.chunk = c.chunk[:0]
	for len(c.chunk) < copyChunk {
		if !c.source.Next() {
			c.done = true
			return c.source.Err()
		}
		values, err := c.source.Values()
		if err != nil {
			return err
		}
		values = slices.Clone(values)
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				values[i] = bytes.Clone(b)
			}
		}
		c.chunk = append(c.chunk, values)
	}
	return nil
}

// sendAll sends the chunk that was read and all others, each with a scope of its own.
func (c *copier) sendAll(ctx context.Context, to sender, again func(context.Context) (scope, error)) error {
	for len(c.chunk) > 0 {
		s, err := again(ctx)
		if err != nil {
			return err
		}
		if err := c.send(ctx, to, s); err != nil {
			return err
		}
		if c.done {
			return nil
		}
		if err := c.read(); err != nil {
			return err
		}
	}
	return nil
}

// send sends the chunk in one flush: statements of many rows, and those of one for the rest, so
// that there are two texts to prepare.
func (c *copier) send(ctx context.Context, to sender, s scope) error {
	b := s.batch()
	at := max(1, copyParameters/max(1, len(c.columns)))
	many, one := c.insert(at), c.insert(1)
	rest := c.chunk
	for len(rest) >= at {
		b.Queue(many, slices.Concat(rest[:at]...)...)
		rest = rest[at:]
	}
	for _, values := range rest {
		b.Queue(one, values...)
	}
	br, err := send(ctx, to, b)
	if err != nil {
		return err
	}
	for range b.Len() - 1 {
		tag, err := br.Exec()
		if err != nil {
			_ = br.Close() // it has the same error
			return plain(err)
		}
		c.rows += tag.RowsAffected()
	}
	return plain(br.Close())
}

// insert returns an INSERT of so many rows.
func (c *copier) insert(rows int) string {
	var b strings.Builder
	b.WriteString("insert into " + c.table + " (")
	for i, column := range c.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(pgx.Identifier{column}.Sanitize())
	}
	b.WriteString(") values ")
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		for i := range c.columns {
			b.WriteString([]string{"(", ", "}[min(i, 1)] + "$" + strconv.Itoa(row*len(c.columns)+i+1))
		}
		b.WriteString(")")
	}
	return b.String()
}

// result is how many rows there are with an error or none: all, or 0.
func (c *copier) result(err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return c.rows, nil
}
