package gormscope

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/reevehq/reeve/tenant"
)

// enter returns the tenant of a statement, and false when its rows are of none or when there is
// an error, which the statement then has.
func (p *Plugin) enter(db *gorm.DB) (tenant.ID, bool) {
	if db.Error != nil {
		return tenant.ID{}, false
	}
	id, err := tenant.Require(db.Statement.Context)
	if err != nil {
		_ = db.AddError(err)
		return tenant.ID{}, false
	}
	stmt := db.Statement
	if stmt.SQL.Len() > 0 {
		p.byText(db, "raw SQL")
		return tenant.ID{}, false
	}
	if stmt.Schema == nil {
		p.byText(db, "a table without a model")
		return tenant.ID{}, false
	}
	if stmt.TableExpr != nil || stmt.Table != stmt.Schema.Table {
		p.byText(db, "a table of another name than the model's")
		if db.Error != nil {
			return tenant.ID{}, false
		}
	}
	scopedJoins(db)
	if err := errors.Join(texts(stmt), unpin(stmt)); err != nil {
		_ = db.AddError(err)
		return tenant.ID{}, false
	}
	switch p.tables[stmt.Schema.Table] {
	case scoped:
		return id, true
	case global:
		return tenant.ID{}, false
	}
	_ = db.AddError(fmt.Errorf("%w: %s", ErrUnregistered, stmt.Schema.Name))
	return tenant.ID{}, false
}

// byText refuses what only a scoped pool keeps in its tenant.
func (p *Plugin) byText(db *gorm.DB, what string) {
	if p.cfg.InsecureUnscopedPool {
		_ = db.AddError(fmt.Errorf("%w: %s needs a scoped pool", ErrText, what))
	}
}

// column is the tenant's column of a table.
func (p *Plugin) column(table string) clause.Column {
	return clause.Column{Table: table, Name: p.cfg.Column}
}

// within returns conditions that hold for rows of a tenant alone.
func (p *Plugin) within(table string, id tenant.ID, conditions []clause.Expression) clause.Where {
	tenants := clause.Eq{Column: p.column(table), Value: id.String()}
	if len(conditions) == 0 {
		return clause.Where{Exprs: []clause.Expression{tenants}}
	}
	return clause.Where{Exprs: []clause.Expression{all{conditions}, tenants}}
}

// all are conditions in parentheses. GORM writes these only where it sees an OR.
type all struct{ conditions []clause.Expression }

// Build implements [clause.Expression].
func (a all) Build(b clause.Builder) {
	_ = b.WriteByte('(')
	clause.Where{Exprs: a.conditions}.Build(b)
	_ = b.WriteByte(')')
}

// where returns the conditions of a clause of a statement.
func where(stmt *gorm.Statement, name string) []clause.Expression {
	if w, ok := stmt.Clauses[name].Expression.(clause.Where); ok {
		return w.Exprs
	}
	return nil
}

// narrow replaces the WHERE of a statement.
func (p *Plugin) narrow(stmt *gorm.Statement, id tenant.ID) {
	c := stmt.Clauses["WHERE"]
	c.Name, c.Expression = "WHERE", p.within(clause.CurrentTable, id, where(stmt, "WHERE"))
	stmt.Clauses["WHERE"] = c
}
