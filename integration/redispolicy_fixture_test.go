//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io/fs"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

const (
	policyHead    = "reeve:policy:{shop}:head"
	policyBundles = "reeve:policy:{shop}:bundles"
	policyHistory = "reeve:policy:{shop}:history"
)

// shop is a policy of its own for each n. Those with an even n allow, the others deny.
func shop(n int) fs.FS {
	effect := [...]string{"allow", "deny"}[n%2]
	return policyFiles(fmt.Sprintf("# %d\np, role:viewer, *, doc, read, true, %s\n", n, effect))
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
	log      *syncBuffer // of the follower
	loads    *syncBuffer // of the engine
}

func newFleet(t *testing.T, n int, cfg redispolicy.FollowerConfig) *fleet {
	t.Helper()
	f := &fleet{t: t, server: redisserver.Start(t)}
	f.client = f.server.Client()
	t.Cleanup(func() { f.client.Close() })
	var err error
	if f.public, f.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if f.publisher, err = redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: f.client, Name: "shop", Key: session.NewPrivateKey(f.private)}); err != nil {
		t.Fatal(err)
	}
	for range n {
		f.join(cfg)
	}
	return f
}

// join starts an instance with the policy shop(0), on a client of its own.
func (f *fleet) join(cfg redispolicy.FollowerConfig) *instance {
	f.t.Helper()
	client := f.server.Client()
	f.t.Cleanup(func() { client.Close() })
	i := &instance{log: &syncBuffer{}, loads: &syncBuffer{}}
	var err error
	if i.engine, err = policy.Load(shop(0), policy.Options{Logger: slog.New(slog.NewTextHandler(i.loads, nil))}); err != nil {
		f.t.Fatal(err)
	}
	cfg.Client, cfg.Engine = client, i.engine
	cfg.Name, cfg.Keys, cfg.Logger = "shop", []ed25519.PublicKey{f.public}, slog.New(slog.NewTextHandler(i.log, nil))
	if i.follower, err = redispolicy.NewFollower(cfg); err != nil {
		f.t.Fatal(err)
	}
	if err := i.follower.Start(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = i.follower.Close() })
	f.instances = append(f.instances, i)
	return i
}

func (f *fleet) publish(n int) redispolicy.Publication {
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
		testwait.Until(f.t, fmt.Sprintf("instance %d decides by %s", n, revision), func() bool { return i.engine.Revision() == revision })
	}
}

func (f *fleet) subscribed() {
	f.t.Helper()
	for _, i := range f.instances {
		testwait.Until(f.t, "it is subscribed", func() bool { return i.follower.Stats().Subscribed })
	}
}

// quick announces only; slow is a poll that no test lives to see.
var (
	onlyAnnounced = redispolicy.FollowerConfig{Poll: time.Hour, Pause: 10 * time.Millisecond}
	onlyPolled    = redispolicy.FollowerConfig{Poll: 30 * time.Millisecond, Pause: 10 * time.Millisecond}
)
