package detect_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// fixture is a detector whose clock is the test's.
type fixture struct {
	detector *detect.Detector
	now      time.Time
	alerts   []detect.Alert
}

func newFixture(t testing.TB, cfg detect.Config) *fixture {
	t.Helper()
	w := &fixture{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg.Alert = func(a detect.Alert) { w.alerts = append(w.alerts, a) }
	d, err := detect.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.detector = d
	return w
}

func (w *fixture) note(e authz.Event, from string) []detect.Alert {
	w.alerts = nil
	addr, _ := netip.ParseAddr(from)
	w.detector.Note(e, addr, w.now)
	return w.alerts
}

func event(t, u, s string) authz.Event {
	e := authz.Event{Kind: authz.RouteDecision, Session: s}
	if t != "" {
		e.Tenant = tenant.MustParse(t)
	}
	if u != "" {
		e.User = session.MustParseUserID(u)
	}
	return e
}

func denied(e authz.Event) authz.Event { e.Err, e.Status = authz.ErrDenied, 403; return e }

func TestABurstOfDenialsIsOneAlert(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 3, Window: time.Minute})
	alice := denied(event("acme", "alice", "s"))
	for n := range 2 {
		if got := w.note(alice, "192.0.2.1"); len(got) > 0 {
			t.Errorf("denial %d: %v", n+1, got)
		}
		w.now = w.now.Add(20 * time.Second)
	}
	if got := w.note(denied(event("globex", "alice", "s2")), ""); len(got) != 1 || got[0].Kind != detect.NewTenant {
		t.Errorf("another tenant's user of that name: %v", got)
	}
	if got := w.note(event("acme", "alice", "s"), ""); len(got) > 0 {
		t.Errorf("an allowed request: %v", got)
	}
	got := w.note(alice, "192.0.2.1")
	if len(got) != 1 || got[0].Kind != detect.Denials || got[0].Count != 3 || got[0].User.String() != "alice" || got[0].Address.String() != "192.0.2.1" {
		t.Fatalf("the third denial: %v", got)
	}
	if got := w.note(alice, "192.0.2.1"); len(got) > 0 {
		t.Errorf("a second alert: %v", got)
	}
	w.now = w.now.Add(10 * time.Minute)
	for range 2 {
		if got := w.note(alice, ""); len(got) > 0 {
			t.Errorf("denials of ten minutes ago count: %v", got)
		}
	}
	if got := w.note(alice, ""); len(got) != 1 {
		t.Errorf("the next burst: %v", got)
	}
	if got := w.detector.Stats().Alerts[detect.Denials]; got != 2 {
		t.Errorf("%d are counted", got)
	}
}

func TestAnOutageIsNoDenial(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 2})
	for range 10 {
		e := event("acme", "alice", "s")
		e.Err, e.Status = session.ErrUnavailable, 503
		if got := w.note(e, "192.0.2.1"); len(got) > 0 {
			t.Fatal(got)
		}
	}
}

func TestDenialsOfNobodyCountByTheirNetwork(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 3})
	nobody := denied(event("", "", ""))
	for _, from := range []string{"2001:db8::1", "192.0.2.1", "2001:db8::2", "", ""} {
		if got := w.note(nobody, from); len(got) > 0 {
			t.Fatalf("%s: %v", from, got)
		}
	}
	if got := w.note(nobody, "2001:db8::3"); len(got) != 1 || got[0].Kind != detect.Denials || !got[0].User.IsZero() {
		t.Errorf("the third of one /64: %v", got)
	}
}

func TestASessionFromManyAddressesIsAnAlert(t *testing.T) {
	w := newFixture(t, detect.Config{MaxAddresses: 3, Window: time.Minute})
	s := event("acme", "alice", "digest")
	for _, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.1", "::ffff:192.0.2.2", ""} {
		if got := w.note(s, from); len(got) > 0 {
			t.Fatalf("%s: %v", from, got)
		}
	}
	if got := w.note(event("acme", "alice", "another"), "192.0.2.3"); len(got) > 0 {
		t.Errorf("another session: %v", got)
	}
	if got := w.note(s, "192.0.2.3"); len(got) != 1 || got[0].Kind != detect.Addresses || got[0].Session != "digest" || got[0].Count != 3 {
		t.Errorf("the third address: %v", got)
	}
	w.now = w.now.Add(15 * time.Minute)
	if got := w.note(s, "192.0.2.4"); len(got) > 0 {
		t.Errorf("addresses of long ago count: %v", got)
	}
}

func TestAUserInATenantWhereTheyWereNeverSeenIsAnAlert(t *testing.T) {
	w := newFixture(t, detect.Config{})
	for range 3 {
		if got := w.note(event("acme", "alice", "s"), ""); len(got) > 0 {
			t.Fatal(got)
		}
	}
	if got := w.note(event("globex", "alice", "s2"), ""); len(got) != 1 || got[0].Kind != detect.NewTenant || got[0].Tenant.String() != "globex" || got[0].Count != 2 {
		t.Errorf("%v", got)
	}
	if got := w.note(event("globex", "alice", "s2"), ""); len(got) > 0 {
		t.Errorf("seen before: %v", got)
	}
	job := event("other", "alice", "")
	job.Principal = true
	if got := w.note(job, ""); len(got) > 0 {
		t.Errorf("a job: %v", got)
	}
}

func TestARefreshReplayIsAnAlert(t *testing.T) {
	w := newFixture(t, detect.Config{})
	w.detector.Refreshed(t.Context(), nil)
	w.detector.Refreshed(t.Context(), session.ErrRefreshInvalid)
	w.detector.Refreshed(t.Context(), fmt.Errorf("%w: of alice", session.ErrRefreshReused))
	if len(w.alerts) != 1 || w.alerts[0].Kind != detect.RefreshReplay || w.detector.Stats().Alerts[detect.RefreshReplay] != 1 {
		t.Errorf("%v", w.alerts)
	}
}

// A page that asks for its menu makes no attempt by it, nor does one with many actions that its
// reader may not take.
func TestADecisionForAMenuIsNoDenial(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 2})
	menu := denied(event("acme", "alice", "s"))
	menu.Kind, menu.Advisory = authz.ObjectDecision, true
	for range 100 {
		if got := w.note(menu, "192.0.2.1"); len(got) > 0 {
			t.Fatal(got)
		}
	}
	menu.Advisory = false
	w.note(menu, "192.0.2.1")
	if got := w.note(menu, "192.0.2.1"); len(got) != 1 {
		t.Errorf("two attempts: %v", got)
	}
}

// Somebody with a network of IPv6 sends requests without credentials from as many addresses as they like:
// what is known of a user's denials stays.
func TestAFloodOfAddressesHidesNoUser(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 3, MaxTracked: 10})
	mallory, nobody := denied(event("acme", "mallory", "s")), denied(event("", "", ""))
	for n := range 3 {
		got := w.note(mallory, "192.0.2.1")
		if want := n == 2; (len(got) == 1 && got[0].Kind == detect.Denials) != want {
			t.Errorf("denial %d: %v", n+1, got)
		}
		for i := range 100 {
			w.note(nobody, fmt.Sprintf("2001:db8:%x:%x::1", n, i))
		}
	}
}

// An attacker who can make a user of that name in a tenant of their own causes an alert, and in the
// ten quiet minutes after it the user comes for a third tenant: that is told as soon as there may be
// an alert.
func TestATenantThatWasSeenInQuietIsToldLater(t *testing.T) {
	w := newFixture(t, detect.Config{})
	w.note(event("acme", "alice", "s"), "")
	if got := w.note(event("mallorys", "alice", "m"), ""); len(got) != 1 {
		t.Fatalf("the decoy: %v", got)
	}
	w.now = w.now.Add(time.Minute)
	if got := w.note(event("globex", "alice", "s2"), ""); len(got) > 0 {
		t.Fatalf("a second alert within Quiet: %v", got)
	}
	w.now = w.now.Add(10 * time.Minute)
	if got := w.note(event("globex", "alice", "s2"), ""); len(got) != 1 || got[0].Kind != detect.NewTenant || got[0].Tenant.String() != "globex" {
		t.Errorf("after Quiet: %v", got)
	}
}

// An attacker who can cause alerts about ten thousand addresses causes as many as MaxAlerts in a
// minute. All are counted, and those of another kind are told.
func TestAFloodOfAlertsIsBounded(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 2, MaxAlerts: 5})
	nobody, told := denied(event("", "", "")), 0
	for n := range 10_000 {
		for range 2 {
			told += len(w.note(nobody, fmt.Sprintf("10.%d.%d.1", n/250, n%250)))
		}
	}
	s := w.detector.Stats()
	if told != 5 || s.Alerts[detect.Denials] != 10_000 || s.Untold != 9_995 {
		t.Errorf("%d are told, %+v", told, s)
	}
	w.note(event("acme", "alice", "s"), "")
	if got := w.note(event("globex", "alice", "s"), ""); len(got) != 1 {
		t.Errorf("another kind: %v", got)
	}
	w.now = w.now.Add(time.Minute)
	for range 2 {
		told += len(w.note(nobody, "192.0.2.1"))
	}
	if told != 6 {
		t.Errorf("%d are told after a minute", told)
	}
}

// An alert about a user names who acts as them.
func TestAnAlertNamesWhoActs(t *testing.T) {
	w := newFixture(t, detect.Config{MaxDenials: 2})
	e := denied(event("acme", "alice", "s"))
	actors, err := session.NewActors(session.Actor{User: session.MustParseUserID("helpdesk"), Reason: "ticket 7"})
	if err != nil {
		t.Fatal(err)
	}
	e.Actors = actors
	w.note(e, "")
	if got := w.note(e, ""); len(got) != 1 || got[0].Actor.String() != "helpdesk" || got[0].User.String() != "alice" {
		t.Errorf("%+v", got)
	}
}

// The memory for users, sessions and addresses who do all that they can is as small as MaxTracked
// says: a tenth of the default here.
func TestMemoryIsBoundedWhateverClientsDo(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	w := newFixture(t, detect.Config{MaxTracked: 1000})
	before := heap()
	tenants := make([]tenant.ID, 16)
	for i := range tenants {
		tenants[i] = tenant.MustParse(fmt.Sprintf("%s%02d", strings.Repeat("t", 61), i))
	}
	for n := range 1200 { // more than are tracked
		e := denied(authz.Event{Kind: authz.RouteDecision, User: session.MustParseUserID(fmt.Sprintf("%0255d", n)), Session: fmt.Sprintf("%064d", n)})
		for i := range 30 {
			e.Tenant = tenants[0]
			if n%10 == 0 { // a tenth of them in every tenant
				e.Tenant = tenants[i%16]
			}
			w.note(e, fmt.Sprintf("10.%d.0.1", i))
			w.now = w.now.Add(11 * time.Minute / 30)
		}
		for range 30 {
			w.note(denied(event("", "", "")), fmt.Sprintf("2001:db8:%x:1::1", n))
		}
	}
	used, s := int64(heap())-int64(before), w.detector.Stats()
	t.Logf("%d KiB for %d that are tracked", used>>10, s.Tracked)
	if used > 4<<20 || s.Tracked != 4000 || s.Forgotten == 0 {
		t.Errorf("%+v", s)
	}
	runtime.KeepAlive(w)
}

func TestAnAlertThatPanicsRefusesNobody(t *testing.T) {
	d, err := detect.New(detect.Config{Alert: func(detect.Alert) { panic("no pager") }})
	if err != nil {
		t.Fatal(err)
	}
	d.Refreshed(t.Context(), session.ErrRefreshReused)
	if d.Stats().Alerts[detect.RefreshReplay] != 1 {
		t.Error("the alert is not counted")
	}
}

// TestAlertsAreThoseOfAModelAndMemoryIsBounded compares random streams with a model that forgets
// nothing, while few are tracked, and counts what is known while many are.
func TestAlertsAreThoseOfAModelAndMemoryIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const limit, window = 3, time.Minute
		users := rapid.SampledFrom([]int{3, 500}).Draw(rt, "users")
		w := newFixture(t, detect.Config{MaxDenials: limit, MaxAddresses: 2, Window: window, Quiet: time.Nanosecond, MaxTracked: 10})
		times := map[string][]time.Time{}
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "seconds")) * time.Second)
			user := fmt.Sprint("u", rapid.IntRange(1, users).Draw(rt, "user"))
			e := event("acme", user, "")
			if rapid.Bool().Draw(rt, "denied") {
				e = denied(e)
				times[user] = append(times[user], w.now)
			}
			got := w.note(e, "192.0.2.1")
			of := times[user]
			want := e.Err != nil && len(of) >= limit && w.now.Sub(of[len(of)-limit]) < window
			if users < 10 && want != (len(got) == 1) {
				rt.Fatalf("%v: %v, want an alert: %t", of, got, want)
			}
			if !want && len(got) > 0 { // a forgotten one is no alert either
				rt.Fatalf("an alert out of nothing: %v", got)
			}
			if n := w.detector.Stats().Tracked; n > 40 {
				rt.Fatalf("%d are tracked", n)
			}
		}
	})
}

func FuzzDetector(f *testing.F) {
	f.Add([]byte("acme alice 1.2.3.4"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		w := newFixture(t, detect.Config{MaxDenials: 2, MaxAddresses: 2, MaxTracked: 10})
		for i, b := range data {
			w.now = w.now.Add(time.Duration(int(step)-100) * time.Second) // also back
			e := event(fmt.Sprint("t", b%7), fmt.Sprint("u", b%13), fmt.Sprint("s", b%17))
			if b&1 == 1 {
				e = denied(e)
			}
			if b&2 == 2 {
				e.User, e.Tenant, e.Session = session.UserID{}, tenant.ID{}, ""
			}
			alerts := w.note(e, netip.AddrFrom4([4]byte{b, byte(i), 0, 0}).String())
			if len(alerts) > 3 || w.detector.Stats().Tracked > 40 {
				t.Fatalf("%v %+v", alerts, w.detector.Stats())
			}
			for _, a := range alerts {
				if a.Kind.String() == "none" || a.Count < 2 {
					t.Fatalf("%+v", a)
				}
			}
		}
	})
}

func TestAnInvalidConfigIsNamedByItsFields(t *testing.T) {
	_, err := detect.New(detect.Config{MaxDenials: 1, MaxAddresses: 101, Window: time.Millisecond, Quiet: -1, MaxTracked: 9, MaxAlerts: -1})
	for _, field := range []string{"Alert", "MaxDenials", "MaxAddresses", "Window", "Quiet", "MaxAlerts", "MaxTracked"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") || !strings.HasPrefix(err.Error(), "detect: invalid config: ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
