package rls

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// EraseSQL returns the statements that delete the rows of one tenant, whose id is the
// parameter $1 of each, in an order that foreign keys allow: rows that refer go before those
// that they refer to, and tables that refer to each other go in one statement. A table without
// a tenant that refers to one of a tenant is an error, since nobody knows whose its rows are.
func EraseSQL(ctx context.Context, db *sql.DB, cfg Config) ([]string, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := load(ctx, db, cfg)
	if err != nil {
		return nil, fmt.Errorf("rls: erase: %w", err)
	}
	if !c.app.exists {
		return nil, fmt.Errorf("%w: App: there is no role %s", ErrInvalid, cfg.App)
	}
	var tables []*table
	for _, t := range c.tables {
		if t.tenants() && !t.partition {
			tables = append(tables, t)
			continue
		}
		for _, k := range t.constraints {
			if parent := c.byOID[k.refers]; k.kind == "f" && !t.partition && parent != nil && parent.tenants() {
				return nil, fmt.Errorf("rls: erase: %s has no tenant and refers to %s by %s", t, parent, k.name)
			}
		}
	}
	var statements []string
	for _, group := range eraseOrder(tables, c.byOID) {
		statements = append(statements, deleteSQL(group))
	}
	return statements, nil
}

// eraseOrder groups tables: a group refers to itself and to later ones alone. It is Tarjan's
// algorithm, turned round, since that ends with what refers to others.
func eraseOrder(tables []*table, byOID map[uint32]*table) [][]*table {
	var groups [][]*table
	var stack []*table
	index, low := map[*table]int{}, map[*table]int{}
	var visit func(t *table)
	visit = func(t *table) {
		index[t] = len(index) + 1
		low[t] = index[t]
		stack = append(stack, t)
		for _, k := range t.constraints {
			parent := byOID[k.refers]
			if k.kind != "f" || parent == nil || !slices.Contains(tables, parent) {
				continue
			}
			if index[parent] == 0 {
				visit(parent)
				low[t] = min(low[t], low[parent])
			} else if slices.Contains(stack, parent) {
				low[t] = min(low[t], index[parent])
			}
		}
		if low[t] == index[t] {
			from := slices.Index(stack, t)
			groups = append(groups, slices.Clone(stack[from:]))
			stack = stack[:from]
		}
	}
	for _, t := range tables {
		if index[t] == 0 {
			visit(t)
		}
	}
	slices.Reverse(groups)
	return groups
}

// deleteSQL deletes from a group in one statement, at whose end references are looked at.
func deleteSQL(group []*table) string {
	slices.SortFunc(group, func(a, b *table) int { return strings.Compare(a.String(), b.String()) })
	one := func(t *table) string {
		return fmt.Sprintf("DELETE FROM %s WHERE %s = $1", t.sql(), ident(t.column))
	}
	if len(group) == 1 {
		return one(group[0])
	}
	var parts []string
	for i, t := range group[1:] {
		parts = append(parts, fmt.Sprintf("d%d AS (%s)", i, one(t)))
	}
	return "WITH " + strings.Join(parts, ", ") + " " + one(group[0])
}

// Erase deletes all rows of a tenant in one transaction, by the statements of [EraseSQL], and
// looks that none is left. db logs in as the owner, or as an application that may delete from
// each table; c is the context that the policies want. A tenant without rows is no error, so
// that it may be run again.
func Erase(ctx context.Context, db *sql.DB, cfg Config, c Context, id tenant.ID) error {
	if c == nil {
		return errors.New("rls: erase: a context is required, such as Plain()")
	}
	name, value, err := c.Setting(ctx, id)
	if err != nil {
		return err
	}
	statements, err := EraseSQL(ctx, db, cfg)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("rls: erase: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT pg_catalog.set_config($1, $2, true)", name, value); err != nil {
		return fmt.Errorf("rls: erase: %w", err)
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, id.String()); err != nil {
			return fmt.Errorf("rls: erase: %s: %w", statement, err)
		}
	}
	// A policy of the service's own may have hidden rows from the DELETE alone.
	left, err := leftOf(ctx, tx, statements, id)
	if err != nil {
		return fmt.Errorf("rls: erase: %w", err)
	}
	if left != "" {
		return fmt.Errorf("rls: erase: rows are left, nothing was erased: %s", left)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("rls: erase: %w", err)
	}
	return nil
}

// leftOf names a table that still has rows of the tenant.
func leftOf(ctx context.Context, tx *sql.Tx, statements []string, id tenant.ID) (string, error) {
	for _, statement := range statements {
		for rest := statement; ; {
			_, after, found := strings.Cut(rest, "DELETE FROM ")
			if !found {
				break
			}
			from, _, _ := strings.Cut(after, " = $1")
			var some bool
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM "+from+" = $1)", id.String()).Scan(&some); err != nil {
				return "", err
			}
			if some {
				return strings.TrimSpace(strings.Split(from, " WHERE ")[0]), nil
			}
			rest = after
		}
	}
	return "", nil
}
