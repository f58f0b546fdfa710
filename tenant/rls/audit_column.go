package rls

import (
	"fmt"
	"slices"
)

// typesOf are the types that compare as conditions do. PostgreSQL has no operator for character
// varying[] beside text[].
var typesOf = map[Kind][]string{
	KindString: {"text", "character varying"}, KindInt: {"bigint", "integer", "smallint"}, KindFloat: {"double precision", "real"},
	KindBool: {"boolean"}, KindStrings: {"text[]"}, KindUUID: {"uuid"}, KindTime: {"timestamp with time zone"},
}

// auditColumns holds the columns of attributes.csv against the catalog.
func (a *audit) auditColumns() {
	if len(a.cfg.Columns) > 0 && a.database.encoding != "UTF8" {
		a.add(Finding{Rule: "encoding", Severity: Warning, Object: a.database.name, phase: phaseColumn,
			Gain: "texts are in the order of " + a.database.encoding + " and conditions in that of UTF-8: a filter finds rows that a condition refuses. Create the database anew with ENCODING 'UTF8'"})
	}
	for _, want := range a.cfg.Columns {
		table := qualified(want.Table)
		f := Finding{Object: table + "." + want.Name, Severity: Warning, phase: phaseColumn}
		alter := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", quoteTable(table), ident(want.Name))
		have, ok := a.columns[table+"."+want.Name]
		types := typesOf[want.Kind]
		switch {
		case !ok:
			f.Rule, f.Gain = "column-missing", "attributes.csv names a column that is not there: conditions about it are errors"
			a.add(f)
			continue
		case !slices.Contains(types, have.typ):
			f.Rule, f.Gain = "column-type", fmt.Sprintf("a %s of attributes.csv is %s, not %s: the database compares it otherwise than conditions do, or not at all", want.Kind, types[0], have.typ)
			f.Mend = fmt.Sprintf("%sTYPE %s USING %s::%s;", alter, types[0], ident(want.Name), types[0])
			a.add(f)
		case !have.deterministic:
			f.Rule, f.Gain = "column-collation", "the collation calls texts equal that differ: a filter finds rows that a condition refuses"
			f.Mend = fmt.Sprintf(`%sTYPE %s COLLATE "C";`, alter, have.typ)
			a.add(f)
		}
		if want.Required && !have.notNull {
			f.Rule, f.Gain = "column-nullable", "the column may be NULL, and a list by it skips such rows, or a check asks about the type as a whole"
			f.Mend = alter + "SET NOT NULL;"
			a.add(f)
		}
	}
}
