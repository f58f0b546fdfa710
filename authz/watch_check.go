package authz

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var errUnknown = fmt.Errorf("authz: nothing is known of the session: %w", session.ErrUnavailable)

// peekChunk is how many sessions are asked about at once.
const peekChunk = 100

// work checks one user after the other until ctx is over.
func (g *StreamGuard) work(ctx context.Context) {
	for {
		u := g.next(ctx)
		if u == nil {
			return
		}
		streams := g.begin(u)
		if len(streams) == 0 {
			g.finish(u, nil, false) // and out of the queue
			continue
		}
		g.finish(u, g.check(ctx, u, streams), true)
	}
}

// next waits for the turn of a user and until it is due. It returns nil when the watch
// is closed.
func (g *StreamGuard) next(ctx context.Context) *watched {
	u := g.turn()
	if u == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(u.due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return u
	case <-ctx.Done():
		return nil
	}
}

// turn takes the first of the queue whose tenant may have one more check, and nil when the watch
// is closed. The others are parked, so that a tenant with many streams, or whose checks take
// long, leaves workers to the rest.
func (g *StreamGuard) turn() *watched {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		for len(g.queue) == 0 && len(g.ready) == 0 && !g.closed {
			g.some.Wait()
		}
		if g.closed {
			return nil
		}
		from := &g.queue
		if len(g.ready) > 0 {
			from = &g.ready
		}
		u := (*from)[0]
		(*from)[0] = nil
		*from = (*from)[1:]
		if u.of.running < g.share() {
			u.of.running++
			return u
		}
		u.of.parked = append(u.of.parked, u)
	}
}

// share is how many checks of one tenant run at once. The lock is held.
func (g *StreamGuard) share() int {
	all := g.cfg.Concurrency
	if len(g.tenants) < 2 {
		return all
	}
	return max(1, all-max(1, all/4))
}

// finish gives the turn of u back, and schedules its next check.
func (g *StreamGuard) finish(u *watched, err error, again bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if again {
		u.err = err
		g.schedule(u)
	}
	u.of.running--
	if len(u.of.parked) > 0 {
		g.ready = append(g.ready, u.of.parked[0])
		u.of.parked[0] = nil
		u.of.parked = u.of.parked[1:]
		g.some.Signal()
	}
}

// enter waits a while for one of the tenant's slots for loads. It goes on without one: a flood
// must not keep streams from being ended, and few checks of a tenant run at once.
func (g *StreamGuard) enter(ctx context.Context, u *watched, l *lifetime) (leave func()) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Interval/4)
	defer cancel()
	leave, err := l.caller.guard.authenticator.Enter(ctx, u.owner.tenant)
	if err != nil {
		return func() {}
	}
	return leave
}

// begin returns the streams that a check is about: those that are there before it asks.
// Of one that comes later its answer may know nothing yet.
func (g *StreamGuard) begin(u *watched) []*lifetime {
	g.mu.Lock()
	defer g.mu.Unlock()
	streams := make([]*lifetime, 0, len(u.streams))
	for l := range u.streams {
		streams = append(streams, l)
	}
	return streams
}

// check asks about the sessions of u and ends the streams that are over. With an error
// nothing ends; patrol counts the time.
func (g *StreamGuard) check(running context.Context, u *watched, streams []*lifetime) error {
	ctx, cancel := context.WithTimeout(running, checkTimeout)
	defer cancel()
	defer g.enter(ctx, u, streams[0])()
	askedAt := time.Now()
	sessions, err := g.peek(ctx, u.owner, streams)
	if err != nil {
		return err
	}
	status, err := g.status(ctx, u.owner.tenant)
	if err != nil {
		return err
	}
	g.mu.Lock()
	u.checked = askedAt
	g.mu.Unlock()
	for _, l := range streams {
		now, live := sessions[l.caller.id]
		if cause := verdict(running, l, status, now, live); cause != nil {
			l.end(cause)
		}
	}
	return nil
}

// peek returns those sessions of the streams that are live, of one user.
func (g *StreamGuard) peek(ctx context.Context, of owner, streams []*lifetime) (map[session.ID]session.Session, error) {
	sessions := make(map[session.ID]session.Session, len(streams))
	var ids []session.ID
	for _, l := range streams {
		id := l.caller.id
		if _, asked := sessions[id]; !asked {
			sessions[id] = session.Session{}
			ids = append(ids, id)
		}
	}
	clear(sessions)
	for chunk := range slices.Chunk(ids, peekChunk) {
		found, err := g.sessions.Peek(ctx, of.tenant, of.user, chunk)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			if s.Tenant == of.tenant && s.User == of.user {
				sessions[s.ID] = s
			}
		}
	}
	return sessions, nil
}

// verdict returns why a stream is over; nil when it goes on.
func verdict(ctx context.Context, l *lifetime, status tenant.Status, now session.Session, live bool) error {
	if err := status.Err(); err != nil {
		return err
	}
	if !live {
		return l.gone(time.Now())
	}
	if !now.Acting.IsZero() { // it signs its user in no more
		return ErrSessionRevoked
	}
	return l.decideAgain(ctx, &now)
}

// status returns the status of a tenant, at most half an interval old. It asks twice in an
// interval, or as often as checks run at once.
func (g *StreamGuard) status(ctx context.Context, id tenant.ID) (tenant.Status, error) {
	askedAt := time.Now()
	g.mu.Lock()
	if t := g.tenants[id]; t != nil && askedAt.Sub(t.as) < g.cfg.Interval/2 {
		defer g.mu.Unlock()
		return t.status, nil
	}
	g.mu.Unlock()
	status, err := g.sessions.TenantStatus(ctx, id)
	if err != nil {
		return tenant.Unknown, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tenants[id]; t != nil && askedAt.After(t.as) {
		t.status, t.as = status, askedAt
	}
	return status, nil
}

// patrol ends what the checks do not come to: streams about which nothing was known for
// longer than the grace, whether the store fails, hangs or is too slow for their number,
// and those whose end a change of the clock has hidden from their timer.
func (g *StreamGuard) patrol(ctx context.Context) {
	ticker := time.NewTicker(g.cfg.Interval / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			g.sweep(time.Now())
		case <-ctx.Done():
			g.end()
			return
		}
	}
}

func (g *StreamGuard) sweep(now time.Time) {
	ended := map[*lifetime]error{}
	g.mu.Lock()
	for _, u := range g.users {
		for l := range u.streams {
			if cause := g.overdue(u, l, now); cause != nil {
				ended[l] = cause
			}
		}
	}
	g.mu.Unlock()
	for l, cause := range ended {
		l.end(cause)
	}
}

func (g *StreamGuard) overdue(u *watched, l *lifetime, now time.Time) error {
	checked := u.checked
	if checked.Before(l.since) {
		checked = l.since
	}
	switch {
	case !now.Round(0).Before(time.Unix(l.caller.tokenEnds, 0)): // by the wall clock, which timers do not follow
		return ErrTokenExpired
	case now.Sub(checked) > g.cfg.Grace:
		return withCause(errUnknown, u.err)
	}
	return nil
}
