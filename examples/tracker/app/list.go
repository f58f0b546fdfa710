package app

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
)

// countTo is how far a list is counted: the count costs what there is to count.
const countTo = 10_000

// listing says what a list is of. Its texts are ours: values of a request are arguments.
type listing[T any] struct {
	kind    string // to the policy
	table   string
	as      string
	columns string
	sorts   []string // attributes of which an index is in order
	masked  bool     // whether rules name the fields that may be read
	fields  func(*T) []any
	object  func(*T, ...string) authz.Object
}

var projectList = listing[project]{
	kind: "project", table: "projects", as: "p", columns: projectColumns, sorts: []string{"name"},
	fields: (*project).fields, object: projects.Object,
}

var taskList = listing[task]{
	kind: "task", table: "tasks", as: "t", columns: taskColumns, sorts: []string{"title"}, masked: true,
	fields: (*task).fields, object: tasks.Object,
}

// listed is the answer to a request for a list.
type listed struct {
	Items json.RawMessage `json:"items"`
	Next  string          `json:"next,omitempty"`  // the cursor of the page after this one
	Total *int            `json:"total,omitempty"` // on the first page; one more than countTo is "more"
}

// answer answers with a page of what the caller may read, chosen by a further condition. It is one
// statement, whatever is in the table besides.
func (l listing[T]) answer(c echo.Context, s store, where string, args ...any) error {
	ctx := c.Request().Context()
	may, err := authz.Filter(ctx, "read", l.kind)
	if err != nil {
		return err
	}
	list := authz.List{Cursor: c.QueryParam("cursor")}
	list.Size, _ = strconv.Atoi(c.QueryParam("size")) // the usual one without
	if list.Sort, err = policy.ParseSort(c.QueryParam("sort"), l.sorts...); err != nil {
		return err
	}
	var fields authz.Mask
	if l.masked {
		if fields, err = authz.Fields(ctx, "read", l.kind); err != nil {
			return err
		}
		list.Readable = &fields
	}
	page, err := may.Page(list)
	if err != nil {
		return err
	}
	rows, total, err := l.read(ctx, s, page, where, args)
	if err != nil {
		return err
	}
	rows, next, err := policy.Cut(page, rows, l.object)
	if err != nil {
		return err
	}
	answer := listed{Next: next}
	if page.First() {
		answer.Total = &total
	}
	if answer.Items, err = l.items(rows, fields); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer)
}

// read reads the rows of a page, and how many the list has where the page is the first.
func (l listing[T]) read(ctx context.Context, s store, page authz.Page, where string, args []any) (rows []T, total int, err error) {
	query := policy.Select{Table: l.table, As: l.as, Columns: l.columns, Where: where, Args: args}
	if page.First() {
		query.Count = countTo
	}
	text, args, err := page.Select(s.dialect(), query)
	if err != nil {
		return nil, 0, err
	}
	rows, err = all(ctx, s.database, text, args, func(row *T) []any {
		to := l.fields(row)
		if page.First() {
			to = append(to, &total)
		}
		return to
	})
	return rows, total, err
}

// items are rows with the fields that may be read.
func (l listing[T]) items(rows []T, fields authz.Mask) (json.RawMessage, error) {
	if rows == nil {
		rows = []T{}
	}
	if !l.masked {
		return json.Marshal(rows)
	}
	return fields.JSON(rows)
}

// masked answers with a task in which the fields are left out that the caller may not read.
func (t *task) masked(c echo.Context, status int) error {
	fields, err := authz.Fields(c.Request().Context(), "read", "task")
	if err != nil {
		return err
	}
	body, err := fields.JSON(t)
	if err != nil {
		return err
	}
	return c.JSONBlob(status, body)
}

// readable returns every task that the caller may read, with the fields that they may.
func (s store) readable(ctx context.Context) (json.RawMessage, error) {
	may, err := authz.Filter(ctx, "read", "task")
	if err != nil {
		return nil, err
	}
	fields, err := authz.Fields(ctx, "read", "task")
	if err != nil {
		return nil, err
	}
	where, args, err := may.SQL(s.dialect(), "t")
	if err != nil {
		return nil, err
	}
	rows, err := all(ctx, s.database, `SELECT `+taskColumns+` FROM tasks t WHERE `+where+` ORDER BY t.id`, args, (*task).fields)
	if err != nil {
		return nil, err
	}
	return fields.JSON(rows)
}

// countTasks returns how many tasks the caller may read.
func (s store) countTasks(ctx context.Context) (n int, err error) {
	may, err := authz.Filter(ctx, "read", "task")
	if err != nil {
		return 0, err
	}
	where, args, err := may.SQL(s.dialect(), "t")
	if err != nil {
		return 0, err
	}
	return n, one(ctx, s.database, `SELECT count(*) FROM tasks t WHERE `+where, args, &n)
}
