package cachestore_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
	alice  = session.MustParseUserID("alice")
	bob    = session.MustParseUserID("bob")
)

// newStore returns a store with two active tenants.
func newStore(t testing.TB) *memstore.Store {
	t.Helper()
	store := memstore.New()
	for _, id := range []tenant.ID{acme, globex} {
		if err := store.SetTenantStatus(t.Context(), id, tenant.Active); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func newManager(t testing.TB, store session.Store, cfg session.Config) *session.Manager {
	t.Helper()
	cfg.Key = session.NewSecretKey(append([]byte("k"), bytes.Repeat([]byte("s"), session.MinKeyLength-1)...))
	m, err := session.NewManager(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func signIn(t testing.TB, m *session.Manager) (session.Session, session.RefreshToken) {
	t.Helper()
	s, token, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("viewer")})
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
