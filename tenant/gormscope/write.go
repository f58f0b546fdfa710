package gormscope

import (
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/reevehq/reeve/tenant"
)

// create stamps what is inserted, and has an upsert update rows of the tenant alone.
func (p *Plugin) create(db *gorm.DB) {
	id, ok := p.enter(db)
	pinConflict(db.Statement)
	if !ok {
		return
	}
	stmt := db.Statement
	if p.named(stmt, stmt.Omits) {
		_ = db.AddError(fmt.Errorf("%w: it is omitted", ErrImmutable))
		return
	}
	if len(stmt.Selects) > 0 && !slices.Contains(stmt.Selects, "*") {
		stmt.Selects = append(slices.Clone(stmt.Selects), p.cfg.Column)
	}
	if field := stmt.Schema.LookUpField(p.cfg.Column); field != nil {
		if err := p.stamp(stmt, field, id); err != nil {
			_ = db.AddError(err)
			return
		}
	} else { // the table of an association, which the database stamps
		p.byText(db, "the association's table, which has no field for the tenant,")
	}
	if conflict, ok := stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict); ok && !conflict.DoNothing {
		if p.assigns(conflict.DoUpdates) {
			_ = db.AddError(ErrImmutable)
			return
		}
		conflict.Where = p.within(stmt.Table, id, conflict.Where.Exprs)
		stmt.AddClause(conflict)
	}
}

// pinConflict has an upsert update those rows alone that the statement's predicates select: Save is one
// where its UPDATE has found no row.
func pinConflict(stmt *gorm.Statement) {
	conflict, ok := stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	pins, _, _ := split(where(stmt, "WHERE"))
	if !ok || conflict.DoNothing || len(pins) == 0 {
		return
	}
	if len(conflict.Where.Exprs) > 0 {
		pins = append([]clause.Expression{all{conflict.Where.Exprs}}, pins...)
	}
	conflict.Where = clause.Where{Exprs: pins}
	stmt.AddClause(conflict)
}

// stamp gives every row the tenant. A row that has another one is an error.
func (p *Plugin) stamp(stmt *gorm.Statement, field *schema.Field, id tenant.ID) error {
	switch dest := stmt.Dest.(type) {
	case map[string]any:
		return p.stampMaps(stmt.Schema, id, dest)
	case *map[string]any:
		return p.stampMaps(stmt.Schema, id, *dest)
	case []map[string]any:
		return p.stampMaps(stmt.Schema, id, dest...)
	case *[]map[string]any:
		return p.stampMaps(stmt.Schema, id, *dest...)
	}
	one := func(v reflect.Value) error {
		v = reflect.Indirect(v)
		got, zero := field.ValueOf(stmt.Context, v)
		if !zero && !same(got, id) {
			return fmt.Errorf("gormscope: %w: the row is of another tenant than the context", tenant.ErrMismatch)
		}
		return field.Set(stmt.Context, v, id.String())
	}
	switch stmt.ReflectValue.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range stmt.ReflectValue.Len() {
			if err := one(stmt.ReflectValue.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		return one(stmt.ReflectValue)
	}
	return fmt.Errorf("gormscope: %T cannot be stamped", stmt.Dest)
}

func (p *Plugin) stampMaps(s *schema.Schema, id tenant.ID, rows ...map[string]any) error {
	for _, row := range rows {
		for key, v := range row {
			if !p.is(s, key) {
				continue
			}
			if !same(v, id) {
				return fmt.Errorf("gormscope: %w: the row is of another tenant than the context", tenant.ErrMismatch)
			}
			delete(row, key)
		}
		row[p.cfg.Column] = id.String()
	}
	return nil
}

// same reports whether a value of a row is the tenant.
func same(v any, id tenant.ID) bool {
	rv := reflect.Indirect(reflect.ValueOf(v))
	if !rv.IsValid() {
		return false
	}
	switch v := rv.Interface().(type) {
	case tenant.ID:
		return v == id
	case string:
		return v == id.String()
	}
	return rv.Kind() == reflect.String && rv.String() == id.String()
}

// is reports whether a name of a column or field is the tenant's.
func (p *Plugin) is(s *schema.Schema, name string) bool {
	if name == p.cfg.Column {
		return true
	}
	field := s.LookUpField(name)
	return field != nil && field.DBName == p.cfg.Column
}

func (p *Plugin) named(stmt *gorm.Statement, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return p.is(stmt.Schema, n) || n == stmt.Table+"."+p.cfg.Column })
}

// assigns reports whether a SET names the tenant's column.
func (p *Plugin) assigns(set clause.Set) bool {
	return slices.ContainsFunc(set, func(a clause.Assignment) bool { return a.Column.Name == p.cfg.Column })
}

// update refuses the tenant's column, and narrows.
func (p *Plugin) update(db *gorm.DB) {
	id, ok := p.enter(db)
	if !ok {
		return
	}
	stmt := db.Statement
	if set, ok := stmt.Clauses["SET"].Expression.(clause.Set); ok && p.assigns(set) {
		_ = db.AddError(ErrImmutable)
		return
	}
	dest := reflect.Indirect(reflect.ValueOf(stmt.Dest))
	switch dest.Kind() {
	case reflect.Map:
		for _, key := range dest.MapKeys() {
			if key.Kind() != reflect.String || p.is(stmt.Schema, key.String()) {
				_ = db.AddError(ErrImmutable)
				return
			}
		}
	case reflect.Struct:
		if dest.Type() == stmt.Schema.ModelType {
			field := stmt.Schema.LookUpField(p.cfg.Column)
			if got, zero := field.ValueOf(stmt.Context, dest); !zero && !same(got, id) {
				_ = db.AddError(fmt.Errorf("gormscope: %w: the row is of another tenant than the context", tenant.ErrMismatch))
				return
			}
		}
	}
	stmt.Omits = append(slices.Clone(stmt.Omits), p.cfg.Column)
	if p.everything(stmt) {
		_ = db.AddError(gorm.ErrMissingWhereClause)
		return
	}
	p.narrow(stmt, id)
}

func (p *Plugin) delete(db *gorm.DB) {
	id, ok := p.enter(db)
	if !ok {
		return
	}
	if p.everything(db.Statement) {
		_ = db.AddError(gorm.ErrMissingWhereClause)
		return
	}
	p.narrow(db.Statement, id)
}

// everything reports whether a statement would concern every row. GORM refuses one without a
// condition, and would take the tenant's for one.
func (p *Plugin) everything(stmt *gorm.Statement) bool {
	if stmt.AllowGlobalUpdate || len(where(stmt, "WHERE")) > 0 {
		return false
	}
	keyed := func(v reflect.Value) bool {
		v = reflect.Indirect(v)
		if v.Kind() != reflect.Struct || v.Type() != stmt.Schema.ModelType {
			return false
		}
		return slices.ContainsFunc(stmt.Schema.PrimaryFields, func(f *schema.Field) bool {
			_, zero := f.ValueOf(stmt.Context, v)
			return !zero && f.DBName != p.cfg.Column
		})
	}
	for _, v := range []reflect.Value{stmt.ReflectValue, reflect.Indirect(reflect.ValueOf(stmt.Model)), reflect.Indirect(reflect.ValueOf(stmt.Dest))} {
		if !v.IsValid() {
			continue
		}
		if keyed(v) {
			return false
		}
		if v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
			for i := range v.Len() {
				if keyed(v.Index(i)) {
					return false
				}
			}
		}
	}
	return true
}
