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
			continue // and out of the queue
		}
		err := w.check(u, streams)
		w.mu.Lock()
		u.err = err
		w.schedule(u)
		w.mu.Unlock()
	}
}

// next waits for the first of the queue and until it is due. It returns nil when the watch
// is closed.
func (w *Watch) next() *watched {
	w.mu.Lock()
	for len(w.queue) == 0 && !w.closed {
		w.some.Wait()
	}
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	u := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	w.mu.Unlock()

	timer := time.NewTimer(time.Until(u.due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return u
	case <-w.ctx.Done():
		return nil
	}
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
