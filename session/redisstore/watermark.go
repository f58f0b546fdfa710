package redisstore

import "github.com/reevehq/reeve/session"

// limited remembers that a sign-in has ended all sessions of a user, named by the key of their
// order, that are older than oldest, the µs of when the oldest was created that is kept: more
// than could be named one by one. Sessions by which others act as the user are none of them.
// A server that has forgotten it is told by the last change of the user: see countChange.
func (m *memory) limited(order string, oldest uint64) { m.limits.max(order, oldest) }

// beyondLimit reports a session that ended so.
func (m *memory) beyondLimit(user userKeys, found session.Session) bool {
	oldest := m.limits.get(user.order)
	return oldest != 0 && found.Actors.Len() == 0 && found.CreatedAt.UnixMicro() < int64(oldest)
}
