package app

import (
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// password is that of every example user. How passwords are kept is not what this example is
// about; the quickstart keeps hashes.
const password = "demo"

// login answers {"access_token"} to the form fields tenant, user and password. Nothing of why
// it refuses is told.
func (a *App) login(c echo.Context) error {
	ctx := c.Request().Context()
	caller, ok := authz.FromContext(ctx)
	if !ok {
		return authz.ErrNoCaller
	}
	tenantName, userName, word := c.FormValue("tenant"), c.FormValue("user"), c.FormValue("password")
	ok, err := a.signIns.Check(ctx, caller.Address(), tenantName+"/"+userName, func() bool {
		return subtle.ConstantTimeCompare([]byte(word), []byte(password)) == 1
	})
	if err != nil {
		return err
	}
	refused := echo.NewHTTPError(http.StatusUnauthorized, "tenant, user or password is wrong")
	id, err := tenant.Parse(tenantName)
	user, invalid := session.ParseUserID(userName)
	if !ok || err != nil || invalid != nil {
		return refused
	}
	roles, ctx, err := a.rolesOf(ctx, id, user)
	if errors.Is(err, errNoRow) || errors.Is(err, tenant.ErrUnknown) {
		return refused
	}
	if err != nil {
		return err
	}
	s, _, err := a.sessions.Create(ctx, session.SignIn{Tenant: id, User: user, Roles: roles})
	if err != nil {
		return err
	}
	access, err := a.signer.Sign(s)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"access_token": access.Reveal(), "token_type": "Bearer"})
}
