package authz_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// discard is a response that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkRequest measures a request in process: through Echo alone, and through Reeve
// with an EdDSA token, a session in memory and the decision about the route. The
// difference is what Reeve adds, but for the store's round trip.
func BenchmarkRequest(b *testing.B) {
	w := newWorld(b, func(c *authz.Config) { c.Observer = nil })
	bearer, _ := w.login(acme, alice, "viewer")
	plain := echo.New()
	plain.GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	w.echo.GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	w.echo.GET("/public", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	for _, bb := range []struct {
		name, target, bearer string
		e                    *echo.Echo
	}{
		{"echo alone", "/me", bearer, plain},
		{"reeve, anonymous", "/public", "", w.echo},
		{"reeve, signed in", "/me", bearer, w.echo},
		{"reeve, refused token", "/me", bearer + "x", w.echo},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", bb.target, nil)
			if bb.bearer != "" {
				r.Header.Set("Authorization", "Bearer "+bb.bearer)
			}
			rec := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				bb.e.ServeHTTP(rec, r)
			}
		})
	}
}
