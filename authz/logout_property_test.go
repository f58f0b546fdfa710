package authz_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// logoutCase is one combination of what a provider sends and what a service knows.
type logoutCase struct {
	sid, sub, find, tenants string
	own, moved              bool
	down                    string
}

func drawLogoutCase(t *rapid.T) logoutCase {
	one := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	return logoutCase{
		sid:     one("sid", "our id", "43 that parse", "43 that do not", "a uuid", "of another script", "too long", "none"),
		sub:     one("sub", "alice", "nobody of ours", "another alphabet", "none"),
		find:    one("find", "knows", "does not know", "nil", "is out"),
		tenants: one("tenants", "one", "named", "all", "unknown", "none", "out"),
		own:     rapid.Bool().Draw(t, "own"),
		moved:   rapid.Bool().Draw(t, "moved"),
		down:    one("down", "nothing", "nothing", "the users of one tenant", "every user", "one session", "the memory of use"),
	}
}

// TestALogoutThatIsAnswered200HasEndedTheSignIn: whatever a provider's sid and sub look
// like, whatever Find knows and whatever is out, 200 means that no session of the sign-in
// that the token names is live; 503 means that the same token works when all is back; and
// nobody else's session ends.
func TestALogoutThatIsAnswered200HasEndedTheSignIn(t *testing.T) {
	codes := map[int]int{}
	rapid.Check(t, func(rt *rapid.T) {
		c := drawLogoutCase(rt)
		ctx := t.Context()
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		var stored []session.Ref
		out := errors.New("out")
		w := newIDPFixtureOf(t, func(i *token.Issuer) {
			i.OwnSessions = c.own
			if c.tenants == "one" {
				i.Tenant = acme
			}
		}, func(cfg *authz.LogoutConfig) {
			if c.find != "nil" {
				cfg.Find = func(context.Context, *token.LogoutToken) ([]session.Ref, error) {
					switch c.find {
					case "is out":
						return stored, out
					case "knows":
						return stored, nil
					}
					return nil, nil
				}
			}
			if c.tenants != "unknown" {
				cfg.Tenants = func(context.Context, string) ([]tenant.ID, error) {
					switch c.tenants {
					case "out":
						return []tenant.ID{acme, globex}, out
					case "none":
						return nil, nil
					}
					return []tenant.ID{acme, globex}, nil
				}
			}
		})
		_, s := w.login(acme, alice, "viewer")
		stored = []session.Ref{s.Ref()}
		signIn := []session.Ref{s.Ref()}
		if c.moved {
			next, _, err := w.manager.Rotate(ctx, s.Ref(), nil)
			must(err)
			signIn = append(signIn, next.Ref())
		}
		if c.tenants != "one" && c.tenants != "named" { // the sign-in may be to several
			_, there := w.login(globex, alice, "viewer")
			signIn, stored = append(signIn, there.Ref()), append(stored, there.Ref())
		}
		_, bob := w.login(acme, session.MustParseUserID("bob"), "viewer")

		sid := map[string]string{
			"our id": s.ID.Reveal(), "43 that parse": session.NewID().Reveal(), "43 that do not": strings.Repeat("B", 43),
			"a uuid": "6f1c2a1e-8a57-4c0b-9f4e-0a3b7a4d5c21", "of another script": "сеанс", "too long": strings.Repeat("s", 256),
		}[c.sid]
		asked := sid != "" && len(sid) < 256 && c.sid != "of another script" // Find is, by a sid that it can know
		sub := map[string]string{"alice": "alice", "nobody of ours": "carol", "another alphabet": "CN=Alice Smith"}[c.sub]
		claims := edits{"sub": "", "sid": "", "tenant": ""}
		for name, value := range map[string]string{"sub": sub, "sid": sid} {
			if value != "" {
				claims[name] = fmt.Sprintf("%q", value)
			}
		}
		if c.tenants == "named" {
			claims["tenant"] = `"acme"`
		}
		switch c.down {
		case "the users of one tenant":
			w.stores.downIn = acme
		case "every user":
			w.stores.revokeUser = session.ErrUnavailable
		case "one session":
			w.stores.revoke = session.ErrUnavailable
		case "the memory of use":
			w.stores.use = session.ErrUnavailable
		}

		raw := w.logoutToken(claims)
		// The sign-in is the one of the sub, or of the sid that Find knows.
		if c.own && c.sid == "our id" && c.find != "knows" && !c.moved {
			signIn = signIn[:1] // the token names this session and no other
		}
		names := c.sub == "alice" || c.find == "knows" && asked && c.sub != "nobody of ours"
		check := func(code int) {
			codes[code]++
			if code == 200 && names {
				for _, ref := range signIn {
					if _, err := w.manager.Load(ctx, ref); !errors.Is(err, session.ErrNotFound) {
						rt.Fatalf("%+v: 200, and %v of %v lives: %v", c, ref.ID, ref.Tenant, err)
					}
				}
			}
			if code == 200 && !names && c.sub != "nobody of ours" {
				rt.Fatalf("%+v: 200 for a token that names nobody", c)
			}
			if code != 200 && code != 400 && code != 503 {
				rt.Fatalf("%+v: %d", c, code)
			}
			if _, err := w.manager.Load(ctx, bob.Ref()); err != nil {
				rt.Fatalf("%+v: another user's session: %v", c, err)
			}
		}
		code := w.post(raw).Code
		check(code)
		if code != 503 || c.find == "is out" && asked || slices.Contains([]string{"out", "none"}, c.tenants) {
			return
		}
		w.stores.downIn, w.stores.revokeUser, w.stores.revoke, w.stores.use = tenant.ID{}, nil, nil, nil
		if c.sub == "nobody of ours" && c.find == "knows" {
			return // Find contradicts the token, which no repair of a store mends
		}
		if code = w.post(raw).Code; code == 503 {
			rt.Fatalf("%+v: still 503", c)
		}
		check(code)
	})
	for _, code := range []int{200, 400, 503} {
		if codes[code] == 0 {
			t.Errorf("no case was answered %d", code)
		}
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(strings.Repeat("B", 43)); err == nil {
		t.Error("the text that must not parse does: the test shows less than it says")
	}
}
