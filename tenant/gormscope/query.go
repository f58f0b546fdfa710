package gormscope

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// query is before each SELECT: also those of Count, Pluck, Rows, Preload and sub-queries.
func (p *Plugin) query(db *gorm.DB) {
	id, ok := p.enter(db)
	if !ok {
		return
	}
	stmt := db.Statement
	for i := range stmt.Joins {
		join := &stmt.Joins[i]
		if join.Expression != nil {
			p.byText(db, "a join by an expression")
			continue
		}
		relation, nested := relation(stmt.Schema, join.Name)
		if relation == nil || nested {
			p.byText(db, "a join by text, or of more than one step,")
		}
		if relation == nil {
			continue
		}
		switch p.tables[relation.FieldSchema.Table] {
		case scoped:
			var on []clause.Expression
			if join.On != nil {
				on = join.On.Exprs
			}
			w := p.within(clause.CurrentTable, id, on)
			join.On = &w
		case unregistered:
			_ = db.AddError(ErrUnregistered)
		}
	}
	p.narrow(stmt, id)
}

// relation returns the association of a join, and whether it takes more than one step.
func relation(s *schema.Schema, name string) (*schema.Relationship, bool) {
	if r, ok := s.Relationships.Relations[name]; ok {
		return r, false
	}
	var r *schema.Relationship
	for _, step := range strings.Split(name, ".") {
		next, ok := s.Relationships.Relations[step]
		if !ok {
			return nil, false
		}
		r, s = next, next.FieldSchema
	}
	return r, true
}

// raw is before Exec.
func (p *Plugin) raw(db *gorm.DB) {
	if savepoint(db.Statement.SQL.String()) {
		return
	}
	p.enter(db)
}

// savepoint reports whether a text is one of GORM's own for nested transactions.
func savepoint(text string) bool {
	for _, before := range []string{"SAVEPOINT ", "ROLLBACK TO SAVEPOINT "} {
		if name, ok := strings.CutPrefix(text, before); ok && !strings.ContainsAny(name, " ;\t\r\n\"'/-") {
			return true
		}
	}
	return false
}
