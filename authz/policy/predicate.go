package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
	"github.com/reevehq/reeve/tenant"
)

// Predicate selects the objects of one type and one tenant that a caller may do an action to. The
// zero Predicate selects nothing. [Engine.Filter] makes others: they hold what is known of the
// caller at that time, so a Predicate is for one request. It is safe for concurrent use.
type Predicate struct {
	tenant   tenant.ID
	kind     string
	table    *table
	tables   listed
	form     condition.Form
	revision string
	until    time.Time
}

// Dialect is the language of a database. The zero Dialect is none.
type Dialect = sqltext.Dialect

// The dialects. Each attribute's column is of the type that its kind says.
const (
	// Postgres is PostgreSQL from version 15: text or varchar with a deterministic collation for
	// string, an integer type for int, double precision or real for float, boolean, text[] for
	// strings, timestamptz for time, uuid. Ids, tenants and members are text, ids also as their
	// kind says. A list of more than one dimension is an error of the query. A real is scanned into
	// a float32 where the driver is lib/pq, which hands a float64 the digits of it.
	Postgres = sqltext.Postgres

	// SQLite is SQLite from version 3.43: TEXT for string and uuid, INTEGER for int, REAL for
	// float, INTEGER of 0 and 1 for bool, TEXT with an array of JSON for strings, and INTEGER of
	// microseconds since 1970 (UTC) for time. Tables need not be STRICT.
	SQLite = sqltext.SQLite
)

// ErrPredicate means that a Predicate cannot be written as SQL: for no such dialect, without a
// valid alias, with a text of the caller that the database cannot hold, or with too many arguments. Of
// a context of row-level security it is also that a rule of the tenant's own file asks something else
// of the objects than the rules of policy.csv, see [Engine.RLS].
var ErrPredicate = errors.New("policy: the filter cannot be written")

// None reports whether the Predicate selects nothing, whatever the objects are.
func (p Predicate) None() bool { return p.form.Kind() == condition.FormNever }

// All reports whether the Predicate selects every object of its type in its tenant.
func (p Predicate) All() bool { return p.form.Kind() == condition.FormAlways }

// Type returns the type of the objects, "" of the zero Predicate.
func (p Predicate) Type() string { return p.kind }

// Tenant returns the tenant of the objects.
func (p Predicate) Tenant() tenant.ID { return p.tenant }

// Revision returns the revision of the policy that made the Predicate.
func (p Predicate) Revision() string { return p.revision }

// Until returns the moment at which a role of the caller next begins or ends, by a g row with
// times: the Predicate holds until then at most. It is zero when none does.
func (p Predicate) Until() time.Time { return p.until }

// Match reports whether the Predicate selects an object. It agrees with [Engine.Decide] at the time
// of [Engine.Filter], but for an object of which the engine has an error: no such is selected.
func (p Predicate) Match(o Object) bool {
	if p.None() || p.table == nil || o.Type != p.kind || o.ID == "" || o.Tenant != p.tenant {
		return false
	}
	if o.validateTyped("match") != nil {
		return false
	}
	r := Request{Tenant: p.tenant, Object: o}
	return p.form.Holds(r.values()) && r.misfit.of == nil
}

// SQL returns the Predicate as a condition for WHERE, with its arguments: $1, $2 for Postgres and ?
// for SQLite. Alias is the name that the query gives to the table of the objects; it is required.
// The text is one operand, which AND may join with others.
//
//	may, err := authz.Filter(ctx, "read", "invoice")
//	…
//	where, args, err := may.SQL(policy.Postgres, "i")
//	…
//	rows, err := db.QueryContext(ctx, `SELECT i.id, i.owner FROM invoices AS i WHERE `+where+` ORDER BY i.id LIMIT 50`, args...)
//
// The tenant is always part of it, and of each table that it looks into besides. Names are quoted
// and qualified. No constant of the policy and nothing of the caller is in the text. It is for
// WHERE alone: in NOT, or in a list of columns, NULL is neither true nor false, see
// [Predicate.SQLValue].
func (p Predicate) SQL(d Dialect, alias string) (text string, args []any, err error) {
	return p.write(sqltext.Query{Dialect: d, Alias: alias})
}

// SQLAfter is [Predicate.SQL] for a query that has arguments before: the first of the Predicate is
// $(n+1), as pgx counts. For SQLite it is the same as SQL.
func (p Predicate) SQLAfter(n int, d Dialect, alias string) (text string, args []any, err error) {
	if n < 0 {
		return "", nil, fmt.Errorf("%w: %d arguments before it", ErrPredicate, n)
	}
	return p.write(sqltext.Query{Dialect: d, Alias: alias, After: n})
}

// SQLValue is [Predicate.SQLAfter] for a list of columns: true or false for each row, and never
// NULL. In WHERE it would cost the indexes.
func (p Predicate) SQLValue(n int, d Dialect, alias string) (text string, args []any, err error) {
	text, args, err = p.SQLAfter(n, d, alias)
	if err != nil {
		return "", nil, err
	}
	return "COALESCE(" + text + ", FALSE)", args, nil
}

// In returns the Predicate for a library that writes ? for every argument whatever the database is,
// as package gormscope and database/sql's builders do.
func (p Predicate) In(d Dialect) Where { return Where{p, d} }

// Where is a [Predicate] for one dialect. The zero Where is an error.
type Where struct {
	predicate Predicate
	dialect   Dialect
}

// SQL returns the condition with ? for each argument.
func (c Where) SQL(alias string) (text string, args []any, err error) {
	return c.predicate.write(sqltext.Query{Dialect: c.dialect, Alias: alias, Plain: true})
}

func (p Predicate) write(q sqltext.Query) (string, []any, error) {
	text, args, err := sqltext.Write(p.form, p.query(q))
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrPredicate, err)
	}
	return text, args, nil
}

// query adds to q what the Predicate is of.
func (p Predicate) query(q sqltext.Query) sqltext.Query {
	q.Tenant, q.Parent = p.tenant.String(), p.tables.tenantOf
	if p.table != nil {
		q.Column = p.table.tenant
	}
	return q
}
