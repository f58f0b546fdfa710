//go:build unix

package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// site is the Redis of a fixture, and the way to it of each instance.
type site struct {
	*historyFixture
	servers  []*redisserver.Server // the first one is the primary, or a master
	replica  *redisserver.Server   // nil without one
	sentinel *redisserver.Sentinel // nil without one
	proxies  []*faultproxy.Proxy   // of each instance; none to a cluster or by a sentinel
	begun    time.Duration         // when the fault of this round began
}

// A plan is a site that is not built yet.
type plan struct {
	args    []string // of the command line of Redis
	kind    string   // "", "pair", "sentinel" or "cluster"
	options func(o *redisstore.Config)
}

var notOnDisk = []string{"--appendonly", "no"}

// instances is how many a fixture has.
const historyInstances = 2

// newSite builds a site and a fixture on it, with caches or without.
func newSite(t *testing.T, p plan, roles authority, cached bool) *site {
	t.Helper()
	s := &site{}
	opts := storeOptions()
	opts.Timeout = 0
	if p.options != nil {
		p.options(&opts)
	}
	open := s.build(t, p, opts)
	var stores []session.Store
	lease := time.Duration(0)
	for i := range historyInstances {
		store := open(i)
		meet(store)
		if !cached {
			stores = append(stores, store)
			continue
		}
		lease = cachestore.DefaultLease
		stores = append(stores, startCache(t, store))
	}
	s.historyFixture = newHistoryFixture(t, roles, lease, stores...)
	return s
}

// build starts the servers and returns what opens the store of an instance.
func (s *site) build(t *testing.T, p plan, opts redisstore.Config) func(i int) *redisstore.Store {
	t.Helper()
	switch p.kind {
	case "cluster":
		s.servers = redisserver.StartClusterOf(t, p.args...)
		var addrs []string
		for _, server := range s.servers {
			addrs = append(addrs, server.Addr())
		}
		return func(int) *redisstore.Store { return storeOn(t, clusterClient(t, addrs), opts) }
	case "sentinel":
		s.sentinel = redisserver.StartSentinelThatActs(t, 2*time.Second)
		s.servers, s.replica = []*redisserver.Server{s.sentinel.Primary}, s.sentinel.Replica
		return func(int) *redisstore.Store {
			client := redis.NewFailoverClient(&redis.FailoverOptions{
				MasterName: redisserver.SentinelMaster, SentinelAddrs: []string{s.sentinel.Addr()},
				ContextTimeoutEnabled: true, MaxRetries: 1, DialTimeout: time.Second, ReadTimeout: time.Second,
			})
			t.Cleanup(func() { client.Close() })
			return storeOn(t, client, opts)
		}
	}
	primary := redisserver.Start(t, p.args...)
	s.servers = []*redisserver.Server{primary}
	if p.kind == "pair" {
		s.replica = redisserver.Start(t, p.args...)
		s.replica.Follow(primary)
	}
	for range historyInstances {
		s.proxies = append(s.proxies, faultproxy.Start(t, primary.Addr()))
	}
	return func(i int) *redisstore.Store { return open(t, "redis://"+s.proxies[i].Addr(), opts) }
}

// raw does something on the primary.
func (s *site) raw(do func(ctx context.Context, c *redis.Client) error) {
	s.tb.Helper()
	client := s.servers[0].Client()
	defer client.Close()
	// It has to be done however busy the machine is, and so has longer than instances have.
	if err := do(context.Background(), client.WithTimeout(10*time.Second)); err != nil {
		s.tb.Errorf("on the primary: %v", err)
	}
}

// do is raw of one command.
func (s *site) do(args ...any) {
	s.tb.Helper()
	s.raw(func(ctx context.Context, c *redis.Client) error { return c.Do(ctx, args...).Err() })
}

// goOn lets the fixture go on for a time.
func (s *site) goOn(d time.Duration) { <-time.After(d) }

// broken breaks something for a time and mends it.
func (s *site) broken(lasts time.Duration, begin, end func()) {
	s.tb.Helper()
	from := s.log.Now()
	begin()
	s.goOn(lasts)
	end()
	s.log.AddFault(history.Fault{From: from, Till: s.log.Now()})
}

// cut is broken for an instance, or for all of them with "", that can ask nobody meanwhile.
func (s *site) cut(instance string, lasts time.Duration, begin, end func()) {
	s.tb.Helper()
	s.broken(lasts, func() {
		begin()
		s.begun = s.log.Now()
	}, func() {
		s.log.AddCut(history.Cut{Who: instance, From: s.begun, Till: s.log.Now()})
		end()
	})
}

// fallBack has an older state, of a time from on, take the place of what there is. No change
// is made until it is clear who believes what, at every second time; otherwise they go on.
func (s *site) fallBack(from time.Duration, calm bool, swap func()) {
	s.tb.Helper()
	resume := func() {}
	if calm {
		resume = s.calm()
	}
	down := s.log.Now()
	swap()
	s.log.AddRollback(history.Rollback{From: from, Down: down, Up: s.log.Now()})
	s.log.AddFault(history.Fault{From: down, Till: s.log.Now()})
	s.goOn(2 * s.rules.Window)
	resume()
}

// empty has the server forget everything.
func (s *site) empty(how func()) {
	s.tb.Helper()
	at := s.log.Now()
	how()
	s.log.AddLoss(history.Loss{At: at, Till: s.log.Now()})
	s.log.AddFault(history.Fault{From: at, Till: s.log.Now()})
	s.goOn(2 * s.rules.Window)
}

func storeName(roles authority, cached bool) string {
	name := "no cache"
	if cached {
		name = "cache"
	}
	if roles != ofSession {
		name += ", " + string(roles)
	}
	return name
}

// trial is a fault of a plan.
type trial struct {
	name  string
	plan  plan
	fault func(s *site, round int)
	once  bool // there is no second round
	kept  bool // every acknowledged change outlives the fault: no rollback excuses anybody
	least int  // rounds
}

// run has the fixture go on until there were so many requests, and the fault happen again and
// again meanwhile.
func (f trial) run(t *testing.T, roles authority, cached bool, requests int) history.Row {
	t.Helper()
	s := newSite(t, f.plan, roles, cached)
	s.begin()
	s.goOn(500 * time.Millisecond)
	began := time.Now()
	for round := 0; round < max(1, f.least) || s.requests() < requests || s.lacking() != "" && time.Since(began) < testwait.Limit; round++ {
		if !f.once || round == 0 {
			f.fault(s, round)
		}
		if s.lacking() != "" {
			s.stir(1)
		}
		s.goOn(500 * time.Millisecond)
	}
	s.isServed()
	s.goOn(300 * time.Millisecond)
	s.end()
	t.Logf("%v", s.log.Summary())
	s.tellsOfTenants()
	row := s.row(f.name, storeName(roles, cached))
	if v := &row.Verdict; f.kept {
		v.Wrong, v.Window = append(v.Wrong, v.Window...), nil
	}
	if len(row.Verdict.Wrong)+len(row.Verdict.Unexplained()) > 0 {
		t.Log(s.log.Disturbances())
	}
	for _, r := range row.Verdict.Unexplained() {
		of, user := tenant.MustParse(r.Call.Tenant), session.MustParseUserID(r.Call.User)
		events, err := s.fronts[0].manager.Events(context.Background(), of, user)
		t.Logf("the session %s and its user: %v", r.Call.Session, err)
		for _, e := range events[max(0, len(events)-20):] {
			t.Logf("  %v: %s of %s", e.At.Sub(s.log.Began()), e.Kind, e.Session)
		}
	}
	if kind := s.lacking(); kind != "" {
		t.Errorf("too few changes of kind %s were acknowledged to prove anything", kind)
	}
	return row
}

// tellsOfTenants holds the events of each tenant against the calls that set its status, where
// nothing may have been lost.
func (w *historyFixture) tellsOfTenants() {
	w.tb.Helper()
	if !w.log.Whole() {
		return
	}
	for _, o := range w.operators {
		events, err := w.fronts[0].manager.Events(context.Background(), o.tenant, session.UserID{})
		for range 100 {
			if err == nil {
				break
			}
			<-time.After(100 * time.Millisecond)
			events, err = w.fronts[0].manager.Events(context.Background(), o.tenant, session.UserID{})
		}
		if err != nil { // of a machine that is too busy: nothing is proved
			w.tb.Logf("the events of %v: %v", o.tenant, err)
			continue
		}
		var told []history.Kind
		for _, e := range events {
			switch e.Kind {
			case session.EventTenantSetUp, session.EventTenantActivated:
				told = append(told, history.Activate)
			case session.EventTenantSuspended:
				told = append(told, history.Suspend)
			}
		}
		if len(events) < 1000 && !w.log.Explains(o.tenant.String(), told) {
			w.tb.Errorf("no outcome of the calls explains the %d events of %v: %v", len(events), o.tenant, told)
		}
	}
}

// lacking returns a kind of change of which there were too few to prove anything, "" when there
// is none.
func (w *historyFixture) lacking() history.Kind {
	kinds := []history.Kind{history.Move, history.Refresh, history.Revoke, history.Suspend}
	switch w.roles {
	case ofSession:
		kinds = append(kinds, history.Update)
	case ofService:
		kinds = append(kinds, history.Adopt, history.EndSignIn, history.RevokePerson)
		if w.log.Count(history.Done, history.StaleTenant) < 3*len(w.people) {
			return history.StaleTenant
		}
		fallthrough
	default:
		kinds = append(kinds, history.Regrant, history.Block, history.Unblock)
	}
	for _, kind := range kinds {
		if w.log.Count(history.Done, kind) < 3 {
			return kind
		}
	}
	return ""
}

// judged makes each finding an error of a test.
func judged(t *testing.T, row history.Row) {
	t.Helper()
	t.Log(row)
	told := map[string]int{}
	for _, w := range row.Verdict.Wrong {
		if told[w.What]++; told[w.What] <= 5 {
			t.Errorf("%v; the slack is %v", w, row.Slack)
			logCalls(t, w.Before)
		}
	}
	for _, w := range row.Verdict.Window {
		t.Logf("in the window: %v", w)
		logCalls(t, w.Before)
	}
	unexplained := row.Verdict.Unexplained()
	for _, r := range unexplained[:min(10, len(unexplained))] {
		t.Error(r)
		logCalls(t, r.Before)
	}
}

func logCalls(t *testing.T, calls []history.Call) {
	t.Helper()
	for _, c := range calls {
		t.Logf("  %v to %v: %s by %s, %s (session %s, next %s, to %s, of %q issued at %v)", c.Invoked, c.Returned, c.Kind, c.By, c.Answer, c.Session, c.Next, c.To, c.Name, c.Issued)
	}
}
