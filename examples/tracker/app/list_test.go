package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

// counted is a database that remembers the statements that it was asked.
type counted struct {
	database
	mu         sync.Mutex
	statements []string
	args       [][]any
	rows       int
}

func (d *counted) query(ctx context.Context, statement string, args []any, each func(scan) error) error {
	d.mu.Lock()
	d.statements, d.args = append(d.statements, statement), append(d.args, args)
	d.mu.Unlock()
	return d.database.query(ctx, statement, args, func(s scan) error {
		d.mu.Lock()
		d.rows++
		d.mu.Unlock()
		return each(s)
	})
}

// page is the answer to a request for a list.
type answered struct {
	Items []map[string]any
	Next  string
	Total *int
}

func (c caller) list(path string) (code int, page answered) {
	c.t.Helper()
	code, body := c.send("GET", path, "")
	if code == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			c.t.Fatalf("%s: %s", path, body)
		}
	}
	return code, page
}

func (p answered) ids() (ids []string) {
	for _, item := range p.Items {
		ids = append(ids, fmt.Sprint(item["id"]))
	}
	return ids
}

const manyTasks = `INSERT INTO tasks (tenant_id, id, project_id, title, body, owner, private)
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
	SELECT $1, 'task-0' || (100000 + i), 'project-1001', 'A private task ' || i, 'of the anvil', 'alice', 1 FROM n`

// A guest's page of one task, behind 20,000 that they may not read, is one statement that reads one
// range of an index, whatever the order is.
func TestAPageAmongManyIsOneIndexedQuery(t *testing.T) {
	a := newApp(t, Config{})
	a.must(t, manyTasks)
	db := &counted{database: a.store.database}
	a.store.database = db
	gus := signIn(t, a, "acme", "gus")
	for path, index := range map[string]string{
		"/projects/project-1001/tasks":             "tasks_of_project",
		"/projects/project-1001/tasks?sort=title":  "tasks_by_title",
		"/projects/project-1001/tasks?sort=-title": "tasks_by_title",
	} {
		db.statements, db.args, db.rows = nil, nil, 0
		code, page := gus.list(path)
		if code != http.StatusOK || !slices.Equal(page.ids(), []string{"task-1001"}) || page.Next != "" || page.Total == nil || *page.Total != 1 {
			t.Fatalf("%s: %d %+v", path, code, page)
		}
		if len(db.statements) != 2 || db.rows != 2 || db.statements[0] != getProject {
			t.Fatalf("%s: %d statements, %d rows: %q", path, len(db.statements), db.rows, db.statements)
		}
		var plan []string
		ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
		if err != nil {
			t.Fatal(err)
		}
		err = db.database.query(ctx, "EXPLAIN QUERY PLAN "+db.statements[1], db.args[1], func(s scan) error {
			var id, parent, unused int
			var detail string
			err := s(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		searches := 0
		for _, step := range plan {
			if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN t") {
				t.Errorf("%s: %s", path, step)
			}
			if strings.HasPrefix(step, "SEARCH t ") && strings.Contains(step, "(tenant_id=? AND project_id=? AND private=?") {
				searches++
			}
		}
		if searches != 2 || !strings.Contains(strings.Join(plan, "\n"), index) { // of the page, and of the count
			t.Errorf("%s: %q", path, plan)
		}
	}
}

// Page by page each user reads what they may read, once, in order, and is told how many there are.
func TestPagesShowWhatTheCallerMayRead(t *testing.T) {
	a := newApp(t, Config{})
	for i := range 30 {
		a.must(t, insertTask, fmt.Sprintf("task-3%03d", i), "project-1001", fmt.Sprintf("Title %d", i%7), "body", []string{"alice", "sam"}[i%2], i%3 == 0)
	}
	for user, want := range map[string]int{"alice": 33, "sam": 27, "gus": 21} {
		c := signIn(t, a, "acme", user)
		for _, sort := range []string{"", "title", "-title"} {
			var ids []string
			for next, n := "", 0; n < 50; n++ {
				code, page := c.list("/projects/project-1001/tasks?size=4&sort=" + sort + "&cursor=" + url.QueryEscape(next))
				if code != http.StatusOK || (next == "") != (page.Total != nil) || page.Total != nil && *page.Total != want {
					t.Fatalf("%s by %q: %d %+v", user, sort, code, page)
				}
				ids = append(ids, page.ids()...)
				if next = page.Next; next == "" {
					break
				}
			}
			sorted := slices.Clone(ids)
			slices.Sort(sorted)
			if len(ids) != want || len(slices.Compact(sorted)) != want {
				t.Errorf("%s by %q: %d of %d", user, sort, len(ids), want)
			}
			for _, id := range ids {
				if code, _ := c.send("GET", "/tasks/"+id, ""); code != http.StatusOK {
					t.Errorf("%s: %s is listed and answers %d", user, id, code)
				}
			}
		}
		if _, body := c.send("GET", "/organisation", ""); !strings.Contains(body, fmt.Sprintf(`"tasks":%d`, want)) {
			t.Errorf("%s: %s", user, body)
		}
		if _, page := c.list("/search?q=Title"); page.Total == nil || *page.Total != want-map[string]int{"alice": 3, "sam": 2, "gus": 1}[user] {
			t.Errorf("%s finds %+v", user, page.Total)
		}
	}
}

func TestWhatAClientAsksOfAListIsHeldToIt(t *testing.T) {
	a := newApp(t, Config{})
	sam := signIn(t, a, "acme", "sam")
	_, page := sam.list("/search?q=t&size=1&sort=title")
	if page.Next == "" {
		t.Fatal("one page")
	}
	for path, want := range map[string]int{
		"/search?q=t&sort=title&cursor=" + page.Next:  200,
		"/search?q=t&sort=-title&cursor=" + page.Next: 400,
		"/search?q=t&cursor=" + page.Next:             400,
		"/projects?cursor=" + page.Next:               400,
		"/search?q=t&cursor=x":                        400,
		"/search?q=t&sort=owner":                      400,
		"/search?q=t&sort=title,title":                400,
		"/search?q=t&size=-1":                         200,
		"/search?q=t&size=99999999999999999999":       200,
		"/search?q=%25%27%20OR%201%3D1%20--":          200,
	} {
		if code, _ := sam.list(path); code != want {
			t.Errorf("%s: %d", path, code)
		}
	}
	// The cursor of one organisation is none of the other, also for the same user.
	if code, _ := signIn(t, a, "globex", "sam").list("/search?q=t&sort=title&cursor=" + page.Next); code != 400 {
		t.Errorf("in globex: %d", code)
	}
}

// A guest is not told whose a task is, and nobody gives one away.
func TestFieldsAreThoseThatTheCallerMayReadAndWrite(t *testing.T) {
	a := newApp(t, Config{})
	gus, sam, alice := signIn(t, a, "acme", "gus"), signIn(t, a, "acme", "sam"), signIn(t, a, "acme", "alice")
	for _, path := range []string{"/tasks/task-1001", "/search?q=t", "/projects/project-1001/tasks"} {
		if code, body := gus.send("GET", path, ""); code != 200 || strings.Contains(body, "owner") || !strings.Contains(body, "Polish") {
			t.Errorf("gus: %s: %d %s", path, code, body)
		}
		if code, body := sam.send("GET", path, ""); code != 200 || !strings.Contains(body, `"owner":"alice"`) {
			t.Errorf("sam: %s: %d %s", path, code, body)
		}
	}
	for body, want := range map[string]int{
		`{"project":"project-1001","title":"x","body":"y","private":false}`:                 200,
		`{"project":"project-1001","title":"x","body":"y","private":false,"owner":"alice"}`: 403,
		`{"project":"project-1001","title":"x","body":"y","Owner":"alice"}`:                 403,
		`{"project":"project-1001","title":"x","tenant_id":"globex"}`:                       403,
		`{"project":"project-1001","title":"x","title":"y"}`:                                403,
		`{"project":"project-1001","title":"x","id":"task-1"}`:                              403,
		`{"title":1}`: 400,
		`[]`:          400,
		``:            400,
	} {
		for name, c := range map[string]caller{"sam": sam, "alice": alice} {
			if code, answer := c.send("PUT", "/tasks/task-1001", body); code != want {
				t.Errorf("%s: %s: %d %s", name, body, code, answer)
			}
		}
	}
	if code, body := alice.send("GET", "/tasks/task-1001", ""); code != 200 || !strings.Contains(body, `"owner":"alice"`) {
		t.Errorf("%d %s", code, body)
	}
}
