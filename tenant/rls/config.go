package rls

import (
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/configerr"
)

// Config describes a database to [Generate], [Audit] and [EraseSQL]: who reaches it, and which
// of its tables hold rows of tenants. Every table of the service that has the tenant's column
// is one of them; none is left out by being forgotten here.
type Config struct {
	// Owner is the role that owns the tables and runs the migrations. Required.
	Owner string

	// App is the role with which the service logs in. Required, and another than Owner: it owns
	// nothing, and policies bind it.
	App string

	// Column is the name of the column that holds the tenant's id. Default "tenant_id".
	Column string

	// Tables names the column for tables where it is another one, by "schema.table".
	Tables map[string]string

	// Shared lists tables, by "schema.table", that hold rows of no tenant although the
	// application may write to them, or although they have the tenant's column.
	Shared []string

	// Plain has reeve.tenant() believe the setting of [Plain], which any SQL can change, in
	// place of the signed context of a [Signer].
	Plain bool

	// NoRows makes a statement without a context find nothing. By default it is an error, so
	// that a scope that was forgotten is noticed. A forged context is always an error.
	NoRows bool

	// HandWritten is for a database with policies of its own, which do not call reeve.tenant().
	// [Audit] then asks for no floor where the policies that are there hold, and calls a
	// setting that is not signed information only. [Generate] refuses it.
	HandWritten bool

	// Columns are those that conditions and filters compare, from attributes.csv, see [Column].
	Columns []Column
}

// Column is a column that a condition compares or a list is sorted by.
type Column struct {
	Table string // "schema.table"; without a schema it is in public
	Name  string
	Kind  Kind
	// Required says that the column may hold no NULL: ids, and what lists are sorted by.
	Required bool
}

// Kind is the kind of an attribute, as attributes.csv writes it.
type Kind string

// The kinds, each with the types of PostgreSQL that compare as conditions do.
const (
	KindString  Kind = "string"  // text, varchar
	KindInt     Kind = "int"     // smallint, integer, bigint
	KindFloat   Kind = "float"   // real, double precision
	KindBool    Kind = "bool"    // boolean
	KindStrings Kind = "strings" // text[]
	KindUUID    Kind = "uuid"    // uuid
	KindTime    Kind = "time"    // timestamptz
)

// DefaultColumn is the default of [Config.Column].
const DefaultColumn = "tenant_id"

func (c Config) withDefaults() (Config, error) {
	var p configerr.Problems
	name := func(field, s string) {
		switch {
		case s == "":
			p.Add(field, "required")
		case len(s) > maxIdentifier || strings.ContainsRune(s, 0):
			p.Add(field, "%q is no name", s)
		}
	}
	name("Owner", c.Owner)
	name("App", c.App)
	if c.Owner != "" && c.Owner == c.App {
		p.Add("App", "is the owner, who may switch every policy off")
	}
	if c.Column == "" {
		c.Column = DefaultColumn
	}
	name("Column", c.Column)
	for _, table := range slices.Sorted(maps.Keys(c.Tables)) {
		name("Tables["+table+"]", c.Tables[table])
	}
	for _, col := range c.Columns {
		if _, ok := typesOf[col.Kind]; !ok {
			p.Add("Columns", "%s.%s: unknown kind %q", col.Table, col.Name, col.Kind)
		}
	}
	return c, p.Err("rls", ErrInvalid)
}

// qualified is a table's name with its schema.
func qualified(table string) string {
	if strings.Contains(table, ".") {
		return table
	}
	return "public." + table
}

// ident quotes a name.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a text, with standard_conforming_strings on or off.
func literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
