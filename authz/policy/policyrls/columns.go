// Package policyrls tells the audit of a database which columns the conditions of a policy
// compare:
//
//	columns, err := policyrls.Columns(engine.Attributes(), map[string]string{"invoice": "billing.invoice"})
//	if err != nil {
//		return err
//	}
//	findings, err := rls.Audit(ctx, db, rls.Config{Owner: "owner", App: "app", Columns: columns})
//
// It stands between the two packages, which know nothing of each other.
package policyrls

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/tenant/rls"
)

// Columns returns the columns that attributes.csv names, in the tables that hold the objects
// of each type. A type of tables has a column for its ids, which the row "type,id,…" of
// attributes.csv names, and which is "id" without one. Ids may not be NULL, nor may columns of
// attributes that are not nullable. A caller adds what lists are sorted by.
//
// Columns of relations are among them: the texts of members, by which rows count, and the keys
// that rows of two tables have in common, where attributes.csv says of which kind they are. The
// table of a relation is in the schema of the table that it is of, unless tables has it in another.
//
// A table for a type that attributes.csv does not know, and a type with columns that has no
// table, are errors: one of the two has another name.
func Columns(attributes []policy.Attribute, tables map[string]string) ([]rls.Column, error) {
	var columns []rls.Column
	var problems []error
	known, ids := map[string]bool{}, map[string]bool{}
	for _, a := range attributes {
		if a.Type == "sub" || a.Type == "env" {
			continue
		}
		known[a.Type] = true
		if a.Column == "" {
			continue // not in the table
		}
		table, ok := tables[a.Type]
		if !ok {
			problems = append(problems, fmt.Errorf("policyrls: %s.%s has the column %s, and the type no table", a.Type, a.Name, a.Column))
			continue
		}
		if a.Relation != nil {
			columns = append(columns, ofRelation(a, attributes, table, tables)...)
			continue
		}
		id := a.Name == "id"
		ids[a.Type] = ids[a.Type] || id
		columns = append(columns, rls.Column{Table: table, Name: a.Column, Kind: rls.Kind(a.Kind.String()), Required: id || a.Null == condition.NullNever})
	}
	for typ, table := range tables {
		if !known[typ] {
			problems = append(problems, fmt.Errorf("policyrls: attributes.csv knows no type %s, which has the table %s", typ, table))
		} else if !ids[typ] {
			columns = append(columns, rls.Column{Table: table, Name: "id", Kind: rls.KindString, Required: true})
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	// Of two that name one column the first says that it is required, which the other does not know.
	slices.SortFunc(columns, func(a, b rls.Column) int {
		if c := strings.Compare(a.Table+"."+a.Name+" "+string(a.Kind), b.Table+"."+b.Name+" "+string(b.Kind)); c != 0 || a.Required == b.Required {
			return c
		}
		if a.Required {
			return -1
		}
		return 1
	})
	columns = slices.CompactFunc(columns, func(a, b rls.Column) bool { return a.Table == b.Table && a.Name == b.Name && a.Kind == b.Kind })
	return columns, errors.Join(problems...)
}

// ofRelation returns the columns by which a relation is looked up, and its texts.
func ofRelation(a policy.Attribute, attributes []policy.Attribute, table string, tables map[string]string) []rls.Column {
	r, rows := a.Relation, tableOf(a.Relation.Table, table, tables)
	var columns []rls.Column
	if a.Kind == policy.KindParent {
		kind, ok := kindOf(attributes, r.Target, r.Key)
		if !ok {
			return nil
		}
		return []rls.Column{{Table: table, Name: a.Column, Kind: kind, Required: a.Null == condition.NullNever}, {Table: rows, Name: r.Key, Kind: kind}}
	}
	if kind, ok := kindOf(attributes, a.Type, a.Column); ok {
		columns = append(columns, rls.Column{Table: rows, Name: r.Key, Kind: kind})
	}
	columns = append(columns, rls.Column{Table: rows, Name: r.Value, Kind: rls.KindString})
	if r.Only != "" {
		columns = append(columns, rls.Column{Table: rows, Name: r.Only, Kind: rls.KindString})
	}
	return columns
}

// tableOf returns the table of a relation with its schema, which attributes.csv does not say.
func tableOf(name, beside string, tables map[string]string) string {
	for _, table := range tables {
		if table == name || strings.HasSuffix(table, "."+name) {
			return table
		}
	}
	if schema, _, ok := strings.Cut(beside, "."); ok {
		return schema + "." + name
	}
	return name
}

// kindOf returns the kind of a type's column, if attributes.csv says it.
func kindOf(attributes []policy.Attribute, typ, column string) (rls.Kind, bool) {
	for _, a := range attributes {
		if a.Type == typ && a.Column == column && a.Relation == nil {
			return rls.Kind(a.Kind.String()), true
		}
	}
	return "", false
}
