package app

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// loadProject returns a project to which the caller may do action.
func (a *App) loadProject(ctx context.Context, action authz.Action, id string) (project, error) {
	var p project
	if err := found(a.store.read(ctx, getProject, []any{id}, p.fields()...)); err != nil {
		return project{}, err
	}
	_, err := authz.Check(ctx, action, projects.Object(&p))
	return p, err
}

func (a *App) listProjects(c echo.Context) error {
	return projectList.answer(c, a.store, "")
}

// createProject asks about the type: there is no object yet, and so no tenant but the caller's.
func (a *App) createProject(c echo.Context) error {
	ctx := c.Request().Context()
	if _, err := authz.Check(ctx, "create", authz.Object{Type: "project"}); err != nil {
		return err
	}
	var body struct {
		Name string `json:"name"`
	}
	if err := readBody(c, &body); err != nil {
		return err
	}
	if err := required(body.Name); err != nil {
		return err
	}
	p := project{ID: newID("project"), Name: body.Name}
	if err := a.store.write(ctx, insertProject, p.ID, p.Name); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, p)
}
