package token

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reevehq/reeve/internal/configerr"
)

// registry holds the trusted issuers by name. A change publishes a new set, so that a
// reader sees all of it or nothing. The zero registry is empty.
type registry struct {
	current atomic.Pointer[trusted]
	changes sync.Mutex // held while one set becomes the next
	limit   int        // 0 stands for defaultMaxIssuers
}

// trusted is a set of issuers, which nobody changes any more. The nil trusted is empty.
type trusted struct {
	byName    map[string]*Issuer
	templates []*Issuer
	opaque    []*Issuer
	headers   []string // in which tokens come, beside Authorization
	longest   int      // the largest MaxLength
	jku       bool     // one of them ignores it
	foreign   bool     // one of them has Foreign
}

func newTrusted(issuers map[string]*Issuer) *trusted {
	t := &trusted{byName: issuers, longest: MaxLength}
	for _, name := range slices.Sorted(maps.Keys(issuers)) {
		i := issuers[name]
		if i.isTemplate() {
			t.templates = append(t.templates, i)
		}
		if i.asks() {
			t.opaque = append(t.opaque, i)
		}
		if i.Header != "" && !slices.Contains(t.headers, i.Header) {
			t.headers = append(t.headers, i.Header)
		}
		t.longest = max(t.longest, i.MaxLength)
		t.foreign = t.foreign || i.Foreign != nil
		t.jku = t.jku || i.Foreign != nil && i.Foreign.IgnoreJKU
	}
	return t
}

// load returns the issuers of this moment.
func (r *registry) load() *trusted { return r.current.Load() }

// find returns the entry for the iss claim of a token, nil for none. An entry of that name goes
// before templates; of several templates that would do, none does.
func (t *trusted) find(iss string) *Issuer {
	if t == nil {
		return nil
	}
	if i := t.byName[iss]; i != nil && !i.isTemplate() {
		return i
	}
	var found *Issuer
	for _, i := range t.templates {
		if _, ok := i.segment(iss); !ok {
			continue
		}
		if found != nil {
			return nil
		}
		found = i
	}
	return found
}

// holds reports whether an entry is one of the set.
func (t *trusted) holds(i *Issuer) bool { return t != nil && t.byName[i.Name] == i }

// limit is the longest text that may be a token.
func (t *trusted) limit() int {
	if t == nil {
		return MaxLength
	}
	return t.longest
}

// most is how many issuers there may be.
func (r *registry) most() int {
	if r.limit == 0 {
		return defaultMaxIssuers
	}
	return r.limit
}

// change publishes what edit makes of a copy of the present set, or nothing on an error.
func (r *registry) change(edit func(issuers map[string]*Issuer) error) error {
	r.changes.Lock()
	defer r.changes.Unlock()
	next := map[string]*Issuer{}
	if t := r.load(); t != nil {
		next = maps.Clone(t.byName)
	}
	if err := edit(next); err != nil {
		return err
	}
	if limit := r.most(); len(next) > limit {
		return fmt.Errorf("token: invalid config: MaxIssuers: %d issuers, at most %d are allowed", len(next), limit)
	}
	r.current.Store(newTrusted(next))
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
	defer v.resolver.forgetKnown()
	return v.issuers.change(func(issuers map[string]*Issuer) error {
		i := given.withDefaults()
		if issuers[i.Name] != nil {
			return fmt.Errorf("token: invalid config: Name: %s twice", quote(i.Name))
		}
		issuers[i.Name] = &i
		return invalidIssuer(i.problems(issuers))
	})
}

// Replace changes what is trusted of an issuer, without a moment in which its tokens are refused.
// Tokens that were verified under the former entry are verified again. On an error, which is one of
// Add's or that the name is not trusted, the former entry stays.
func (v *Verifier) Replace(given Issuer) error {
	defer v.resolver.forgetKnown()
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
// caller's to close. The answer of [VerifierConfig.Resolve] about the name is forgotten, so
// that it is asked again.
func (v *Verifier) Remove(name string) bool {
	known := false
	v.issuers.change(func(issuers map[string]*Issuer) error {
		_, known = issuers[name]
		delete(issuers, name)
		return nil
	})
	return v.resolver.forget(name) || known
}
