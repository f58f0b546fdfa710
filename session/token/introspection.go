package token

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/nearcache"
)

// introspection is the content of an Introspector.
type introspection struct {
	form    Form
	ask     func(ctx context.Context, token string) ([]byte, error)
	slots   chan struct{}
	answers nearcache.Cache[digest, *answer]

	mu      sync.Mutex
	queries map[digest]*query
	budget  float64 // queries that may be made now
	last    time.Time
	rate    float64 // a second
}

// answer is an issuer's answer about a token, under an entry.
type answer struct {
	issuer   *Issuer
	verified *Verified // nil: refused
	err      error
	times    times
	until    time.Time
}

// query is one that is under way.
type query struct {
	done chan struct{}
	said *answer
	err  error // why there is none
}

// verify returns what the issuer says of a token, on the terms of Verifier.Verify.
func (o *introspection) verify(ctx context.Context, i *Issuer, from, raw string) (*Verified, error) {
	if i.Header != from {
		return nil, elsewhere
	}
	d := (&cache{}).digest(raw)
	for {
		now := time.Now()
		if said := o.known(i, d, now); said != nil {
			return said.verified, said.refusal(i, now)
		}
		fl, err := o.startQuery(ctx, i, d, raw, now)
		if err != nil {
			return nil, err
		}
		select {
		case <-fl.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: issuer %s is being asked", ErrUnavailable, quote(i.Name))
		}
		if fl.err != nil {
			return nil, fl.err
		}
		if fl.said.issuer == i { // and not what another entry made of it, which was replaced
			if err := fl.said.refusal(i, time.Now()); err != nil {
				return nil, err
			}
			return fl.said.verified, nil
		}
	}
}

// refusal returns why a token is not accepted now.
func (s *answer) refusal(i *Issuer, now time.Time) error {
	if s.err != nil {
		return s.err
	}
	return s.times.check(i.Leeway, i.ahead(), now)
}

// known returns an answer that still counts.
func (o *introspection) known(i *Issuer, d digest, now time.Time) *answer {
	said, _ := o.answers.GetIfPresent(d)
	if said == nil || said.issuer != i || !now.Before(said.until) {
		return nil
	}
	if said.verified != nil && said.refusal(i, now) != nil {
		return &answer{issuer: i, err: said.refusal(i, now)}
	}
	return said
}

// cached returns a token that was accepted before and is remembered.
func (o *introspection) cached(i *Issuer, from, raw string, now time.Time) (*Verified, bool) {
	if i.Header != from {
		return nil, false
	}
	said := o.known(i, (&cache{}).digest(raw), now)
	if said == nil || said.verified == nil {
		return nil, false
	}
	return said.verified, true
}

// startQuery joins the query about a token, or begins one where that is allowed now.
func (o *introspection) startQuery(ctx context.Context, i *Issuer, d digest, raw string, now time.Time) (*query, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if fl := o.queries[d]; fl != nil {
		return fl, nil
	}
	if said := o.known(i, d, now); said != nil { // the query has ended since the caller looked
		fl := &query{done: make(chan struct{}), said: said}
		close(fl.done)
		return fl, nil
	}
	o.budget = min(o.rate, o.budget+max(0, now.Sub(o.last).Seconds())*o.rate)
	o.last = now
	if o.budget < 1 {
		return nil, fmt.Errorf("%w: issuer %s: as many tokens were asked about as a second allows", ErrUnavailable, quote(i.Name))
	}
	select {
	case o.slots <- struct{}{}:
	default:
		return nil, fmt.Errorf("%w: issuer %s: too many tokens are asked about", ErrUnavailable, quote(i.Name))
	}
	o.budget--
	fl := &query{done: make(chan struct{})}
	o.queries[d] = fl
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), opaqueTimeout)
	go func() {
		defer cancel()
		fl.said, fl.err = o.query(own, i, raw)
		if fl.said != nil {
			o.answers.Set(d, fl.said)
		}
		o.mu.Lock()
		delete(o.queries, d)
		o.mu.Unlock()
		<-o.slots
		close(fl.done)
	}()
	return fl, nil
}

// query asks the issuer about one token.
func (o *introspection) query(ctx context.Context, i *Issuer, raw string) (said *answer, err error) {
	outage := func(cause any) error {
		return fmt.Errorf("%w: issuer %s: %v", ErrUnavailable, quote(i.Name), cause)
	}
	defer func() {
		if p := recover(); p != nil {
			said, err = nil, outage(fmt.Sprint("Ask panicked: ", p))
		}
	}()
	text, err := o.ask(ctx, raw)
	switch {
	case err != nil:
		return nil, outage(err)
	case len(text) > maxAnswer:
		return nil, outage("an answer of more than 64 KiB")
	}
	members, err := readTree(string(text))
	if err != nil {
		return nil, outage("the answer: " + err.Error())
	}
	active, ok := members["active"].(bool)
	if !ok {
		return nil, outage("the answer does not say whether the token is active")
	}
	now := time.Now()
	said = &answer{issuer: i, until: now.Add(opaqueAge)}
	if !active {
		said.err = refusal("not active")
		return said, nil
	}
	if iss, named := members["iss"]; named && iss != i.Name {
		said.err = refusal("claims: iss is not the issuer that was asked")
		return said, nil
	}
	c := foreignClaimsOf{issuer: i, claims: members}
	if said.verified, said.times, said.err = c.accept(i.Name, header{}, now); slices.Contains(early, said.err) {
		said.until = now // it is asked about again
	}
	if said.err == nil {
		if expires := time.Unix(said.times.expires, 0); expires.Before(said.until) {
			said.until = expires.Add(max(i.Leeway, 0))
			said.until = minTime(said.until, now.Add(opaqueAge))
		}
	}
	return said, nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
