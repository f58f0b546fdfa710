package authz_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session/token"
)

// TestLogoutTokensAreVerifiedWithinALimit sends 50 at once to a verifier that answers
// nobody for a minute. Anybody may send one, so the rest is refused, and ends nothing.
func TestLogoutTokensAreVerifiedWithinALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, answers := make(chan struct{}, 50), make(chan int, 50)
		w := newIDPFixture(t, func(c *authz.LogoutConfig) {
			real := c.Tokens
			c.MaxVerifications, c.Observer = 2, nil
			c.Tokens = fakeLogouts(func() (*token.LogoutToken, error) {
				inside <- struct{}{}
				time.Sleep(time.Minute)
				return real.VerifyLogout(t.Context(), "forged")
			})
		})
		for range 50 {
			go func() { answers <- w.post("forged").Code }()
		}
		time.Sleep(time.Second)
		if len(inside) != 2 || len(answers) != 48 {
			t.Errorf("%d are verified at once, %d answered", len(inside), len(answers))
		}
		for range 48 {
			if code := <-answers; code != 503 {
				t.Errorf("one without a place is answered %d", code)
			}
		}
		for range 2 {
			if code := <-answers; code != 400 {
				t.Errorf("a forged one is answered %d", code)
			}
		}
		if w.stores.revocations+w.stores.revokedUsers+w.stores.marked != 0 {
			t.Error("something ended")
		}
	})
}

// TestForgedLogoutTokensAreRefusedAtAPace counts how many one client is told of in a second.
func TestForgedLogoutTokensAreRefusedAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newIDPFixture(t, func(c *authz.LogoutConfig) { c.Observer = nil })
		refused := 0
		for start := time.Now(); time.Since(start) < time.Second && refused < 5000; refused++ {
			w.refused(w.post("forged"))
		}
		if refused > 1100 {
			t.Errorf("%d forged tokens are refused in a second", refused)
		}
		start := time.Now()
		if rec := w.post(w.logoutToken()); rec.Code != 200 || time.Since(start) != 0 {
			t.Errorf("a good one beside them is answered %d after %v", rec.Code, time.Since(start))
		}
	})
}
