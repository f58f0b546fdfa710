package authz

import (
	"errors"

	"github.com/labstack/echo/v4"
)

// Verify refuses a service that Reeve does not guard. Call it after the last route and the
// last middleware are registered and before the service listens. It returns nil when every
// route has a rule, every rule about routes has a route or a RouteNotFound of the service, or a
// group whose middleware serves in place of routes, and the middleware stands in front
// of all of them; otherwise an error that lists each problem.
//
// Where the middleware stands is found out by requests that pass through all of e's
// middleware inside the process. They are stopped by the gate and cannot reach a handler:
// while they are under way, their host has a router whose handlers only note being
// reached. (Only where the middleware is missing and something in front of it changes the
// Host could one reach a catch-all.) Nothing is asked of a store. Refused are
//
//   - a service without the middleware, or with it on some groups or routes only;
//   - the middleware registered with Pre, where no route is known yet;
//   - Echo's Static or Proxy in front of it, with Use or Pre;
//   - anything in front of it that answers the root, an unknown path, a plain OPTIONS or an
//     example of one of the routes with a 2xx, as Echo's CORS does for every OPTIONS, and
//     anything around it that passes one of these by, such as a skipper on a path or on what
//     looks like the name of a file;
//   - a method override after routing, by which one method is decided on and another runs,
//     and a change of the Host after it, by which one host's route is;
//   - a gate that decides by another engine.
//
// Verify does not detect middleware that answers or skips only paths, hosts, headers or clients it
// did not try, what a handler of net/http in front of e does, and whether each of two middlewares
// that both guard is meant to. A middleware in front that refuses a request hides nothing behind
// it and is no problem, and where one redirects a request it is followed. Middleware counts and
// logs these requests like any other; [IsVerifyRequest] tells them apart.
//
// A decider that cannot list its rules needs [OpenRoutes].
func Verify(e *echo.Echo, decider Decider, options ...VerifyOption) error {
	if e == nil {
		return errors.New("authz: Verify: no Echo")
	}
	return VerifyService(echoService{e}, decider, options...)
}

// VerifyRoutes is the part of [Verify] that compares routes and rules. It sends no requests
// and may be called while the service serves, as for a policy that was loaded again.
func VerifyRoutes(e *echo.Echo, decider Decider, options ...VerifyOption) error {
	if e == nil {
		return errors.New("authz: VerifyRoutes: no Echo")
	}
	v, err := newVerification("VerifyRoutes", echoService{e}, decider, options)
	if err != nil {
		return err
	}
	v.heading = "routes and rules differ"
	v.verifyRoutes(echoService{e}, decider)
	return v.orNil()
}

// echoService describes a service in Echo to Verify.
type echoService struct{ e *echo.Echo }

func (s echoService) Routes() []Route                      { return allRoutes(s.e) }
func (s echoService) Fallbacks() []Route                   { return allFallbacks(s.e) }
func (s echoService) Example(template, word string) string { return example(template, word) }

// Unguarded sends requests through the service.
func (s echoService) Unguarded(decider Decider) (found []Unguarded) {
	withTestRouter(s.e, func(t testRouter, routes []Route) {
		found = append(found, t.verify(routes, decider)...)
	})
	return found
}
