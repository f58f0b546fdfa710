package token

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/reevehq/reeve/internal/configerr"
)

// registry holds the trusted issuers by name. A change publishes a new map, so that a
// reader sees all of it or nothing. The zero registry is empty.
type registry struct {
	current atomic.Pointer[map[string]*Issuer]
	changes sync.Mutex // held while one map becomes the next
	limit   int        // 0 stands for defaultMaxIssuers
}

// load returns the issuers of this moment, which nobody changes any more.
func (r *registry) load() map[string]*Issuer {
	if m := r.current.Load(); m != nil {
		return *m
	}
	return nil
}

// change publishes what edit makes of a copy of the present map, or nothing on an error.
func (r *registry) change(edit func(issuers map[string]*Issuer) error) error {
	r.changes.Lock()
	defer r.changes.Unlock()
	next := maps.Clone(r.load())
	if next == nil {
		next = make(map[string]*Issuer)
	}
	if err := edit(next); err != nil {
		return err
	}
	limit := r.limit
	if limit == 0 {
		limit = defaultMaxIssuers
	}
	if len(next) > limit {
		return fmt.Errorf("token: invalid config: MaxIssuers: %d issuers, at most %d are allowed", len(next), limit)
	}
	r.current.Store(&next)
	return nil
}

// invalidIssuer returns one error for the problems of an entry, nil when there are none.
func invalidIssuer(found []error) error {
	var problems configerr.Problems
	problems.Append(found...)
	return problems.Err("token", nil)
}

// Add makes v trust one issuer more, from the next Verify on. It reports every problem of
// the entry at once; a name that is trusted
// already, the source of keys of another issuer, and one issuer too many are errors, and
// then nothing changes. The entry is copied.
func (v *Verifier) Add(given Issuer) error {
	return v.issuers.change(func(issuers map[string]*Issuer) error {
		i := given.withDefaults()
		if issuers[i.Name] != nil {
			return fmt.Errorf("token: invalid config: Name: %s twice", quote(i.Name))
		}
		issuers[i.Name] = &i
		return invalidIssuer(i.problems(issuers))
	})
}

// Replace changes what is trusted of an issuer, without a moment in which its tokens are
// refused. What was verified under the former entry is verified again. On an error,
// which is one of Add's or that the name is not trusted, the former entry stays.
func (v *Verifier) Replace(given Issuer) error {
	return v.issuers.change(func(issuers map[string]*Issuer) error {
		i := given.withDefaults()
		if issuers[i.Name] == nil {
			return fmt.Errorf("token: invalid config: Name: %s is not trusted", quote(i.Name))
		}
		issuers[i.Name] = &i
		return invalidIssuer(i.problems(issuers))
	})
}

// Remove ends the trust in an issuer, from the next Verify on, also for tokens that were
// accepted before, and reports whether there was any. The issuer's source of keys is the
// caller's to close.
func (v *Verifier) Remove(name string) bool {
	known := false
	v.issuers.change(func(issuers map[string]*Issuer) error {
		_, known = issuers[name]
		delete(issuers, name)
		return nil
	})
	return known
}
