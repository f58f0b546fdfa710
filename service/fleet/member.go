package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Stats count the work of a [Member], for metrics.
type Stats struct {
	ID         string
	Heartbeats int64     // that Redis acknowledged
	Failures   int64     // heartbeats that failed
	Contact    time.Time // of the last one acknowledged, zero for never
	Err        error     // why the instance is not listed, or will not be; nil when all is well
}

// Member is this instance among those of its service. Its methods are safe for concurrent use.
type Member struct {
	cfg  Config
	keys keys

	wake   chan struct{} // has room for one
	cancel context.CancelFunc
	wg     sync.WaitGroup

	started  time.Time
	revision string // at the last heartbeat; of the loop alone
	since    time.Time

	mu    sync.Mutex
	began bool
	stats Stats
	left  error
}

// NewMember returns a member that is not started. The error names every field of the config that
// is wrong.
func NewMember(cfg Config) (*Member, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	return &Member{cfg: cfg, keys: newKeys(cfg.Name), wake: make(chan struct{}, 1), started: time.Now(), stats: Stats{ID: cfg.ID}}, nil
}

// Start begins to send heartbeats, until ctx is over or Close is called. It does not wait for Redis. The
// second call returns [ErrStarted], and so does a call after Close.
func (m *Member) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began {
		return ErrStarted
	}
	m.began = true
	ctx, m.cancel = context.WithCancel(ctx)
	m.wg.Go(func() { m.live(ctx) })
	return nil
}

// Wake has the state and the revision told now, and not at the next heartbeat.
func (m *Member) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Close leaves, and waits for that at most as long as Timeout. The error says that Redis did not
// answer: the instance is then listed until its lease ends. A closed member cannot be started
// again.
func (m *Member) Close() error {
	m.mu.Lock()
	m.began = true
	if m.cancel != nil {
		m.cancel()
	}
	m.mu.Unlock()
	m.wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left
}

// Stats returns what has happened so far.
func (m *Member) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

func (m *Member) live(ctx context.Context) {
	for ctx.Err() == nil {
		m.note(ctx, m.heartbeat(ctx))
		// A fleet that starts in step does not send its heartbeats in step.
		timer := time.NewTimer(m.cfg.Heartbeat - rand.N(m.cfg.Heartbeat/5+1))
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.Timeout)
	defer cancel()
	err := m.keys.leave(limited, m.cfg.Client, m.cfg.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = err
}

func (m *Member) heartbeat(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil { // of State or Revision
			err = fmt.Errorf("%w: panic: %v", ErrInvalid, v)
		}
	}()
	r := record{Host: m.cfg.Host, Version: m.cfg.Version, Started: m.started.UnixMilli(), Lease: leases * m.cfg.Heartbeat.Milliseconds()}
	if m.cfg.State != nil {
		r.State = m.cfg.State()
	}
	if m.cfg.Revision != nil {
		r.Revision = m.cfg.Revision()
	}
	if r.Revision != m.revision {
		m.revision, m.since = r.Revision, time.Now()
	}
	if r.Revision != "" {
		r.Since = m.since.UnixMilli()
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	return m.keys.heartbeat(ctx, m.cfg.Client, m.cfg.ID, text, r.Lease)
}

// note keeps account of a heartbeat. A failure is logged once, and not at every heartbeat.
func (m *Member) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil {
		return // nobody waits, so nothing failed
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.stats.Err
	m.stats.Err = err
	if err != nil {
		m.stats.Failures++
		if before == nil {
			m.cfg.Logger.Warn("fleet: the instance is not listed", "service", m.cfg.Name, "instance", m.cfg.ID, "error", err)
		}
		return
	}
	m.stats.Heartbeats++
	m.stats.Contact = time.Now()
	if before != nil {
		m.cfg.Logger.Info("fleet: the instance is listed again", "service", m.cfg.Name, "instance", m.cfg.ID)
	}
}
