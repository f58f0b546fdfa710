package authz_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// A rule about a route is asked with the parameters that the handler sees, in whatever spelling the
// path came.
func TestARuleAboutARouteSeesTheParametersOfTheHandler(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.Policy = engine(t, strings.Join([]string{
			"p, role:viewer, *, /users/:id, GET, r.obj.id == r.sub.id, allow",
			"p, role:viewer, *, /a/:a/:b/:c/:d/:e, GET, r.obj.a == '1' && r.obj.e == '5', allow",
			"p, role:viewer, *, /open/:id, GET, true, allow", "p, role:viewer, *, /open/:id, GET, r.obj.id == 'se:cret', deny",
		}, "\n"))
	})
	saw := ""
	h := func(c echo.Context) error {
		saw = c.Param("id")
		return c.NoContent(http.StatusOK)
	}
	w.echo.GET("/users/:id", h)
	w.echo.GET("/a/:a/:b/:c/:d/:e", h)
	w.echo.GET("/open/:id", h)
	bearer, _ := w.login(acme, alice, "viewer")
	for _, c := range []struct {
		target string
		want   int
		id     string
	}{
		{"/users/alice", 200, "alice"}, {"/users/%61lice", 400, ""}, {"/users/bob", 403, ""}, {"/users/alicee", 403, ""}, {"/users/Alice", 403, ""},
		{"/a/1/2/3/4/5", 200, ""}, {"/a/1/2/3/4/6", 403, ""}, {"/a/2/2/3/4/5", 403, ""},
		{"/open/x", 200, "x"}, {"/open/se:cret", 403, ""}, {"/open/se%3Acret", 403, ""}, {"/users/alice%3A", 403, ""}, {"/open/%73e%3acret", 400, ""},
	} {
		saw = ""
		if rec := w.do("GET", c.target, bearer); rec.Code != c.want || saw != c.id {
			t.Errorf("%s: %d, the handler saw %q", c.target, rec.Code, saw)
		}
	}
}
