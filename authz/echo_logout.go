package authz

import "github.com/labstack/echo/v4"

// BackchannelLogout returns the handler of OpenID Connect Back-Channel Logout 1.0, by
// which an identity provider ends the sessions of a user who has signed out there. Like
// [Middleware] it panics on an invalid config. Register it for POST, with a rule for
// role:anyone, since the token in the body is the provider's credential:
//
//	e.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{…}))
//
// The handler ends
//
//   - the sessions that Find returns for the sid of the token;
//   - of an issuer with Foreign whose access tokens name the session: the sign-in of that sid,
//     also before its first request. Beside a sub what may be of it ends too: the sessions that
//     access tokens without a sid have made and, unless Find knows the sid, those of
//     Manager.Create, in the tenant of the entry or those that Tenants returns;
//   - otherwise, with a sub and the id of a live session of its user as the sid, from an
//     issuer whose entry has OwnSessions: that session;
//   - otherwise every session of the sub, in every tenant of the issuer: that of its entry, or
//     the one that the token names, or those that Tenants returns. A sid that nobody knows
//     ends more than it has to rather than nothing.
//
// The answer is 200 only when all that the token names has ended, or is known to be gone. It is 400
// when the token is not accepted, was used before, or names nobody that could be found: a sid
// alone, or beside a sub that cannot be a user id, that Find does not know, or a sub of an issuer
// whose tenants are not known. It is 503 when something could not be asked or one of several
// tenants not be told, so that the provider tries again: a token counts as used only after all has
// ended. Observer is told why.
func BackchannelLogout(cfg LogoutConfig) echo.HandlerFunc {
	handler, err := cfg.ToHandler()
	if err != nil {
		panic(err)
	}
	return handler
}

// ToHandler is [BackchannelLogout] with an error that names every invalid field.
func (cfg LogoutConfig) ToHandler() (echo.HandlerFunc, error) {
	h, err := NewLogoutHandler(cfg)
	if err != nil {
		return nil, err
	}
	return echo.WrapHandler(h), nil
}
