package app

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// Comments and attachments are decided by their task: everybody who may read it may read them.

func (a *App) listComments(c echo.Context) error {
	ctx := c.Request().Context()
	t, err := a.loadTask(ctx, "read", c.Param("task"))
	if err != nil {
		return err
	}
	rows, err := list(ctx, a.store, listComments, []any{t.ID}, (*comment).fields)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, rows)
}

func (a *App) createComment(c echo.Context) error {
	ctx := c.Request().Context()
	caller, ok := authz.FromContext(ctx)
	if !ok {
		return authz.ErrNoCaller
	}
	t, err := a.loadTask(ctx, "comment", c.Param("task"))
	if err != nil {
		return err
	}
	var body struct {
		Body string `json:"body"`
	}
	if err := readBody(c, &body); err != nil {
		return err
	}
	if err := required(body.Body); err != nil {
		return err
	}
	row := comment{ID: newID("comment"), Author: caller.User().String(), Body: body.Body}
	if err := a.store.write(ctx, insertComment, row.ID, t.ID, row.Author, row.Body); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, row)
}

func (a *App) listAttachments(c echo.Context) error {
	ctx := c.Request().Context()
	t, err := a.loadTask(ctx, "read", c.Param("task"))
	if err != nil {
		return err
	}
	rows, err := list(ctx, a.store, listAttachments, []any{t.ID}, func(r *attachment) []any { return []any{&r.ID, &r.Task, &r.Name} })
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, rows)
}

func (a *App) getAttachment(c echo.Context) error {
	ctx := c.Request().Context()
	var row attachment
	if err := found(a.store.read(ctx, getAttachment, []any{c.Param("attachment")}, &row.ID, &row.Task, &row.Name, &row.Content)); err != nil {
		return err
	}
	if _, err := a.loadTask(ctx, "read", row.Task); err != nil {
		return err
	}
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	return c.Blob(http.StatusOK, "application/octet-stream", row.Content)
}

func (a *App) createAttachment(c echo.Context) error {
	ctx := c.Request().Context()
	t, err := a.loadTask(ctx, "update", c.Param("task"))
	if err != nil {
		return err
	}
	var body struct {
		Name    string `json:"name"`
		Content []byte `json:"content"` // base64
	}
	if err := readBody(c, &body); err != nil {
		return err
	}
	if err := required(body.Name, string(body.Content)); err != nil {
		return err
	}
	row := attachment{ID: newID("attachment"), Task: t.ID, Name: body.Name}
	if err := a.store.write(ctx, insertAttachment, row.ID, row.Task, row.Name, body.Content); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, row)
}
