package middleware

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// How many proofs for first tokens one client may show, and how many refreshes with a proof may
// be refused to it. Each is a signature to verify, and a key to remember for minutes or a question
// to the store.
const (
	bindEvery = 50 * time.Millisecond
	bindBurst = 100
	bindWait  = 200 * time.Millisecond // for a turn
)

// errBindsOften is told to a client that asks for tokens faster than anybody signs in.
var errBindsOften = fmt.Errorf("middleware: too many DPoP proofs from one client: %w", ErrOverloaded)

// bindThrottle says when each client may bind. The zero bindThrottle has seen nobody. It remembers the
// latest keptClients; of one that it has forgotten the burst begins anew.
type bindThrottle struct {
	mu   sync.Mutex
	last *recent[netip.Prefix, time.Time] // the last turn of each client, which may be to come
}

// wait returns when it is the client's turn. The error is [ErrOverloaded], told after bindWait,
// or an outage when ctx ends first.
func (p *bindThrottle) wait(ctx context.Context, client netip.Prefix) error {
	left, refusal := p.next(client, time.Now(), true)
	if left <= 0 {
		return refusal
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return refusal
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// open returns nil unless the client has used up its turns, and takes none. The error is that
// of wait.
func (p *bindThrottle) open(ctx context.Context, client netip.Prefix) error {
	if _, refusal := p.next(client, time.Now(), false); refusal == nil {
		return nil
	}
	select {
	case <-time.After(bindWait):
		return errBindsOften
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// spend takes a turn of the client, if it has one.
func (p *bindThrottle) spend(client netip.Prefix) { _, _ = p.next(client, time.Now(), true) }

// next returns how long it is until the client's next turn, which it may take, or else until
// the client is told that there is none.
func (p *bindThrottle) next(client netip.Prefix, now time.Time, take bool) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = newRecent[netip.Prefix, time.Time](keptClients)
	}
	turn := p.last.get(client)
	if earliest := now.Add(-bindBurst * bindEvery); turn.Before(earliest) {
		turn = earliest
	}
	turn = turn.Add(bindEvery)
	left := turn.Sub(now)
	if left > bindWait {
		return bindWait, errBindsOften
	}
	if take {
		p.last.put(client, turn)
	}
	return left, nil
}
