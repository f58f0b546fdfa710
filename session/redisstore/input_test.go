package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Input that is oversize or not UTF-8 is refused before Redis is touched. Ids, roles, methods,
// attributes and actors cannot even be made of it; what a session holds as plain text is checked by
// the store.
func TestBadInputIsRefusedBeforeRedisIsAsked(t *testing.T) {
	for what, err := range map[string]error{
		"tenant too long":            second(tenant.Parse(strings.Repeat("a", tenant.MaxIDLength+1))),
		"tenant not UTF-8":           second(tenant.Parse("a\xff")),
		"user too long":              second(session.ParseUserID(strings.Repeat("a", session.MaxUserIDLength+1))),
		"user not UTF-8":             second(session.ParseUserID("a\xff")),
		"role too long":              second(session.NewRoles(strings.Repeat("a", session.MaxNameLength+1))),
		"role not UTF-8":             second(session.NewRoles("a\xff")),
		"too many roles":             second(session.NewRoles(names(session.MaxRoles + 1)...)),
		"method not UTF-8":           second(session.NewMethods("a\xff")),
		"too many methods":           second(session.NewMethods(names(session.MaxRoles + 1)...)),
		"attribute's name too long":  second(session.NewAttributes(map[string]any{strings.Repeat("a", session.MaxNameLength+1): true})),
		"attribute's name not UTF-8": second(session.NewAttributes(map[string]any{"a\xff": true})),
		"attribute too long":         second(session.NewAttributes(map[string]any{"a": strings.Repeat("a", session.MaxAttributeLength+1)})),
		"attribute not UTF-8":        second(session.NewAttributes(map[string]any{"a": "\xff"})),
		"element too long":           second(session.NewAttributes(map[string]any{"a": []string{strings.Repeat("a", session.MaxAttributeLength+1)}})),
		"element not UTF-8":          second(session.NewAttributes(map[string]any{"a": []string{"\xff"}})),
		"list too long":              second(session.NewAttributes(map[string]any{"a": make([]string, session.MaxAttributeStrings+1)})),
		"too many attributes":        second(session.NewAttributes(attributes(session.MaxAttributes + 1))),
		"reason not UTF-8":           second(session.NewActors(session.Actor{User: alice, Reason: "\xff"})),
		"reason too long":            second(session.NewActors(session.Actor{User: alice, Reason: strings.Repeat("a", session.MaxReasonLength+1)})),
	} {
		if !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrInvalidID) && !errors.Is(err, tenant.ErrInvalidID) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{ // and at the limits they can
		"tenant": second(tenant.Parse(strings.Repeat("a", tenant.MaxIDLength))), "user": second(session.ParseUserID(strings.Repeat("a", session.MaxUserIDLength))),
		"roles": second(session.NewRoles(names(session.MaxRoles)...)), "attributes": second(session.NewAttributes(attributes(session.MaxAttributes))),
	} {
		if err != nil {
			t.Errorf("%s at the limit: %v", what, err)
		}
	}

	server, addr := startFake(t, func(string) string { return "" })
	store := openFake(t, addr)
	for what, change := range map[string]func(s *session.Session, c *session.CreateOptions){
		"no tenant": func(s *session.Session, _ *session.CreateOptions) { s.Tenant = tenant.ID{} },
		"no user":   func(s *session.Session, _ *session.CreateOptions) { s.User = session.UserID{} },
		"no id":     func(s *session.Session, _ *session.CreateOptions) { s.ID = session.ID{} },
		"user agent too long": func(s *session.Session, _ *session.CreateOptions) {
			s.UserAgent = strings.Repeat("a", session.MaxUserAgentLength+1)
		},
		"user agent not UTF-8": func(s *session.Session, _ *session.CreateOptions) { s.UserAgent = "a\xff" },
		"address too long": func(s *session.Session, _ *session.CreateOptions) {
			s.Address = strings.Repeat("1", session.MaxAddressLength+1)
		},
		"address not UTF-8":   func(s *session.Session, _ *session.CreateOptions) { s.Address = "\xff" },
		"no idle timeout":     func(s *session.Session, _ *session.CreateOptions) { s.IdleTimeout = 0 },
		"no lifetime":         func(_ *session.Session, c *session.CreateOptions) { c.Lifetime = 0 },
		"a lifetime too long": func(_ *session.Session, c *session.CreateOptions) { c.Lifetime = 11 * 365 * 24 * time.Hour },
		"half a limit":        func(_ *session.Session, c *session.CreateOptions) { c.Limit.Sessions = 1 },
	} {
		s := session.Session{ID: session.NewID(), Tenant: acme, User: alice, IdleTimeout: time.Hour}
		c := session.CreateOptions{Lifetime: time.Hour}
		change(&s, &c)
		if _, err := store.Create(t.Context(), s, c); !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrInvalidID) {
			t.Errorf("Create with %s: %v", what, err)
		}
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.conns != 0 || len(server.seen) != 0 {
		t.Errorf("Redis was asked %v on %d connections", server.seen, server.conns)
	}
}

func second[T any](_ T, err error) error { return err }

// names returns n names of roles.
func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, "r"+strings.Repeat("x", i))
	}
	return all
}

func attributes(n int) map[string]any {
	all := map[string]any{}
	for _, name := range names(n) {
		all[name] = true
	}
	return all
}
