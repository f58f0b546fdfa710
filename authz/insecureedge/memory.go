package insecureedge

import (
	"errors"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// remembered is a session as it was loaded.
type remembered struct {
	session session.Session
	at      instant // when that load began
}

// memory holds the sessions that were loaded, a bounded number of them, and what was refused.
type memory struct {
	max      int
	sessions map[session.Ref]remembered

	// refused is when a session was refused last, or one of a user, or a tenant: the parts of
	// the reference are zero then. Refusals before forgotten are no longer there.
	refused   map[session.Ref]instant
	forgotten instant
}

func newMemory(size int) memory {
	return memory{max: size, sessions: map[session.Ref]remembered{}, refused: map[session.Ref]instant{}, forgotten: instant{mono: -1 - staleness}}
}

// put remembers a session, in place of any other one where there are too many. Of two loads the
// one that began later counts.
func (m *memory) put(ref session.Ref, r remembered) {
	before, there := m.sessions[ref]
	if there && (before.at.mono > r.at.mono || before.session.Version > r.session.Version) {
		return
	}
	if !there && len(m.sessions) >= m.max {
		for other := range m.sessions {
			delete(m.sessions, other)
			break
		}
	}
	m.sessions[ref] = r
}

// refuse notes that a session is not to be remembered, whatever a load that began before says.
func (m *memory) refuse(of session.Ref, now instant) {
	delete(m.sessions, of)
	if len(m.refused) >= m.max {
		clear(m.refused)
		clear(m.sessions)
		m.forgotten = now
	}
	m.refused[of] = now
}

// end notes that the store refused a session. The change that ended it may have ended all of its
// user's that were loaded before, and all of its tenant's where that is suspended.
func (m *memory) end(ref session.Ref, err error, now instant) {
	delete(m.sessions, ref)
	if errors.Is(err, tenant.ErrSuspended) || errors.Is(err, tenant.ErrUnknown) {
		m.refuse(session.Ref{Tenant: ref.Tenant}, now)
		return
	}
	m.refuse(session.Ref{Tenant: ref.Tenant, User: ref.User}, now)
}

// get returns the session of ref, if nothing of its user's or tenant's was refused since it was
// loaded.
func (m *memory) get(ref session.Ref) (remembered, bool) {
	r, ok := m.sessions[ref]
	if !ok || !r.at.after(m.forgotten) {
		return remembered{}, false
	}
	for _, of := range []session.Ref{ref, {Tenant: ref.Tenant, User: ref.User}, {Tenant: ref.Tenant}} {
		if at, refused := m.refused[of]; refused && !r.at.after(at) {
			return remembered{}, false
		}
	}
	return r, true
}
