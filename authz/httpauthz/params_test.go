package httpauthz_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/reevehq/reeve/authz"
)

// A rule about a route is asked with the path values that the handler sees.
func TestARuleAboutARouteSeesThePathValues(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.Policy = loadEngine(t, "p, role:viewer, *, /users/:id/:key, GET, r.obj.id == r.sub.id && r.obj.key != 'se:cret', allow")
	})
	bearer, s := w.login("viewer")
	saw := ""
	w.mux.HandleFunc("GET /users/{id}/{key}", func(rw http.ResponseWriter, r *http.Request) error {
		saw = r.PathValue("key")
		rw.WriteHeader(http.StatusOK)
		return nil
	})
	own := "/users/" + s.User.String()
	for target, want := range map[string]int{own + "/a": 200, own + "/%61": 400, "/users/x/a": 403, own + "x/a": 403, own + "/se:cret": 403, own + "/se%3Acret": 403} {
		saw = ""
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Authorization", "Bearer "+bearer)
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, r)
		if rec.Code != want || (saw == "a") != (want == 200) {
			t.Errorf("%s: %d, the handler saw %q", target, rec.Code, saw)
		}
	}
}
