package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/nearcache"
)

// Limits and defaults of an [IntrospectorConfig].
const (
	defaultAtOnce    = 16
	defaultPerSecond = 50
	opaqueAge        = time.Minute
	opaqueTimeout    = 2 * time.Second
	maxAnswer        = 64 << 10
	shortestOpaque   = 16
)

// IntrospectorConfig says how an [Introspector] asks.
type IntrospectorConfig struct {
	// Form is that of the tokens. Required.
	Form Form

	// Ask sends one token to the issuer (RFC 7662) and returns the JSON text of its answer, at
	// most 64 KiB. Required; method Ask of package introspect's Client is one. An error means that the
	// issuer could not be asked, which is an outage. It returns when ctx is done.
	Ask func(ctx context.Context, token string) (answer []byte, err error)

	// MaxAtOnce and PerSecond bound the queries, so that a client which makes up tokens floods
	// nobody: beyond them a token that is not known yet is answered with [ErrUnavailable]. Defaults
	// 16 and 50.
	MaxAtOnce, PerSecond int

	// CacheSize is how many answers are remembered, each for 60 s at most and none for longer
	// than the token lives. Default 10,000.
	CacheSize int
}

// Introspector verifies opaque tokens of one issuer by asking it (RFC 7662): for [Issuer.Opaque]. A
// token that was revoked at the issuer is accepted for up to 60 s more. It is safe for concurrent
// use, and redacts itself in every printer. An issuer's entry with the zero Introspector is
// refused.
type Introspector struct {
	redact
	sealed[introspection]
}

// NewIntrospector returns an introspector. All problems are reported joined, each beginning
// with its field.
func NewIntrospector(cfg IntrospectorConfig) (*Introspector, error) {
	if cfg.Form.Alphabet == "" && !cfg.Form.Encrypted {
		cfg.Form.Alphabet = base62url
	}
	errs := cfg.Form.validate()
	if cfg.Ask == nil {
		errs = append(errs, errors.New("Ask: required"))
	}
	for _, n := range []struct {
		field  string
		value  *int
		preset int
	}{{"MaxAtOnce", &cfg.MaxAtOnce, defaultAtOnce}, {"PerSecond", &cfg.PerSecond, defaultPerSecond}, {"CacheSize", &cfg.CacheSize, defaultCacheSize}} {
		if *n.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is less than 0", n.field, *n.value))
		}
		if *n.value == 0 {
			*n.value = n.preset
		}
	}
	var problems configerr.Problems
	problems.Append(errs...)
	if err := problems.Err("token", nil); err != nil {
		return nil, err
	}
	return &Introspector{sealed: seal(&introspection{
		form: cfg.Form, ask: cfg.Ask, slots: make(chan struct{}, cfg.MaxAtOnce), queries: map[digest]*query{},
		budget: float64(cfg.PerSecond), rate: float64(cfg.PerSecond), last: time.Now(),
		answers: nearcache.New[digest, *answer](cfg.CacheSize),
	})}, nil
}

// asks reports whether the issuer is asked about opaque tokens.
func (i *Issuer) asks() bool { return i.Opaque != nil && i.Opaque.get() != nil }

// validateOpaque reports every problem of an entry with Opaque.
func (i *Issuer) validateOpaque() (errs []error) {
	switch {
	case i.Opaque == nil:
		return nil
	case i.Opaque.get() == nil:
		return []error{errors.New("Opaque: NewIntrospector makes one")}
	case i.Foreign == nil:
		return []error{errors.New("Opaque: only an issuer with Foreign has one")}
	}
	if len(i.Foreign.Kind) == 0 {
		errs = append(errs, errors.New("Foreign.Kind: required with Opaque: an issuer calls its refresh tokens active too"))
	}
	if i.Foreign.IDTokens {
		errs = append(errs, errors.New("Foreign.IDTokens: beside Opaque: an ID token is no opaque one"))
	}
	if i.isTemplate() {
		errs = append(errs, errors.New("Opaque: beside a template: one issuer has to be asked"))
	}
	for name := range i.Foreign.Kind {
		if strings.HasPrefix(name, headerMember) {
			errs = append(errs, fmt.Errorf("Foreign.Kind: %s: opaque tokens have no header", quote(name)))
		}
	}
	return errs
}

// opaqueOf returns the issuer whose opaque tokens have the form of a text, nil for none.
func (t *trusted) opaqueOf(raw string) *Issuer {
	if t == nil {
		return nil
	}
	for _, i := range t.opaque {
		if i.Opaque.get().form.matches(raw) {
			return i
		}
	}
	return nil
}
