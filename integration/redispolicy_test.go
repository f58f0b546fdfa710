//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
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
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

func TestAPublishedPolicyReachesEveryInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, onlyAnnounced)
	f.subscribed()
	var last redispolicy.Publication
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
	broken := policyFiles("p, role:viewer, *, doc, read, true, denny")
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
	for _, i := range f.instances { // the first look also asks what the user may do
		testwait.Until(t, "it has looked", func() bool { return i.follower.Stats().Checks > 0 })
	}
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
		testwait.Until(t, "the subscription is lost", func() bool { return !i.follower.Stats().Subscribed })
	}
	own := redis.NewClient(&redis.Options{Addr: f.server.Addr(), Username: "publisher", Password: "password", ContextTimeoutEnabled: true})
	defer own.Close()
	publisher, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: own, Name: "shop", Key: session.NewPrivateKey(f.private)})
	if err != nil {
		t.Fatal(err)
	}
	var r redispolicy.Publication
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
		testwait.Until(t, "the announcements arrive", func() bool { return i.follower.Stats().Announcements == 150 })
		if s := i.follower.Stats(); s.Reloads != 3 || s.Refused != 0 || s.Revision != r.ID {
			t.Errorf("%+v", s)
		}
	}
}

func TestRollingBackIsPublishingTheOlderPolicyAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, onlyAnnounced)
	f.subscribed()
	var published []redispolicy.Publication
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
	// The records in the history must be genuine too.
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

func TestManyPublicationsAreAFewReloads(t *testing.T) {
	t.Parallel()
	opts := onlyAnnounced
	opts.Pause = 200 * time.Millisecond
	f := newFleet(t, 3, opts)
	f.subscribed()
	count := scale(300, 1000)
	began := time.Now()
	var last redispolicy.Publication
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
	follower, err := redispolicy.NewFollower(redispolicy.FollowerConfig{Client: f.client, Engine: engine, Name: "shop", Keys: []ed25519.PublicKey{f.public, public}})
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Sync(t.Context()); err != nil || engine.Revision() != before.ID {
		t.Fatal(err)
	}
	next, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: f.client, Name: "shop", Key: session.NewPrivateKey(private), Trusted: []ed25519.PublicKey{f.public}})
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
	rounds := scale(30, 2000)
	effects := map[string]policy.Effect{}
	for n := range rounds {
		effects[policyRevision(t, shop(n))] = [...]policy.Effect{policy.Allow, policy.Deny}[n%2]
	}
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "bob", Roles: policy.RoleNames{"viewer"}}, Action: "read", Object: policy.Object{Type: "doc", ID: "1", Tenant: acme}}
	var stop atomic.Bool
	var decided atomic.Int64
	var wg sync.WaitGroup
	for _, i := range f.instances {
		for range 8 {
			wg.Go(func() {
				// In bursts, so that the servers of two cores get a turn.
				for tick := time.NewTicker(2 * time.Millisecond); !stop.Load(); <-tick.C {
					for range scale(10, 50) {
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
	publisher, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "shop", Key: session.NewPrivateKey(private)})
	if err != nil {
		t.Fatal(err)
	}
	opts := onlyAnnounced
	opts.Client, opts.Engine, opts.Name, opts.Keys = client, engine, "shop", []ed25519.PublicKey{public}
	follower, err := redispolicy.NewFollower(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	testwait.Until(t, "it is subscribed", func() bool { return follower.Stats().Subscribed })
	for n := 1; n < 4; n++ {
		r, err := publisher.Publish(t.Context(), shop(n))
		if err != nil {
			t.Fatal(err)
		}
		testwait.Until(t, "it decides by the policy", func() bool { return engine.Revision() == r.ID })
	}
}
