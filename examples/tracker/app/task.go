package app

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/tenant"
)

// taskBody is the part of a task that clients write. Owner and tenant are never read from a
// request, and of the others the fields alone that the caller may change.
type taskBody struct {
	Project string `json:"project"` // where a task is moved to
	Title   string `json:"title"`
	Body    string `json:"body"`
	Private bool   `json:"private"`
}

// loadTask returns a task to which the caller may do action.
func (a *App) loadTask(ctx context.Context, action authz.Action, id string) (task, error) {
	var t task
	if err := found(a.store.read(ctx, getTask, []any{id}, t.fields()...)); err != nil {
		return task{}, err
	}
	_, err := authz.Check(ctx, action, tasks.Object(&t))
	return t, err
}

func (a *App) listTasks(c echo.Context) error {
	ctx := c.Request().Context()
	p, err := a.loadProject(ctx, "read", c.Param("project"))
	if err != nil {
		return err
	}
	return taskList.answer(c, a.store, "t.project_id = $1", p.ID)
}

// search finds a text in titles and bodies. Its OR is about the tasks that the caller may read.
func (a *App) search(c echo.Context) error {
	return taskList.answer(c, a.store, "t.title LIKE $1 OR t.body LIKE $1", "%"+c.QueryParam("q")+"%")
}

func (a *App) getTask(c echo.Context) error {
	t, err := a.loadTask(c.Request().Context(), "read", c.Param("task"))
	if err != nil {
		return err
	}
	return t.masked(c, http.StatusOK)
}

func (a *App) createTask(c echo.Context) error {
	ctx := c.Request().Context()
	caller, ok := authz.FromContext(ctx)
	if !ok {
		return authz.ErrNoCaller
	}
	p, err := a.loadProject(ctx, "read", c.Param("project"))
	if err != nil {
		return err
	}
	var body taskBody
	if err := readBody(c, &body); err != nil {
		return err
	}
	if err := required(body.Title); err != nil {
		return err
	}
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	owner := caller.User().String()
	t := task{ID: newID("task"), Tenant: id, Project: p.ID, Title: body.Title, Body: body.Body, Owner: &owner, Private: &body.Private}
	if _, err := authz.Check(ctx, "create", tasks.Object(&t)); err != nil {
		return err
	}
	if err := a.store.write(ctx, insertTask, t.ID, t.Project, t.Title, t.Body, owner, body.Private); err != nil {
		return err
	}
	return t.masked(c, http.StatusCreated)
}

// updateTask also moves a task to another project, which the caller has to know as well.
func (a *App) updateTask(c echo.Context) error {
	ctx := c.Request().Context()
	t, err := a.loadTask(ctx, "update", c.Param("task"))
	if err != nil {
		return err
	}
	fields, err := authz.Fields(ctx, "update", "task")
	if err != nil {
		return err
	}
	var body taskBody
	if err := bindBody(c, fields, &body); err != nil {
		return err
	}
	if err := required(body.Title, body.Project); err != nil {
		return err
	}
	p, err := a.loadProject(ctx, "read", body.Project)
	if err != nil {
		return err
	}
	t.Project, t.Title, t.Body, t.Private = p.ID, body.Title, body.Body, &body.Private
	if err := a.store.write(ctx, updateTask, t.ID, t.Project, t.Title, t.Body, body.Private); err != nil {
		return err
	}
	return t.masked(c, http.StatusOK)
}

func (a *App) deleteTask(c echo.Context) error {
	ctx := c.Request().Context()
	t, err := a.loadTask(ctx, "delete", c.Param("task"))
	if err != nil {
		return err
	}
	if err := a.store.write(ctx, deleteTask, t.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
