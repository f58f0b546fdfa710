package rls

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// AuditSQLite is [Audit] for a database of SQLite (3.37 or later), of which each tenant has one of
// their own: nothing there keeps tenants apart but the file, and the audit asks only whether
// columns compare as conditions do. In a table that is not STRICT a text may stand in a column of
// integers, where it is greater than every number. Of cfg it reads Columns alone.
func AuditSQLite(ctx context.Context, db *sql.DB, cfg Config) (Findings, error) {
	for _, want := range cfg.Columns {
		if _, ok := sqliteTypes[want.Kind]; !ok {
			return nil, fmt.Errorf("%w: Columns: %s.%s: unknown kind %q", ErrInvalid, want.Table, want.Name, want.Kind)
		}
	}
	tables := map[string]*sqliteTable{}
	var findings Findings
	var encoding string
	if err := db.QueryRowContext(ctx, "PRAGMA encoding").Scan(&encoding); err != nil {
		return nil, fmt.Errorf("rls: audit: %w", err)
	}
	if encoding != "UTF-8" {
		findings = append(findings, Finding{Rule: "encoding", Severity: Warning, Object: "main",
			Gain: "texts are in the order of the bytes of " + encoding + " and conditions in that of UTF-8: a filter finds rows that a condition refuses. Create the database anew with PRAGMA encoding = 'UTF-8'"})
	}
	for _, want := range cfg.Columns {
		name := want.Table[strings.LastIndexByte(want.Table, '.')+1:]
		t, ok := tables[name]
		if !ok {
			var err error
			if t, err = readSQLite(ctx, db, name); err != nil {
				return nil, fmt.Errorf("rls: audit: %w", err)
			}
			tables[name] = t
		}
		findings = append(findings, t.audit(want)...)
	}
	return findings, nil
}

// sqliteTypes are the types of a STRICT table that compare as conditions do. A uuid is a text there,
// and a time a number of microseconds: a filter selects no time that is a text.
var sqliteTypes = map[Kind][]string{
	KindString: {"TEXT"}, KindInt: {"INTEGER", "INT"}, KindFloat: {"REAL"}, KindBool: {"INTEGER", "INT"},
	KindStrings: {"TEXT"}, KindUUID: {"TEXT"}, KindTime: {"INTEGER", "INT"},
}

type sqliteTable struct {
	name    string
	strict  bool
	create  string
	columns map[string]sqliteColumn // by the name in lower case
}

type sqliteColumn struct {
	typ      string
	required bool
	collate  string
}

func readSQLite(ctx context.Context, db *sql.DB, name string) (*sqliteTable, error) {
	t := &sqliteTable{name: name, columns: map[string]sqliteColumn{}}
	err := db.QueryRowContext(ctx, `SELECT l.strict, coalesce(s.sql, '') FROM pragma_table_list l LEFT JOIN sqlite_schema s ON s.name = l.name AND s.type = 'table'
		WHERE l.schema = 'main' AND lower(l.name) = lower($1)`, name).Scan(&t.strict, &t.create)
	if err == sql.ErrNoRows {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	// The rowid is never NULL; other keys may be, in a table that is not STRICT too.
	rows, err := db.QueryContext(ctx, `SELECT name, upper(type), "notnull" OR (pk = 1 AND upper(type) = 'INTEGER' AND (SELECT max(pk) FROM pragma_table_xinfo($1)) = 1) FROM pragma_table_xinfo($1)`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var column string
		var c sqliteColumn
		if err := rows.Scan(&column, &c.typ, &c.required); err != nil {
			return nil, err
		}
		c.collate = collation(t.create, column)
		t.columns[strings.ToLower(column)] = c
	}
	return t, rows.Err()
}

// collation finds what a column's definition says after COLLATE. No pragma tells it.
func collation(create, column string) string {
	create = sqliteComments.ReplaceAllString(create, " ")
	open := strings.IndexByte(create, '(')
	if open < 0 {
		return ""
	}
	end := closing(create, open)
	if end < 0 {
		return ""
	}
	for _, def := range split(strings.ReplaceAll(create[open:end+1], ",", " , "), " ,") {
		name, rest, _ := strings.Cut(strings.TrimSpace(def), " ")
		if !strings.EqualFold(strings.Trim(name, "\"`[]'"), column) {
			continue
		}
		if m := regexp.MustCompile(`(?is)\bCOLLATE\s+["'\x60\[]?(\w+)`).FindStringSubmatch(rest); m != nil {
			return strings.ToUpper(m[1])
		}
		return ""
	}
	return ""
}

var sqliteComments = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|[\t\r\n]+`)

func (t *sqliteTable) audit(want Column) Findings {
	object := t.name + "." + want.Name
	have, ok := t.columns[strings.ToLower(want.Name)]
	if !ok {
		return Findings{{Rule: "column-missing", Severity: Warning, Object: object, Gain: "attributes.csv names a column that is not there: SQLite takes its name for a text"}}
	}
	var found Findings
	rebuild := "Create the table anew and copy its rows: SQLite alters no column in place"
	types := sqliteTypes[want.Kind]
	if !slices.Contains(types, have.typ) {
		found = append(found, Finding{Rule: "column-type", Severity: Warning, Object: object,
			Gain: fmt.Sprintf("a %s of attributes.csv is %s, not %q: it compares otherwise than conditions do. %s", want.Kind, types[0], have.typ, rebuild)})
	}
	if !t.strict && !t.checked(want.Name) {
		found = append(found, Finding{Rule: "not-strict", Severity: Warning, Object: object,
			Gain: "the table is not STRICT and has no CHECK (typeof(" + want.Name + ") …): a text among numbers is greater than all of them, and a filter finds its row. " + rebuild, Mend: t.strictSQL(), about: t.name})
	}
	if have.collate != "" && have.collate != "BINARY" {
		found = append(found, Finding{Rule: "column-collation", Severity: Warning, Object: object,
			Gain: "COLLATE " + have.collate + " calls texts equal that differ: a filter finds rows that a condition refuses. " + rebuild})
	}
	if want.Required && !have.required {
		found = append(found, Finding{Rule: "column-nullable", Severity: Warning, Object: object,
			Gain: "the column may be NULL, and a list by it skips such rows. " + rebuild})
	}
	return found
}

// checked reports whether the table has a CHECK on the type of a column's values.
func (t *sqliteTable) checked(column string) bool {
	return regexp.MustCompile(`(?is)\bCHECK\s*\(.*\btypeof\s*\(\s*["'\x60\[]?` + regexp.QuoteMeta(column) + `["'\x60\]]?\s*\)\s*(=|IN)`).MatchString(t.create)
}

// strictSQL creates the table anew as STRICT. It is empty where a column has a type that such a
// table does not know.
func (t *sqliteTable) strictSQL() string {
	for _, c := range t.columns {
		if !slices.Contains([]string{"INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"}, c.typ) {
			return ""
		}
	}
	open := strings.IndexByte(t.create, '(')
	if open < 0 || !strings.HasSuffix(strings.TrimSpace(t.create), ")") {
		return ""
	}
	return fmt.Sprintf("PRAGMA foreign_keys = OFF;\nBEGIN;\nCREATE TABLE reeve_strict %s STRICT;\nINSERT INTO reeve_strict SELECT * FROM %[2]s;\nDROP TABLE %[2]s;\nALTER TABLE reeve_strict RENAME TO %[2]s;\nCOMMIT;\nPRAGMA foreign_keys = ON; -- and create the table's other indexes and triggers anew",
		strings.TrimSpace(t.create[open:]), ident(t.name))
}
