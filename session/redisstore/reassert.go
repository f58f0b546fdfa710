package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

const (
	// meetInterval is how often at most a read asks whose data the server has.
	meetInterval = time.Second

	// askAgain is when a check without an answer is made again.
	askAgain = meetInterval / 10

	// reassertChunk is how many scripts of a push are sent at once, so that Redis is kept
	// from others for a few milliseconds at most.
	reassertChunk = 100

	// keepServers is how many servers are remembered that were met: a cluster has one for
	// each master, and a failover adds one.
	keepServers = 1 << 10

	// pushRest is how many times as long as a push for a loss took none begins for another.
	pushRest = 9
)

// reassertion puts what an instance remembers back into a Redis that it has not met, or that has
// lost keys. A failover that lost a revocation is so undone for instances that never heard of it,
// without waiting until somebody who has asks for that very user.
type reassertion struct {
	asked  recent[int64] // when a read last asked a server, in ns since 1970; of a cluster each master is one
	synced generations   // ids of replications that have everything remembered before
	one    bool          // there is one server at a time, and only the one that was seen last is met

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows, and the start of running against close
	last   string     // the id that was seen last, where there is one server at a time
	busy   bool
	owed   bool      // keys were lost since the last push began that succeeded
	rested time.Time // before which no push begins for a loss
}

// due reports whether a read is to ask whose data a server has, once in meetInterval.
func (r *reassertion) due(server string, now time.Time) bool {
	late := func(last int64) bool {
		since := now.UnixNano() - last
		return since < 0 || since >= int64(meetInterval)
	}
	if !late(r.asked.get(server)) {
		return false
	}
	due := false
	r.asked.update(server, func(last int64) int64 {
		if due = late(last); due { // of several reads at once one asks
			return now.UnixNano()
		}
		return last
	})
	return due
}

// primaryCheck is that of a load to a server whose data it has. The zero check is made of none.
type primaryCheck struct {
	reassert *reassertion
	server   string
}

// unanswered has a load ask again soon: one that found no answer must not be what others wait for,
// nor each load of an outage bring a check along.
func (q primaryCheck) unanswered() {
	if q.reassert != nil {
		again := time.Now().Add(askAgain - meetInterval).UnixNano()
		q.reassert.asked.update(q.server, func(int64) int64 { return again })
	}
}

// due returns the check that a load of a key is to make of the server that has it, if any.
func (s *Store) due(ctx context.Context, key string) (primaryCheck, bool) {
	q := primaryCheck{reassert: &s.reassert}
	if !s.reassert.one {
		cluster, ok := s.client.raw.(*redis.ClusterClient)
		if !ok {
			return primaryCheck{}, false
		}
		master, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return primaryCheck{}, false
		}
		q.server = master.Options().Addr
	}
	if !s.reassert.due(q.server, time.Now()) {
		return primaryCheck{}, false
	}
	return q, true
}

// sees notes that a server was seen, and reports whether it is to be told what is remembered. Of one
// server at a time, the one before may come back, older than what this one has acknowledged: it counts
// as met no more, whether this one was told or not.
func (r *reassertion) sees(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.one && r.last != id {
		r.last = id
		r.synced.only(id, 0)
	}
	return r.synced.get(id) == 0
}

// begin runs push in the background, one at a time. A push that fails is begun again when
// the server is next met.
func (r *reassertion) begin(id string, push func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spawn(push, func() {
		switch {
		case !r.one:
			r.synced.max(id, 1)
		case r.last == id:
			r.synced.only(id, 1)
		}
	})
}

// owe notes that keys were lost, of a server that may be the one that was met.
func (r *reassertion) owe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed = true
}

// pushOwed runs push in the background when keys were lost since the last one. It is called after
// each check of a server. Where keys are lost all the time, pushes take a tenth of it at most.
func (r *reassertion) pushOwed(now time.Time, push func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed && !now.Before(r.rested) {
		r.spawn(push, func() { r.rested = time.Now().Add(pushRest * time.Since(now)) })
	}
}

// spawn runs push in the background unless one runs, and done after one that succeeded. The caller
// holds mu.
func (r *reassertion) spawn(push func(ctx context.Context) error, done func()) {
	if r.busy || r.ctx.Err() != nil {
		return
	}
	owed := r.owed
	r.busy, r.owed = true, false
	r.running.Go(func() {
		err := push(r.ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy = false
		if err != nil {
			r.owed = r.owed || owed
			return
		}
		done()
	})
}

func (r *reassertion) close() {
	r.mu.Lock() // no push begins after this
	r.cancel()
	r.mu.Unlock()
	r.running.Wait()
}

// meet takes the answer of primary.lua. A server that was not met before gets everything
// that is remembered.
func (s *Store) meet(answer any) {
	id, _ := answer.(string)
	if id == "" || !s.reassert.sees(id) {
		return
	}
	p := push{Store: s}
	if s.reassert.one {
		p.server = id
	}
	s.reassert.begin(id, p.putBack)
}

// push tells a server what is remembered.
type push struct {
	*Store
	server string // the id of the one server's replication; '' after a loss, and on a cluster, which routes calls
}

// errOtherServer means that a connection led to another server than the one that is told: a pool may
// have some of before a failover.
var errOtherServer = fmt.Errorf("%w: a connection leads to another server", session.ErrUnavailable)

// putBack puts back everything that is behind what is remembered, what concerns most
// sessions first: epochs and statuses are raised, and sessions that are older, or were ended
// and are there again, are ended. Values that are not behind are not changed.
func (s push) putBack(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		func(ctx context.Context) error { return s.putBackEpochs(ctx, &s.memory.shared) },
		s.putBackStatuses,
		s.putBackBlocks,
		func(ctx context.Context) error { return s.putBackEpochs(ctx, &s.memory.revoked) },
		s.putBackCuts,
		func(ctx context.Context) error { return s.putBackUsers(ctx, s.memory.made) },
		func(ctx context.Context) error { return s.putBackUsers(ctx, s.memory.read) },
		func(ctx context.Context) error { return s.putBackEpochs(ctx, &s.memory.seen) },
		func(ctx context.Context) error { return s.putBackSessions(ctx, s.memory.made) },
		func(ctx context.Context) error { return s.putBackSessions(ctx, s.memory.read) },
		s.putBackSignIns,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s push) putBackEpochs(ctx context.Context, remembered *generations) error {
	var raises []pending
	for key, epoch := range remembered.all() {
		sc := raiseScript
		if remembered == &s.memory.shared && key != s.names.global() {
			sc = tenantRaiseScript
		}
		raises = append(raises, pending{sc, []string{key}, []any{epoch}})
	}
	_, err := s.inChunks(ctx, raises)
	return err
}

func (s push) putBackStatuses(ctx context.Context) error {
	var restores []pending
	for key, known := range s.memory.statuses.all() {
		restores = append(restores, pending{tenantRestoreScript, []string{key}, []any{known.status.String(), known.version}})
	}
	_, err := s.inChunks(ctx, restores)
	return err
}

// putBackBlocks puts back blocks. That one was lifted is not: of two histories the stricter counts.
func (s push) putBackBlocks(ctx context.Context) error {
	var blocks []pending
	var users []userKeys
	for key, known := range s.memory.blocks.all() {
		if known.on {
			user := s.names.userAt(strings.TrimSuffix(key, "b"))
			users = append(users, user)
			blocks = append(blocks, pending{blockScript, blockKeys(user), restoreArgs(known)})
		}
	}
	answers, err := s.inChunks(ctx, blocks)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		if _, err := s.heedBlock(users[i], answer); err != nil {
			return err
		}
	}
	return nil
}

func (s push) putBackCuts(ctx context.Context) error {
	var raises []pending
	for key, cut := range s.memory.cuts.all() {
		raises = append(raises, pending{cutRaiseScript, []string{key}, []any{cut, s.cutKept(key)}})
	}
	_, err := s.inChunks(ctx, raises)
	return err
}

// putBackSignIns ends the sign-ins at a provider that have had a session and are not there.
func (s push) putBackSignIns(ctx context.Context) error {
	var notes, floors []pending
	var users []userKeys
	for user, own := range s.memory.signIns.links.users.all() {
		if floor := own.lowest(); floor != 0 {
			users = append(users, s.names.userAt(user))
			floors = append(floors, setBackOf(users[len(users)-1], 0, floor))
		}
	}
	if err := s.setUsersBack(ctx, users, floors); err != nil {
		return err
	}
	for link, known := range s.memory.signIns.links.values.all() {
		if known.as != 0 {
			notes = append(notes, pending{signInLostScript, []string{link, s.names.userOfLink(link).ends}, lostArgs(known.as, "")})
		}
	}
	if _, err := s.inChunks(ctx, notes); err != nil {
		return err
	}
	return s.endSignInsAgain(ctx)
}

// endSignInsAgain ends the named sign-ins that have ended, with the session that an instance which
// knew of nothing has made of one meanwhile.
func (s push) endSignInsAgain(ctx context.Context) error {
	var links []string
	var ends, revokes []pending
	for link, known := range s.memory.signIns.links.values.all() {
		if known.ended != 0 && known.as == linkedNamed {
			links = append(links, link)
			ends = append(ends, pending{signInEndScript, []string{link, s.names.userOfLink(link).ends}, []any{endsKept}})
		}
	}
	answers, err := s.inChunks(ctx, ends)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		r := newReply(answer, 3)
		r.must()
		member, linked := r.text()
		r.change()
		if r.err != nil {
			return r.err
		}
		if linked {
			user := s.names.userOfLink(links[i])
			keys := user.member(member)
			revokes = append(revokes, pending{revokeScript, revokeKeys(user, keys), []any{keys.member, "", string(session.EventStoreBehind), 0}})
		}
	}
	_, err = s.inChunks(ctx, revokes)
	return err
}

// putBackUsers ends all sessions of the users that have changed more than is remembered one
// by one, where Redis does not know of the last change.
func (s push) putBackUsers(ctx context.Context, remembered *stamps) error {
	var users []userKeys
	var ends []pending
	for base, share := range remembered.users.all() {
		if share.last != 0 {
			users = append(users, s.names.userAt(base))
			ends = append(ends, setBackOf(users[len(users)-1], share.last, 0))
		}
	}
	return s.setUsersBack(ctx, users, ends)
}

func (s push) setUsersBack(ctx context.Context, users []userKeys, calls []pending) error {
	answers, err := s.inChunks(ctx, calls)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		if _, err := s.heedSetBack(users[i], answer); err != nil {
			return err
		}
	}
	return nil
}

func (s push) putBackSessions(ctx context.Context, remembered *stamps) error {
	var records []string
	var known []stamp
	var looks []pending
	for record, m := range remembered.sessions.all() {
		_, keys := s.names.ofRecord(record)
		records, known = append(records, record), append(known, m)
		looks = append(looks, pending{lookScript, []string{record, keys.refresh}, []any{m.steps}})
	}
	found, err := s.inChunks(ctx, looks)
	if err != nil {
		return err
	}
	var ends []pending
	for i, record := range records {
		r := newReply(found[i], 2)
		version, there := r.number()
		sealed, _ := r.text()
		if r.err != nil {
			return r.err
		}
		if there && known[i].outdates(version, sealed) {
			user, keys := s.names.ofRecord(record)
			ends = append(ends, pending{revokeScript, revokeKeys(user, keys), []any{keys.member, "", string(session.EventStoreBehind), 0}})
		}
	}
	_, err = s.inChunks(ctx, ends)
	return err
}

// pending is a script and what it is called with.
type pending struct {
	script
	keys []string
	args []any
}

// inChunks makes the calls, many in one round trip, and returns their answers in order. Each
// chunk has the budget of a call, and says in the same round trip which server it has reached.
func (s push) inChunks(ctx context.Context, calls []pending) ([]any, error) {
	var all []any
	for chunk := range slices.Chunk(calls, reassertChunk) {
		bounded, cancel := s.within(ctx)
		answers, err := batch(bounded, s.client, func(eval bool) []*call {
			made := make([]*call, len(chunk), len(chunk)+1)
			for i, c := range chunk {
				made[i] = c.call(bounded, eval, c.keys, c.args...)
			}
			if s.server != "" {
				made = append(made, primaryScript.call(bounded, eval, []string{s.names.canary(0)}))
			}
			return made
		})
		cancel()
		if err != nil {
			return nil, err
		}
		if s.server != "" && answers[len(chunk)] != any(s.server) {
			return nil, errOtherServer
		}
		all = append(all, answers[:len(chunk)]...)
	}
	return all, nil
}
