package app

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/tenant"
)

// createExport has the worker write every task that the caller may read.
func (a *App) createExport(c echo.Context) error {
	ctx := c.Request().Context()
	caller, ok := authz.FromContext(ctx)
	if !ok {
		return authz.ErrNoCaller
	}
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	user := caller.User().String()
	e := export{ID: newID("export"), Tenant: id, RequestedBy: &user, Status: "waiting"}
	if _, err := authz.Check(ctx, "create", exports.Object(&e)); err != nil {
		return err
	}
	if err := a.store.write(ctx, insertExport, e.ID, user); err != nil {
		return err
	}
	if err := a.worker.enqueue(ctx, caller, e.ID); err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, e)
}

func (a *App) getExport(c echo.Context) error {
	ctx := c.Request().Context()
	var e export
	if err := found(a.store.read(ctx, getExport, []any{c.Param("export")}, e.fields()...)); err != nil {
		return err
	}
	if _, err := authz.Check(ctx, "read", exports.Object(&e)); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, e)
}

// writeExport runs in the worker. ctx is bound to the tenant of the job and asks as the user
// who wanted it: a task that they may not read, by the roles that they have now, is not in it.
func (a *App) writeExport(ctx context.Context, id string) error {
	content, err := a.store.readable(ctx)
	if err != nil {
		return err
	}
	return a.store.write(ctx, finishExport, id, "done", string(content))
}
