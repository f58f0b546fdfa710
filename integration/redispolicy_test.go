//go:build unix

package integration_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/policies"
)

const (
	policyHead    = "reeve:policy:{shop}:head"
	policyBundles = "reeve:policy:{shop}:bundles"
	policyHistory = "reeve:policy:{shop}:history"
)

// shop is a policy of its own for each n. Those with an even n allow, the others deny.
func shop(n int) fs.FS {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		panic(err)
	}
	effect := [...]string{"allow", "deny"}[n%2]
	return fstest.MapFS{
		"model.conf": {Data: model},
		"policy.csv": {Data: fmt.Appendf(nil, "# %d\np, role:viewer, *, doc, read, true, %s\n", n, effect)},
	}
}

func policyRevision(t testing.TB, fsys fs.FS) string {
	t.Helper()
	e, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e.Revision()
}

// fleet is one publisher and several instances that follow.
type fleet struct {
	t         *testing.T
	server    *redisserver.Server
	client    *redis.Client
	public    ed25519.PublicKey
	private   ed25519.PrivateKey
	publisher *redispolicy.Publisher
	instances []*instance
}

type instance struct {
	engine   *policy.Engine
	follower *redispolicy.Follower
	log      *policyLog // of the follower
	loads    *policyLog // of the engine
}

type policyLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *policyLog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *policyLog) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newFleet(t *testing.T, n int, opts redispolicy.FollowerOptions) *fleet {
	t.Helper()
	f := &fleet{t: t, server: redisserver.Start(t)}
	f.client = f.server.Client()
	t.Cleanup(func() { f.client.Close() })
	var err error
	if f.public, f.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if f.publisher, err = redispolicy.NewPublisher(f.client, redispolicy.PublisherOptions{Name: "shop", Key: f.private}); err != nil {
		t.Fatal(err)
	}
	for range n {
		f.join(opts)
	}
	return f
}

// join starts an instance with the policy shop(0), on a client of its own.
func (f *fleet) join(opts redispolicy.FollowerOptions) *instance {
	f.t.Helper()
	client := f.server.Client()
	f.t.Cleanup(func() { client.Close() })
	i := &instance{log: &policyLog{}, loads: &policyLog{}}
	var err error
	if i.engine, err = policy.Load(shop(0), policy.Options{Logger: slog.New(slog.NewTextHandler(i.loads, nil))}); err != nil {
		f.t.Fatal(err)
	}
	opts.Name, opts.Keys, opts.Logger = "shop", []ed25519.PublicKey{f.public}, slog.New(slog.NewTextHandler(i.log, nil))
	if i.follower, err = redispolicy.NewFollower(client, i.engine, opts); err != nil {
		f.t.Fatal(err)
	}
	if err := i.follower.Start(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(i.follower.Close)
	f.instances = append(f.instances, i)
	return i
}

func (f *fleet) publish(n int) redispolicy.Revision {
	f.t.Helper()
	r, err := f.publisher.Publish(f.t.Context(), shop(n))
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// converge waits until every instance decides by a revision.
func (f *fleet) converge(revision string) {
	f.t.Helper()
	for n, i := range f.instances {
		until(f.t, fmt.Sprintf("instance %d decides by %s", n, revision), func() bool { return i.engine.Revision() == revision })
	}
}

func (f *fleet) subscribed() {
	f.t.Helper()
	for _, i := range f.instances {
		until(f.t, "the subscription", func() bool { return i.follower.Stats().Subscribed })
	}
}

// until waits for something to be so.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// quick announces only; slow is a poll that no test lives to see.
var (
	onlyAnnounced = redispolicy.FollowerOptions{Poll: time.Hour, Pause: 10 * time.Millisecond}
	onlyPolled    = redispolicy.FollowerOptions{Poll: 30 * time.Millisecond, Pause: 10 * time.Millisecond}
)

func TestAPublishedPolicyReachesEveryInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, onlyAnnounced)
	f.subscribed()
	var last redispolicy.Revision
	for n := range 5 {
		r := f.publish(n)
		if r.ID != policyRevision(t, shop(n)) || r.Sequence <= last.Sequence || time.Since(r.PublishedAt) > time.Minute {
			t.Errorf("%+v after %+v", r, last)
		}
		f.converge(r.ID)
		t.Logf("effective on %d instances %v after it was signed", len(f.instances), time.Since(r.PublishedAt).Round(time.Millisecond))
		last = r
	}
	for _, i := range f.instances {
		if s := i.follower.Stats(); s.Sequence != last.Sequence || s.Revision != last.ID || s.Err != nil || s.Refused != 0 || time.Since(s.Contact) > time.Minute {
			t.Errorf("%+v", s)
		}
	}
	// An instance that starts later takes it before it serves.
	late := f.join(onlyPolled)
	if err := late.follower.Sync(t.Context()); err != nil || late.engine.Revision() != last.ID {
		t.Errorf("a late instance: %v", err)
	}
	// A broken policy is not published.
	broken := fstest.MapFS{"model.conf": shop(0).(fstest.MapFS)["model.conf"], "policy.csv": {Data: []byte("p, role:viewer, *, doc, read, true, denny")}}
	if _, err := f.publisher.Publish(t.Context(), broken); !errors.Is(err, policy.ErrInvalid) {
		t.Errorf("a broken policy: %v", err)
	}
	if _, err := f.publisher.Publish(t.Context(), fstest.MapFS{}); !errors.Is(err, policy.ErrInvalid) {
		t.Errorf("an empty folder: %v", err)
	}
}

// Announcements may be lost, repeated and reordered: what Redis holds is what counts.
func TestD26APolicyArrivesWithoutItsAnnouncement(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, onlyPolled)
	f.subscribed()
	// The instances are cut off and may subscribe no more; the publisher may announce.
	acl := func(words ...any) {
		t.Helper()
		if err := f.client.Do(t.Context(), append([]any{"acl", "setuser"}, words...)...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	acl("publisher", "on", ">password", "~*", "&*", "+@all")
	acl("default", "resetchannels")
	if err := f.client.ClientKillByFilter(t.Context(), "type", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	for _, i := range f.instances {
		until(t, "the subscription is lost", func() bool { return !i.follower.Stats().Subscribed })
	}
	own := redis.NewClient(&redis.Options{Addr: f.server.Addr(), Username: "publisher", Password: "password", ContextTimeoutEnabled: true})
	defer own.Close()
	publisher, err := redispolicy.NewPublisher(own, redispolicy.PublisherOptions{Name: "shop", Key: f.private})
	if err != nil {
		t.Fatal(err)
	}
	var r redispolicy.Revision
	for n := range 3 {
		if r, err = publisher.Publish(t.Context(), shop(n+1)); err != nil {
			t.Fatal(err)
		}
		f.converge(r.ID)
	}
	for _, i := range f.instances {
		if s := i.follower.Stats(); s.Announcements != 0 || s.Subscribed || s.Err != nil {
			t.Errorf("%+v", s)
		}
	}
	// The subscription comes back by itself, and what it brings is a hint and no more.
	acl("default", "allchannels")
	f.subscribed()
	for range 50 {
		for _, word := range []string{"", "again", "reeve-policy-1 shop 1 x"} {
			if err := f.client.Publish(t.Context(), "reeve:policy:{shop}:announce", word).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, i := range f.instances {
		until(t, "the announcements arrive", func() bool { return i.follower.Stats().Announcements == 150 })
		if s := i.follower.Stats(); s.Reloads != 3 || s.Refused != 0 || s.Revision != r.ID {
			t.Errorf("%+v", s)
		}
	}
}

func TestAnOutageOfRedisLeavesThePolicyInForceAndIsSeen(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, onlyPolled)
	r := f.publish(1)
	f.converge(r.ID)
	f.server.Kill()
	for _, i := range f.instances {
		until(t, "the outage is noticed", func() bool { return errors.Is(i.follower.Stats().Err, redispolicy.ErrUnavailable) })
		contact, failures := i.follower.Stats().Contact, i.follower.Stats().Failures
		until(t, "it lasts", func() bool { return i.follower.Stats().Failures > failures+2 })
		if s := i.follower.Stats(); s.Contact != contact || s.Revision != r.ID || s.Subscribed {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(i.log.String(), "Redis does not answer"); n != 1 {
			t.Errorf("the outage is logged %d times", n)
		}
	}
	if _, err := f.publisher.Publish(t.Context(), shop(2)); !errors.Is(err, redispolicy.ErrUnavailable) {
		t.Errorf("publishing to nobody: %v", err)
	}
	if _, err := f.publisher.History(t.Context()); !errors.Is(err, redispolicy.ErrUnavailable) {
		t.Errorf("the history of nobody: %v", err)
	}
	f.server.Restart()
	for _, i := range f.instances {
		until(t, "all is well again", func() bool { s := i.follower.Stats(); return s.Err == nil && s.Subscribed && s.Revision == r.ID })
	}
	f.converge(f.publish(3).ID)

	// A Redis that has lost everything is noticed too, and takes the next policy.
	if err := f.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, i := range f.instances {
		until(t, "the loss is noticed", func() bool { return errors.Is(i.follower.Stats().Err, redispolicy.ErrUnavailable) })
	}
	f.converge(f.publish(4).ID)
}

// A Redis that is frozen answers nothing, and nobody waits for it.
func TestAFrozenRedisHoldsNobody(t *testing.T) {
	t.Parallel()
	opts := onlyPolled
	opts.Timeout = 100 * time.Millisecond
	f := newFleet(t, 1, opts)
	r := f.publish(1)
	f.converge(r.ID)
	f.server.Freeze()
	i := f.instances[0]
	until(t, "the outage is noticed", func() bool { return errors.Is(i.follower.Stats().Err, redispolicy.ErrUnavailable) })
	if err := i.follower.Sync(t.Context()); !errors.Is(err, redispolicy.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	i.follower.Close()
	i.follower.Close()
	if err := i.follower.Start(t.Context()); !errors.Is(err, redispolicy.ErrStarted) {
		t.Errorf("a closed follower starts: %v", err)
	}
	f.server.Thaw()
}

// The attacker writes to Redis what they like. They have no key.
func TestNobodyWithoutTheKeyChangesThePolicy(t *testing.T) {
	t.Parallel()
	opts := onlyPolled
	opts.MaxSize = 16 << 10
	f := newFleet(t, 1, opts)
	i := f.instances[0]
	old := f.publish(0)
	oldHead := f.client.Get(t.Context(), policyHead).Val()
	now := f.publish(1)
	f.converge(now.ID)
	head := f.client.Get(t.Context(), policyHead).Val()
	bundle := f.client.HGet(t.Context(), policyBundles, now.Hash).Val()
	_, mallory, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// resigned is the head with some words changed and signed by a key.
	resigned := func(key ed25519.PrivateKey, change func(words []string)) string {
		words := strings.Split(head, " ")[:7]
		change(words)
		signed := strings.Join(words, " ")
		return signed + " " + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
	}
	next := fmt.Sprint(now.Sequence + 1)
	// signed is a head for other bytes.
	signed := func(data []byte) func() {
		sum := sha256.Sum256(data)
		hash := hex.EncodeToString(sum[:])
		return func() {
			f.client.HSet(t.Context(), policyBundles, hash, data)
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2], w[3], w[5] = next, hash, fmt.Sprint(len(data)) }), 0)
		}
	}
	var empty bytes.Buffer
	if err := zip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		attack func()
		want   error
	}{
		"a record of another key": {func() { f.client.Set(t.Context(), policyHead, resigned(mallory, func(w []string) { w[2] = next }), 0) }, redispolicy.ErrUntrusted},
		"a record with another sequence": {func() {
			f.client.Set(t.Context(), policyHead, strings.Replace(head, " "+fmt.Sprint(now.Sequence)+" ", " "+next+" ", 1), 0)
		}, redispolicy.ErrUntrusted},
		"a record of another policy": {func() {
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[1], w[2] = "staging", next }), 0)
		}, redispolicy.ErrUntrusted},
		"no record at all":          {func() { f.client.Set(t.Context(), policyHead, strings.Repeat("x", 1<<20), 0) }, redispolicy.ErrUntrusted},
		"an older record, replayed": {func() { f.client.Set(t.Context(), policyHead, oldHead, 0) }, redispolicy.ErrReplayed},
		"another record of the same sequence": {func() {
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[6] = "1" }), 0)
		}, redispolicy.ErrReplayed},
		"no record any more":    {func() { f.client.Del(t.Context(), policyHead) }, redispolicy.ErrUnavailable},
		"a key of another type": {func() { f.client.Del(t.Context(), policyHead); f.client.LPush(t.Context(), policyHead, "x") }, redispolicy.ErrUnavailable},
		"a bundle with other bytes": {func() {
			f.client.HSet(t.Context(), policyBundles, now.Hash, strings.Replace(bundle, "deny", "allo", 1))
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2] = next }), 0)
		}, redispolicy.ErrCorrupt},
		"a bundle that is gone": {func() {
			f.client.HDel(t.Context(), policyBundles, now.Hash)
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2] = next }), 0)
		}, redispolicy.ErrCorrupt},
		"a bundle that is larger than allowed": {func() {
			f.client.HSet(t.Context(), policyBundles, now.Hash, strings.Repeat("x", 1<<20))
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2] = next }), 0)
		}, redispolicy.ErrTooLarge},
		// Not even with the key does what is no policy become one.
		"signed bytes that are no bundle":    {signed([]byte("PK\x03\x04 not really")), redispolicy.ErrCorrupt},
		"a signed bundle that does not load": {signed(empty.Bytes()), policy.ErrInvalid},
	} {
		refused, failures := i.follower.Stats().Refused, i.follower.Stats().Failures
		logged := strings.Count(i.log.String(), "refused")
		c.attack()
		until(t, name+" is noticed", func() bool { return errors.Is(i.follower.Stats().Err, c.want) })
		looked := i.follower.Stats().Checks
		until(t, name+" is looked at again", func() bool { return i.follower.Stats().Checks > looked+5 })
		s := i.follower.Stats()
		if s.Revision != now.ID || s.Sequence != now.Sequence || i.engine.Revision() != now.ID {
			t.Errorf("%s changed the policy: %+v", name, s)
		}
		if c.want == redispolicy.ErrUnavailable {
			if s.Failures == failures {
				t.Errorf("%s is not counted", name)
			}
		} else if s.Refused != refused+1 || strings.Count(i.log.String(), "refused") != logged+1 {
			t.Errorf("%s is reported %d times: %s", name, s.Refused-refused, i.log)
		}
		// The genuine record is believed again.
		f.client.Del(t.Context(), policyHead)
		f.client.HSet(t.Context(), policyBundles, now.Hash, bundle)
		f.client.Set(t.Context(), policyHead, head, 0)
		until(t, "all is well again after "+name, func() bool { return i.follower.Stats().Err == nil })
	}
	// The one that does not load was tried once, however often it was looked at.
	if n := strings.Count(i.loads.String(), "policy refused"); n != 1 {
		t.Errorf("a bundle that does not load was tried %d times", n)
	}
	// And publishing goes on, over whatever is in the way.
	f.client.Set(t.Context(), policyHead, "rubbish", 0)
	if r := f.publish(2); r.Sequence <= old.Sequence {
		t.Errorf("%+v", r)
	}
	f.converge(policyRevision(t, shop(2)))
}

func TestRollingBackIsPublishingTheOlderPolicyAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, onlyAnnounced)
	f.subscribed()
	var published []redispolicy.Revision
	for n := range redispolicy.HistoryLength + 4 {
		published = append(published, f.publish(n))
	}
	f.converge(published[len(published)-1].ID)
	history, err := f.publisher.History(t.Context())
	if err != nil || len(history) != redispolicy.HistoryLength {
		t.Fatalf("%d in the history: %v", len(history), err)
	}
	for n, r := range history {
		if want := published[len(published)-1-n]; r.Sequence != want.Sequence || r.ID != want.ID || r.Hash != want.Hash {
			t.Errorf("%d: %+v, want %+v", n, r, want)
		}
	}
	if n := f.client.HLen(t.Context(), policyBundles).Val(); n != redispolicy.HistoryLength {
		t.Errorf("%d bundles for %d records", n, redispolicy.HistoryLength)
	}
	back := published[len(published)-8]
	r, err := f.publisher.Rollback(t.Context(), back.ID)
	if err != nil || r.ID != back.ID || r.Hash != back.Hash || r.Sequence <= published[len(published)-1].Sequence {
		t.Fatalf("%+v %v", r, err)
	}
	f.converge(back.ID)
	if history, err = f.publisher.History(t.Context()); err != nil || history[0].Sequence != r.Sequence {
		t.Errorf("%+v %v", history, err)
	}
	for _, unknown := range []string{published[0].ID, "", "x"} {
		if _, err := f.publisher.Rollback(t.Context(), unknown); !errors.Is(err, redispolicy.ErrUnknown) {
			t.Errorf("rolling back to %q: %v", unknown, err)
		}
	}
	// What is in the history must be genuine too.
	forged := strings.Replace(f.client.LIndex(t.Context(), policyHistory, 5).Val(), " shop ", " shop 1", 1)
	f.client.LSet(t.Context(), policyHistory, 5, forged)
	if history, err = f.publisher.History(t.Context()); !errors.Is(err, redispolicy.ErrUntrusted) || len(history) != redispolicy.HistoryLength-1 {
		t.Errorf("%d records: %v", len(history), err)
	}
	f.client.HSet(t.Context(), policyBundles, history[3].Hash, "rubbish")
	if _, err := f.publisher.Rollback(t.Context(), history[3].ID); !errors.Is(err, redispolicy.ErrCorrupt) {
		t.Errorf("rolling back to rubbish: %v", err)
	}
	if f.instances[0].engine.Revision() != back.ID {
		t.Error("a failed rollback changed the policy")
	}
}

func TestAThousandPublicationsAreAFewReloads(t *testing.T) {
	t.Parallel()
	opts := onlyAnnounced
	opts.Pause = 200 * time.Millisecond
	f := newFleet(t, 3, opts)
	f.subscribed()
	count := 1000
	if testing.Short() {
		count = 200
	}
	began := time.Now()
	var last redispolicy.Revision
	for n := range count {
		r := f.publish(n)
		if r.Sequence <= last.Sequence {
			t.Fatalf("%d after %d", r.Sequence, last.Sequence)
		}
		last = r
	}
	f.converge(last.ID)
	pauses := int64(time.Since(began)/opts.Pause) + 2
	for _, i := range f.instances {
		s := i.follower.Stats()
		t.Logf("%d publications in %v: %d announcements, %d looks, %d reloads", count, time.Since(began).Round(time.Millisecond), s.Announcements, s.Checks, s.Reloads)
		if s.Reloads > pauses || s.Checks > pauses || s.Refused != 0 || s.Sequence != last.Sequence {
			t.Errorf("at most %d: %+v", pauses, s)
		}
	}
}

// Several publishers at once: every publication is in the history under a sequence of its
// own, and the followers end at the last.
func TestPublishersAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, onlyAnnounced)
	f.subscribed()
	var wg sync.WaitGroup
	var conflicts atomic.Int64
	const each = 4
	for p := range 4 {
		wg.Go(func() {
			for n := range each {
				_, err := f.publisher.Publish(context.Background(), shop(p*each+n))
				if errors.Is(err, redispolicy.ErrConflict) {
					conflicts.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	history, err := f.publisher.History(t.Context())
	if err != nil || int64(len(history)) != 4*each-conflicts.Load() {
		t.Fatalf("%d in the history, %d conflicts: %v", len(history), conflicts.Load(), err)
	}
	for n := range history[1:] {
		if history[n].Sequence <= history[n+1].Sequence {
			t.Errorf("%d: %d after %d", n, history[n].Sequence, history[n+1].Sequence)
		}
	}
	f.converge(history[0].ID)
}

// A key is changed by trusting both, publishing with the new one, and trusting that alone.
func TestAKeyIsChangedWithoutAGap(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, onlyPolled)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	before := f.publish(1)
	engine, err := policy.Load(shop(0), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	follower, err := redispolicy.NewFollower(f.client, engine, redispolicy.FollowerOptions{Name: "shop", Keys: []ed25519.PublicKey{f.public, public}})
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Sync(t.Context()); err != nil || engine.Revision() != before.ID {
		t.Fatal(err)
	}
	next, err := redispolicy.NewPublisher(f.client, redispolicy.PublisherOptions{Name: "shop", Key: private, Trusted: []ed25519.PublicKey{f.public}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := next.Publish(t.Context(), shop(2))
	if err != nil || after.Sequence <= before.Sequence {
		t.Fatal(after, err)
	}
	if err := follower.Sync(t.Context()); err != nil || engine.Revision() != after.ID {
		t.Fatal(err)
	}
	if r, err := next.Rollback(t.Context(), before.ID); err != nil || r.ID != before.ID {
		t.Errorf("back to what the old key signed: %v", err)
	}
}

// Eight callers decide on each of two instances while policies are published: every
// decision is wholly that of one publication.
func TestDecisionsDuringPublicationsAreEachOnePolicys(t *testing.T) {
	t.Parallel()
	opts := onlyAnnounced
	opts.Pause = time.Millisecond
	f := newFleet(t, 2, opts)
	f.subscribed()
	rounds := 60
	if os.Getenv("REEVE_SOAK") != "" {
		rounds = 2000
	}
	effects := map[string]policy.Effect{}
	for n := range rounds {
		effects[policyRevision(t, shop(n))] = [...]policy.Effect{policy.Allow, policy.Deny}[n%2]
	}
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "bob", Roles: policy.RoleNames{"viewer"}}, Action: "read", Object: policy.Object{Type: "doc", ID: "1"}}
	var stop atomic.Bool
	var decided atomic.Int64
	var wg sync.WaitGroup
	for _, i := range f.instances {
		for range 8 {
			wg.Go(func() {
				// In bursts, so that the servers of two cores get a turn.
				for tick := time.NewTicker(2 * time.Millisecond); !stop.Load(); <-tick.C {
					for range 50 {
						d, err := i.engine.Decide(context.Background(), r)
						want, known := effects[d.Revision]
						if err != nil || !known || d.Effect != want || len(d.Reasons) != 1 || d.Reasons[0].Effect != want {
							t.Errorf("%+v %v", d, err)
							return
						}
						decided.Add(1)
					}
				}
			})
		}
	}
	for n := range rounds {
		f.publish(n)
	}
	f.converge(policyRevision(t, shop(rounds-1)))
	stop.Store(true)
	wg.Wait()
	if decided.Load() < 1000 {
		t.Errorf("only %d decisions", decided.Load())
	}
}

// A fleet on Redis Cluster: the keys share a slot, and the scripts name them all.
func TestAPolicyIsPublishedOnACluster(t *testing.T) {
	t.Parallel()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: redisserver.StartCluster(t), ContextTimeoutEnabled: true})
	defer client.Close()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.Load(shop(0), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := redispolicy.NewPublisher(client, redispolicy.PublisherOptions{Name: "shop", Key: private})
	if err != nil {
		t.Fatal(err)
	}
	opts := onlyAnnounced
	opts.Name, opts.Keys = "shop", []ed25519.PublicKey{public}
	follower, err := redispolicy.NewFollower(client, engine, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	until(t, "the subscription", func() bool { return follower.Stats().Subscribed })
	for n := 1; n < 4; n++ {
		r, err := publisher.Publish(t.Context(), shop(n))
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the policy", func() bool { return engine.Revision() == r.ID })
	}
}
