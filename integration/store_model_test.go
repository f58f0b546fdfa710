//go:build unix

package integration_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// TestRedisAnswersAsTheReferenceDoes makes the same calls, of chance and one after the other, of the store in
// memory, which is small enough to be read, of Redis by two instances, and of a cache, alone, since it hears of
// another's changes a moment later. Combinations of calls that no case of the suite names have to do the same.
func TestRedisAnswersAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	for _, cached := range []bool{false, true} {
		t.Run(storeName(ofSession, cached), func(t *testing.T) {
			f := newFixture(t, 5*time.Second)
			other := open(t, f.server.URL(), f.opts)
			stores := []session.Store{f.store, other}
			if cached {
				stores = []session.Store{startCache(t, f.store)}
			}
			runs, unanswered := testneed.Scale(60, 600), 0
			for range runs {
				m := newModel(t, rand.Uint64(), stores)
				if !m.run(60) {
					return
				}
				if m.unanswered {
					unanswered++
				}
			}
			if unanswered > runs/20 {
				t.Errorf("%d of %d runs met a call without an answer", unanswered, runs)
			}
		})
	}
}

// model is one run of calls.
type model struct {
	*testing.T
	rand      *rand.Rand
	reference session.Store
	stores    []session.Store
	tenants   []tenant.ID
	users     []session.UserID
	refs      []session.Ref // of sessions that some call has made
	steps     map[session.ID]int
	tickets   [][2]session.Ticket // of the reference and of Redis
	ticketOf  []session.Ref
	issuer    string
	started   time.Time
	said      []string
	seed      uint64
	grants    bool // of two authorities on roles: Stale and Regrant, or UpdateUser

	unanswered bool // a call had no answer in time, on a busy machine: nobody knows whether it was made
}

func newModel(t *testing.T, seed uint64, stores []session.Store) *model {
	m := &model{
		T: t, rand: rand.New(rand.NewPCG(seed, 1)), reference: memstore.New(), stores: stores, seed: seed,
		steps: map[session.ID]int{}, started: time.Now(), issuer: fmt.Sprintf("https://id-%d.example", rand.Uint64()),
	}
	m.grants = m.rand.IntN(2) == 0
	for i := range 2 { // new ones: what is done to all of a tenant does not reach another run
		m.tenants = append(m.tenants, tenant.MustParse(fmt.Sprintf("m%d-%d", i, rand.Uint64())))
		m.users = append(m.users, session.MustParseUserID([]string{"alice", "f:1:bob"}[i]))
	}
	return m
}

func (m *model) run(calls int) bool {
	m.Helper()
	for _, t := range m.tenants {
		if !m.both("AddTenant", func(s session.Store) (string, error) { return "", s.AddTenant(m.Context(), t) }) {
			return m.unanswered
		}
	}
	for range calls {
		if !m.call() {
			if m.unanswered {
				return true
			}
			m.Errorf("seed %d: the calls were\n%s", m.seed, strings.Join(m.said, "\n"))
			return false
		}
	}
	for _, t := range m.tenants {
		if !m.eventsOf(t) {
			if m.unanswered {
				return true
			}
			m.Errorf("seed %d: the calls were\n%s", m.seed, strings.Join(m.said, "\n"))
			return false
		}
	}
	return true
}

// eventsOf compares what happened to a tenant as a whole.
func (m *model) eventsOf(t tenant.ID) bool {
	return m.both(fmt.Sprint("Events of tenant ", slices.Index(m.tenants, t)), func(s session.Store) (string, error) {
		events, err := s.Events(m.Context(), t, session.UserID{})
		var kinds []string
		for _, e := range events {
			kinds = append(kinds, string(e.Kind))
		}
		return strings.Join(kinds, " "), err
	})
}

// pick returns the store that is asked this time.
func (m *model) pick() session.Store { return m.stores[m.rand.IntN(len(m.stores))] }

// both makes a call of the reference and of one of the others. A difference fails the test.
func (m *model) both(what string, do func(session.Store) (string, error)) bool {
	m.Helper()
	one := m.pick()
	want, wantErr := do(m.reference)
	got, gotErr := do(one)
	if m.unanswered = gotErr != nil && strings.Contains(gotErr.Error(), "i/o timeout"); m.unanswered {
		m.Logf("seed %d: %s has no answer: %v", m.seed, what, gotErr)
		return false
	}
	w, g := want+" "+kindOf(wantErr), got+" "+kindOf(gotErr)
	m.said = append(m.said, fmt.Sprintf("%3d %s: %s", len(m.said), what, w))
	if w != g {
		m.Errorf("%s: Redis says %q (%v), the reference %q (%v)", what, g, gotErr, w, wantErr)
		return false
	}
	return true
}

// kindOf names an error by the first sentinel that it is. Where several things are wrong, which of
// them is told is each store's own.
func kindOf(err error) string {
	for _, refused := range []error{
		session.ErrSignedOut, session.ErrBlocked, session.ErrSignInTooClose, session.ErrStale, session.ErrNotFound, session.ErrConflict,
		session.ErrExists, session.ErrTooManySessions, session.ErrRefreshReused, tenant.ErrSuspended, tenant.ErrUnknown,
		session.ErrInvalid, session.ErrIssuedAhead,
	} {
		if errors.Is(err, refused) {
			return "refused"
		}
	}
	for _, known := range []error{
		session.ErrInvalidID, session.ErrCorrupt, session.ErrUnavailable,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// describe returns the parts of a session that are the same wherever it was stored. Its version is not:
// changes of all of a user's sessions count once for those that nobody has asked for meanwhile.
func describe(s session.Session) string {
	clearance, _ := s.Attributes.Get("clearance")
	granted := fmt.Sprint(s.Roles.Names(), clearance)
	if s.Stale {
		granted = "stale" // what it says of roles is not to be believed
	}
	return fmt.Sprintf("%s %s moved=%v amr=%v provider=%v", s.ID.Fingerprint(), granted, !s.MovedTo.IsZero(), s.AMR.Names(), !s.Provider.IsZero())
}

func (m *model) owner() (tenant.ID, session.UserID) {
	return m.tenants[m.rand.IntN(len(m.tenants))], m.users[m.rand.IntN(len(m.users))]
}

// ref is one that was made, more often a young one.
func (m *model) ref() (session.Ref, bool) {
	if len(m.refs) == 0 {
		return session.Ref{}, false
	}
	if m.rand.IntN(3) > 0 {
		return m.refs[len(m.refs)-1-m.rand.IntN(min(4, len(m.refs)))], true
	}
	return m.refs[m.rand.IntN(len(m.refs))], true
}

func (m *model) roles() session.Roles {
	return session.MustRoles([]string{"viewer", "editor", "admin"}[m.rand.IntN(3)])
}

// call makes one call of chance.
func (m *model) call() bool {
	ctx := m.Context()
	t, u := m.owner()
	name := fmt.Sprintf("%v/%v", slices.Index(m.tenants, t), u)
	ref, any := m.ref()
	switch m.rand.IntN(26) {
	case 0, 1, 2:
		return m.create(t, u)
	case 3, 4, 5:
		return m.adopt(t, u)
	case 6:
		return m.both("Revoke of all of "+name, func(s session.Store) (string, error) { return "", s.RevokeUser(ctx, t, u) })
	case 7:
		if m.rand.IntN(4) > 0 {
			return true
		}
		return m.both("RevokeTenant "+name, func(s session.Store) (string, error) { return "", s.RevokeTenant(ctx, t) })
	case 8, 9:
		if !m.grants {
			return m.updateUser(t, u, name)
		}
		if m.rand.IntN(4) == 0 {
			return m.both("Stale of the tenant "+name, func(s session.Store) (string, error) { return "", s.Stale(ctx, t, session.UserID{}) })
		}
		return m.both("Stale "+name, func(s session.Store) (string, error) { return "", s.Stale(ctx, t, u) })
	case 10:
		if m.rand.IntN(2) == 0 {
			return m.eventsOf(t)
		}
		return m.both("AddTenant "+name, func(s session.Store) (string, error) { return "", s.AddTenant(ctx, t) })
	case 11:
		return m.both("Block "+name, func(s session.Store) (string, error) { return "", s.Block(ctx, t, u) }) && m.load(ref, any)
	case 12, 13:
		return m.both("Unblock "+name, func(s session.Store) (string, error) { return "", s.Unblock(ctx, t, u) })
	case 14:
		status := []tenant.Status{tenant.Active, tenant.Active, tenant.Suspended}[m.rand.IntN(3)]
		return m.both(fmt.Sprint("SetTenantStatus ", status), func(s session.Store) (string, error) { return "", s.SetTenantStatus(ctx, t, status) })
	case 15:
		return m.both("List "+name, func(s session.Store) (string, error) {
			list, err := s.List(ctx, t, u)
			var all []string
			for _, s := range list {
				all = append(all, describe(s))
			}
			slices.Sort(all) // sessions of one millisecond have no order
			return strings.Join(all, "; "), err
		})
	case 16:
		return m.begin(t, u)
	case 17:
		named := m.names()[m.rand.IntN(2)+1]
		if m.rand.IntN(3) > 0 {
			return true
		}
		return m.both("EndSignIn "+named, func(s session.Store) (string, error) { return "", s.EndSignIn(ctx, m.issuer, named) })
	case 18:
		if m.rand.IntN(4) > 0 {
			return true
		}
		// Where a sign-in was refused, a store may end the user's sessions as well.
		return m.both("RevokePerson "+u.String()+", also where nothing was adopted", func(s session.Store) (string, error) {
			err := s.RevokePerson(ctx, m.issuer, u)
			for _, t := range m.tenants {
				err = errors.Join(err, s.RevokeUser(ctx, t, u))
			}
			return "", err
		})
	}
	if !any {
		return true
	}
	return m.change(ref)
}

func (m *model) updateUser(t tenant.ID, u session.UserID, name string) bool {
	var change session.UserChange
	if m.rand.IntN(2) == 0 {
		roles := m.roles()
		change.Roles = &roles
	}
	if change.Roles == nil || m.rand.IntN(3) == 0 {
		attributes, err := session.NewAttributes(map[string]any{"clearance": m.rand.IntN(9)})
		if err != nil {
			m.Fatal(err)
		}
		change.Attributes = &attributes
	}
	return m.both("UpdateUser "+name, func(s session.Store) (string, error) { return "", s.UpdateUser(m.Context(), t, u, change) })
}

func (m *model) load(ref session.Ref, any bool) bool {
	if !any {
		return true
	}
	return m.both("Load "+ref.ID.Fingerprint(), func(s session.Store) (string, error) {
		got, err := s.Load(m.Context(), ref)
		return said(got, err), err
	})
}

func said(s session.Session, err error) string {
	if err != nil {
		return ""
	}
	return describe(s)
}

// change makes a call about one session.
func (m *model) change(ref session.Ref) bool {
	ctx, id := m.Context(), ref.ID.Fingerprint()
	wrong := m.rand.IntN(8) == 0
	version := func(store session.Store) uint64 { // each counts its own
		s, err := store.Load(ctx, ref)
		if err != nil || wrong {
			return 99
		}
		return s.Version
	}
	next := session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User, IdleTimeout: time.Hour, Roles: m.roles()}
	fresh := next
	fresh.ID = session.NewID()
	made := func() { m.refs = append(m.refs, fresh.Ref()) }
	switch m.rand.IntN(9) {
	case 0:
		return m.both(fmt.Sprint("Update ", id, " ", wrong), func(s session.Store) (string, error) {
			next := next
			next.Version = version(s)
			got, err := s.Update(ctx, next)
			return said(got, err), err
		})
	case 1:
		defer made()
		return m.both(fmt.Sprint("Rotate ", id, " ", wrong, " to ", fresh.ID.Fingerprint()), func(s session.Store) (string, error) {
			fresh := fresh
			fresh.Version = version(s)
			got, err := s.Rotate(ctx, ref, fresh, digest("0"))
			return said(got, err), err
		})
	case 2:
		defer made()
		return m.both(fmt.Sprint("RotateWithGrace ", id, " ", wrong, " to ", fresh.ID.Fingerprint()), func(s session.Store) (string, error) {
			fresh := fresh
			fresh.Version = version(s)
			got, err := s.RotateWithGrace(ctx, ref, fresh, digest("0"), 10*time.Second)
			return said(got, err), err
		})
	case 3:
		return m.both("Revoke "+id, func(s session.Store) (string, error) { return "", s.Revoke(ctx, ref) })
	case 4:
		return m.both(fmt.Sprint("End ", id, " ", wrong), func(s session.Store) (string, error) { return "", s.End(ctx, ref, version(s)) })
	case 5:
		return m.both("RevokeOthers "+id, func(s session.Store) (string, error) { return "", s.RevokeOthers(ctx, ref) })
	case 6:
		at := m.steps[ref.ID]
		if m.rand.IntN(10) == 0 {
			at = max(at-1, 0)
		}
		step := session.RefreshStep{Presented: digest(fmt.Sprint(at)), Next: digest(fmt.Sprint(at + 1)), Salt: [32]byte{byte(at + 1)}, Grace: 10 * time.Second}
		ok := m.both(fmt.Sprint("Refresh ", id, " ", at), func(s session.Store) (string, error) {
			out, err := s.Refresh(ctx, ref, step)
			if err == nil {
				m.steps[ref.ID] = at + 1
			}
			return fmt.Sprint(said(out.Session, err), " ", out.Repeated), err
		})
		return ok
	case 7:
		return m.regrant(next, version)
	}
	return m.load(ref, true)
}

func (m *model) create(t tenant.ID, u session.UserID) bool {
	s := session.Session{ID: session.NewID(), Tenant: t, User: u, IdleTimeout: time.Hour, Roles: m.roles()}
	c := session.CreateOptions{Lifetime: time.Hour, Refresh: digest("0"), Limit: session.SessionLimit{Sessions: 3, Policy: session.RejectNew}}
	tickets, what := [2]session.Ticket{}, ""
	if i := m.ticket(t, u); i >= 0 {
		tickets, what = m.tickets[i], " with a ticket"
	}
	m.refs = append(m.refs, s.Ref())
	return m.both(fmt.Sprintf("Create %s of %v/%v%s", s.ID.Fingerprint(), slices.Index(m.tenants, t), u, what), func(store session.Store) (string, error) {
		c := c
		c.Ticket = tickets[1]
		if store == m.reference {
			c.Ticket = tickets[0]
		}
		got, err := store.Create(m.Context(), s, c)
		return said(got, err), err
	})
}

func (m *model) begin(t tenant.ID, u session.UserID) bool {
	var got [2]session.Ticket
	ok := m.both(fmt.Sprintf("Begin %v/%v", slices.Index(m.tenants, t), u), func(store session.Store) (string, error) {
		ticket, err := store.Begin(m.Context(), t, u)
		if store == m.reference {
			got[0] = ticket
		} else {
			got[1] = ticket
		}
		return "", err
	})
	if ok && !got[0].IsZero() {
		m.tickets, m.ticketOf = append(m.tickets, got), append(m.ticketOf, session.Ref{Tenant: t, User: u})
	}
	return ok
}

// ticket is one of the user, one of another, or none: -1.
func (m *model) ticket(t tenant.ID, u session.UserID) int {
	switch m.rand.IntN(6) {
	case 0, 1:
		return -1
	case 2:
		return m.rand.IntN(len(m.tickets)+1) - 1
	}
	for i := len(m.tickets) - 1; i >= 0; i-- {
		if m.ticketOf[i].Tenant == t && m.ticketOf[i].User == u {
			return i
		}
	}
	return -1
}

func (m *model) regrant(next session.Session, version func(session.Store) uint64) bool {
	i := m.ticket(next.Tenant, next.User)
	if i < 0 || !m.grants {
		return true
	}
	return m.both("Regrant "+next.ID.Fingerprint(), func(store session.Store) (string, error) {
		next := next
		next.Version = version(store)
		ticket := m.tickets[i][1]
		if store == m.reference {
			ticket = m.tickets[i][0]
		}
		got, err := store.Regrant(m.Context(), next, ticket)
		return said(got, err), err
	})
}

// names are those of a provider's sessions; "" is a provider that names none.
func (m *model) names() []string { return []string{"", "s1", "s2"} }

func (m *model) adopt(t tenant.ID, u session.UserID) bool {
	stranger := session.Stranger{
		Issuer: m.issuer, Name: m.names()[m.rand.IntN(3)], Tenant: t, User: u,
		// Far from the run, which is over within a minute: no call of it falls on a bound.
		IssuedAt:  m.started.Add(-time.Duration(m.rand.IntN(3)) * time.Hour).Truncate(time.Second),
		ExpiresAt: m.started.Add(time.Hour),
	}
	switch m.rand.IntN(3) {
	case 0:
		stranger.AuthTime = stranger.IssuedAt.Add(-time.Hour)
	case 1:
		stranger.AuthTime = m.started.Add(-time.Minute).Truncate(time.Second)
		stranger.IssuedAt = stranger.AuthTime
	}
	id := session.NewID()
	var ids [2]session.ID
	ok := m.both(fmt.Sprintf("Adopt %s of %v/%v %q iat %v auth %v", id.Fingerprint(), slices.Index(m.tenants, t), u, stranger.Name,
		m.started.Sub(stranger.IssuedAt).Round(time.Minute), !stranger.AuthTime.IsZero()),
		func(store session.Store) (string, error) {
			s := session.Session{
				ID: id, Tenant: t, User: u, IdleTimeout: time.Hour, AuthTime: stranger.SignIn(),
				Provider: session.NewProvider(session.ProviderClaims{Issuer: stranger.Issuer, IssuedAt: stranger.IssuedAt}),
			}
			got, err := store.Adopt(m.Context(), session.Adoption{Stranger: stranger, Session: s, Create: session.CreateOptions{
				Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 5, Policy: session.RejectNew}}})
			if store == m.reference {
				ids[0] = got.ID
			} else {
				ids[1] = got.ID
			}
			return said(got, err), err
		})
	if ok && !ids[0].IsZero() {
		m.refs = append(m.refs, session.Ref{Tenant: t, User: u, ID: ids[0]})
	}
	return ok
}
