package policy

import (
	"fmt"
	"strconv"

	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
)

// MaxCount is the most that a [Select] counts to.
const MaxCount = 1_000_000

// Select is the service's part of a query that reads a page: see [Page.Select]. Its texts are the
// service's own, and nothing of a request belongs in them but as an argument.
type Select struct {
	Table   string // of the objects; required
	As      string // the name under which the texts below know the table; default: Table
	Columns string // the select list, such as "t.id, t.title"; required

	// Join, if set, comes after the table, such as "JOIN projects p ON p.tenant_id = t.tenant_id AND
	// p.id = t.project_id". It may leave objects out and must find none twice.
	Join string

	// Where, if set, is a further condition of the service. It chooses among the objects that the
	// Predicate selects, and an OR in it adds none to them. Args are the arguments of all texts,
	// which call them $1, $2 in every dialect. The texts have no comments and no dollar quotes.
	Where string
	Args  []any

	// Count adds a last column with how many objects the whole list has, as far as this number plus
	// one: MaxCount at most, and 0 adds none. It is of the same statement as the page, and so
	// of the same moment. A page without objects has no row to say it: the first page then is of
	// a list of 0, and of a later one it is not known.
	Count int
}

// Select returns a query for the page, with its arguments. Its rows are those that [Cut] takes.
//
//	text, args, err := page.Select(policy.Postgres, policy.Select{
//		Table: "tasks", As: "t", Columns: "t.id, t.title",
//		Where: "t.project_id = $1", Args: []any{project}, Count: 10_000,
//	})
//
// To count costs what there is to count, so a list of many objects asks for it once and not on each
// page.
func (p Page) Select(d Dialect, s Select) (text string, args []any, err error) {
	if s.As == "" {
		s.As = s.Table
	}
	if !sqltext.IsName(s.Table) || s.Columns == "" || s.Count < 0 || s.Count > MaxCount {
		return "", nil, fmt.Errorf("%w: a table of letters, digits and _, columns, and a count of at most %d", ErrPredicate, MaxCount)
	}
	if p.size == 0 {
		return "", nil, fmt.Errorf("%w: it is the zero Page", ErrPredicate)
	}
	for _, text := range []*string{&s.Columns, &s.Join, &s.Where} {
		if *text, err = sqltext.Numbered(*text, d, len(s.Args)); err != nil {
			return "", nil, fmt.Errorf("%w: %w", ErrPredicate, err)
		}
	}
	q := p.predicate.query(sqltext.Query{Dialect: d, Alias: s.As, Numbers: true, After: len(s.Args)})
	may, mayArgs, err := sqltext.Write(p.predicate.form, q)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrPredicate, err)
	}
	q.After += len(mayArgs)
	after, order, afterArgs, err := p.writeAfter(q)
	if err != nil {
		return "", nil, err
	}
	// The objects that the caller may see stand in a query of their own, in front of all that the
	// service says: no operator of it reaches past them.
	from := ` FROM (SELECT * FROM "` + s.Table + `" AS "` + s.As + `" WHERE ` + may + `) AS "` + s.As + `"`
	if s.Join != "" {
		from += " " + s.Join
	}
	from += " WHERE "
	if s.Where != "" {
		from += "(" + s.Where + ") AND "
	}
	count := ""
	if s.Count > 0 {
		count = ", (SELECT count(*) FROM (SELECT 1" + from + "TRUE" + " LIMIT " + strconv.Itoa(s.Count+1) + `) AS "reeve_counted") AS "reeve_count"`
	}
	args = append(append(append(args, s.Args...), mayArgs...), afterArgs...)
	return "SELECT " + s.Columns + count + from + after + p.tail(order), args, nil
}
