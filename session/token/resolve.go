package token

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Limits of what is asked and remembered of issuers that are not configured.
const (
	resolveAtOnce  = 8                // queries under way
	resolveWaiting = 64               // issuers that are asked for, those under way included
	resolveLimit   = 2 * time.Second  // of one query, from when it is asked for
	resolveAge     = 10 * time.Minute // of an issuer that is known
	resolveUnknown = time.Minute      // of one that is not
	resolveFailed  = time.Second      // of a query that failed
	maxUnknown     = 4096             // issuers that are not known
)

// resolver finds issuers by the service's own look-up, one query for one issuer at a time.
// The nil resolver knows none.
type resolver struct {
	ask   func(ctx context.Context, iss string) (Issuer, error)
	slots chan struct{}

	mu          sync.Mutex
	known       lru // of *Issuer
	unknown     lru // of nil, or of why the query failed
	resolutions map[string]*resolution
}

// resolution is a query under way.
type resolution struct {
	done   chan struct{}
	issuer *Issuer
	err    error
}

func newResolver(ask func(context.Context, string) (Issuer, error), limit int) *resolver {
	if ask == nil {
		return nil
	}
	return &resolver{
		ask: ask, slots: make(chan struct{}, resolveAtOnce), resolutions: map[string]*resolution{},
		known: newLRU(limit), unknown: newLRU(maxUnknown),
	}
}

// find returns the entry for an issuer that v's registry does not have.
func (r *resolver) find(ctx context.Context, v *Verifier, iss string) (*Issuer, error) {
	untrusted := refusal("issuer " + quote(iss) + " is not trusted")
	if r == nil || !printable(iss, maxText) {
		return nil, untrusted
	}
	now := time.Now()
	r.mu.Lock()
	if e := r.known.get(iss, now); e != nil {
		r.mu.Unlock()
		return e.issuer, nil
	}
	if e := r.unknown.get(iss, now); e != nil {
		r.mu.Unlock()
		if e.err != nil {
			return nil, e.err
		}
		return nil, untrusted
	}
	fl := r.resolutions[iss]
	if fl == nil {
		if len(r.resolutions) >= resolveWaiting {
			r.mu.Unlock()
			return nil, fmt.Errorf("%w: too many issuers are looked up", ErrUnavailable)
		}
		fl = &resolution{done: make(chan struct{})}
		r.resolutions[iss] = fl
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveLimit)
		go func() {
			defer cancel()
			r.run(own, v, iss, fl)
		}()
	}
	r.mu.Unlock()
	select {
	case <-fl.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: issuer %s is being looked up", ErrUnavailable, quote(iss))
	}
	if fl.issuer == nil && fl.err == nil {
		return nil, untrusted
	}
	return fl.issuer, fl.err
}

// run asks and publishes the answer.
func (r *resolver) run(ctx context.Context, v *Verifier, iss string, fl *resolution) {
	issuer, err := r.lookUp(ctx, iss)
	r.mu.Lock()
	defer r.mu.Unlock()
	others := map[string]*Issuer{}
	if t := v.issuers.load(); t != nil { // under the lock: a later change forgets what is put here
		others = maps.Clone(t.byName)
	}
	if err == nil && issuer != nil {
		r.known.each(func(e *lruEntry) { others[e.name] = e.issuer })
		others[iss] = issuer
		if err = issuer.resolvedProblems(iss, others, v.issuers.load()); err != nil {
			issuer = nil
		}
	}
	now := time.Now()
	switch {
	case err != nil:
		// The cause is told, not wrapped: it must not turn an outage into a refusal.
		err = fmt.Errorf("%w: issuer %s: %v", ErrUnavailable, quote(iss), err)
		r.unknown.put(&lruEntry{name: iss, err: err, until: now.Add(resolveFailed)})
	case issuer == nil:
		r.unknown.put(&lruEntry{name: iss, until: now.Add(resolveUnknown)})
	default:
		r.known.put(&lruEntry{name: iss, issuer: issuer, until: now.Add(resolveAge)})
	}
	fl.issuer, fl.err = issuer, err
	delete(r.resolutions, iss)
	close(fl.done)
}

// lookUp asks for one issuer, within the limit of queries at a time.
func (r *resolver) lookUp(ctx context.Context, iss string) (found *Issuer, err error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, errors.New("its turn did not come in time")
	}
	defer func() {
		if p := recover(); p != nil {
			found, err = nil, fmt.Errorf("Resolve panicked: %v", p)
		}
	}()
	given, err := r.ask(ctx, iss)
	if err != nil {
		return nil, err
	}
	if given.Name == "" && given.Keys == nil && given.Foreign == nil {
		return nil, nil
	}
	i := given.withDefaults()
	return &i, nil
}

// resolvedProblems reports what is wrong with an entry that Resolve gave.
func (i *Issuer) resolvedProblems(iss string, others map[string]*Issuer, t *trusted) error {
	errs := i.problems(others)
	if i.Name != iss {
		errs = append(errs, fmt.Errorf("Name: %s, and %s was asked for", quote(i.Name), quote(iss)))
	}
	if i.MaxLength > t.limit() {
		errs = append(errs, fmt.Errorf("MaxLength: %d, at most that of one of the verifier's Issuers: %d", i.MaxLength, t.limit()))
	}
	if i.Header != "" || i.Opaque != nil {
		errs = append(errs, errors.New("Header, Opaque: of the verifier's Issuers alone"))
	}
	return errors.Join(errs...)
}

// holds reports whether an entry is one that is known now.
func (r *resolver) holds(i *Issuer) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.known.get(i.Name, time.Now())
	return e != nil && e.issuer == i
}

// forget drops what is known of a name.
func (r *resolver) forget(name string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown.drop(name)
	return r.known.drop(name)
}

// forgetKnown drops the issuers that were found, to be asked for and held against the others
// again.
func (r *resolver) forgetKnown() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = newLRU(r.known.limit)
}

// lru is a map of so many entries, of which the one that was not used for longest goes first.
type lru struct {
	limit  int
	byName map[string]*list.Element
	order  *list.List // the one used last stands first
}

type lruEntry struct {
	name   string
	issuer *Issuer
	err    error
	until  time.Time
}

func newLRU(limit int) lru { return lru{limit, map[string]*list.Element{}, list.New()} }

func (l *lru) get(name string, now time.Time) *lruEntry {
	element := l.byName[name]
	if element == nil {
		return nil
	}
	e := element.Value.(*lruEntry)
	if !now.Before(e.until) {
		l.drop(name)
		return nil
	}
	l.order.MoveToFront(element)
	return e
}

func (l *lru) put(e *lruEntry) {
	l.drop(e.name)
	l.byName[e.name] = l.order.PushFront(e)
	for l.order.Len() > l.limit {
		l.drop(l.order.Back().Value.(*lruEntry).name)
	}
}

func (l *lru) drop(name string) bool {
	element := l.byName[name]
	if element == nil {
		return false
	}
	l.order.Remove(element)
	delete(l.byName, name)
	return true
}

func (l *lru) each(do func(e *lruEntry)) {
	for element := l.order.Front(); element != nil; element = element.Next() {
		do(element.Value.(*lruEntry))
	}
}
