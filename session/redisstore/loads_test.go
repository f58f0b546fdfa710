package redisstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
)

// away is how far the server of these tests is.
const away = 2 * time.Millisecond

// pipeServer is a server in the same bubble, away from its clients, that answers each script
// with its first key. It counts round trips: what comes on one connection at one instant.
type pipeServer struct {
	answer func(command, key string) string // raw RESP in place of the key, "" for silence; optional

	mu    sync.Mutex
	trips [][]string // the keys of each
}

func (p *pipeServer) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go p.serve(far)
	return near, nil
}

func (p *pipeServer) serve(conn net.Conn) {
	type reply struct {
		at   time.Time
		text string
	}
	replies := make(chan reply, 10_000)
	defer close(replies)
	go func() {
		defer conn.Close()
		for r := range replies {
			time.Sleep(time.Until(r.at))
			if _, err := io.WriteString(conn, r.text); err != nil {
				return
			}
		}
	}()
	in := bufio.NewReader(conn)
	var last time.Time
	trip := -1
	for {
		words, err := readWords(in)
		if err != nil {
			return
		}
		if !strings.HasPrefix(words[0], "eval") {
			replies <- reply{time.Now(), "-ERR unknown command\r\n"} // a client bears it on connecting
			continue
		}
		key, nonce := words[3], words[len(words)-1]
		p.mu.Lock()
		if now := time.Now(); trip < 0 || !now.Equal(last) {
			last, trip = now, len(p.trips)
			p.trips = append(p.trips, nil)
		}
		p.trips[trip] = append(p.trips[trip], key)
		text := fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(nonce), nonce, len(key), key)
		if p.answer != nil {
			if own := p.answer(words[0], key); own != "as is" {
				text = own
			}
		}
		p.mu.Unlock()
		if text != "" {
			replies <- reply{last.Add(away), text}
		}
	}
}

func readWords(r *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		words[i] = string(b[:size])
	}
	return words, nil
}

// seen returns the round trips so far.
func (p *pipeServer) seen() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trips
}

// awayFrom runs f in a bubble with a store whose Redis is p.
func awayFrom(t *testing.T, p *pipeServer, f func(t *testing.T, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{
			Addr: "127.0.0.1:1", Dialer: p.dial, PoolSize: 32, ContextTimeoutEnabled: true, DisableIdentity: true, PipelinePoolSize: -1, Protocol: 2,
			DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, PoolTimeout: time.Second, MaxRetries: -1,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
		key := session.NewSecretKey(bytes.Repeat([]byte("k-"), 16))
		s, err := New(client, Config{NameKey: key, SealKeys: []session.SecretKey{key}})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		defer s.Close()
		f(t, s)
	})
}

// loadOf loads what is named, and complains of an answer to anything else.
func (s *Store) loadOf(ctx context.Context, t tenant.ID, name string) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	answers, err := s.loads.batch(ctx, t, func(eval bool) []*call {
		own := lookScript.call(ctx, eval, []string{name})
		return append([]*call{own}, s.readShared(ctx, eval, s.names.tenant(t))...)
	})
	if err != nil {
		return err
	}
	if len(answers) != 3 || answers[0] != name || answers[1] != s.names.tenant(t) || answers[2] != s.names.global() {
		return fmt.Errorf("%s is answered %v", name, answers)
	}
	return nil
}

// TestAThousandLoadsShareAFewRoundTrips is the morning after a deploy: 1,000 users of one
// tenant and, behind them, five of another.
func TestAThousandLoadsShareAFewRoundTrips(t *testing.T) {
	p := &pipeServer{}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		var mu sync.Mutex
		latest := map[tenant.ID]time.Duration{}
		var all sync.WaitGroup
		began := time.Now()
		load := func(id tenant.ID, i int) {
			all.Go(func() {
				if err := s.loadOf(context.Background(), id, fmt.Sprint(id, i)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				latest[id] = time.Since(began)
			})
		}
		for i := range 1000 {
			load(acme, i)
		}
		synctest.Wait() // they are all there before the others come
		for i := range 5 {
			load(globex, i)
		}
		all.Wait()
		if latest[globex] > 2*away {
			t.Errorf("five users wait %v behind the thousand; each trip takes %v", latest[globex], away)
		}
		if latest[acme] > 6*away {
			t.Errorf("the thousand take %v", latest[acme])
		}
		trips, commands := p.seen(), 0
		for _, keys := range trips {
			commands += len(keys)
			if len(keys) > tripLoads+4 {
				t.Errorf("%d commands in one trip", len(keys))
			}
		}
		if len(trips) > 20 || commands > 1005+3*len(trips) {
			t.Errorf("%d trips of %d commands for 1,005 loads", len(trips), commands)
		}
		if stats := s.Loads(); stats.Loads != 1005 || stats.Trips != uint64(len(trips)) {
			t.Errorf("counted are %+v, in truth it is %d trips", stats, len(trips))
		}
	})
}

func TestALoadThatIsAloneWaitsForNobody(t *testing.T) {
	p := &pipeServer{}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		for i := range 50 {
			began := time.Now()
			if err := s.loadOf(t.Context(), acme, fmt.Sprint(i)); err != nil || time.Since(began) != away {
				t.Fatalf("a load takes %v: %v", time.Since(began), err)
			}
		}
		if n := len(p.seen()); n != 50 {
			t.Errorf("%d trips for 50 loads, one after the other", n)
		}
	})
}

// TestTenantsTakeTurnsInARoundTrip lets 16 tenants take every trip, then one queue up 300
// times and another once behind it.
func TestTenantsTakeTurnsInARoundTrip(t *testing.T) {
	p := &pipeServer{}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		var all sync.WaitGroup
		load := func(id tenant.ID, name string) {
			all.Go(func() {
				if err := s.loadOf(context.Background(), id, name); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		for i := range maxTrips {
			load(tenant.MustParse(fmt.Sprint("t", i)), "first")
		}
		for i := range 300 {
			load(acme, fmt.Sprint("a", i))
		}
		load(globex, "behind them")
		all.Wait()
		for _, keys := range p.seen() {
			trip := strings.Join(keys, " ")
			if first := strings.Contains(trip, "a0 "); first != strings.Contains(trip, "behind them") || first && strings.Contains(trip, "a100 ") {
				t.Errorf("a trip carries %s", trip)
			}
		}
	})
}

// TestWhatBefallsOneLoadIsItsOwn sends loads together of which one is answered with an error,
// one with the answer to another call, and one is given up by its caller.
func TestWhatBefallsOneLoadIsItsOwn(t *testing.T) {
	p := &pipeServer{answer: func(_, key string) string {
		switch key {
		case "wrong":
			return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
		case "foreign":
			return "*2\r\n$3\r\nxyz\r\n$1\r\n1\r\n"
		case "nil":
			return "$-1\r\n"
		}
		return "as is"
	}}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		for range tenantTrips { // so that the others gather
			go func() { _ = s.loadOf(context.Background(), acme, "first") }()
		}
		synctest.Wait()
		gone, cancel := context.WithCancel(context.Background())
		late, cancelLate := context.WithTimeout(context.Background(), away+time.Microsecond)
		defer cancelLate()
		var mu sync.Mutex
		errs := map[string]error{}
		var all sync.WaitGroup
		for _, name := range []string{"foreign", "gone", "late", "wrong", "nil", "good", "good too", "good as well"} {
			ctx := map[string]context.Context{"gone": gone, "late": late}[name]
			if ctx == nil {
				ctx = context.Background()
			}
			all.Go(func() {
				err := s.loadOf(ctx, acme, name)
				mu.Lock()
				defer mu.Unlock()
				errs[name] = err
			})
			synctest.Wait() // the first, whose call is the first of the trip, is answered wrongly
		}
		time.AfterFunc(away+away/2, cancel) // in the air
		all.Wait()
		for name, want := range map[string]error{"gone": context.Canceled, "late": context.DeadlineExceeded, "foreign": errForeign} {
			if !errors.Is(errs[name], want) {
				t.Errorf("%s: %v", name, errs[name])
			}
		}
		if err := failed(errs["wrong"]); !redis.HasErrorPrefix(errs["wrong"], "WRONGTYPE") || !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("wrong: %v", errs["wrong"])
		}
		if err := failed(errs["nil"]); !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("nil: %v", err)
		}
		for _, name := range []string{"good", "good too", "good as well"} {
			if errs[name] != nil {
				t.Errorf("%s: %v", name, errs[name])
			}
		}
		if n := len(p.seen()); n != tenantTrips+1 {
			t.Errorf("%d trips", n)
		}
		if stats := s.Stats(); stats.BreakerOpen || s.client.breaker.row != 0 {
			t.Errorf("answers count as outages: %+v", stats)
		}
	})
}

// TestAServerWithoutScriptsIsSentThemAgain answers NOSCRIPT to loads that go together.
func TestAServerWithoutScriptsIsSentThemAgain(t *testing.T) {
	p := &pipeServer{answer: func(command, _ string) string {
		if command == "evalsha" {
			return "-NOSCRIPT No matching script\r\n"
		}
		return "as is"
	}}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if err := s.loadOf(context.Background(), acme, fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(p.seen()); n > 4*(tenantTrips+1) {
			t.Errorf("%d trips", n)
		}
	})
}

// TestASilentServerCostsEachLoadItsOwnTime: no load waits longer than its time for a trip that
// does not come back, and the breaker opens as it does without gathering.
func TestASilentServerCostsEachLoadItsOwnTime(t *testing.T) {
	p := &pipeServer{answer: func(_, _ string) string { return "" }}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				budget := time.Duration(60+i) * time.Millisecond
				ctx, cancel := context.WithTimeout(context.Background(), budget)
				defer cancel()
				began := time.Now()
				err := s.loadOf(ctx, acme, "x")
				if err == nil || time.Since(began) > budget {
					t.Errorf("a load that has %v takes %v: %v", budget, time.Since(began), err)
				}
			})
		}
		all.Wait()
		if stats := s.Stats(); !stats.BreakerOpen || stats.BreakerOpened != 1 {
			t.Errorf("the breaker: %+v", stats)
		}
		before := s.Stats().Refused
		for range 10 {
			all.Go(func() {
				if err := s.loadOf(context.Background(), acme, "x"); !errors.Is(err, errBreakerOpen) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := s.Stats().Refused - before; n != 10 {
			t.Errorf("10 loads were refused and %d are counted", n)
		}
		time.Sleep(time.Second) // trips that nobody waits for are over
		wantIdle(t, s)
	})
}

// TestNoLoadIsLostAndEveryTripComesBack loads at random, with callers that go away at random.
func TestNoLoadIsLostAndEveryTripComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		tenants := rapid.IntRange(1, 20).Draw(rt, "tenants")
		clients := rapid.IntRange(1, 60).Draw(rt, "clients")
		p := &pipeServer{}
		awayFrom(t, p, func(t *testing.T, s *Store) {
			// A deadline of the caller and that of its connection are at one instant here, and
			// either may be first.
			s.client.breaker.consecutive, s.client.breaker.ratio = 1<<30, false
			random := rand.New(rand.NewPCG(seed, 1))
			var all sync.WaitGroup
			for i := range clients {
				id := tenant.MustParse("t" + strconv.Itoa(i%tenants))
				budget := time.Duration(random.IntN(20_000)) * time.Microsecond
				pause := time.Duration(random.IntN(3000)) * time.Microsecond
				all.Go(func() {
					for j := range 3 {
						time.Sleep(pause)
						ctx, cancel := context.WithTimeout(context.Background(), budget)
						err := s.loadOf(ctx, id, fmt.Sprint(i, "-", j))
						cancel()
						if err != nil && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
							t.Errorf("a load fails with %v", err)
						}
					}
				})
			}
			all.Wait()
			time.Sleep(time.Second)
			wantIdle(t, s)
		})
	})
}

// wantIdle checks that every trip is over and nobody waits.
func wantIdle(t *testing.T, s *Store) {
	t.Helper()
	s.loads.mu.Lock()
	defer s.loads.mu.Unlock()
	to := s.loads.routes[""]
	if to.trips != 0 || to.waiting != 0 {
		t.Errorf("%d trips are under way and %d loads wait", to.trips, to.waiting)
	}
	for id, ln := range to.lines {
		if ln.trips != 0 {
			t.Errorf("%v has %d trips", id, ln.trips)
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// TestGatheringCostsALoadThatIsAloneNoAllocation compares with a batch that nothing gathers. An
// open breaker leaves out what the client allocates.
func TestGatheringCostsALoadThatIsAloneNoAllocation(t *testing.T) {
	client := redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, MaxRetries: 1,
	})
	defer client.Close()
	key := session.NewSecretKey(bytes.Repeat([]byte("k-"), 16))
	s, err := New(client, Config{NameKey: key, SealKeys: []session.SecretKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.client.breaker.open.Store(true)
	ctx := context.Background()
	calls := []*call{loadScript.call(ctx, false, []string{"k"})}
	build := func(bool) []*call { return calls }
	single := testing.AllocsPerRun(200, func() { _, _ = batch(ctx, s.client, build) })
	gathered := testing.AllocsPerRun(200, func() { _, _ = s.loads.batch(ctx, acme, build) })
	if gathered > single {
		t.Errorf("%v allocations, and %v without gathering", gathered, single)
	}
}
