package redisstore

import (
	"maps"
	"strings"
)

// cutMemory is the latest cuts that an instance knows: those of tenants and everyone, of which
// there are few, of users and persons, who have one each, and of sign-ins, with a fair share for
// each user. A sign-in that is not remembered here is as one of the user: see [signIns].
type cutMemory struct {
	shared, owned generations
	named         *portions[uint64] // by the key
	unowned       generations       // of sign-ins that nobody has presented a token of
}

func newCutMemory() *cutMemory {
	m := &cutMemory{named: newPortions[uint64](keepRevoked)}
	m.shared.limit, m.owned.limit, m.unowned.limit = keepShared, keepRevoked, keepRevoked
	return m
}

// of returns where the cut is remembered that has a key and is not of a sign-in.
func (m *cutMemory) of(key string) *generations {
	if strings.Contains(key, ":{u-") || strings.Contains(key, ":{n-") {
		return &m.owned
	}
	return &m.shared
}

func (m *cutMemory) get(key string) uint64 {
	return max(m.of(key).get(key), m.named.get(key), m.unowned.get(key))
}

// max remembers a cut that is not of a sign-in.
func (m *cutMemory) max(key string, cut uint64) { m.of(key).max(key, cut) }

// maxNamed remembers the cut of a sign-in of a user, named by the base of the names, or of one that
// is not known to be anybody's.
func (m *cutMemory) maxNamed(user, key string, cut uint64) {
	switch {
	case cut == 0:
	case user == "":
		m.unowned.max(key, cut)
	default:
		m.unowned.forget(key)
		m.named.update(user, key, 0, func(held uint64) uint64 { return max(held, cut) }, nil)
	}
}

// all returns every cut that is remembered.
func (m *cutMemory) all() map[string]uint64 {
	all := m.unowned.all()
	maps.Copy(all, m.named.values.all())
	maps.Copy(all, m.owned.all())
	maps.Copy(all, m.shared.all())
	return all
}
