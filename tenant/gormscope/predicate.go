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

// Where returns a scope that selects the rows of a predicate, see [gorm.DB.Scopes]:
//
//	db.WithContext(ctx).Scopes(gormscope.Where(may)).Find(&notes)
//
// An error of the predicate is the query's.
func Where(p Predicate) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		if p == nil {
			_ = db.AddError(errors.New("gormscope: no predicate"))
			return db
		}
		table, err := tableOf(db)
		if err != nil {
			_ = db.AddError(err)
			return db
		}
		text, args, err := p.SQL(table)
		if err == nil && text == "" {
			err = errors.New("gormscope: a predicate without a text selects nothing")
		}
		if err != nil {
			_ = db.AddError(err)
			return db
		}
		return db.Where(all{[]clause.Expression{clause.Expr{SQL: text, Vars: args}}})
	}
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
