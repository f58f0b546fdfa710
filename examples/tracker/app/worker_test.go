package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/examples/tracker/trackertest"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/job"
)

// caller sends requests as a user.
type caller struct {
	t     *testing.T
	app   *App
	token string
}

func signIn(t *testing.T, a *App, name, user string) caller {
	return caller{t, a, trackertest.Token(t, a, name, user)}
}

func (c caller) send(method, path, body string) (int, string) {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+c.token)
	w := httptest.NewRecorder()
	c.app.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// export seals the job of an export, lets meanwhile happen before the worker gets to it, and
// returns what became of it, as the database has it.
func (a *App) export(t *testing.T, user string, meanwhile func()) (e export) {
	t.Helper()
	a.must(t, insertExport, "export-1", user)
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := a.worker.sealer.Seal(ctx, job.New{Subject: user, Payload: []byte("export-1")})
	if err != nil {
		t.Fatal(err)
	}
	meanwhile()
	a.worker.handle(sealed)
	if err := a.sessions.SetTenantStatus(ctx, tenant.MustParse("acme"), tenant.Active); err != nil {
		t.Fatal(err)
	}
	if err := a.store.read(ctx, getExport, []any{"export-1"}, e.fields()...); err != nil {
		t.Fatal(err)
	}
	return e
}

func (a *App) must(t *testing.T, statement string, args ...any) {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err == nil {
		err = a.store.write(ctx, statement, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnExportHoldsWhatItsRequesterMayReadNow(t *testing.T) {
	a := newApp(t, Config{})
	const setRole = `UPDATE members SET role = $3 WHERE tenant_id = $1 AND user_id = $2`
	for name, c := range map[string]struct {
		meanwhile    func()
		status       string
		holds, lacks string
	}{
		"a member":                     {func() {}, "done", "task-1003", "task-1002"},
		"a member who was made owner":  {func() { a.must(t, setRole, "sam", "owner") }, "done", "task-1002", "task-2001"},
		"a member who was made guest":  {func() { a.must(t, setRole, "sam", "guest") }, "refused", "", "task"},
		"one who has left":             {func() { a.must(t, `DELETE FROM members WHERE tenant_id = $1 AND user_id = $2`, "sam") }, "refused", "", "task"},
		"of an organisation suspended": {func() { a.sessions.SetTenantStatus(t.Context(), tenant.MustParse("acme"), tenant.Suspended) }, "waiting", "", "task"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := a.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			e := a.export(t, "sam", c.meanwhile)
			if e.Status != c.status || !strings.Contains(e.Content, c.holds) || strings.Contains(e.Content, c.lacks) {
				t.Errorf("%s %s", e.Status, e.Content)
			}
		})
	}
}

// A job that the service has not signed is not run, whatever tenant it names.
func TestAJobThatNobodySignedIsNotRun(t *testing.T) {
	a := newApp(t, Config{})
	sealed := ""
	other := newApp(t, Config{}) // another key
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("globex"))
	if err != nil {
		t.Fatal(err)
	}
	if sealed, err = other.worker.sealer.Seal(ctx, job.New{Subject: "carol", Payload: []byte("export-2001")}); err != nil {
		t.Fatal(err)
	}
	a.worker.handle(sealed)
	var e export
	if err := a.store.read(ctx, getExport, []any{"export-2001"}, e.fields()...); err != nil || e.Status != "waiting" {
		t.Errorf("%v, %v", e, err)
	}
	other.worker.handle(sealed)
	if err := other.store.read(ctx, getExport, []any{"export-2001"}, e.fields()...); err != nil || e.Status != "done" {
		t.Errorf("by the one that signed it: %v, %v", e, err)
	}
}

// A private task is not told from one that is not there.
func TestAPrivateTaskIsNotTold(t *testing.T) {
	a := newApp(t, Config{})
	gus := signIn(t, a, "acme", "gus")
	code, private := gus.send(http.MethodGet, "/tasks/task-1002", "")
	if _, none := gus.send(http.MethodGet, "/tasks/task-9999", ""); code != http.StatusNotFound || private != none {
		t.Errorf("%d %s, and %s to one that is not there", code, private, none)
	}
	_, foreign := gus.send(http.MethodGet, "/tasks/task-2001", "")
	if foreign != private {
		t.Errorf("%s to one of globex", foreign)
	}
	if code, _ := gus.send(http.MethodPut, "/tasks/task-1001", `{}`); code != http.StatusForbidden {
		t.Errorf("a guest writes: %d", code)
	}
}
