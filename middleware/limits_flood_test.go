package middleware_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// pool is a store behind a number of connections, each of which serves one load at a time and takes
// a while. A load that finds all busy waits.
type pool struct {
	connections chan struct{}
	takes       time.Duration
}

func (p *pool) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	p.connections <- struct{}{}
	defer func() { <-p.connections }()
	time.Sleep(p.takes)
	return session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User}, ctx.Err()
}

// The clock of the bubble moves only while everybody waits, so what is measured is waiting
// alone, whatever else the machine does: the 99th percentile of one tenant's loads, alone
// and while 64 clients of another tenant ask as fast as they are answered.
func TestAFloodLeavesAnotherTenantsSlowestLoadsWithinAFifth(t *testing.T) {
	t.Run("as many places as one tenant may have", func(t *testing.T) { floodOf(t, 8, 8) })
	t.Run("as by default, on one processor", func(t *testing.T) { floodOf(t, 16, 8) })
	t.Run("as by default, on two", func(t *testing.T) { floodOf(t, 20, 8) })
}

func floodOf(t *testing.T, connections, each int) {
	const takes = 2 * time.Millisecond
	quiet := ref(t, "globex", "carol")
	loud := ref(t, "acme", "mallory")
	measure := func(limit, flood bool) (p99 time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			var loader middleware.Loader = &pool{make(chan struct{}, connections), takes}
			if limit {
				loader = middleware.LimitLoader(loader, connections, each)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var flooding sync.WaitGroup
			for range 64 {
				if !flood {
					break
				}
				flooding.Go(func() {
					for ctx.Err() == nil {
						if _, err := loader.Load(context.WithoutCancel(ctx), loud); err != nil && !errors.Is(err, middleware.ErrOverloaded) {
							t.Error(err)
						}
					}
				})
			}
			time.Sleep(50 * time.Millisecond)
			// The first load makes the tenant known as one that is served.
			_, _ = loader.Load(ctx, quiet)
			times := make([]time.Duration, 1000)
			for i := range times {
				start := time.Now()
				if _, err := loader.Load(ctx, quiet); err != nil {
					t.Fatalf("load %d of the quiet tenant: %v", i, err)
				}
				times[i] = time.Since(start)
				time.Sleep(time.Duration(i%7) * 300 * time.Microsecond)
			}
			cancel()
			flooding.Wait()
			slices.Sort(times)
			p99 = times[len(times)*99/100]
		})
		return p99
	}
	alone, shared, unlimited := measure(true, false), measure(true, true), measure(false, true)
	t.Logf("p99 alone %v, in a flood %v, in a flood without limits %v", alone, shared, unlimited)
	if shared > alone+alone/5 {
		t.Errorf("the flood takes the p99 from %v to %v, more than a fifth", alone, shared)
	}
	if unlimited < 2*alone {
		t.Errorf("without limits the p99 is %v: this flood is none", unlimited)
	}
}

func ref(t *testing.T, tenantID, user string) session.Ref {
	t.Helper()
	return session.Ref{Tenant: tenant.MustParse(tenantID), User: session.MustParseUserID(user), ID: session.NewID()}
}
