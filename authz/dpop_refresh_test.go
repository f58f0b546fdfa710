package authz_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// TestABoundSessionIsRefreshedByTheHolderOfItsKeyAlone has a refresh token in the hands of
// its client, of a thief with a key of their own, and of one without.
func TestABoundSessionIsRefreshedByTheHolderOfItsKeyAlone(t *testing.T) {
	uri := publicOrigin + "/public/token"
	thief := newHolder(t)
	for _, row := range []struct {
		name   string
		key    any // of the session; nil for a bearer's
		proof  func(b *boundFixture) []string
		status int
		lives  bool // the session, afterwards
	}{
		{"its client", "holder", func(b *boundFixture) []string { return []string{b.holder.proof("POST", uri, "", edits{"ath": ""})} }, 204, true},
		{"a client without a key, of a session without one", nil, func(*boundFixture) []string { return nil }, 204, true},
		{"a thief with another key", "holder", func(*boundFixture) []string { return []string{thief.proof("POST", uri, "", edits{"ath": ""})} }, 401, false},
		{"a thief without a key", "holder", func(*boundFixture) []string { return nil }, 401, false},
		{"a key for a session without one", nil, func(*boundFixture) []string { return []string{thief.proof("POST", uri, "", edits{"ath": ""})} }, 401, false},
		{"nobody's key", "", func(*boundFixture) []string { return nil }, 401, false},
		{"what is no key", 7, func(*boundFixture) []string { return nil }, 401, false},
		{"a proof for something else", "holder", func(b *boundFixture) []string {
			return []string{b.holder.proof("POST", uri+"/x", "", edits{"ath": ""})}
		}, 401, true},
		{"two proofs", "holder", func(b *boundFixture) []string {
			return []string{b.holder.proof("POST", uri, "", edits{"ath": ""}), thief.proof("POST", uri, "", edits{"ath": ""})}
		}, 401, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBoundFixture(t)
			values := map[string]any{}
			if row.key != nil {
				values[session.KeyAttribute] = row.key
			}
			if row.key == "holder" {
				values[session.KeyAttribute] = b.holder.thumbprint()
			}
			s, refresh, err := b.manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Attributes: authz.Must(session.NewAttributes(values))})
			if err != nil {
				t.Fatal(err)
			}
			b.echo.POST("/public/token", func(c echo.Context) error {
				got, next, err := b.dpop.ExchangeRefresh(c.Response(), c.Request(), b.manager, refresh.Reveal())
				if err != nil {
					if next != (session.RefreshToken{}) || !got.ID.IsZero() {
						t.Error("a refusal comes with a session or a token")
					}
					return err
				}
				if got.ID != s.ID || next.Reveal() == "" {
					t.Errorf("got %v", got.Ref())
				}
				return c.NoContent(204)
			})
			r := httptest.NewRequest("POST", "/public/token", nil)
			r.Header["Dpop"] = row.proof(b)
			rec := httptest.NewRecorder()
			b.echo.ServeHTTP(rec, r)
			if rec.Code != row.status {
				t.Errorf("got %d %s, want %d", rec.Code, rec.Body, row.status)
			}
			_, err = b.manager.Load(t.Context(), s.Ref())
			if row.lives != (err == nil) || err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Errorf("the session: %v, want it alive: %t", err, row.lives)
			}
		})
	}
}

// counting notes what a refresh asks of its stores.
type counting struct {
	middleware.Refresher
	replay    token.ReplayStore
	refreshes int
	uses      int
	fail      error // of Use and Used
	late      bool  // Used is asked before the other request marks the proof
}

func (s *counting) Refresh(ctx context.Context, raw string) (session.Session, session.RefreshToken, error) {
	s.refreshes++
	return s.Refresher.Refresh(ctx, raw)
}

func (s *counting) Use(ctx context.Context, key token.ReplayKey, ttl time.Duration) (bool, error) {
	if s.uses++; s.fail != nil {
		return false, s.fail
	}
	return s.replay.Use(ctx, key, ttl)
}

func (s *counting) Used(ctx context.Context, key token.ReplayKey, ttl time.Duration) (bool, error) {
	used, err := s.replay.Used(ctx, key, ttl)
	return used && !s.late, errors.Join(err, s.fail)
}

// TestAStrangersRefreshWritesNothing has proofs by anybody's key, of which anybody makes as
// many as they like, with tokens that are none; and then a proof that is sent twice.
func TestAStrangersRefreshWritesNothing(t *testing.T) {
	b := newBoundFixture(t)
	stores := &counting{Refresher: b.manager, replay: memstore.NewReplay(0)}
	b.dpop.Replay = stores
	s, raw, err := b.manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Attributes: authz.Must(session.NewAttributes(map[string]any{
		session.KeyAttribute: b.holder.thumbprint(),
	}))})
	if err != nil {
		t.Fatal(err)
	}
	refresh := func(proof, raw string) error {
		t.Helper()
		r := httptest.NewRequest("POST", "/public/token", nil)
		r.Header.Set("DPoP", proof)
		_, next, err := b.dpop.ExchangeRefresh(httptest.NewRecorder(), r, stores, raw)
		if err != nil && next != (session.RefreshToken{}) {
			t.Error("a refusal comes with a token")
		}
		return err
	}
	proof := func(h holder) string { return h.proof("POST", publicOrigin+"/public/token", "", edits{"ath": ""}) }
	outsider := newHolder(t)
	for range 20 {
		if err := refresh(proof(outsider), "junk"); !errors.Is(err, session.ErrRefreshInvalid) {
			t.Fatal(err)
		}
	}
	if stores.uses != 0 {
		t.Errorf("strangers wrote %d times", stores.uses)
	}

	once := proof(b.holder)
	if err := refresh(once, raw.Reveal()); err != nil || stores.uses != 1 {
		t.Fatalf("a good one: %v, %d uses", err, stores.uses)
	}
	before := stores.refreshes
	if err := refresh(once, raw.Reveal()); !errors.Is(err, token.ErrInvalidProof) || stores.refreshes != before {
		t.Errorf("a replay: %v, the token was looked at %d times", err, stores.refreshes-before)
	}
	stores.late = true
	if err := refresh(once, raw.Reveal()); !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("a replay at the same time: %v", err)
	}
	before = stores.refreshes
	stores.fail = errors.New("?")
	if err := refresh(proof(b.holder), raw.Reveal()); !middleware.IsOutage(err) || stores.refreshes != before {
		t.Errorf("a store that cannot tell: %v", err)
	}
	if _, err := b.manager.Load(t.Context(), s.Ref()); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// TestARefreshDuringAnOutageIsNoRefusal, neither of the token nor of the end of a session.
func TestARefreshDuringAnOutageIsNoRefusal(t *testing.T) {
	b := newBoundFixture(t)
	_, refresh, err := b.manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Attributes: authz.Must(session.NewAttributes(map[string]any{
		session.KeyAttribute: b.holder.thumbprint(),
	}))})
	if err != nil {
		t.Fatal(err)
	}
	c := b.echo.NewContext(httptest.NewRequest("POST", "/public/token", nil), httptest.NewRecorder())
	for name, broken := range map[string]middleware.Refresher{
		"of the token":             outOfOrder{Refresher: b.manager, refresh: errDown},
		"of the end of a session":  outOfOrder{Refresher: b.manager, revoke: errDown},
		"that nobody has heard of": outOfOrder{Refresher: b.manager, revoke: errors.New("?")},
	} {
		_, next, err := b.dpop.ExchangeRefresh(c.Response(), c.Request(), broken, refresh.Reveal())
		if p, ok := middleware.FromError(err); !ok || p.Status != 503 || next != (session.RefreshToken{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// outOfOrder fails where it is told to.
type outOfOrder struct {
	middleware.Refresher
	refresh, revoke error
}

func (o outOfOrder) Refresh(ctx context.Context, raw string) (session.Session, session.RefreshToken, error) {
	if o.refresh != nil {
		return session.Session{}, session.RefreshToken{}, o.refresh
	}
	return o.Refresher.Refresh(ctx, raw)
}

func (o outOfOrder) Revoke(ctx context.Context, ref session.Ref) error {
	if o.revoke != nil {
		return o.revoke
	}
	return o.Refresher.Revoke(ctx, ref)
}
