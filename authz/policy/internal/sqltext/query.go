// Package sqltext writes a Form of package condition as the WHERE condition of a database.
//
// The text selects the rows of which the Form holds, and no others: a row about which a comparison
// is unknown is not selected. The text has no IS TRUE, COALESCE or CASE around a column, since a
// database would use no index then, and a constant of the Form is an argument.
package sqltext

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/ascii"
)

// Dialect is the language of a database. The zero Dialect is none.
type Dialect uint8

// The dialects.
const (
	Postgres Dialect = iota + 1
	SQLite
)

// Errors of [Write].
var (
	ErrDialect = errors.New("no such dialect")
	ErrAlias   = errors.New("no alias: a table has a name of letters, digits and _, which does not begin with reeve_")
	ErrText    = errors.New("a text that the database cannot hold is compared for its order or its beginning")
	ErrLong    = errors.New("a list is too long for the database")
)

// Query says what the text is for.
type Query struct {
	Dialect Dialect
	Alias   string // of the table of the objects
	Plain   bool   // whether an argument is written ?, as always in SQLite, and not $1
	Numbers bool   // whether an argument of SQLite is written ?1, so that a text may stand there twice
	After   int    // arguments before those of the text: the first is After+1
	Tenant  string
	Column  string              // of the tenant, in the table of the objects and in those of members
	Parent  func(string) string // the column of the tenant in the table of a parent, by its type
}

// maxArguments is how many arguments a text may have: SQLite's limit, and half of that of Postgres.
const maxArguments = 32_000

// Write returns the text, which is one operand, and its arguments.
func Write(f condition.Form, q Query) (text string, args []any, err error) {
	w := &writer{Query: q}
	if q.Dialect != Postgres && q.Dialect != SQLite {
		return "", nil, ErrDialect
	}
	if !isAlias(q.Alias) {
		return "", nil, ErrAlias
	}
	if f.Kind() == condition.FormNever {
		return never, nil, nil
	}
	all := []string{w.inTenant(q.Alias, q.Column)}
	if f.Kind() == condition.FormAll {
		for part := range f.Parts() {
			all = append(all, w.form(part, true))
		}
	} else if f.Kind() != condition.FormAlways {
		all = append(all, w.form(f, true))
	}
	if w.err == nil && len(w.args) > maxArguments {
		w.err = fmt.Errorf("%w: %d arguments, at most %d", ErrLong, len(w.args), maxArguments)
	}
	if w.err != nil {
		return "", nil, w.err
	}
	return and(all...), w.args, nil
}

// IsName reports whether a table or a column can have the name: it is quoted, and needs no
// escaping.
func IsName(s string) bool {
	return s != "" && len(s) <= 63 && !ascii.IsDigit(s[0]) && ascii.All(s, ascii.IsIdent)
}

// ownAlias begins the names of the tables that a text looks into besides, which no other may have: a
// column of the objects would be taken for one of theirs.
const ownAlias = "reeve_"

// isAlias reports whether a text can know the table of the objects by the name.
func isAlias(s string) bool { return IsName(s) && !strings.HasPrefix(s, ownAlias) }

// The texts of what holds for every row, and for none.
const (
	always = "TRUE"
	never  = "FALSE"
)

// writer writes one text. Arguments are in the order of the text, so parts are written from left
// to right.
type writer struct {
	Query
	args    []any
	aliases int
	err     error

	rows   *Rows // of row-level security, which has no arguments; nil elsewhere
	branch int
	slot   *slot // that stands for the constant of the literal, nil for none
}

func (w *writer) postgres() bool { return w.Dialect == Postgres }

func (w *writer) fail(err error) string {
	if w.err == nil {
		w.err = err
	}
	return never
}

// arg writes an argument. Postgres is told its type, so that it is the column that is compared,
// and not one cast to another type.
func (w *writer) arg(v any, typ string) string {
	if w.rows != nil {
		return inline(v, typ)
	}
	w.args = append(w.args, v)
	mark := "?"
	switch {
	case w.postgres() && !w.Plain:
		mark = "$" + strconv.Itoa(w.After+len(w.args))
	case w.Numbers && !w.Plain:
		mark = "?" + strconv.Itoa(w.After+len(w.args))
	}
	if w.postgres() {
		mark += "::" + typ
	}
	return mark
}

// alias returns a name for one more table.
func (w *writer) alias() string {
	w.aliases++
	return ownAlias + strconv.Itoa(w.aliases)
}

func quoted(name string) string { return `"` + name + `"` }

func column(alias, name string) string { return quoted(alias) + "." + quoted(name) }

// inTenant writes that a row is of the tenant. A column of SQLite that is not declared TEXT may have
// made a number of a tenant, which more than one text is equal to.
func (w *writer) inTenant(alias, name string) string {
	if w.rows != nil {
		return column(alias, name) + " = " + w.rows.Tenant
	}
	col := column(alias, name)
	if w.postgres() {
		return col + " = " + w.arg(w.Tenant, "text")
	}
	return and(w.exact(col)+" = "+w.arg(w.Tenant, "text"), typeIs(condition.KindString, col))
}

// exact returns a text's column as bytes: SQLite's may have another order of its own.
func (w *writer) exact(col string) string {
	if w.postgres() {
		return col
	}
	return col + " COLLATE BINARY"
}

// and and or join operands, and leave out what changes nothing. The part that decides stays beside
// the others: their arguments are counted.
func and(parts ...string) string { return join(" AND ", always, parts) }

func or(parts ...string) string { return join(" OR ", never, parts) }

func join(with, neutral string, parts []string) string {
	var kept []string
	for _, p := range parts {
		if p != neutral {
			kept = append(kept, p)
		}
	}
	switch len(kept) {
	case 0:
		return neutral
	case 1:
		return kept[0]
	}
	return "(" + strings.Join(kept, with) + ")"
}

// form writes a part. It is a conjunct where a row is selected only if the part holds.
func (w *writer) form(f condition.Form, conjunct bool) string {
	switch f.Kind() {
	case condition.FormAlways:
		return always
	case condition.FormLiteral:
		return w.literal(f.Literal(), scope{own: w.Alias}, conjunct)
	case condition.FormAll, condition.FormAny:
		var parts []string
		isAll := f.Kind() == condition.FormAll
		for p := range f.Parts() {
			parts = append(parts, w.form(p, conjunct && isAll))
		}
		if isAll {
			return and(parts...)
		}
		return or(parts...)
	}
	return never
}

// scope says under which names the tables of a literal stand.
type scope struct{ own, parent string }

// of returns the column of an attribute.
func (s scope) of(a *condition.Attribute) string { return column(s.alias(a), a.Column) }

func (s scope) alias(a *condition.Attribute) string {
	if a.Via != nil {
		return s.parent
	}
	return s.own
}
