package sqltext

import (
	"math"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Key is a column by which rows are in order: in the order of the column's own collation, which its
// index has.
type Key struct {
	Column     string
	Kind       condition.Kind
	Descending bool
}

// Page says where a page of rows begins.
type Page struct {
	Keys  []Key // none is NULL, and the last tells any two rows of the tenant apart
	After []any // what the keys of the row before are; nil for the first page
}

// WriteAfter writes the condition that a row stands after another, TRUE for the first page, and the
// terms of ORDER BY.
func WriteAfter(p Page, q Query) (where, order string, args []any, err error) {
	if q.Dialect != Postgres && q.Dialect != SQLite {
		return "", "", nil, ErrDialect
	}
	if !isAlias(q.Alias) {
		return "", "", nil, ErrAlias
	}
	w := &writer{Query: q}
	where = always
	if p.After != nil {
		where = w.after(p.Keys, p.After)
	}
	return where, w.order(p.Keys), w.args, w.err
}

// order writes the terms of ORDER BY.
func (w *writer) order(keys []Key) string {
	var terms []string
	for _, k := range keys {
		term := column(w.Alias, k.Column)
		if k.Descending {
			term += " DESC"
		}
		terms = append(terms, term)
	}
	return strings.Join(terms, ", ")
}

// after writes that a row stands after another. Where the keys go one way it is one comparison of
// rows, of which an index makes one range.
func (w *writer) after(keys []Key, values []any) string {
	operator := " > "
	if keys[0].Descending {
		operator = " < "
	}
	if sameDirection(keys) {
		columns, placeholders := make([]string, len(keys)), make([]string, len(keys))
		for i, k := range keys {
			columns[i], placeholders[i] = column(w.Alias, k.Column), w.key(k, values[i])
		}
		return row(columns) + operator + row(placeholders)
	}
	col := column(w.Alias, keys[0].Column)
	low := col + strings.TrimSuffix(operator, " ") + "= " + w.key(keys[0], values[0])
	beyond := col + operator + w.key(keys[0], values[0])
	return and(low, or(beyond, w.after(keys[1:], values[1:])))
}

func sameDirection(keys []Key) bool {
	for _, k := range keys {
		if k.Descending != keys[0].Descending {
			return false
		}
	}
	return true
}

func row(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// key writes the value of a key as an argument.
func (w *writer) key(k Key, v any) string {
	switch x := v.(type) {
	case string:
		if w.postgres() && !holdable(condition.String(x)) {
			return w.fail(ErrText)
		}
	case time.Time:
		switch {
		case !w.postgres():
			v = Micros(x)
		case x.Equal(Infinity):
			v = "infinity"
		case x.Equal(MinusInfinity):
			v = "-infinity"
		}
	case bool:
		if !w.postgres() {
			v = int64(0)
			if x {
				v = int64(1)
			}
		}
	}
	return w.arg(v, types[k.Kind])
}

// Infinity and MinusInfinity stand for the times of PostgreSQL that are called so. No database has a
// time as late or as early.
var (
	Infinity      = time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)
	MinusInfinity = time.Date(-300_000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Micros returns the microseconds since 1970 of a time, and of one that is infinite the most or the
// least there are.
func Micros(t time.Time) int64 {
	switch {
	case t.Equal(Infinity):
		return math.MaxInt64
	case t.Equal(MinusInfinity):
		return math.MinInt64
	}
	return t.UnixMicro()
}

// OfMicros returns the time that [Micros] is of.
func OfMicros(micros int64) time.Time {
	switch micros {
	case math.MaxInt64:
		return Infinity
	case math.MinInt64:
		return MinusInfinity
	}
	return time.UnixMicro(micros).UTC()
}
