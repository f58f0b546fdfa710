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

const MaxWaiting = maxWaiting
