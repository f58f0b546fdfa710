package redisstore

import "hash/crc32"

// mark is the newest that an instance knows of a session. What Redis says of the session
// counts only when it is not older.
type mark struct {
	gone    bool   // it was ended
	version uint64 // of its record
	print   uint32 // of the sealed record of that version
	steps   uint64 // of its refresh family
}

// markOf is the mark of a record as it is stored.
func markOf(version uint64, sealed string) mark {
	return mark{version: version, print: fingerprint(sealed)}
}

// fingerprint tells two records of one version apart: after a Redis that was set back, two
// histories can have both. Each record has a nonce of its own.
func fingerprint(sealed string) uint32 { return crc32.ChecksumIEEE([]byte(sealed)) }

// raised returns the newer of two marks, part by part.
func (m mark) raised(n mark) mark {
	m.gone = m.gone || n.gone
	if n.version > m.version {
		m.version, m.print = n.version, n.print
	}
	m.steps = max(m.steps, n.steps)
	return m
}

// outdates reports whether a stored record is not the newest one that is known, or is of a
// session that was ended.
func (m mark) outdates(version uint64, sealed string) bool {
	return m.gone || version < m.version || version == m.version && fingerprint(sealed) != m.print
}

// userShare is how many sessions of one user are remembered one by one in each kind of marks,
// so that no user pushes out what is remembered of others.
const userShare = 32

// share is what a user has of the marks.
type share struct {
	marks uint32
	last  uint64 // the user's last change that no mark remembers, 0 for none
}

// marks are the marks of sessions, with a fair share for each user. Beyond it a user is
// remembered by the last change: a Redis that does not know of it is behind, and all of the
// user's sessions are ended.
type marks struct {
	sessions recent[mark]  // by the name of the record
	users    recent[share] // by the base of the names
}

func newMarks(limit int) *marks {
	return &marks{sessions: recent[mark]{limit: limit}, users: recent[share]{limit: limit}}
}

// raise remembers n of a session of user, which a change made that has the number change, 0
// when it is not known.
func (m *marks) raise(user userKeys, record string, n mark, change uint64) {
	if m.sessions.get(record) == (mark{}) && !m.admit(user.base, change) {
		return
	}
	m.sessions.update(record, func(held mark) mark { return held.raised(n) })
}

// admit reports whether a user has room for one more mark, and otherwise remembers the change.
func (m *marks) admit(user string, change uint64) bool {
	admitted := false
	m.users.update(user, func(held share) share {
		admitted = held.marks < userShare || change == 0
		switch {
		case held.marks < userShare:
			held.marks++
		default:
			held.last = max(held.last, change)
		}
		return held
	})
	return admitted
}
