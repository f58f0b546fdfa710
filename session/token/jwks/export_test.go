package jwks

import (
	"net/http"
	"net/netip"
	"time"
)

// WithTransport makes f ask a provider in memory, so that a test can have a clock of its own.
func (f *Fetcher) WithTransport(t http.RoundTripper) *Fetcher { f.transport = t; return f }

func Lifetime(h http.Header, longest time.Duration) time.Duration { return lifetime(h, longest) }

func Public(a netip.Addr) bool { return public(a) }

func (s *Source) Waiting() int { return int(s.waiting.Load()) }

func (s *Source) Ready() bool { return s.usable(s.current.Load()) }

// HeldBodies is the memory set aside for bodies.
func (f *Fetcher) HeldBodies() int {
	f.bodies.mu.Lock()
	defer f.bodies.mu.Unlock()
	return f.bodies.total
}

func (f *Fetcher) Waiting() int { return int(f.waiting.Load()) }

const (
	MaxWaiting = maxWaiting
	MaxOwn     = maxOwn
	MaxBodies  = maxBodies
)
