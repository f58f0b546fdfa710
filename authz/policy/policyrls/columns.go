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
		if a.Column == "" || a.Relation != nil {
			continue // not in the table, or the key of another
		}
		table, ok := tables[a.Type]
		if !ok {
			problems = append(problems, fmt.Errorf("policyrls: %s.%s has the column %s, and the type no table", a.Type, a.Name, a.Column))
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
	slices.SortStableFunc(columns, func(a, b rls.Column) int { return strings.Compare(a.Table+"."+a.Name, b.Table+"."+b.Name) })
	return columns, errors.Join(problems...)
}
