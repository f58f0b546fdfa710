//go:build unix

package integration_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// A store without a fault gives the checker nothing to find, with people who do all there is
// to do.
func TestTheHistoryOfASoundStoreHasNothingWrong(t *testing.T) {
	t.Parallel()
	for _, roles := range []authority{ofSession, ofUser, ofService} {
		row := plantedRow(t, roles, nil, nil)
		for _, w := range row.Verdict.Wrong {
			t.Errorf("roles %s: wrong: %v", roles, w)
		}
		for _, r := range row.Verdict.Refused {
			t.Errorf("roles %s: refused: %v", roles, r)
		}
	}
}

// A checker that finds nothing proves nothing: each way to be wrong is planted into a store
// of one of two instances.
func TestTheHistoryCheckerFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plant func(s *planted)
		what  string // "" is the refusal of live sessions
		roles authority
	}{
		"a revoked session comes back":             {func(s *planted) { s.ignores[history.Revoke] = true }, "revoked", ofSession},
		"a session is not ended with the others":   {func(s *planted) { s.ignores[history.RevokeOthers] = true }, "revoked", ofSession},
		"a user's sessions outlive the user":       {func(s *planted) { s.ignores[history.RevokeUser] = true }, "revoked", ofSession},
		"a tenant's sessions outlive the tenant":   {func(s *planted) { s.ignores[history.RevokeTenant] = true }, "revoked", ofSession},
		"an id lives on after its rotation":        {func(s *planted) { s.ignores[history.Move] = true }, "revoked", ofSession},
		"a role that was removed is there again":   {func(s *planted) { s.ignores[history.Update] = true }, "role", ofSession},
		"a suspension is forgotten":                {func(s *planted) { s.ignores[history.Suspend] = true }, "suspended", ofSession},
		"an activation that failed lands later":    {func(s *planted) { s.late = 300 * time.Millisecond }, "suspended", ofSession},
		"a refresh token is taken twice":           {func(s *planted) { s.ignores[history.Refresh] = true }, "refresh", ofSession},
		"an instance serves what it read long ago": {func(s *planted) { s.stale = 400 * time.Millisecond }, "revoked", ofSession},
		"a live session is refused":                {func(s *planted) { s.refuses = 20 }, "", ofSession},
		"grants are not asked for anew":            {func(s *planted) { s.ignores[history.Regrant] = true }, "role", ofService},
		"a user's change reaches no session":       {func(s *planted) { s.ignores[history.Regrant] = true }, "role", ofUser},
		"a blocked user signs in":                  {func(s *planted) { s.ignores[history.Block] = true }, "blocked", ofUser},
		"an unblocking that failed lands later":    {func(s *planted) { s.overtaken = map[userOf]bool{} }, "blocked", ofUser},
		"a tenant's grants are not asked for anew": {func(s *planted) { s.ignores[history.StaleTenant] = true }, "role", ofService},
		"a logout of the provider is not heard":    {func(s *planted) { s.ignores[history.EndSignIn] = true }, "adopted", ofService},
		"a logout leaves the session that it ends": {func(s *planted) { s.adopted = map[string][]session.Ref{} }, "revoked", ofService},
		"a person's sessions outlive the person":   {func(s *planted) { s.ignores[history.RevokePerson] = true }, "revoked", ofService},
		"a person's sign-ins outlive the person":   {func(s *planted) { s.ignores[history.RevokePerson] = true }, "adopted", ofService},
		"an ended sign-in is adopted again":        {func(s *planted) { s.ignores[history.Adopt] = true }, "adopted", ofService},
		"a former id outlives its grace":           {func(s *planted) { s.ignores[history.Move] = true }, "revoked", ofService},
		"a former id outlives its successor":       {func(s *planted) { s.successors = map[session.ID]session.Session{} }, "revoked", ofUser},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := func(row history.Row) bool {
				if c.what == "" {
					return len(row.Verdict.Unexplained()) > 0
				}
				return slices.ContainsFunc(row.Verdict.Wrong, func(w history.Wrong) bool { return w.What == c.what })
			}
			if row := plantedRow(t, c.roles, c.plant, found); !found(row) {
				t.Errorf("the checker finds: %v", row)
			}
		})
	}
}

// plantedRow is a short history of one store in memory that two instances share, one of them
// by way of a defect.
// It ends early once it has what is looked for.
func plantedRow(t *testing.T, roles authority, plant func(s *planted), found func(row history.Row) bool) history.Row {
	t.Helper()
	sound := memstore.New()
	with := &planted{Store: sound, ignores: map[history.Kind]bool{}, kept: map[session.Ref]keptSession{}}
	if plant != nil {
		plant(with)
	}
	limit := 1500
	if found != nil {
		limit *= 10 // it shows by chance
	}
	w := newHistoryFixture(t, roles, 0, sound, with)
	w.interval = 100 * time.Millisecond
	w.begin()
	for w.pause(200*time.Millisecond) && w.requests() < limit {
		if found != nil && found(w.row("planted", "memory")) {
			break
		}
		w.stir(1)
	}
	w.end()
	return w.row("planted", "memory")
}

// planted is a store with a defect.
type planted struct {
	session.Store
	ignores map[history.Kind]bool // changes that are acknowledged and not made
	late    time.Duration         // by which an activation without an answer arrives
	stale   time.Duration         // for which a session is served as it was read
	refuses int                   // one load of so many

	overtaken map[userOf]bool // whose unblocking is without an answer, and arrives behind the next block

	successors map[session.ID]session.Session // which are live for ever to those whom they replaced

	adopted map[string][]session.Ref // by the provider's session, whose logout leaves them to this instance

	mu    sync.Mutex
	loads int
	kept  map[session.Ref]keptSession
}

// userOf is a user of a tenant.
type userOf struct {
	tenant tenant.ID
	user   session.UserID
}

type keptSession struct {
	session session.Session
	until   time.Time
}

func (s *planted) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if s.refuses > 0 && s.loads%s.refuses == 0 {
		return session.Session{}, session.ErrNotFound
	}
	if kept, ok := s.kept[ref]; ok && time.Now().Before(kept.until) {
		return kept.session, nil
	}
	loaded, err := s.Store.Load(ctx, ref)
	if err == nil && s.stale > 0 {
		s.kept[ref] = keptSession{loaded, time.Now().Add(s.stale)}
	}
	return loaded, err
}

// keep has a session live on as it is, for this instance.
func (s *planted) keep(ctx context.Context, kind history.Kind, ref session.Ref) bool {
	if !s.ignores[kind] {
		return false
	}
	if loaded, err := s.Store.Load(ctx, ref); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept[ref] = keptSession{loaded, time.Now().Add(time.Hour)}
	}
	return true
}

func (s *planted) Revoke(ctx context.Context, ref session.Ref) error {
	s.keep(ctx, history.Revoke, ref)
	return s.Store.Revoke(ctx, ref)
}

func (s *planted) Rotate(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest) (session.Session, error) {
	s.keep(ctx, history.Move, old)
	return s.Store.Rotate(ctx, old, next, refresh)
}

func (s *planted) Update(ctx context.Context, n session.Session) (session.Session, error) {
	s.keep(ctx, history.Update, n.Ref())
	return s.Store.Update(ctx, n)
}

func (s *planted) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if !s.ignores[history.RevokeOthers] {
		return s.Store.RevokeOthers(ctx, keep)
	}
	_, err := s.Store.Load(ctx, keep)
	return err
}

func (s *planted) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if s.ignores[history.RevokeUser] {
		return nil
	}
	return s.Store.RevokeUser(ctx, t, u)
}

func (s *planted) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if s.ignores[history.RevokeTenant] {
		return nil
	}
	return s.Store.RevokeTenant(ctx, t)
}

// Refresh forgets what it has exchanged.
func (s *planted) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	if !s.ignores[history.Refresh] {
		return s.Store.Refresh(ctx, ref, step)
	}
	loaded, err := s.Store.Load(ctx, ref)
	return session.RefreshOutcome{Session: loaded, Salt: step.Salt}, err
}

func (s *planted) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	switch {
	case status == tenant.Suspended && s.ignores[history.Suspend]:
		return nil
	case status == tenant.Active && s.late > 0:
		time.AfterFunc(s.late, func() { _ = s.Store.SetTenantStatus(context.Background(), t, status) })
		return session.ErrUnavailable
	}
	return s.Store.SetTenantStatus(ctx, t, status)
}

func (s *planted) RotateWithGrace(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	s.keep(ctx, history.Move, old)
	rotated, err := s.Store.RotateWithGrace(ctx, old, next, refresh, grace)
	if err == nil && s.successors != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.successors[rotated.ID] = rotated
	}
	return rotated, err
}

// Peek shows successors that have ended.
func (s *planted) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	s.mu.Lock()
	next, known := s.successors[ids[0]]
	s.mu.Unlock()
	if known {
		return []session.Session{next}, nil
	}
	return s.Store.Peek(ctx, t, u, ids)
}

func (s *planted) Stale(ctx context.Context, t tenant.ID, u session.UserID) error {
	if s.ignores[history.Regrant] && !u.IsZero() || s.ignores[history.StaleTenant] && u.IsZero() {
		return nil
	}
	return s.Store.Stale(ctx, t, u)
}

func (s *planted) UpdateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if s.ignores[history.Regrant] {
		return nil
	}
	return s.Store.UpdateUser(ctx, t, u, change)
}

func (s *planted) Block(ctx context.Context, t tenant.ID, u session.UserID) error {
	if s.ignores[history.Block] {
		return nil
	}
	if err := s.Store.Block(ctx, t, u); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overtaken[userOf{t, u}] {
		delete(s.overtaken, userOf{t, u})
		_ = s.Store.Unblock(ctx, t, u)
	}
	return nil
}

func (s *planted) Unblock(ctx context.Context, t tenant.ID, u session.UserID) error {
	if s.overtaken != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.overtaken[userOf{t, u}] = true
		return session.ErrUnavailable
	}
	return s.Store.Unblock(ctx, t, u)
}

func (s *planted) EndSignIn(ctx context.Context, issuer, name string) error {
	if s.ignores[history.EndSignIn] {
		return nil
	}
	s.mu.Lock()
	for _, ref := range s.adopted[name] {
		if loaded, err := s.Store.Load(ctx, ref); err == nil {
			loaded.Stale = false // nobody could ask for the grants of one that has ended
			s.kept[ref] = keptSession{loaded, time.Now().Add(time.Hour)}
		}
	}
	s.mu.Unlock()
	return s.Store.EndSignIn(ctx, issuer, name)
}

func (s *planted) RevokePerson(ctx context.Context, issuer string, u session.UserID) error {
	if s.ignores[history.RevokePerson] {
		return nil
	}
	return s.Store.RevokePerson(ctx, issuer, u)
}

// Adopt takes a sign-in that was ended for another one.
func (s *planted) Adopt(ctx context.Context, a session.Adoption) (session.Session, error) {
	adopted, err := s.Store.Adopt(ctx, a)
	if err == nil && s.adopted != nil {
		s.mu.Lock()
		s.adopted[a.Stranger.Name] = append(s.adopted[a.Stranger.Name], adopted.Ref())
		s.mu.Unlock()
	}
	if s.ignores[history.Adopt] && errors.Is(err, session.ErrSignedOut) {
		a.Stranger.Name += "again"
		return s.Store.Adopt(ctx, a)
	}
	return adopted, err
}
