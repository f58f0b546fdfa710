package authz_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// TestABoundSessionIsRefreshedByTheHolderOfItsKeyAlone has a refresh token in the hands of
// its client, of a thief with a key of their own, and of one without.
func TestABoundSessionIsRefreshedByTheHolderOfItsKeyAlone(t *testing.T) {
	uri := publicOrigin + "/public/token"
	thief := newHolder(t)
	for _, row := range []struct {
		name   string
		key    any // of the session; nil for a bearer's
		proof  func(b *boundWorld) []string
		status int
		lives  bool // the session, afterwards
	}{
		{"its client", "holder", func(b *boundWorld) []string { return []string{b.holder.proof("POST", uri, "", edits{"ath": ""})} }, 204, true},
		{"a client without a key, of a session without one", nil, func(*boundWorld) []string { return nil }, 204, true},
		{"a thief with another key", "holder", func(*boundWorld) []string { return []string{thief.proof("POST", uri, "", edits{"ath": ""})} }, 401, false},
		{"a thief without a key", "holder", func(*boundWorld) []string { return nil }, 401, false},
		{"a key for a session without one", nil, func(*boundWorld) []string { return []string{thief.proof("POST", uri, "", edits{"ath": ""})} }, 401, false},
		{"nobody's key", "", func(*boundWorld) []string { return nil }, 401, false},
		{"what is no key", 7, func(*boundWorld) []string { return nil }, 401, false},
		{"a proof for something else", "holder", func(b *boundWorld) []string { return []string{b.holder.proof("POST", uri+"/x", "", edits{"ath": ""})} }, 401, true},
		{"two proofs", "holder", func(b *boundWorld) []string {
			return []string{b.holder.proof("POST", uri, "", edits{"ath": ""}), thief.proof("POST", uri, "", edits{"ath": ""})}
		}, 401, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBoundWorld(t)
			values := map[string]any{}
			if row.key != nil {
				values[middleware.KeyAttribute] = row.key
			}
			if row.key == "holder" {
				values[middleware.KeyAttribute] = b.holder.thumbprint()
			}
			s, refresh, err := b.manager.Create(t.Context(), session.New{Tenant: acme, User: alice, Attributes: authz.Must(session.NewAttributes(values))})
			if err != nil {
				t.Fatal(err)
			}
			b.echo.POST("/public/token", func(c echo.Context) error {
				got, next, err := b.dpop.Refresh(c, b.manager, refresh.Reveal())
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

// TestARefreshDuringAnOutageIsNoRefusal, neither of the token nor of the end of a session.
func TestARefreshDuringAnOutageIsNoRefusal(t *testing.T) {
	b := newBoundWorld(t)
	_, refresh, err := b.manager.Create(t.Context(), session.New{Tenant: acme, User: alice, Attributes: authz.Must(session.NewAttributes(map[string]any{
		middleware.KeyAttribute: b.holder.thumbprint(),
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
		_, next, err := b.dpop.Refresh(c, broken, refresh.Reveal())
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
