package app

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session/token"
)

const maxBody = 64 << 10

// listHandlers returns the handlers, by method and path. The policy says who may use which.
func (a *App) listHandlers() map[string]echo.HandlerFunc {
	return map[string]echo.HandlerFunc{
		"POST /login":                   a.login,
		"GET /organisation":             a.getOrganisation,
		"GET /search":                   a.search,
		"GET /projects":                 a.listProjects,
		"POST /projects":                a.createProject,
		"GET /projects/:project/tasks":  a.listTasks,
		"POST /projects/:project/tasks": a.createTask,
		"GET /tasks/:task":              a.getTask,
		"PUT /tasks/:task":              a.updateTask,
		"DELETE /tasks/:task":           a.deleteTask,
		"GET /tasks/:task/comments":     a.listComments,
		"POST /tasks/:task/comments":    a.createComment,
		"GET /tasks/:task/attachments":  a.listAttachments,
		"POST /tasks/:task/attachments": a.createAttachment,
		"GET /attachments/:attachment":  a.getAttachment,
		"POST /exports":                 a.createExport,
		"GET /exports/:export":          a.getExport,
	}
}

// openRoutes puts Reeve in front of every handler.
func (a *App) openRoutes() error {
	var err error
	if a.tokens, err = token.NewVerifier(a.signer.Issuer()); err != nil {
		return err
	}
	a.guard = authz.Config{
		Tokens:        a.tokens,
		Sessions:      a.sessions,
		Policy:        a.engine,
		HideExistence: authz.HideUnless("read"), // a caller who may not read a task is not told that there is one
		Unchecked:     a.cfg.Unchecked,
		Observer:      a.cfg.Observer,
		Tracer:        a.cfg.Tracer,
		Realm:         "tracker",
		Logger:        a.cfg.Logger,
	}
	if a.guard.Unchecked == nil {
		a.guard.Unchecked = authz.NewUnchecked(authz.UncheckedConfig{Logger: a.cfg.Logger})
	}
	e := echo.New()
	e.Use(authz.Middleware(a.guard))
	for route, handler := range a.handlers {
		method, path, _ := strings.Cut(route, " ")
		if path == "/login" {
			e.Add(method, path, handler, authz.SameOrigin())
			continue
		}
		e.Add(method, path, handler)
	}
	a.routes = e
	return authz.Verify(e, a.engine)
}

// readBody reads a JSON object into dest. Members that dest has not are refused: one that a
// client sends in vain is a mistake, and a tenant among them is worse.
func readBody(c echo.Context, dest any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(dest); err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "the body is not as the README shows it")
	}
	return nil
}

// bindBody is readBody of the fields that the caller may write.
func bindBody(c echo.Context, fields authz.Mask, dest any) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "the body is too long")
	}
	if err := fields.Bind(body, dest); errors.Is(err, policy.ErrField) {
		return err
	} else if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "the body is not as the README shows it")
	}
	return nil
}

// required refuses texts that are empty.
func required(texts ...string) error {
	if slices.Contains(texts, "") {
		return echo.NewHTTPError(http.StatusBadRequest, "a field is missing")
	}
	return nil
}

// found turns the absence of a row into 404, the same answer as for the row of another tenant.
func found(err error) error {
	if errors.Is(err, errNoRow) {
		return middleware.ErrNotFound
	}
	return err
}
