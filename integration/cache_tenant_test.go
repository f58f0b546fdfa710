//go:build unix

package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/tenant"
)

// A tenant that another instance suspends or makes active is heard of by the announcement. An instance
// that missed it, because it hears nothing, because nothing passes but its questions, or because its
// connection was cut at that moment, asks within the lease: it serves nothing from memory longer.
func TestATenantWhoseAnnouncementWasMissedIsAskedFor(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	operator, node := f.caches[0], f.caches[2]
	s := f.create()
	fromMemory := func() {
		t.Helper()
		testwait.Until(t, "the session is served from memory", func() bool {
			hits := node.Stats().Hits
			_, err := node.Load(t.Context(), s.Ref())
			return err == nil && node.Stats().Hits > hits
		})
	}
	is := func(status tenant.Status) bool {
		_, err := node.Load(t.Context(), s.Ref())
		return status == tenant.Active && err == nil || status == tenant.Suspended && errors.Is(err, tenant.ErrSuspended)
	}
	set := func(status tenant.Status) {
		t.Helper()
		f.eventually("the status is set", func() error { return operator.SetTenantStatus(context.Background(), acme, status) })
	}
	follows := func(what string, status tenant.Status, within time.Duration) {
		t.Helper()
		began := time.Now()
		testwait.Until(t, what, func() bool { return is(status) })
		if took := time.Since(began); took > within+f.stalls.slack() {
			t.Errorf("%s: after %v, bound %v", what, took, within)
		}
	}

	// By the announcement.
	for _, status := range []tenant.Status{tenant.Suspended, tenant.Active} {
		if status == tenant.Suspended {
			fromMemory()
		}
		changes := node.Stats().Changes
		set(status)
		follows("it hears: "+status.String(), status, announced)
		if node.Stats().Changes == changes {
			t.Errorf("%v was not heard", status)
		}
	}

	// By asking: the announcement does not arrive, and the lease is the bound.
	fromMemory()
	f.proxy.FreezeFeeds()
	changes := node.Stats().Changes
	for _, status := range []tenant.Status{tenant.Suspended, tenant.Active, tenant.Suspended} {
		set(status)
		follows("a deaf instance asks: "+status.String(), status, cachestore.DefaultLease)
	}
	if stats := node.Stats(); stats.Changes != changes || stats.Fresh {
		t.Errorf("an instance that is deaf heard something: %+v", stats)
	}
	set(tenant.Active)
	f.proxy.Restore()
	testwait.Until(t, "it hears again", func() bool { return node.Stats().Fresh })
	fromMemory()

	// The connection is cut while the status changes.
	for _, status := range []tenant.Status{tenant.Suspended, tenant.Active} {
		resets := node.Stats().Resets
		f.proxy.Refuse()
		f.proxy.Cut()
		set(status)
		f.proxy.Restore()
		follows("after the cut it is "+status.String(), status, testwait.Limit)
		testwait.Until(t, "it noticed that it may have missed something", func() bool { return node.Stats().Resets > resets })
	}
}
