package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// madeRoom reads what a sign-in has ended, and remembers it. It returns the number of changes of
// sign-ins at providers, 0 for a session that is not of one.
func (s *Store) madeRoom(ctx context.Context, user userKeys, answer []any) (signIns uint64, err error) {
	list, err := members(answer)
	if err != nil || len(list) < 2 {
		return 0, errors.Join(err, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt))
	}
	if list[1] != "" {
		var ok bool
		if signIns, ok = parseNumber(list[1]); !ok {
			return 0, fmt.Errorf("%w: not a number", session.ErrCorrupt)
		}
	}
	if list[0] != "" {
		oldest, ok := parseNumber(list[0])
		if !ok {
			return 0, fmt.Errorf("%w: not a number", session.ErrCorrupt)
		}
		s.memory.limited(user.order, oldest)
		s.countChange(ctx, user)
	}
	s.ended(ctx, user, list[2:])
	return signIns, nil
}

// policyLimited is that of a sign-in which has ended some of too many before it is stored, with one
// event for all of them.
const policyLimited = "limited"

// endedBefore remembers what a sign-in at a lowered limit has ended before it is stored, and returns
// the policy of its next step. oldest is as in madeRoom, and "" where nothing was live that ended.
func (s *Store) endedBefore(ctx context.Context, user userKeys, oldest any, policy string) (string, error) {
	if oldest == "" {
		return policy, nil
	}
	text, _ := oldest.(string)
	number, ok := parseNumber(text)
	if !ok {
		return "", fmt.Errorf("%w: not a number", session.ErrCorrupt)
	}
	s.memory.limited(user.order, number)
	if policy != policyLimited { // the last step counts as well
		s.countChange(ctx, user)
	}
	return policyLimited, nil
}

// forgetDead takes those of a user's 100 oldest sessions off the index that ended with the
// tenant or everyone, whose epochs the script does not see, and returns how many: sessions that
// ended with them are older than live ones. Dead sessions stay dead. On a cluster the tenant
// may be read a moment before the index: a session of a sign-in right after a revocation of the
// tenant is then taken for one of before it, and the user, who is signing in at that limit,
// signs in again.
func (s *Store) forgetDead(ctx context.Context, t tenant.ID, u session.UserID, user userKeys) (int, error) {
	listed, err := s.page(ctx, user, oldestFirst, "0", "+inf")
	if err != nil {
		return 0, err
	}
	sessions, _, err := s.listMembers(ctx, t, u, user, listed.members)
	if err != nil {
		return 0, err
	}
	live := make(map[string]bool, len(sessions))
	for _, l := range sessions {
		live[l.member] = true
	}
	var dead []any
	for _, m := range listed.members {
		if !live[m] {
			dead = append(dead, m)
		}
	}
	if len(dead) == 0 {
		return 0, nil
	}
	return len(dead), s.expect(ctx, forgetScript, []string{user.index, user.order, user.acts}, dead...)
}
