package app

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/examples/tracker/trackertest"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/tenanttest"
)

// planted is a mistake: statements that are written otherwise, a handler, or a key of the cache.
type planted struct {
	name     string
	from, to string                             // in statements
	handler  func(a *App, c echo.Context) error // of request
	key      func(tenant.ID) string             // of the cache
	request  string                             // where it is found
	kind     tenanttest.Kind                    // as what
	with     []string                           // further requests that it takes
	beyond   bool                               // it is past the walls of the database
}

// The first five are the mistakes that leaked in a service without walls.
var plantedLeaks = []planted{
	{name: "a query without the tenant", request: "GET /search?q=t", kind: tenanttest.ReadsForeign,
		handler: titles(func(string) string { return `SELECT t.title FROM tasks t WHERE $1 <> '' AND t.title LIKE $2` })},
	{name: "an object with the tenant of the caller", request: "GET /tasks/{task}", kind: tenanttest.ReadsForeign,
		from: getTask, to: `SELECT t.id, $1, t.project_id, t.title, t.body, t.owner, t.private FROM tasks t WHERE t.id = $2`},
	{name: "an object without a tenant", request: "GET /tasks/{task}", kind: tenanttest.ReadsForeign, handler: objectWithoutTenant},
	{name: "a join of which one table is scoped", request: "GET /tasks/{task}/comments", kind: tenanttest.ReadsForeign,
		from: `m.tenant_id = c.tenant_id AND `, to: ``},
	{name: "a search by OR", request: "GET /search?q=t", kind: tenanttest.ReadsForeign,
		handler: titles(func(string) string {
			return `SELECT t.title FROM tasks t WHERE t.tenant_id = $1 AND t.title LIKE $2 OR t.body LIKE $2`
		})},
	{name: "SQL made of the search", request: "GET /search?q=t", kind: tenanttest.ReadsForeign,
		handler: titles(func(q string) string {
			return `SELECT t.title FROM tasks t WHERE t.tenant_id = $1 AND $2 <> '' AND t.title LIKE '%` + q + `%'`
		})},
	{name: "an update by id", request: "PUT /tasks/{task}", kind: tenanttest.WritesForeign,
		handler: blindly(`UPDATE tasks SET title = 'changed' WHERE $1 <> '' AND id = $2`)},
	{name: "a deletion by id", request: "DELETE /tasks/{task}", kind: tenanttest.WritesForeign,
		handler: blindly(`DELETE FROM tasks WHERE $1 <> '' AND id = $2`)},
	{name: "a header that names the tenant", request: "GET /projects", kind: tenanttest.ReadsForeign, handler: tenantOfHeader},
	{name: "a cache without the tenant in its key", request: "GET /organisation", kind: tenanttest.ReadsForeign,
		key: func(tenant.ID) string { return "organisation" }, beyond: true},
	{name: "a job that writes without the tenant", request: "POST /exports", kind: tenanttest.WritesForeign,
		from: finishExport, to: `UPDATE exports SET status = $3, content = $4 WHERE $1 <> '' AND $2 <> ''`},
	{name: "a job that reads without the tenant", request: "POST /exports", kind: tenanttest.CopiesForeign,
		from: finishExport, to: `UPDATE exports SET status = $3, content = $4 || (SELECT group_concat(body) FROM tasks) WHERE tenant_id = $1 AND id = $2`},
	{name: "a reference to a row of another", request: "PUT /tasks/{task}", kind: tenanttest.LinksForeign,
		from: getProject, to: `SELECT p.id, $1, p.name FROM projects p WHERE p.id = $2`},
	{name: "an answer that tells that there is an object", request: "GET /tasks/{task}", kind: tenanttest.TellsExistence, handler: oracle},
	{name: "a count without the tenant", request: "GET /organisation", kind: tenanttest.SeesWork, with: []string{"POST /projects"},
		from: `FROM projects p WHERE p.tenant_id = o.tenant_id`, to: `FROM projects p`},
}

// titles answers with what a statement finds, and asks about nothing.
func titles(statement func(q string) string) func(*App, echo.Context) error {
	return func(a *App, c echo.Context) error {
		q := c.QueryParam("q")
		rows, err := list(c.Request().Context(), a.store, statement(q), []any{"%" + q + "%"}, func(title *string) []any { return []any{title} })
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, rows)
	}
}

// blindly runs a statement on the id of the path.
func blindly(statement string) func(*App, echo.Context) error {
	return func(a *App, c echo.Context) error {
		if err := a.store.write(c.Request().Context(), statement, c.Param("task")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
}

func objectWithoutTenant(a *App, c echo.Context) error {
	ctx := c.Request().Context()
	var t task
	if err := found(a.store.read(ctx, taskOfAnybody, []any{c.Param("task")}, t.fields()...)); err != nil {
		return err
	}
	if _, err := authz.Check(ctx, "read", authz.Object{Type: "task", Attributes: authz.Values{"owner": *t.Owner, "private": *t.Private}}); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

const taskOfAnybody = `SELECT ` + taskColumns + ` FROM tasks t WHERE $1 <> '' AND t.id = $2`

func oracle(a *App, c echo.Context) error {
	ctx := c.Request().Context()
	var t task
	if err := found(a.store.read(ctx, taskOfAnybody, []any{c.Param("task")}, t.fields()...)); err != nil {
		return err
	}
	if id, _ := tenant.FromContext(ctx); t.Tenant != id {
		return middleware.ErrForbidden
	}
	return a.getTask(c)
}

func tenantOfHeader(a *App, c echo.Context) error {
	ctx := c.Request().Context()
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	if named, err := tenant.Parse(c.Request().Header.Get("X-Tenant-Id")); err == nil {
		id = named
	}
	rows, err := all(ctx, a.store.database, `SELECT `+projectColumns+` FROM projects p WHERE p.tenant_id = $1`, []any{id}, (*project).fields)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, rows)
}

// plant makes the mistake in an app, and returns what tells whether it was made.
func (p planted) plant(t *testing.T, a *App) (made func() bool) {
	t.Helper()
	if p.key != nil {
		a.summaries = newCache(p.key)
		return func() bool { return true }
	}
	if p.handler == nil {
		m := &misspelt{database: a.store.database, from: p.from, to: p.to}
		a.store.database = m
		return func() bool { return m.hits.Load() > 0 }
	}
	var called atomic.Bool
	method, path, _ := strings.Cut(p.request, " ")
	path, _, _ = strings.Cut(path, "?")
	route := method + " " + strings.NewReplacer("{", ":", "}", "").Replace(path)
	if a.handlers[route] == nil {
		t.Fatalf("there is no route %s", route)
	}
	a.handlers[route] = func(c echo.Context) error {
		called.Store(true)
		return p.handler(a, c)
	}
	if err := a.openRoutes(); err != nil {
		t.Fatal(err)
	}
	return called.Load
}

// misspelt is a database to which some statements are written otherwise.
type misspelt struct {
	database
	from, to string
	hits     atomic.Int64
}

func (m *misspelt) other(statement string) string {
	if strings.Contains(statement, m.from) {
		m.hits.Add(1)
	}
	return strings.ReplaceAll(statement, m.from, m.to)
}

func (m *misspelt) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	statement = m.other(statement)
	return m.database.exec(ctx, statement, args[:min(len(args), parameters(statement))]...)
}

func (m *misspelt) query(ctx context.Context, statement string, args []any, each func(scan) error) error {
	return m.database.query(ctx, m.other(statement), args, each)
}

// parameters is how many a statement has.
func parameters(statement string) int {
	n := 0
	for strings.Contains(statement, "$"+string(rune('1'+n))) {
		n++
	}
	return n
}

// pooled puts the app on one database for all tenants, without a wall.
func pooled(t *testing.T, a *App) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "pooled.db")+"?_pragma=synchronous(off)&_pragma=journal_mode(memory)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(t.Context(), sqliteSchema()); err != nil {
		t.Fatal(err)
	}
	a.store = store{&sqliteDB{db, db, db}}
	if err := a.seed(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// findings makes a mistake in an app and returns what is found.
func (p planted) findings(t *testing.T, a *App, change ...func(*tenanttest.Service)) []tenanttest.Finding {
	t.Helper()
	s := trackertest.Service(t, a, a.rows)
	for _, f := range change {
		f(&s)
	}
	s.Requests = trackertest.Only(append([]string{p.request}, p.with...)...)
	made := p.plant(t, a)
	list, err := tenanttest.Check(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if !made() {
		t.Fatal("the mistake was not made")
	}
	return list
}

func TestEachPlantedLeakIsFoundOnAPooledDatabase(t *testing.T) {
	for _, p := range plantedLeaks {
		t.Run(p.name, func(t *testing.T) {
			a := newApp(t, Config{})
			pooled(t, a)
			list := p.findings(t, a)
			if !slices.ContainsFunc(list, func(f tenanttest.Finding) bool { return f.Kind == p.kind && f.Request == p.request }) {
				t.Errorf("no %s at %s in %v", p.kind, p.request, list)
			}
		})
	}
}

// betweenTenants leaves out the further users of each tenant: what one of them may read of it is
// for the policy to say, and no file keeps it from another.
func betweenTenants(s *tenanttest.Service) {
	for i := range s.Tenants {
		s.Tenants[i].Users = nil
	}
}

// The same mistakes find nothing where each tenant has a file. A cache is past every database:
// only its key keeps tenants apart.
func TestBehindTheWallTheSameMistakesFindNothing(t *testing.T) {
	for i, p := range plantedLeaks {
		if testing.Short() && i >= 5 {
			break
		}
		t.Run(p.name, func(t *testing.T) {
			if list := p.findings(t, newApp(t, Config{}), betweenTenants); len(list) > 0 != p.beyond {
				t.Errorf("%v", list)
			}
		})
	}
}

// Without a mistake there is nothing to find on a pooled database either: what the planted ones
// show is theirs.
func TestAPooledDatabaseWithoutMistakesHasNoFindings(t *testing.T) {
	a := newApp(t, Config{})
	pooled(t, a)
	s := trackertest.Service(t, a, a.rows)
	if testing.Short() {
		s.Requests = trackertest.Only("GET /search?q=t", "GET /tasks/{task}", "POST /exports")
	}
	tenanttest.Run(t, s)
}

// A handler that asks about no object is reported, wherever the row comes from.
func TestAHandlerThatAsksAboutNoObjectIsReported(t *testing.T) {
	unchecked := authz.NewUnchecked(authz.UncheckedConfig{Logger: slog.New(slog.DiscardHandler)})
	a := newApp(t, Config{Unchecked: unchecked})
	p := planted{request: "GET /tasks/{task}", handler: func(a *App, c echo.Context) error {
		var t task
		if err := found(a.store.read(c.Request().Context(), getTask, []any{c.Param("task")}, t.fields()...)); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, t)
	}}
	p.findings(t, a)
	if got := unchecked.Stats().Routes; !slices.Equal(got, []string{"GET /tasks/:task"}) {
		t.Errorf("%v", got)
	}
}

// leaksWithin are mistakes that show a user of the tenant what they may not read. No wall between
// tenants is in their way.
var leaksWithin = []planted{
	{name: "a handler that never asks", request: "GET /tasks/{task}", kind: tenanttest.ReadsHidden, handler: func(a *App, c echo.Context) error {
		var t task
		if err := found(a.store.read(c.Request().Context(), getTask, []any{c.Param("task")}, t.fields()...)); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, t)
	}},
	{name: "an attribute whose column was not selected", request: "GET /tasks/{task}", kind: tenanttest.ReadsHidden, handler: func(a *App, c echo.Context) error {
		ctx := c.Request().Context()
		row := struct {
			task
			Private bool // and false where the query has no such column
		}{}
		if err := found(a.store.read(ctx, `SELECT t.id, t.tenant_id, t.title, t.owner FROM tasks t WHERE t.tenant_id = $1 AND t.id = $2`, []any{c.Param("task")}, &row.ID, &row.Tenant, &row.Title, &row.Owner)); err != nil {
			return err
		}
		object := authz.Object{Type: "task", ID: row.ID, Tenant: row.Tenant, Attributes: authz.Values{"owner": *row.Owner, "private": row.Private}}
		if _, err := authz.Check(ctx, "read", object); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, row)
	}},
	{name: "a list beside the policy", request: "GET /projects/{project}/tasks", kind: tenanttest.ListsHidden, with: []string{"GET /tasks/{task}"}, handler: listByHand("")},
	{name: "a list with a condition like the policy's", request: "GET /projects/{project}/tasks", kind: tenanttest.ReadsHidden, handler: listByHand(" AND (NOT t.private OR t.owner <> '')")},
}

// listByHand answers with the tasks of a project that a condition of the handler's own chooses.
func listByHand(condition string) func(*App, echo.Context) error {
	return func(a *App, c echo.Context) error {
		ctx := c.Request().Context()
		p, err := a.loadProject(ctx, "read", c.Param("project"))
		if err != nil {
			return err
		}
		rows, err := list(ctx, a.store, `SELECT `+taskColumns+` FROM tasks t WHERE t.tenant_id = $1 AND t.project_id = $2`+condition, []any{p.ID}, (*task).fields)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, rows)
	}
}

func TestEachLeakWithinATenantIsFound(t *testing.T) {
	for _, p := range leaksWithin {
		t.Run(p.name, func(t *testing.T) {
			list := p.findings(t, newApp(t, Config{}))
			if !slices.ContainsFunc(list, func(f tenanttest.Finding) bool { return f.Kind == p.kind && f.Request == p.request }) {
				t.Errorf("no %s at %s in %v", p.kind, p.request, list)
			}
		})
	}
}

// A column that the query forgets is not there, and no zero: the service's own mapper denies.
func TestAColumnThatIsNotSelectedShowsNothing(t *testing.T) {
	a := newApp(t, Config{})
	p := planted{request: "GET /tasks/{task}", from: getTask, to: `SELECT t.id, t.tenant_id, t.project_id, t.title, t.body, t.owner, NULL FROM tasks t WHERE t.tenant_id = $1 AND t.id = $2`}
	for _, f := range p.findings(t, a) {
		if f.Kind != tenanttest.Refused {
			t.Error(f)
		}
	}
}
