package gormscope

import (
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// pinned is a condition that holds for each row that a query reads: an OR beside it stands in
// parentheses. Conditions that were there are put into some at once, and those that come later by
// [Plugin]. Its text is that for the table of the statement that it becomes a part of.
type pinned struct {
	text func(table string) (text string, args []any, err error)
}

// Build implements [clause.Expression]. With an error it holds for no row.
func (p pinned) Build(b clause.Builder) {
	stmt, ok := b.(*gorm.Statement)
	if !ok {
		_, _ = b.WriteString("1 = 0")
		return
	}
	text, args, err := p.text(stmt.Table)
	if err == nil {
		err = checkText(text)
	}
	if err != nil {
		_ = stmt.AddError(err)
		_, _ = b.WriteString("1 = 0")
		return
	}
	all{[]clause.Expression{clause.Expr{SQL: text, Vars: args}}}.Build(b)
}

// pin adds a condition to those of a statement.
func pin(db *gorm.DB, text func(table string) (string, []any, error)) *gorm.DB {
	if db.Statement.SQL.Len() > 0 {
		_ = db.AddError(errRaw)
	}
	if selectsAssociation(db) {
		_ = db.AddError(errAssociation)
	}
	if err := unpin(db.Statement); err != nil {
		_ = db.AddError(err)
	}
	if pins, others, _ := split(where(db.Statement, "WHERE")); len(others) > 0 {
		c := db.Statement.Clauses["WHERE"]
		c.Expression = clause.Where{Exprs: append([]clause.Expression{all{others}}, pins...)}
		db.Statement.Clauses["WHERE"] = c
	}
	return db.Where(pinned{text})
}

// A query with one of these would read rows that its predicate does not select.
var (
	errLost = errors.New("gormscope: a predicate within an OR or a NOT: call Scopes on the query itself")
	errRaw  = errors.New("gormscope: a predicate beside raw SQL, which it is no part of: write its text into yours")

	errAssociation = errors.New("gormscope: a predicate beside associations that are selected, whose rows GORM deletes and saves whatever it selects: write a statement for each table")
)

// selectsAssociation reports whether Select names an association: Delete then deletes the rows of it,
// also where no row of the statement's own table is found.
func selectsAssociation(db *gorm.DB) bool {
	model := db.Statement.Model
	if model == nil {
		model = db.Statement.Dest
	}
	if len(db.Statement.Selects) == 0 || model == nil {
		return false
	}
	s, err := parse(model, db.NamingStrategy)
	return slices.ContainsFunc(db.Statement.Selects, func(name string) bool {
		first, _, _ := strings.Cut(name, ".")
		return name == clause.Associations || err == nil && s.Relationships.Relations[first] != nil
	})
}

// unpin puts what stands beside the pinned conditions of a statement into parentheses.
func unpin(stmt *gorm.Statement) error {
	pins, others, lost := split(where(stmt, "WHERE"))
	if lost {
		return errLost
	}
	if len(pins) > 0 && len(others) > 0 {
		c := stmt.Clauses["WHERE"]
		c.Expression = clause.Where{Exprs: append([]clause.Expression{all{others}}, pins...)}
		stmt.Clauses["WHERE"] = c
	}
	return nil
}

// split takes the pinned conditions out of others, also out of groups, and reports whether one of them
// is none that every row fulfils.
func split(conditions []clause.Expression) (pins, others []clause.Expression, lost bool) {
	for _, e := range conditions {
		var group []clause.Expression
		switch x := e.(type) {
		case pinned:
			pins = append(pins, x)
			continue
		case clause.AndConditions:
			group = x.Exprs
		case all:
			group = x.conditions
		case clause.OrConditions:
			lost = lost || holdsPin(x.Exprs)
		case clause.NotConditions:
			lost = lost || holdsPin(x.Exprs)
		}
		within, rest, gone := split(group)
		lost = lost || gone
		switch pins = append(pins, within...); {
		case len(within) == 0:
			others = append(others, e)
		case len(rest) > 0:
			others = append(others, all{rest})
		}
	}
	return pins, others, lost
}

func holdsPin(conditions []clause.Expression) bool {
	pins, _, lost := split(conditions)
	return len(pins) > 0 || lost
}

// scopedJoins gives joins the conditions of the scopes of their own, which GORM does not run.
func scopedJoins(db *gorm.DB) {
	for i := range db.Statement.Joins {
		join := &db.Statement.Joins[i]
		if len(join.Conds) != 1 {
			continue
		}
		sub, ok := join.Conds[0].(*gorm.DB)
		if !ok {
			continue
		}
		pins, others, lost := split(db.Session(&gorm.Session{NewDB: true}).Statement.BuildCondition(sub))
		if lost {
			_ = db.AddError(errLost)
		}
		if len(pins) == 0 {
			continue // GORM has its conditions
		}
		if len(others) > 0 {
			pins = append([]clause.Expression{all{others}}, pins...)
		}
		join.On = &clause.Where{Exprs: pins}
	}
}
