package app

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// rolesOf returns the roles that a user has now, and the context in which they were read, which
// is bound to the organisation. A suspended organisation has no roles to give.
func (a *App) rolesOf(ctx context.Context, id tenant.ID, user session.UserID) (session.Roles, context.Context, error) {
	ctx, err := tenant.Bind(ctx, id, a.tenants)
	if err != nil {
		return session.Roles{}, nil, err
	}
	var role string
	if err := a.store.read(ctx, getRole, []any{user}, &role); err != nil {
		return session.Roles{}, ctx, err
	}
	roles, err := session.NewRoles(role)
	return roles, ctx, err
}

// summary describes an organisation on the first page.
type summary struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Projects int    `json:"projects"`
	Tasks    int    `json:"tasks"` // those that the caller may read
}

// getOrganisation answers with the summary, which may be a second old but for the tasks: these are
// counted for the caller.
func (a *App) getOrganisation(c echo.Context) error {
	ctx := c.Request().Context()
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	if _, err := authz.Check(ctx, "read", authz.Object{Type: "organisation", ID: id.String(), Tenant: id}); err != nil {
		return err
	}
	s, ok := a.summaries.get(id)
	if !ok {
		s = summary{ID: id.String()}
		if err := found(a.store.read(ctx, getSummary, nil, &s.Name, &s.Projects)); err != nil {
			return err
		}
		a.summaries.put(id, s)
	}
	if s.Tasks, err = a.store.countTasks(ctx); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s)
}

// cache keeps summaries. No wall of the database stands behind it, so the tenant is the key.
type cache struct {
	key func(tenant.ID) string

	mu      sync.Mutex
	entries map[string]cached
}

type cached struct {
	summary
	until time.Time
}

const cacheFor = time.Second

func newCache(key func(tenant.ID) string) *cache {
	return &cache{key: key, entries: map[string]cached{}}
}

func (c *cache) get(id tenant.ID) (summary, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[c.key(id)]
	return e.summary, ok && time.Now().Before(e.until)
}

func (c *cache) put(id tenant.ID, s summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[c.key(id)] = cached{s, time.Now().Add(cacheFor)}
}

// clear forgets everything.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}
