package authz_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// longTokens are texts of a length that are refused for it, by where a request has them. A
// long cookie is refused by its length as well, and many short ones by their number.
func longTokens(length int) map[string]headers {
	letters, dots := strings.Repeat("a", length), strings.Repeat(".", length)
	return map[string]headers{
		"letters":  {"Authorization": "Bearer " + letters},
		"dots":     {"Authorization": "Bearer " + dots},
		"commas":   {"Authorization": "Bearer " + strings.Repeat("a", length-1) + ","},
		"a DPoP":   {"Authorization": "DPoP " + letters, "DPoP": letters},
		"a cookie": {"Cookie": "__Host-token=" + letters},
		"many":     {"Cookie": strings.Repeat("a=b; ", length/5) + "__Host-token=x"},
	}
}

// refusing returns a service that accepts DPoP, and nobody.
func refusing(t testing.TB) *echo.Echo {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	w := newFixture(t, func(c *authz.Config) {
		c.Observer, c.Cookie = nil, "__Host-token"
		c.DPoP = &middleware.DPoP{Proofs: proofs, Replay: &memstore.Replay{}}
	})
	return w.echo
}

func longRequest(h headers) *http.Request {
	r := httptest.NewRequest("GET", "/me", nil)
	for name, value := range h {
		r.Header.Set(name, value)
	}
	return r
}

// BenchmarkLongToken measures the cost of a token of 1 MiB to the whole middleware.
func BenchmarkLongToken(b *testing.B) {
	for name, h := range longTokens(1 << 20) {
		b.Run(name, func(b *testing.B) {
			e, r, rec := refusing(b), longRequest(h), discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				e.ServeHTTP(rec, r)
			}
		})
	}
}

// TestWhatALongTokenCostsDoesNotGrowWithIt: one of 1 MiB is refused like one of 10 KiB, for
// the same work. The quickest of many tries is compared, since a busy machine slows some.
func TestWhatALongTokenCostsDoesNotGrowWithIt(t *testing.T) {
	e, rec := refusing(t), discard{http.Header{}}
	quickest := func(r *http.Request) time.Duration {
		best := time.Hour
		for range 200 {
			start := time.Now()
			e.ServeHTTP(rec, r)
			best = min(best, time.Since(start))
		}
		return best
	}
	short, long := longTokens(10<<10), longTokens(1<<20)
	for name := range long {
		a, b := longRequest(short[name]), longRequest(long[name])
		for _, r := range []*http.Request{a, b} {
			answer := httptest.NewRecorder()
			if e.ServeHTTP(answer, r); answer.Code != 401 && answer.Code != 400 {
				t.Fatalf("%s: got %d %s", name, answer.Code, answer.Body)
			}
		}
		little, much := quickest(a), quickest(b)
		t.Logf("%s: %v for 10 KiB, %v for 1 MiB", name, little, much)
		if much > 10*little {
			t.Errorf("%s: 1 MiB costs %v, 10 KiB cost %v", name, much, little)
		}
		if testneed.Soak() && much > 50*time.Microsecond {
			t.Errorf("%s: 1 MiB costs %v, at most 50 µs are allowed", name, much)
		}
	}
}
