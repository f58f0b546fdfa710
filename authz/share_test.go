package authz_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// slowLists is a store whose lists take a while, and counts how many run at once.
type slowLists struct {
	session.Store
	mu        sync.Mutex
	now, most int
}

func (s *slowLists) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return s.Store.List(ctx, t, u)
}

// TestListsAreUnderTheTenantsShareAndRevocationsAreNot: whoever asks for their devices over and
// over holds no more of the store than their tenant's loads may, and while they do, every
// kind of revocation is made at once.
func TestListsAreUnderTheTenantsShareAndRevocationsAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 2
		w := newFixture(t, func(c *authz.Config) {
			c.MaxLoads, c.MaxTenantLoads, c.Observer = 8, each, nil
			c.Policy = engine(t, rules+`
p, role:anyone, *, /public/devices, GET,  true, allow
p, role:anyone, *, /public/revoke,  POST, true, allow
p, role:anyone, *, /public/others,  GET,  true, allow
`)
		})
		lists := &slowLists{Store: w.store}
		manager, err := session.NewManager(lists, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
		if err != nil {
			t.Fatal(err)
		}
		_, of := w.login(acme, alice, "viewer")
		w.echo.GET("/public/devices", func(c echo.Context) error {
			_, err := manager.Devices(c.Request().Context(), of.Ref())
			return err
		})
		w.echo.GET("/public/others", func(c echo.Context) error { // or the tenant is alone, and may have all
			_, err := manager.Events(c.Request().Context(), globex, alice)
			return err
		})
		w.echo.POST("/public/revoke", func(c echo.Context) error {
			ctx := c.Request().Context()
			bob := session.MustParseUserID("bob")
			for name, revoke := range map[string]func(s session.Session) error{
				"Revoke":       func(s session.Session) error { return manager.Revoke(ctx, s.Ref()) },
				"RevokeDevice": func(s session.Session) error { return manager.RevokeDevice(ctx, s.Ref(), s.ID.Fingerprint()) },
				"RevokeOthers": func(s session.Session) error { return manager.RevokeOthers(ctx, s.Ref()) },
				"RevokeUser":   func(s session.Session) error { return manager.RevokeUser(ctx, s.Tenant, s.User) },
				"RevokeTenant": func(s session.Session) error { return manager.RevokeTenant(ctx, globex) },
				"suspension":   func(s session.Session) error { return manager.SetTenantStatus(ctx, globex, tenant.Suspended) },
			} {
				s, _, err := manager.Create(ctx, session.SignIn{Tenant: acme, User: bob})
				if err != nil {
					return err
				}
				if err := revoke(s); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return manager.RevokeAll(ctx)
		})
		ask := func(method, path string) int {
			rec := httptest.NewRecorder()
			w.echo.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
			return rec.Code
		}
		if code := ask("GET", "/public/others"); code != 200 {
			t.Errorf("events: %d", code)
		}
		ctx, stop := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		for range 32 {
			flood.Go(func() {
				for ctx.Err() == nil {
					if code := ask("GET", "/public/devices"); code != 200 && code != 503 {
						t.Errorf("devices: %d", code)
					}
				}
			})
		}
		time.Sleep(time.Second)
		if code := ask("POST", "/public/revoke"); code != 200 {
			t.Errorf("revocations in the flood: %d", code)
		}
		stop()
		flood.Wait()
		lists.mu.Lock()
		defer lists.mu.Unlock()
		if lists.most == 0 || lists.most > each+1 { // RevokeDevice waits for nobody
			t.Errorf("%d lists of one tenant ran at once, its share is %d", lists.most, each)
		}
	})
}
