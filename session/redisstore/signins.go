package redisstore

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
)

// signInShare is how many sign-ins at providers are remembered one by one of each user.
const signInShare = 32

// portions are values of keys, with a fair share for each user. A user over the share pushes out
// their own oldest keys and no others.
type portions[V comparable] struct {
	values recent[V]
	users  recent[*portion]
	swept  atomic.Uint64 // the turn of the values at which the portions were swept
}

func newPortions[V comparable](limit int) *portions[V] {
	return &portions[V]{values: recent[V]{limit: limit}, users: recent[*portion]{limit: limit}}
}

// portion is the share of one user.
type portion struct {
	mu    sync.Mutex
	held  []numbered // the oldest first
	floor floor
}

// numbered is a key and the number of the change that it is remembered for, 0 for none.
type numbered struct {
	key    string
	number uint64
}

// floor is the number of the last change of which a user's key was pushed out, 0 for none, and
// the local time of that, with the monotonic clock: one that is set forward must not outdate it.
type floor struct {
	number uint64
	at     time.Time
}

func (p *portions[V]) get(key string) V { return p.values.get(key) }

// update replaces the value of a key of user by what next makes of it. pushed is called for what
// that pushes out.
func (p *portions[V]) update(user, key string, number uint64, next func(held V) V, pushed func(key string, value V)) {
	p.keep(user, key, number, next, pushed)
	if turn := p.values.turned(); turn != p.swept.Load() && p.swept.Swap(turn) != turn {
		p.sweep()
	}
}

// sweep takes keys off the portions whose values were forgotten, so that there are no more than of
// values: users who have signed in a few times each would hold many times as much.
func (p *portions[V]) sweep() {
	var none V
	for _, own := range p.users.all() {
		own.mu.Lock()
		own.held = slices.Clip(slices.DeleteFunc(own.held, func(n numbered) bool { return p.values.get(n.key) == none }))
		own.mu.Unlock()
	}
}

func (p *portions[V]) keep(user, key string, number uint64, next func(held V) V, pushed func(key string, value V)) {
	own := p.users.update(user, func(held *portion) *portion {
		if held == nil {
			return &portion{}
		}
		return held
	})
	own.mu.Lock()
	defer own.mu.Unlock()
	for i := range own.held {
		if own.held[i].key == key {
			own.held[i].number = max(own.held[i].number, number)
			p.values.update(key, next)
			return
		}
	}
	if len(own.held) >= signInShare {
		oldest := own.held[0]
		own.held = append(own.held[:0], own.held[1:]...)
		if oldest.number > own.floor.number {
			own.floor = floor{oldest.number, time.Now()}
		}
		if value := p.values.get(oldest.key); pushed != nil {
			pushed(oldest.key, value)
		}
		p.values.forget(oldest.key)
	}
	own.held = append(own.held, numbered{key, number})
	p.values.update(key, next)
}

// floorOf returns the floor of a user, 0 for none and for one of so long ago that Redis need not
// know of it any more.
func (p *portions[V]) floorOf(user string) uint64 {
	if own := p.users.get(user); own != nil {
		return own.lowest()
	}
	return 0
}

func (p *portion) lowest() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.floor.at) > session.EndsKept-time.Hour {
		return 0
	}
	return p.floor.number
}

// linked is the remembered state of a sign-in at a provider.
type linked struct {
	as     uint64     // linkedNamed or linkedUnnamed, 0 when it is not known
	ended  uint64     // when in µs its last session ended, 0 for none
	id     session.ID // of its session
	record string     // the name of the record of that
}

// The record of a sign-in that has a session.
const (
	linkedNamed   = 1
	linkedUnnamed = 2
)

func linkedAs(name string) uint64 {
	if name == "" {
		return linkedUnnamed
	}
	return linkedNamed
}

// signIns is an instance's memory of sign-ins at providers, with a fair share for each user.
// Beyond it a user is remembered by how many changes of sign-ins there were: a Redis that does
// not know of so many is behind, all of the user's sessions are ended, and a sign-in that is not
// known there has to be later, or it is refused. See set_back.lua.
type signIns struct {
	links *portions[linked] // by the key of the link
	bonds recent[string]    // the key of the link, by the name of the record
}

func newSignIns(limit int) *signIns {
	return &signIns{links: newPortions[linked](limit), bonds: recent[string]{limit: limit}}
}

func (m *signIns) get(link string) linked { return m.links.get(link) }

func (m *signIns) update(link string, number uint64, next func(held linked) linked) {
	m.links.update(baseOfLink(link), link, number, next, func(key string, pushed linked) {
		if pushed.record != "" && m.bonds.get(pushed.record) == key {
			m.bonds.forget(pushed.record)
		}
	})
}

// bind remembers which session a sign-in at a provider has, of so many changes of sign-ins.
func (m *signIns) bind(link string, as uint64, id session.ID, record string, number uint64) {
	m.update(link, number, func(held linked) linked {
		held.as, held.id, held.record = max(held.as, as), id, record
		return held
	})
	m.bonds.update(record, func(string) string { return link })
}

// rebind remembers that a rotation has moved the session of a sign-in at a provider. The end of what
// is left of the old one is no end of the sign-in.
func (m *signIns) rebind(link string, id session.ID, from, to string, number uint64) {
	m.bind(link, 0, id, to, number)
	m.bonds.forget(from)
}

// end remembers that a sign-in has ended, at a time in µs.
func (m *signIns) end(link string, as, at, number uint64) {
	m.update(link, number, func(held linked) linked {
		held.as, held.ended = max(held.as, as), max(held.ended, at)
		return held
	})
}

// endOf remembers that the session with a record has ended, and so its sign-in, if there is one.
func (m *signIns) endOf(record string, at uint64) {
	if link := m.bonds.get(record); link != "" {
		m.end(link, 0, at, 0)
	}
}

// outdates reports whether the session of a sign-in cannot be live: it has ended, and the
// store did not know that when it made this one.
func (m *signIns) outdates(link, name string, since time.Time) bool {
	end := m.get(link).ended
	if name != "" {
		return end != 0
	}
	return int64(end) > since.UnixMicro() && end != 0
}
