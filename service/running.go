package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// PartStats is how far a part has come.
type PartStats struct {
	Name   string
	Open   bool          // it was opened, and is not closed
	Opened time.Duration // that opening took, 0 before
	Closed time.Duration // that closing took, 0 before
}

// graceOfClose is how much later than its limit a Close may return that heeds its ctx.
const graceOfClose = 250 * time.Millisecond

// part is one of a group, with what became of it.
type part struct {
	Part
	cancel context.CancelFunc // ends Run
	ran    chan struct{}      // closed when Run has returned; nil without one
	ended  error              // of Run; read after ran

	mu      sync.Mutex
	stats   PartStats
	closing bool // so that the end of Run is no failure
}

// open opens the part within its time and starts Run.
func (p *part) open(ctx context.Context, g *Group) error {
	began := time.Now()
	if err := p.opened(ctx, g.cfg.Logger); err != nil {
		return fmt.Errorf("service: part %q: open: %w", p.Name, err)
	}
	took := time.Since(began)
	p.mu.Lock()
	p.stats.Open, p.stats.Opened = true, took
	p.mu.Unlock()
	g.cfg.Logger.Info("service: opened", p.attr(), slog.Duration("took", took))
	if p.Run == nil {
		p.cancel = func() {}
		return nil
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.ran = make(chan struct{})
	p.ended = errGone
	go func() {
		defer close(p.ran)
		defer func() {
			if !p.isClosing() {
				g.fail(p, orEnded(p.ended))
			}
		}()
		p.ended = guarded(g.cfg.Logger, p.attr(), func() error { return p.Run(ctx) })
	}()
	return nil
}

// attr names the part in the log.
func (p *part) attr() slog.Attr { return slog.String("part", p.Name) }

// errEnded is the failure of a part whose Run has returned without an error.
var errEnded = errors.New("it ended by itself")

func orEnded(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// opened calls Open. One that does not heed its ctx is left behind.
func (p *part) opened(ctx context.Context, logger *slog.Logger) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Open == nil {
		return nil
	}
	if p.OpenTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.OpenTimeout, fmt.Errorf("not within %v", p.OpenTimeout))
		defer cancel()
	}
	result := started(logger, p.attr(), func() error { return p.Open(ctx) })
	err, late := within(ctx, result)
	if late {
		go p.undo(result, logger)
	}
	return err
}

// undo closes what an Open that was given up has opened all the same, when it returns.
func (p *part) undo(result <-chan error, logger *slog.Logger) {
	if <-result != nil || p.Close == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.CloseTimeout)
	defer cancel()
	err := guarded(logger, p.attr(), func() error { return p.Close(ctx) })
	logger.Warn("service: was opened too late, and is closed", p.attr(), slog.Any("error", err))
}

// within returns the result, or why there is none a moment after ctx is over, when it may come late.
func within(ctx context.Context, result <-chan error) (err error, late bool) {
	select {
	case err := <-result:
		return err, false
	case <-ctx.Done():
	}
	select {
	case err := <-result:
		return err, false
	case <-time.After(graceOfClose):
		return fmt.Errorf("given up: %w", context.Cause(ctx)), true
	}
}

// close closes the part if it is open.
func (p *part) close(logger *slog.Logger) error {
	p.mu.Lock()
	open := p.stats.Open
	p.closing = true
	p.mu.Unlock()
	if !open {
		return nil
	}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(context.Background(), p.CloseTimeout, fmt.Errorf("not within %v", p.CloseTimeout))
	defer cancel()
	err, _ := within(ctx, started(logger, p.attr(), func() error { return p.end(ctx, logger) }))
	p.cancel()
	took := time.Since(began)
	p.mu.Lock()
	p.stats.Open, p.stats.Closed = false, took
	p.mu.Unlock()
	if err != nil {
		logger.Error("service: closed with an error", p.attr(), slog.Duration("took", took), slog.String("error", err.Error()))
		return fmt.Errorf("service: part %q: close: %w", p.Name, err)
	}
	logger.Info("service: closed", p.attr(), slog.Duration("took", took))
	return nil
}

// end calls Close and waits for Run.
func (p *part) end(ctx context.Context, logger *slog.Logger) error {
	var err error
	if p.Close != nil {
		err = guarded(logger, p.attr(), func() error { return p.Close(ctx) })
	}
	p.cancel()
	if p.ran == nil {
		return err
	}
	<-p.ran
	if errors.Is(p.ended, context.Canceled) {
		return err
	}
	return errors.Join(err, p.ended)
}

func (p *part) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

func (p *part) status() PartStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Name = p.Name
	return s
}
