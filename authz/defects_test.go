package authz_test

import (
	"net/http"
	"testing"

	"github.com/reevehq/reeve/authz"
)

// echo-contrib's Casbin middleware takes its subject from the user name of Basic
// credentials, whose password nobody checks. Here nothing but a verified token with a live
// session says who asks.
func TestD27NobodyIsWhoTheySayTheyAre(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.Policy = engine(t, rules+"p, user:alice, *, /unruled, GET, true, allow\n")
	})
	for name, h := range map[string]headers{
		"Basic, without a password": {"Authorization": "Basic YWxpY2U6"},
		"Basic, with one":           {"Authorization": "Basic YWxpY2U6c2VjcmV0"},
		"a name as a header":        {"X-User": "alice", "X-Forwarded-User": "alice", "Remote-User": "alice"},
		"a name as a cookie":        {"Cookie": "user=alice; sub=alice"},
	} {
		for _, target := range []string{"/me", "/unruled"} {
			rec := w.do("GET", target+"?user=alice&sub=alice", "", h)
			if rec.Code != http.StatusUnauthorized || w.reached.Load() != 0 {
				t.Errorf("%s, %s: %d", name, target, rec.Code)
			}
		}
	}
	if calls := w.store.calls.Load(); calls != 0 {
		t.Errorf("%d sessions were looked for", calls)
	}
}
