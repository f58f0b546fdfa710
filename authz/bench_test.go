package authz_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testneed"
)

// discard is a response that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkRequest measures a request in process: through Echo alone, and through Reeve
// with an EdDSA token, a session in memory and the decision about the route. The
// difference is the cost of Reeve, but for the store's round trip.
func BenchmarkRequest(b *testing.B) {
	w := newFixture(b, func(c *authz.Config) { c.Observer = nil })
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

// TestRequestsStayFrugal bounds what a request allocates, with two to spare: under the race
// detector pools forget at random. Nobody's costs the least, and a bad token no more than it
// needs to be refused.
func TestRequestsStayFrugal(t *testing.T) {
	testneed.Optimized(t)
	w := newFixture(t, func(c *authz.Config) { c.Observer = nil })
	bearer, _ := w.login(acme, alice, "viewer")
	empty := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	w.echo.GET("/me", empty)
	w.echo.GET("/public", empty)
	for name, tt := range map[string]struct {
		target, bearer string
		limit          float64
	}{
		"nobody":     {"/public", "", 4},
		"signed in":  {"/me", bearer, 6},
		"bad token":  {"/me", bearer + "x", 16},
		"long token": {"/me", strings.Repeat("a", 100_000), 13},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		if tt.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+tt.bearer)
		}
		rec := discard{http.Header{}}
		got := testing.AllocsPerRun(200, func() { w.echo.ServeHTTP(rec, r) })
		t.Logf("%s: %v allocations", name, got)
		if got > tt.limit {
			t.Errorf("%s: %v allocations, at most %v", name, got, tt.limit)
		}
	}
}
