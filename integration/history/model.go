package history

import (
	"cmp"
	"slices"
	"time"
)

// model has the sessions and tenants of a history, by calls in the order of their
// invocation.
type model struct {
	sessions map[string]*life
	users    map[owner][]Call  // RevokeOthers and RevokeUser
	tenants  map[string][]Call // RevokeTenant
	everyone []Call            // RevokeAll
	statuses map[string][]Call // Suspend and Activate of each tenant, which come one after the other
	blocks   map[owner][]Call  // Block and Unblock of each user, likewise
	grants   map[owner][]Call  // Regrant and StaleTenant, likewise
	signIns  map[string]*signIn
	named    map[string][]Call // EndSignIn, by the provider's session
	persons  map[person][]Call // RevokePerson
	granted  bool              // see Rules
}

// signIn is one at a provider.
type signIn struct {
	from   time.Duration // when it was first presented
	person person
	name   string  // of the provider's session, "" for none
	lives  []*life // those that it has had, by whatever id
	calls  []Call
}

// person is a user of a provider, in whatever tenant.
type person struct{ issuer, user string }

// owner is a user of a tenant.
type owner struct{ tenant, user string }

// life is the course of one session whose beginning was acknowledged.
type life struct {
	id     string
	owner  owner
	born   Call // by a Create or a Move
	former *life
	calls  []Call // of the session itself

	// from and since are when the sign-in was invoked, and returned, that became this session
	// by rotations: an epoch that moves on later ends it, at whatever time it rotates.
	from, since time.Duration

	next      *life                 // with a grace: the one that took its place
	rotated   *life                 // the same session, by its next id
	changed   []time.Duration       // when it was first seen with what changes it when it is next used
	ending    []Call                // the calls that may have ended it, each with any outcome
	states    map[int]Call          // the calls that made its steps
	sightings map[string][]sighting // by instance, in the order of their return
	claims    map[string][]Call     // by issuer, the adoptions that made a session of the owner's, and none where others were tried
}

// sighting is the highest step that an instance has seen by a time.
type sighting struct {
	at   time.Duration
	step int
}

func newModel(calls []Call, granted bool) *model {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.Invoked, b.Invoked) })
	m := &model{
		sessions: map[string]*life{}, users: map[owner][]Call{}, tenants: map[string][]Call{}, statuses: map[string][]Call{},
		blocks: map[owner][]Call{}, grants: map[owner][]Call{}, signIns: map[string]*signIn{}, granted: granted,
		named: map[string][]Call{}, persons: map[person][]Call{},
	}
	for _, c := range calls { // births first: a session is used by others before its Create is added
		switch {
		case c.Kind == Create && c.Answer == Done:
			m.sessions[c.Session] = &life{id: c.Session, owner: owner{c.Tenant, c.User}, born: c, from: c.Invoked, since: c.Returned}
		case c.Kind == Move && c.Answer == Done:
			m.move(c)
		}
	}
	for _, c := range calls {
		if c.Kind == Adopt {
			m.adopt(c)
		}
	}
	for _, c := range calls {
		if c.Kind == Move && c.Answer == Done {
			m.succeed(c)
		}
	}
	for _, c := range calls {
		m.take(c)
	}
	claims := map[owner]map[string][]Call{}
	for _, c := range calls {
		if of := (owner{c.Tenant, c.User}); c.Kind == Adopt { // one that is refused may be noted as well
			if claims[of] == nil {
				claims[of] = map[string][]Call{}
			}
			claims[of][c.Issuer] = nil
		}
	}
	for _, l := range m.sessions {
		if l.born.Kind == Adopt {
			claims[l.owner][l.born.Issuer] = append(claims[l.owner][l.born.Issuer], l.born)
		}
	}
	for _, l := range m.sessions {
		l.claims = claims[l.owner]
		l.prepare(m)
	}
	for _, s := range m.signIns {
		for _, l := range s.lives {
			for ; l != nil; l = l.rotated {
				l.ending = append(l.ending, m.named[s.name]...)
			}
		}
	}
	return m
}

func (m *model) move(c Call) {
	next := &life{id: c.Next, owner: owner{c.Tenant, c.User}, born: c, from: c.Invoked, since: c.Returned, former: m.sessions[c.Session]}
	if c.To != "" {
		next.owner.tenant = c.To
	} else if next.former != nil {
		next.from, next.since = next.former.from, next.former.since
	}
	m.sessions[c.Next] = next
}

// succeed has the session that took the place of another one begin with that one, whichever was
// told of first.
func (m *model) succeed(c Call) {
	next, former := m.sessions[c.Next], m.sessions[c.Session]
	if former == nil {
		return
	}
	next.former = former
	if c.Graced {
		former.next = next
	}
	if c.To == "" {
		former.rotated = next
		next.from, next.since = min(next.from, former.from), min(next.since, former.since)
	}
}

// adopt notes a sign-in at a provider. Several adopt it at once: the first of them may have made
// its session.
func (m *model) adopt(c Call) {
	s := m.signIns[c.SignIn]
	if s == nil {
		s = &signIn{from: c.Invoked, person: person{c.Issuer, c.User}, name: c.Name}
		m.signIns[c.SignIn] = s
	}
	s.calls = append(s.calls, c)
	if c.Answer != Done {
		return
	}
	l := m.sessions[c.Session]
	if l == nil {
		l = &life{id: c.Session, owner: owner{c.Tenant, c.User}, born: c, from: s.from, since: c.Returned}
		m.sessions[c.Session] = l
	}
	l.since = min(l.since, c.Returned)
	if !slices.Contains(s.lives, l) {
		s.lives = append(s.lives, l)
	}
}

func (m *model) take(c Call) {
	of := owner{c.Tenant, c.User}
	switch c.Kind {
	case RevokeOthers, RevokeUser:
		m.users[of] = append(m.users[of], c)
	case Block:
		m.users[of] = append(m.users[of], c)
		m.blocks[of] = append(m.blocks[of], c)
	case Unblock:
		m.blocks[of] = append(m.blocks[of], c)
	case Regrant, StaleTenant:
		m.grants[of] = append(m.grants[of], c)
	case EndSignIn:
		m.named[c.Name] = append(m.named[c.Name], c)
	case RevokePerson:
		of := person{c.Issuer, c.User}
		m.persons[of] = append(m.persons[of], c)
	case RevokeTenant:
		m.tenants[c.Tenant] = append(m.tenants[c.Tenant], c)
	case RevokeAll:
		m.everyone = append(m.everyone, c)
	case Suspend, Activate:
		m.statuses[c.Tenant] = append(m.statuses[c.Tenant], c)
	}
	if l := m.sessions[c.Session]; l != nil && c.Kind != RevokeOthers {
		l.calls = append(l.calls, c)
	}
}

// prepare finds what may have ended a session, its states, and who saw them.
func (l *life) prepare(m *model) {
	l.states = map[int]Call{l.born.Made: l.born}
	if m.granted {
		l.states = map[int]Call{1: {Made: 1, Role: true}} // of everybody
		for _, c := range m.grants[l.owner] {
			l.states[c.Made] = c
		}
	}
	l.sightings = map[string][]sighting{}
	highest, issued := 0, time.Duration(0)
	for _, c := range l.calls {
		if c.Kind == Adopt && c.Answer == Done && c.Issued > issued { // by a later sign-in
			issued = c.Issued
			l.changed = append(l.changed, c.Returned)
		}
		if m.granted && c.Answer == Done && c.Saw > highest {
			highest = c.Saw
			l.changed = append(l.changed, c.Returned)
		}
		switch c.Kind {
		case Revoke, Move:
			l.ending = append(l.ending, c)
		case Refresh:
			if c.Answer == Reused || c.Answer == Unknown {
				l.ending = append(l.ending, c)
			}
		case Update:
			l.states[c.Made] = c
		}
		if c.Saw > 0 && c.Answer == Done {
			l.sightings[c.By] = append(l.sightings[c.By], sighting{c.Returned, c.Saw})
		}
	}
	for _, group := range [][]Call{m.users[l.owner], m.tenants[l.owner.tenant], m.everyone} {
		for _, c := range group {
			if c.Kind != RevokeOthers || !l.spared(c) {
				l.ending = append(l.ending, c)
			}
		}
	}
	for issuer := range l.claims {
		l.ending = append(l.ending, m.persons[person{issuer, l.owner.user}]...)
	}
	for _, seen := range l.sightings {
		slices.SortFunc(seen, func(a, b sighting) int { return cmp.Compare(a.at, b.at) })
		for i := 1; i < len(seen); i++ {
			seen[i].step = max(seen[i].step, seen[i-1].step)
		}
	}
}

// spared reports whether a RevokeOthers keeps the session, under whatever id it has then.
func (l *life) spared(others Call) bool {
	for ; l != nil; l = l.former {
		if l.id == others.Session {
			return true
		}
	}
	return false
}

// ends reports whether a call that may have ended the session has, once it is acknowledged.
func (l *life) ends(c Call) bool {
	if c.Kind == Refresh {
		return c.Answer == Reused
	}
	return c.Answer == Done && (c.Session == l.id && c.Kind != RevokeOthers || c.Invoked >= l.since)
}

// mayEnd reports whether a call can have ended the session by then, whatever its answer said.
// One of a whole group may arrive late, and then meets sessions that began meanwhile.
func (l *life) mayEnd(c Call, by, late time.Duration) bool {
	switch {
	case c.Invoked > by || c.Answer != Done && c.Answer != Unknown && c.Answer != Reused:
		return false
	case c.Session == l.id && c.Kind != RevokeOthers:
		return true
	case c.Answer == Unknown:
		return l.from <= c.Returned+late
	}
	return l.from <= c.Returned
}

// mayHaveMoved reports whether a move of the session without an answer was invoked before a time.
func (l *life) mayHaveMoved(before time.Duration) bool {
	return slices.ContainsFunc(l.calls, func(c Call) bool { return c.Kind == Move && c.Answer == Unknown && c.Invoked < before })
}

// highest returns the highest step that an instance had seen before a time.
func (l *life) highest(by string, before time.Duration) int {
	seen := l.sightings[by]
	i, _ := slices.BinarySearchFunc(seen, before, func(s sighting, t time.Duration) int { return cmp.Compare(s.at, t) })
	if i == 0 {
		return 0
	}
	return seen[i-1].step
}

// lastStatus returns the calls that decide about a tenant for a call that returned at a
// time: those of the last status, in the order of their invocation. Earlier ones of another
// status are over once one of these is acknowledged.
func (m *model) lastStatus(tenant string, returned time.Duration) []Call {
	return lastOf(m.statuses[tenant], returned)
}

// lastOf is lastStatus of calls of two kinds.
func lastOf(all []Call, returned time.Duration) []Call {
	end, _ := slices.BinarySearchFunc(all, returned, func(c Call, t time.Duration) int { return cmp.Compare(c.Invoked, t) })
	begin := end
	for begin > 0 && all[begin-1].Kind == all[end-1].Kind {
		begin--
	}
	return all[begin:end]
}
