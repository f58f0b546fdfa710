package session_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
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

// key is a test key that begins with b.
func key(b byte) session.SecretKey { return keyOf(b, session.MinKeyLength) }

func keyOf(b byte, length int) session.SecretKey {
	return session.NewSecretKey(append([]byte{b}, bytes.Repeat([]byte{'s'}, length-1)...))
}

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

func newManager(t testing.TB, store session.Store, opts session.Config) *session.Manager {
	t.Helper()
	if opts.Key.IsZero() {
		opts.Key = key('k')
	}
	m, err := session.NewManager(store, opts)
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

// spy is a store that can be told to fail, to lie, and to let others in between.
type spy struct {
	session.Store
	calls  atomic.Int64
	fail   error                                               // returned by every method
	swap   func(session.Session) session.Session               // replaces every session that is returned
	step   func(session.RefreshOutcome) session.RefreshOutcome // replaces every refresh outcome
	before func()                                              // runs before Update and Rotate
}

func (s *spy) enter() error { s.calls.Add(1); return s.fail }

func (s *spy) answer(got session.Session, err error) (session.Session, error) {
	if err == nil && s.swap != nil {
		got = s.swap(got)
	}
	return got, err
}

func (s *spy) Create(ctx context.Context, n session.Session, c session.CreateOptions) (session.Session, error) {
	if err := s.enter(); err != nil {
		return n, err // a session beside the error: the Manager must not pass it on
	}
	return s.answer(s.Store.Create(ctx, n, c))
}

func (s *spy) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if err := s.enter(); err != nil {
		return session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User}, err
	}
	return s.answer(s.Store.Load(ctx, ref))
}

func (s *spy) Update(ctx context.Context, n session.Session) (session.Session, error) {
	if err := s.enter(); err != nil {
		return n, err
	}
	if s.before != nil {
		s.before()
	}
	return s.answer(s.Store.Update(ctx, n))
}

func (s *spy) Rotate(ctx context.Context, old session.Ref, n session.Session, d session.Digest) (session.Session, error) {
	if err := s.enter(); err != nil {
		return n, err
	}
	if s.before != nil {
		s.before()
	}
	return s.answer(s.Store.Rotate(ctx, old, n, d))
}

func (s *spy) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	if err := s.enter(); err != nil {
		return session.RefreshOutcome{Session: session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User}, Salt: step.Salt}, err
	}
	out, err := s.Store.Refresh(ctx, ref, step)
	out.Session, err = s.answer(out.Session, err)
	if err == nil && s.step != nil {
		out = s.step(out)
	}
	return out, err
}

func (s *spy) Revoke(ctx context.Context, ref session.Ref) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.Revoke(ctx, ref)
}

func (s *spy) End(ctx context.Context, ref session.Ref, version uint64) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.End(ctx, ref, version)
}

func (s *spy) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.RevokeOthers(ctx, keep)
}

func (s *spy) Events(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Event, error) {
	if err := s.enter(); err != nil {
		return []session.Event{{Kind: session.EventCreated}}, err
	}
	return s.Store.Events(ctx, t, u)
}

func (s *spy) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.RevokeUser(ctx, t, u)
}

func (s *spy) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.RevokeTenant(ctx, t)
}

func (s *spy) RevokeAll(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.RevokeAll(ctx)
}

func (s *spy) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	if err := s.enter(); err != nil {
		return []session.Session{{ID: session.NewID(), Tenant: t, User: u}}, err
	}
	sessions, err := s.Store.List(ctx, t, u)
	for i := range sessions {
		sessions[i], err = s.answer(sessions[i], err)
	}
	return sessions, err
}

func (s *spy) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	if err := s.enter(); err != nil {
		return []session.Session{{ID: session.NewID(), Tenant: t, User: u}}, err
	}
	sessions, err := s.Store.Peek(ctx, t, u, ids)
	for i := range sessions {
		sessions[i], err = s.answer(sessions[i], err)
	}
	return sessions, err
}

func (s *spy) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	if err := s.enter(); err != nil {
		return tenant.Active, err
	}
	return s.Store.TenantStatus(ctx, t)
}

func (s *spy) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	if err := s.enter(); err != nil {
		return err
	}
	return s.Store.SetTenantStatus(ctx, t, status)
}

// recorder keeps every digest and salt that a store is given.
type recorder struct {
	session.Store
	seen [][32]byte
}

func (r *recorder) Create(ctx context.Context, s session.Session, c session.CreateOptions) (session.Session, error) {
	r.seen = append(r.seen, c.Refresh)
	return r.Store.Create(ctx, s, c)
}

func (r *recorder) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	r.seen = append(r.seen, step.Presented, step.Next, step.Salt)
	return r.Store.Refresh(ctx, ref, step)
}
