package redisstore

import "hash/crc32"

// stamp is the newest that an instance knows of a session. An answer of Redis about the session
// counts only when it is not older.
type stamp struct {
	gone    bool   // it was ended
	version uint64 // of its record
	print   uint32 // of the sealed record of that version
	steps   uint64 // of its refresh family
}

// stampOf is the stamp of a record as it is stored.
func stampOf(version uint64, sealed string) stamp {
	return stamp{version: version, print: fingerprint(sealed)}
}

// fingerprint tells two records of one version apart: after a Redis that was set back, two
// histories can have both. Each record has a nonce of its own.
func fingerprint(sealed string) uint32 {
	o := openings.Get().(*opening)
	defer o.done()
	o.sealed = append(o.sealed[:0], sealed...)
	return crc32.ChecksumIEEE(o.sealed)
}

// raised returns the newer of two stamps, part by part.
func (m stamp) raised(n stamp) stamp {
	m.gone = m.gone || n.gone
	if n.version > m.version {
		m.version, m.print = n.version, n.print
	}
	m.steps = max(m.steps, n.steps)
	return m
}

// outdates reports whether a stored record is not the newest one that is known, or is of a
// session that was ended.
func (m stamp) outdates(version uint64, sealed string) bool {
	return m.gone || version < m.version || version == m.version && fingerprint(sealed) != m.print
}

// userShare is how many sessions of one user are remembered one by one in each kind of stamps,
// so that no user pushes out what is remembered of others.
const userShare = 32

// share has the stamps of one user.
type share struct {
	stamps uint32
	last   uint64 // the user's last change that no stamp remembers, 0 for none
}

// stamps are the stamps of sessions, with a fair share for each user. Beyond it a user is
// remembered by the last change: a Redis that does not know of it is behind, and all of the
// user's sessions are ended.
type stamps struct {
	sessions recent[stamp] // by the name of the record
	users    recent[share] // by the base of the names
}

func newStamps(limit int) *stamps {
	return &stamps{sessions: recent[stamp]{limit: limit}, users: recent[share]{limit: limit}}
}

// raise remembers n of a session of user, which a change made that has the number change, 0
// when it is not known.
func (m *stamps) raise(user userKeys, record string, n stamp, change uint64) {
	if m.sessions.get(record) == (stamp{}) && !m.admit(user.base, change) {
		return
	}
	m.sessions.update(record, func(held stamp) stamp { return held.raised(n) })
}

// changed remembers a change of a user that no stamp remembers.
func (m *stamps) changed(user string, change uint64) {
	m.users.update(user, func(held share) share {
		held.last = max(held.last, change)
		return held
	})
}

// admit reports whether a user has room for one more stamp, and otherwise remembers the change.
func (m *stamps) admit(user string, change uint64) bool {
	admitted := false
	m.users.update(user, func(held share) share {
		admitted = held.stamps < userShare || change == 0
		switch {
		case held.stamps < userShare:
			held.stamps++
		default:
			held.last = max(held.last, change)
		}
		return held
	})
	return admitted
}
