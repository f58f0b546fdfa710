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

// work checks one user after the other until the watch is closed.
func (w *Watch) work() {
	for {
		u := w.next()
		if u == nil {
			return
		}
		streams := w.begin(u)
		if len(streams) == 0 {
			w.finish(u, nil, false) // and out of the queue
			continue
		}
		w.finish(u, w.check(u, streams), true)
	}
}

// next waits for the turn of a user and until it is due. It returns nil when the watch
// is closed.
func (w *Watch) next() *watched {
	u := w.turn()
	if u == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(u.due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return u
	case <-w.ctx.Done():
		return nil
	}
}

// turn takes the first of the queue whose tenant may have one more check, and nil when the watch
// is closed. The others are parked, so that a tenant with many streams, or whose checks take
// long, leaves workers to the rest.
func (w *Watch) turn() *watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.queue) == 0 && len(w.ready) == 0 && !w.closed {
			w.some.Wait()
		}
		if w.closed {
			return nil
		}
		from := &w.queue
		if len(w.ready) > 0 {
			from = &w.ready
		}
		u := (*from)[0]
		(*from)[0] = nil
		*from = (*from)[1:]
		if u.of.running < w.share() {
			u.of.running++
			return u
		}
		u.of.parked = append(u.of.parked, u)
	}
}

// share is how many checks of one tenant run at once. The lock is held.
func (w *Watch) share() int {
	all := w.opts.Concurrency
	if len(w.tenants) < 2 {
		return all
	}
	return max(1, all-max(1, all/4))
}

// finish gives the turn of u back, and schedules its next check.
func (w *Watch) finish(u *watched, err error, again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if again {
		u.err = err
		w.schedule(u)
	}
	u.of.running--
	if len(u.of.parked) > 0 {
		w.ready = append(w.ready, u.of.parked[0])
		u.of.parked[0] = nil
		u.of.parked = u.of.parked[1:]
		w.some.Signal()
	}
}

// enter waits a while for a place in the share of loads that the tenant has. It goes on without
// one: what ends streams must not stop for a flood, and few checks of a tenant run at once.
func (w *Watch) enter(ctx context.Context, u *watched, l *lifetime) (leave func()) {
	share, ok := l.caller.gate.share.(session.Share)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, w.opts.Interval/4)
	defer cancel()
	leave, err := share.Enter(ctx, u.owner.tenant)
	if err != nil {
		return func() {}
	}
	return leave
}

// begin returns the streams that a check is about: those that are there before it asks.
// Of one that comes later its answer may know nothing yet.
func (w *Watch) begin(u *watched) []*lifetime {
	w.mu.Lock()
	defer w.mu.Unlock()
	streams := make([]*lifetime, 0, len(u.streams))
	for l := range u.streams {
		streams = append(streams, l)
	}
	return streams
}

// check asks about the sessions of u and ends the streams that are over. With an error
// nothing is known and nothing ends; the guard counts the time.
func (w *Watch) check(u *watched, streams []*lifetime) error {
	ctx, cancel := context.WithTimeout(w.ctx, checkTimeout)
	defer cancel()
	defer w.enter(ctx, u, streams[0])()
	asked := time.Now()
	sessions, err := w.peek(ctx, u.owner, streams)
	if err != nil {
		return err
	}
	status, err := w.status(ctx, u.owner.tenant)
	if err != nil {
		return err
	}
	w.mu.Lock()
	u.known = asked
	w.mu.Unlock()
	for _, l := range streams {
		now, live := sessions[l.caller.session.ID]
		if cause := verdict(w.ctx, l, status, now, live); cause != nil {
			l.end(cause)
		}
	}
	return nil
}

// peek returns those sessions of the streams that are live, of one user.
func (w *Watch) peek(ctx context.Context, of owner, streams []*lifetime) (map[session.ID]session.Session, error) {
	sessions := make(map[session.ID]session.Session, len(streams))
	var ids []session.ID
	for _, l := range streams {
		id := l.caller.session.ID
		if _, asked := sessions[id]; !asked {
			sessions[id] = session.Session{}
			ids = append(ids, id)
		}
	}
	clear(sessions)
	for chunk := range slices.Chunk(ids, peekChunk) {
		found, err := w.sessions.Peek(ctx, of.tenant, of.user, chunk)
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

// verdict says why a stream is over; nil when it goes on.
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
	return l.judge(ctx, &now)
}

// status returns the status of a tenant, at most half an interval old. It asks twice in an
// interval, or as often as checks run at once.
func (w *Watch) status(ctx context.Context, id tenant.ID) (tenant.Status, error) {
	asked := time.Now()
	w.mu.Lock()
	if t := w.tenants[id]; t != nil && asked.Sub(t.as) < w.opts.Interval/2 {
		defer w.mu.Unlock()
		return t.status, nil
	}
	w.mu.Unlock()
	status, err := w.sessions.TenantStatus(ctx, id)
	if err != nil {
		return tenant.Unknown, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tenants[id]; t != nil && asked.After(t.as) {
		t.status, t.as = status, asked
	}
	return status, nil
}

// guard ends what the checks do not come to: streams about which nothing was known for
// longer than the grace, whether the store fails, hangs or is too slow for their number,
// and those whose end a change of the clock has hidden from their timer.
func (w *Watch) guard() {
	ticker := time.NewTicker(w.opts.Interval / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.sweep(time.Now())
		case <-w.ctx.Done():
			return
		}
	}
}

func (w *Watch) sweep(now time.Time) {
	ended := map[*lifetime]error{}
	w.mu.Lock()
	for _, u := range w.users {
		for l := range u.streams {
			if cause := w.overdue(u, l, now); cause != nil {
				ended[l] = cause
			}
		}
	}
	w.mu.Unlock()
	for l, cause := range ended {
		l.end(cause)
	}
}

func (w *Watch) overdue(u *watched, l *lifetime, now time.Time) error {
	known := u.known
	if known.Before(l.since) {
		known = l.since
	}
	switch {
	case !now.Round(0).Before(l.token): // by the wall clock, which timers do not follow
		return ErrTokenExpired
	case now.Sub(known) > w.opts.Grace:
		return because(errUnknown, u.err)
	}
	return nil
}
