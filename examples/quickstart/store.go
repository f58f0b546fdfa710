package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

// errNoInvoice means that the caller's tenant has no such invoice. Whether another tenant
// has it is not known here, and so cannot be told.
var errNoInvoice = fmt.Errorf("invoice: %w", middleware.ErrNotFound)

// invoices keeps the invoices of each tenant in a file of its own. No method takes a
// tenant: the file is the one of the tenant that the context is bound to, and without one
// there is none. It is safe for concurrent use, also by several processes.
type invoices struct {
	dir string
	ids *sql.DB // hands out ids that no two invoices share, of whatever tenant

	mu   sync.Mutex
	open map[tenant.ID]*sql.DB
}

// idsFile cannot be a tenant's: no tenant id begins with '_'.
const idsFile = "_sequence.db"

// One row, which is there once the examples are.
const idsSchema = `CREATE TABLE IF NOT EXISTS sequence (
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	last INTEGER NOT NULL
) STRICT`

// The tenant is in the row as well as in the file's name, so that a file under a wrong
// name is noticed: authz refuses an object of another tenant.
const invoiceSchema = `CREATE TABLE IF NOT EXISTS invoices (
	id       INTEGER PRIMARY KEY,
	tenant   TEXT    NOT NULL,
	owner    TEXT    NOT NULL,
	customer TEXT    NOT NULL CHECK (customer <> ''),
	amount   INTEGER NOT NULL CHECK (amount > 0),
	status   TEXT    NOT NULL CHECK (status IN ('draft', 'sent', 'paid'))
) STRICT`

// openInvoices opens the invoices in dir, with a few examples when it is new.
func openInvoices(ctx context.Context, dir string) (*invoices, error) {
	ids, err := openSQLite(ctx, filepath.Join(dir, idsFile), idsSchema)
	if err != nil {
		return nil, fmt.Errorf("invoices: %w", err)
	}
	s := &invoices{dir: dir, ids: ids, open: map[tenant.ID]*sql.DB{}}
	if err := s.seed(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("invoices: examples: %w", err), s.close())
	}
	return s, nil
}

// close closes every file.
func (s *invoices) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.ids.Close()
	for _, db := range s.open {
		err = errors.Join(err, db.Close())
	}
	clear(s.open)
	return err
}

// db is the one way to invoices: the database of the tenant that ctx is bound to, or
// [tenant.ErrNoScope].
func (s *invoices) db(ctx context.Context) (*sql.DB, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if db, ok := s.open[id]; ok {
		return db, nil
	}
	db, err := openSQLite(ctx, filepath.Join(s.dir, id.String()+".db"), invoiceSchema)
	if err != nil {
		return nil, err
	}
	s.open[id] = db
	return db, nil
}

const columns = `id, tenant, owner, customer, amount, status`

// list returns up to limit invoices whose id is above after, in the order of their ids.
func (s *invoices) list(ctx context.Context, after int64, limit int) ([]invoice, error) {
	db, err := s.db(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `SELECT `+columns+` FROM invoices WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []invoice
	for rows.Next() {
		inv, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, inv)
	}
	return all, rows.Err()
}

// get returns one invoice, or errNoInvoice.
func (s *invoices) get(ctx context.Context, id int64) (invoice, error) {
	db, err := s.db(ctx)
	if err != nil {
		return invoice{}, err
	}
	return find(ctx, db, id)
}

// create stores a new invoice of the context's tenant and returns it with its id.
func (s *invoices) create(ctx context.Context, inv invoice) (invoice, error) {
	db, err := s.db(ctx)
	if err != nil {
		return invoice{}, err
	}
	if err := s.ids.QueryRowContext(ctx, `UPDATE sequence SET last = last + 1 RETURNING last`).Scan(&inv.ID); err != nil {
		return invoice{}, err
	}
	return inv, insert(ctx, db, inv)
}

// update gives invoice id new content, if allow has no objection to the stored one.
func (s *invoices) update(ctx context.Context, id int64, to content, allow func(invoice) error) (invoice, error) {
	return s.change(ctx, id, allow, func(tx *sql.Tx, inv *invoice) error {
		inv.content = to
		_, err := tx.ExecContext(ctx, `UPDATE invoices SET customer = ?, amount = ?, status = ? WHERE id = ?`,
			to.Customer, to.Amount, to.Status, id)
		return err
	})
}

// remove deletes invoice id, if allow has no objection to the stored one.
func (s *invoices) remove(ctx context.Context, id int64, allow func(invoice) error) error {
	_, err := s.change(ctx, id, allow, func(tx *sql.Tx, _ *invoice) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM invoices WHERE id = ?`, id)
		return err
	})
	return err
}

// change reads an invoice, asks allow about it and writes it, all under the write lock:
// between the answer and the write nobody can change what the answer was about.
func (s *invoices) change(ctx context.Context, id int64, allow func(invoice) error, write func(*sql.Tx, *invoice) error) (invoice, error) {
	db, err := s.db(ctx)
	if err != nil {
		return invoice{}, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return invoice{}, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	inv, err := find(ctx, tx, id)
	if err != nil {
		return invoice{}, err
	}
	if err := allow(inv); err != nil {
		return invoice{}, err
	}
	if err := write(tx, &inv); err != nil {
		return invoice{}, err
	}
	return inv, tx.Commit()
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func find(ctx context.Context, q querier, id int64) (invoice, error) {
	inv, err := scan(q.QueryRowContext(ctx, `SELECT `+columns+` FROM invoices WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return invoice{}, errNoInvoice
	}
	return inv, err
}

func insert(ctx context.Context, q querier, inv invoice) error {
	_, err := q.ExecContext(ctx, `INSERT INTO invoices (`+columns+`) VALUES (?, ?, ?, ?, ?, ?)`,
		inv.ID, inv.Tenant.String(), inv.Owner, inv.Customer, inv.Amount, inv.Status)
	return err
}

func scan(row interface{ Scan(dest ...any) error }) (invoice, error) {
	var inv invoice
	var owner string
	if err := row.Scan(&inv.ID, &owner, &inv.Owner, &inv.Customer, &inv.Amount, &inv.Status); err != nil {
		return invoice{}, err
	}
	id, err := tenant.Parse(owner)
	if err != nil {
		return invoice{}, fmt.Errorf("invoice %d: %w", inv.ID, err)
	}
	inv.Tenant = id
	return inv, nil
}
