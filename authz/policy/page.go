package policy

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
)

// How many objects a page has.
const (
	DefaultPageSize = 50
	MaxPageSize     = 500
)

// List says which page of a list is asked for. The zero List is the first page, in the order of the
// ids.
type List struct {
	// Sort is the order, the most significant first: attributes with a column that is never NULL,
	// at most 4. The ids come last by themselves. Default: by id alone.
	Sort []Sort

	// Size is how many objects a page has: 0 and less is [DefaultPageSize], and more than
	// [MaxPageSize] is MaxPageSize.
	Size int

	// Cursor is the one that [Cut] gave with the page before, as the client sent it back, and "" for the
	// first page.
	Cursor string

	// Readable, if set, is the mask of the fields that the caller may read: an order by another is
	// refused, since pages would tell its values.
	Readable *Mask
}

// Page is a page of the objects that a [Predicate] selects. A query reads it by
// [Page.SQL] or [Page.Select], and [Cut] makes it of the rows. The zero Page is an error. It is
// safe for concurrent use.
//
// Pages begin after an object and not at a number, so that each object is on one page whatever is
// inserted and deleted meanwhile, and that a page far down costs what the first does. An index
// serves an order when its columns are those of the tenant and of the order, with the id last.
//
// Texts are in the order of their column's collation, of which the database's index is, and not
// byte by byte as conditions compare them.
type Page struct {
	predicate Predicate
	keys      []sortKey
	size      int
	after     []any
}

// Page returns the page of a list. Beside an error it selects nothing: a cursor of another list is
// [ErrCursor], an order that cannot be [ErrSort], and a page of the zero Predicate [ErrMisused].
//
// A cursor holds the values of the page's last object that the list is in the order of, so a client
// can read them. One that a client made up begins a page elsewhere, and selects no object that the
// Predicate does not. It is good for as long as the type, the tenant and the order are the same,
// also under another revision of the policy: then the objects of later pages are those that are
// allowed by then.
func (p Predicate) Page(l List) (Page, error) {
	if p.table == nil {
		return Page{}, fmt.Errorf("%w: a page of the zero Predicate", ErrMisused)
	}
	keys, err := p.table.keysOf(p.kind, l.Sort)
	if err != nil {
		return Page{}, err
	}
	if l.Readable != nil {
		for _, s := range l.Sort {
			if s.Attribute != "id" && !l.Readable.Has(s.Attribute) {
				return Page{}, fmt.Errorf("%w: the caller may not read %s of %s", ErrSort, s.Attribute, p.kind)
			}
		}
	}
	page := Page{predicate: p, keys: keys, size: l.Size}
	if page.size <= 0 {
		page.size = DefaultPageSize
	}
	page.size = min(page.size, MaxPageSize)
	if l.Cursor != "" {
		if page.after, err = page.read(l.Cursor); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// Size returns how many objects the page has at most.
func (p Page) Size() int { return p.size }

// First reports whether the page is the first of its list.
func (p Page) First() bool { return p.after == nil }

// Predicate returns what selects the objects of the whole list, of which a count is.
func (p Page) Predicate() Predicate { return p.predicate }

// SQL returns the condition for WHERE with its arguments, and what comes after WHERE: ORDER BY and
// LIMIT, which is one row more than the page has, so that [Cut] knows whether another page comes.
// See [Predicate.SQLAfter].
//
//	where, tail, args, err := page.SQL(1, policy.Postgres, "i")
//	…
//	rows, err := db.QueryContext(ctx, `SELECT i.id, i.owner FROM invoices AS i WHERE i.project = $1 AND `+where+tail, append([]any{project}, args...)...)
func (p Page) SQL(n int, d Dialect, alias string) (where, tail string, args []any, err error) {
	if n < 0 {
		return "", "", nil, fmt.Errorf("%w: %d arguments before it", ErrPredicate, n)
	}
	where, order, args, err := p.write(sqltext.Query{Dialect: d, Alias: alias, After: n})
	if err != nil {
		return "", "", nil, err
	}
	return where, p.tail(order), args, nil
}

func (p Page) tail(order string) string {
	return " ORDER BY " + order + " LIMIT " + strconv.Itoa(p.size+1)
}

// In returns the Page for a library that writes ? for every argument, as package gormscope does. See
// [Predicate.In].
func (p Page) In(d Dialect) PageIn { return PageIn{p, d} }

// PageIn is a [Page] for one dialect. The zero PageIn is an error.
type PageIn struct {
	page    Page
	dialect Dialect
}

// SQL returns the condition with ? for each argument, the terms of ORDER BY, and the LIMIT.
func (p PageIn) SQL(alias string) (where, order string, limit int, args []any, err error) {
	where, order, args, err = p.page.write(sqltext.Query{Dialect: p.dialect, Alias: alias, Plain: true})
	if err != nil {
		return "", "", 0, nil, err
	}
	return where, order, p.page.size + 1, args, nil
}

func (p Page) write(q sqltext.Query) (where, order string, args []any, err error) {
	if p.size == 0 {
		return "", "", nil, fmt.Errorf("%w: it is the zero Page", ErrPredicate)
	}
	where, args, err = p.predicate.write(q)
	if err != nil {
		return "", "", nil, err
	}
	q.After += len(args)
	after, order, more, err := p.writeAfter(q)
	if err != nil {
		return "", "", nil, err
	}
	if p.after != nil {
		where = "(" + where + " AND " + after + ")"
	}
	return where, order, append(args, more...), nil
}

// writeAfter writes where the page begins, and its order.
func (p Page) writeAfter(q sqltext.Query) (after, order string, args []any, err error) {
	keys := make([]sqltext.Key, len(p.keys))
	for i, k := range p.keys {
		keys[i] = k.Key
	}
	after, order, args, err = sqltext.WriteAfter(sqltext.Page{Keys: keys, After: p.after}, q)
	switch {
	case errors.Is(err, sqltext.ErrText): // no object of the database has it
		return "", "", nil, fmt.Errorf("%w: %w", ErrCursor, err)
	case err != nil:
		return "", "", nil, fmt.Errorf("%w: %w", ErrPredicate, err)
	}
	return after, order, args, nil
}

// Cut returns the objects of the page among the rows that a query of it has found, and the cursor
// of the page that follows, "" where none does. Object says what a row is to the policy, as that of a
// [Mapper] does: its id, its tenant and the attributes that the list is in the order of. A row of
// another type or tenant, or one more than LIMIT allows, is a mistake of the query: [ErrMisused],
// and no row is handed out.
func Cut[T any](p Page, rows []T, object func(row *T, columns ...string) Object) (page []T, next string, err error) {
	if p.size == 0 || len(rows) > p.size+1 {
		return nil, "", fmt.Errorf("%w: %d rows of a page of %d", ErrMisused, len(rows), p.size)
	}
	last := Object{}
	for i := range rows {
		o := object(&rows[i])
		if err := o.Err(); err != nil {
			return nil, "", err
		}
		if o.Type != p.predicate.kind || o.Tenant != p.predicate.tenant || o.ID == "" || p.predicate.None() {
			return nil, "", fmt.Errorf("%w: the row %s is no object that the list of %s is of", ErrMisused, shown(quote(o.Type+":"+o.ID)), p.predicate.kind)
		}
		if i == p.size-1 {
			last = o
		}
	}
	if len(rows) <= p.size {
		return rows, "", nil
	}
	if next, err = p.cursor(last); err != nil {
		return nil, "", err
	}
	return rows[:p.size:p.size], next, nil
}
