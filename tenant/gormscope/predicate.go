package gormscope

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Predicate selects rows of a table, as what a caller may see. The text names columns by the
// alias, and has ? for each argument. The zero predicate selects nothing: an empty text is an
// error here, and never no condition.
type Predicate interface {
	SQL(alias string) (text string, args []any, err error)
}

// Page selects a page of the rows of a table, in an order: where it begins is part of the text.
type Page interface {
	SQL(alias string) (where, order string, limit int, args []any, err error)
}

// Where returns a scope that selects the rows of a predicate, see [gorm.DB.Scopes]:
//
//	db.WithContext(ctx).Scopes(gormscope.Where(may)).Find(&notes)
//
// An error of the predicate is the query's. In a group of conditions, and with the [Plugin] in a join, it
// is of the table that these are of; within an OR or a NOT it is an error then. An UPDATE and a DELETE
// change the rows that it selects, and so do an upsert and Save, which also insert: whether the caller
// may do that is another question, and so are the rows of associations, which GORM saves beside. Beside raw
// SQL, and associations that Select names, it is an error. A [gorm.DB.Session] with scopes is no part
// of another statement: GORM runs these on a copy, which it drops.
func Where(p Predicate) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if p == nil {
			return failed(db, errors.New("gormscope: no predicate"))
		}
		text := func(table string) (string, []any, error) {
			text, args, err := p.SQL(table)
			if err == nil && text == "" {
				err = errors.New("gormscope: a predicate without a text selects nothing")
			}
			return text, args, err
		}
		if table, err := tableOf(db); err == nil { // a group of conditions has no table of its own
			if _, _, err := text(table); err != nil {
				return failed(db, err)
			}
		}
		return pin(db, text)
	}
}

// InPage returns a scope that reads the rows of a page, in its order, and one row more where another
// page follows:
//
//	db.WithContext(ctx).Scopes(gormscope.InPage(page.In(policy.Postgres))).Find(&notes)
//
// The order and the limit are the page's: those that the query has besides are left out. To count
// the whole list, use [Where] with the predicate of the page, in one transaction that is repeatable
// read, so that both are of one moment. An error of the page is the query's.
func InPage(p Page) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if p == nil {
			return failed(db, errors.New("gormscope: no page"))
		}
		table, err := tableOf(db)
		if err != nil {
			return failed(db, err)
		}
		text, order, limit, args, err := p.SQL(table)
		if err == nil && (text == "" || order == "" || limit <= 0) {
			err = errors.New("gormscope: a page without a text, an order or a limit selects nothing")
		}
		if err != nil {
			return failed(db, err)
		}
		of := func(other string) (string, []any, error) {
			if other != table {
				return "", nil, errors.New("gormscope: a page within another query: it has an order and a limit of its own")
			}
			return text, args, nil
		}
		return pin(db, of).Offset(-1).Limit(limit).Clauses(clause.OrderBy{Expression: clause.Expr{SQL: order}})
	}
}

// failed makes an error that of a query, also where the query is a part of another: GORM drops the
// errors of groups of conditions.
func failed(db *gorm.DB, err error) *gorm.DB {
	db = pin(db, func(string) (string, []any, error) { return "", nil, err })
	_ = db.AddError(err)
	return db
}

func tableOf(db *gorm.DB) (string, error) {
	model := db.Statement.Model
	if model == nil {
		model = db.Statement.Dest
	}
	if db.Statement.Table != "" {
		return db.Statement.Table, nil
	}
	s, err := parse(model, db.NamingStrategy)
	if err != nil {
		return "", fmt.Errorf("gormscope: %w", err)
	}
	return s.Table, nil
}
