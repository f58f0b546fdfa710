package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrStarted means that a [Group] or a [Health] was started before or is closed.
var ErrStarted = errors.New("service: started before")

// Group opens the parts of a service, waits for their end, and closes them in order. Its methods
// are safe for concurrent use.
type Group struct {
	cfg  Config
	done chan struct{} // closed when a part has failed or the group is to stop

	mu      sync.Mutex
	started bool
	cancel  context.CancelFunc // ends the opening
	begun   chan struct{}      // closed when Start is about to return
	failure error              // of the first part that failed
	parts   []*part            // in the order of opening
	moved   bool               // the state is the group's; read after begun

	stopping bool
	ended    chan struct{} // closed when everything is closed
	stopped  error         // of the closing; read after ended
}

// NewGroup returns a group of which nothing is open, or every problem of cfg.
func NewGroup(cfg Config) (*Group, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	g := &Group{cfg: cfg, done: make(chan struct{}), begun: make(chan struct{}), ended: make(chan struct{}), cancel: func() {}}
	for _, p := range cfg.Parts {
		g.parts = append(g.parts, &part{Part: p})
	}
	cfg.Lifecycle.Observe(func(from, to State) {
		cfg.Logger.Info("service", slog.String("state", to.String()), slog.String("from", from.String()))
	})
	return g, nil
}

// Lifecycle returns the state that the group moves.
func (g *Group) Lifecycle() *Lifecycle { return g.cfg.Lifecycle }

// Run starts the group, waits until ctx is over or a part fails, and closes it. It returns nil
// when all parts were opened and closed without an error, because ctx was over; the program then
// exits with 0, and otherwise not. A ctx that is over before everything is open is no error.
func (g *Group) Run(ctx context.Context) error {
	if err := g.Start(ctx); err != nil {
		if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
			return g.Close()
		}
		return err
	}
	select {
	case <-ctx.Done():
		g.cfg.Logger.Info("service: told to stop", slog.String("why", context.Cause(ctx).Error()))
	case <-g.done:
	}
	return g.Close()
}

// Start opens every part and moves to Running. ctx bounds the opening alone. When a part cannot be
// opened, or one that is open fails meanwhile, those that are open are closed, and the error says
// which part failed. The second call returns [ErrStarted], and so does a call after Close.
func (g *Group) Start(ctx context.Context) error {
	g.mu.Lock()
	if g.started {
		g.mu.Unlock()
		return ErrStarted
	}
	g.started = true
	ctx, g.cancel = context.WithCancel(ctx)
	g.mu.Unlock()
	err := g.open(ctx)
	close(g.begun)
	if err != nil {
		return errors.Join(err, g.stop(0))
	}
	return nil
}

// open opens the parts, one after the other.
func (g *Group) open(ctx context.Context) error {
	if err := g.cfg.Lifecycle.Move(Starting); err != nil {
		return err
	}
	g.moved = true
	for _, p := range g.parts {
		if err := g.failed(); err != nil {
			return err
		}
		if err := p.open(ctx, g); err != nil {
			if failed := g.failed(); failed != nil {
				return failed // which is why ctx was over
			}
			g.cfg.Logger.Error("service: part was not opened", slog.String("part", p.Name), slog.String("error", err.Error()))
			return err
		}
	}
	if err := g.failed(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return g.cfg.Lifecycle.MoveFrom(Starting, Running)
}

// failed returns the failure of a part that was open, or nil.
func (g *Group) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// fail notes that a part has ended by itself. The first one counts.
func (g *Group) fail(p *part, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failure != nil {
		return
	}
	g.failure = fmt.Errorf("service: part %q: %w", p.Name, err)
	g.cfg.Logger.Error("service: part failed", slog.String("part", p.Name), slog.String("error", err.Error()))
	g.cancel()
	close(g.done)
}

// Done is closed when a part has failed. Close then says which.
func (g *Group) Done() <-chan struct{} { return g.done }

// Close stops the group: it moves to Draining, waits for Config.Wait, and closes the parts, each
// before what it needs. It returns when everything is closed or was given up, with the failure of
// a part and the errors of closing. Later calls wait for the same and return it. A group that is
// not started cannot be started any more. Close during Start ends the opening.
func (g *Group) Close() error {
	g.mu.Lock()
	if !g.started {
		g.started = true
		close(g.begun)
		g.mu.Unlock()
		return nil
	}
	g.cancel()
	g.mu.Unlock()
	<-g.begun
	return g.stop(g.cfg.Wait)
}

// stop closes what is open, once, and returns when that is done.
func (g *Group) stop(wait time.Duration) error {
	g.mu.Lock()
	first := !g.stopping
	g.stopping = true
	g.mu.Unlock()
	if first {
		g.stopped = g.closeAll(wait)
		close(g.ended)
	}
	<-g.ended
	return g.stopped
}

func (g *Group) closeAll(wait time.Duration) error {
	if !g.moved {
		return nil // it never began
	}
	moved := g.cfg.Lifecycle.Move(Draining)
	if g.cfg.Lifecycle.State() == Draining {
		moved = nil // by somebody else, who wanted no request any more
	}
	if wait > 0 {
		g.cfg.Logger.Info("service: not ready any more", slog.Duration("wait", wait))
		<-time.After(wait)
	}
	err := errors.Join(g.failed(), moved)
	for i := len(g.parts) - 1; i >= 0; i-- {
		err = errors.Join(err, g.parts[i].close(g.cfg.Logger))
	}
	return errors.Join(err, g.cfg.Lifecycle.Move(Stopped))
}

// Pause has new requests refused until Resume, or to the end where Close comes first, without a change
// of anything else. It is refused while the group is not Running or Degraded.
func (g *Group) Pause() error { return g.cfg.Lifecycle.Move(Paused) }

// Resume ends a Pause.
func (g *Group) Resume() error { return g.cfg.Lifecycle.MoveFrom(Paused, Running) }

// Stats are the parts, in the order of opening.
func (g *Group) Stats() []PartStats {
	all := make([]PartStats, 0, len(g.parts))
	for _, p := range g.parts {
		all = append(all, p.status())
	}
	return all
}
