package insecureedge

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// listText is the signed text of revocations: all that were announced from Since to Issued.
// It names nobody: topics are keyed digests.
type listText struct {
	Store   []byte    `json:"store"` // see storeOf
	Since   time.Time `json:"since"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	All     time.Time `json:"all,omitzero"` // of the last change that concerned everyone
	Changes []change  `json:"changes"`
}

// storeOf tells stores apart: topics under other keys would match no session, and a list of them
// would revoke nothing.
func storeOf(feed session.Feed) []byte {
	sum := sha256.Sum256([]byte(feed.Topics(session.Ref{Tenant: tenant.MustParse("insecureedge")}).Tenant))
	return sum[:]
}

// change is that sessions announced under a topic changed or ended, last at that time.
type change struct {
	Scope session.Scope `json:"scope"`
	Topic string        `json:"topic"`
	At    time.Time     `json:"at"`
}

// topic is the subject of a change.
type topic struct {
	scope session.Scope
	name  string
}

// heldList is a list that a node has accepted.
type heldList struct {
	since, issued, expires, all time.Time
	changes                     map[topic]time.Time
	at                          instant
}

// AcceptRevocations takes a signed list of revocations in place of the one before. A list that is
// refused changes nothing.
func (n *Node) AcceptRevocations(signed []byte) error {
	var text listText
	if err := open(n.cfg.Keys, kindRevocations, signed, &text); err != nil {
		return err
	}
	now := n.clock()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.list != nil && !text.Issued.After(n.list.issued):
		return ErrOlder
	case text.Issued.After(now.wall.Add(clockSkew)) || !now.wall.Before(text.Expires) || !n.floor.holds(now):
		return ErrExpired
	case !bytes.Equal(text.Store, storeOf(n.cfg.Feed)):
		return fmt.Errorf("%w: a list of another store, or under other keys", ErrInvalid)
	case text.Expires.Sub(text.Issued) > MaxListLifetime || text.Since.IsZero() || text.Issued.Before(text.Since):
		return fmt.Errorf("%w: its times", ErrInvalid)
	}
	list := &heldList{text.Since, text.Issued, text.Expires, text.All, make(map[topic]time.Time, len(text.Changes)), now}
	for _, c := range text.Changes {
		key := topic{c.Scope, c.Topic}
		switch c.Scope {
		case session.ScopeSession, session.ScopeUser, session.ScopeTenant:
			if list.changes[key].Before(c.At) {
				list.changes[key] = c.At
			}
		default:
			if list.all.Before(c.At) {
				list.all = c.At
			}
		}
	}
	n.list = list
	return nil
}

// goodAt reports whether the list may be believed.
func (l *heldList) goodAt(now instant) bool {
	return l != nil && now.wall.Before(l.expires) && l.at.steady(now) && now.since(l.at) < min(MaxListLifetime, l.expires.Sub(l.at.wall))
}

// clears reports whether a session that was loaded then is as it was, as far as the list goes.
func (l *heldList) clears(loaded time.Time, of session.Topics) bool {
	earliest := loaded.Add(-clockSkew - staleness)
	if earliest.Before(l.since) || !l.all.Before(earliest) {
		return false
	}
	for _, t := range []topic{{session.ScopeSession, of.Session}, {session.ScopeUser, of.User}, {session.ScopeTenant, of.Tenant}} {
		if at, changed := l.changes[t]; changed && !at.Before(earliest) {
			return false
		}
	}
	return true
}
