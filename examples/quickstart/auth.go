package main

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

const (
	maxForm      = 4 << 10
	readyTimeout = 500 * time.Millisecond
)

// login signs a user in. Why it refuses is not told, whatever it was. It is registered with
// authz.SameOrigin, as it has to be where the answer sets a cookie: another site could sign
// its visitors in as somebody else.
func (a *app) login(c echo.Context) error {
	form, err := readForm(c, "tenant", "user", "password")
	if err != nil {
		return err
	}
	acc, err := a.signIn(c.Request().Context(), form.Get("tenant"), form.Get("user"), form.Get("password"))
	if err != nil {
		return err
	}
	password, err := session.NewMethods("pwd")
	if err != nil {
		return err
	}
	s, refresh, err := a.create(c.Request().Context(), session.SignIn{
		Tenant: acc.tenant,
		User:   acc.user,
		Roles:  acc.roles,
		AMR:    password,
	})
	if err != nil {
		return err
	}
	return a.answerTokens(c, s, refresh)
}

// signIn returns the account with this password. Hashes are limited, and shared fairly among
// clients: a guesser of passwords takes the processor from nobody.
func (a *app) signIn(ctx context.Context, tenant, user, password string) (acc account, err error) {
	caller, ok := authz.FromContext(ctx)
	if !ok {
		return account{}, authz.ErrNoCaller
	}
	ok, err = a.signIns.Check(ctx, caller.Address(), tenant+"/"+user, func() bool {
		acc, ok = a.authenticate(a.accounts, tenant, user, password)
		return ok
	})
	if err != nil {
		return account{}, err
	}
	if !ok {
		return account{}, errSignIn
	}
	return acc, nil
}

// refresh exchanges a refresh token for new tokens of the same session.
func (a *app) refresh(c echo.Context) error {
	form, err := readForm(c, "refresh_token")
	if err != nil {
		return err
	}
	s, refresh, err := a.sessions.Refresh(c.Request().Context(), form.Get("refresh_token"))
	if err != nil {
		return err
	}
	return a.answerTokens(c, s, refresh)
}

// answerTokens answers as a token endpoint does (RFC 6749 §5.1).
func (a *app) answerTokens(c echo.Context, s session.Session, refresh session.RefreshToken) error {
	access, err := a.signer.Sign(s)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
		RefreshToken string `json:"refresh_token"`
	}{
		AccessToken:  access.Reveal(),
		TokenType:    "Bearer",
		ExpiresIn:    int64(time.Until(access.ExpiresAt()).Round(time.Second).Seconds()),
		RefreshToken: refresh.Reveal(),
	})
}

// logout ends the caller's session, and with it every token that names it.
func (a *app) logout(c echo.Context) error {
	ctx := c.Request().Context()
	s, ok := session.FromContext(ctx)
	if !ok {
		return middleware.ErrAuthenticationRequired
	}
	if err := a.sessions.Revoke(ctx, s.Ref()); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// logoutAll ends every session of the caller, on all devices.
func (a *app) logoutAll(c echo.Context) error {
	ctx := c.Request().Context()
	s, ok := session.FromContext(ctx)
	if !ok {
		return middleware.ErrAuthenticationRequired
	}
	if err := a.sessions.RevokeUser(ctx, s.Tenant, s.User); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// me answers who the caller is; exp is when the session ends.
func (a *app) me(c echo.Context) error {
	s, ok := session.FromContext(c.Request().Context())
	if !ok {
		return middleware.ErrAuthenticationRequired
	}
	return c.JSON(http.StatusOK, struct {
		UserID   string   `json:"user_id"`
		TenantID string   `json:"tenant_id"`
		Roles    []string `json:"roles"`
		Exp      int64    `json:"exp"`
	}{s.User.String(), s.Tenant.String(), s.Roles.Names(), s.ExpiresAt.Unix()})
}

// keySet publishes the key that verifies our access tokens.
func (a *app) keySet(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	return c.Blob(http.StatusOK, "application/jwk-set+json", a.jwks)
}

// live answers while the process serves.
func (a *app) live(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "live"})
}

// ready answers whether sessions can be asked for now, and every tenant can be served.
func (a *app) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	if err := a.ping(ctx); err != nil {
		return fmt.Errorf("%w: %s", errNotReady, err)
	}
	for _, id := range a.tenants() {
		lost, err := a.isLost(ctx, id)
		if err != nil {
			return fmt.Errorf("%w: %s", errNotReady, err)
		}
		if lost {
			return fmt.Errorf("%w: the status of tenant %s is lost", errTenantLost, id)
		}
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// readForm reads a form of exactly the given fields, from the body alone: a URL ends in logs.
// An absent field is empty.
func readForm(c echo.Context, fields ...string) (url.Values, error) {
	r := c.Request()
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != echo.MIMEApplicationForm {
		return nil, errMediaType
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, errTooLarge
		}
		return nil, errForm
	}
	known := 0
	for _, name := range fields {
		if len(r.PostForm[name]) > 1 {
			return nil, errForm
		}
		if r.PostForm.Has(name) {
			known++
		}
	}
	if len(r.PostForm) != known {
		return nil, errForm
	}
	return r.PostForm, nil
}
