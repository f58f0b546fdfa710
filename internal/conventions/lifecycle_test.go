package conventions

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/service"
	"github.com/reevehq/reeve/service/fleet"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token/jwks"
)

// lasting is anything with a lifetime.
type lasting interface {
	Start(ctx context.Context) error
	Close() error
}

// lifetimes makes one of each type of the root module that has a lifetime. The error is that of a
// second Start.
var lifetimes = map[string]struct {
	make       func(t *testing.T) (lasting, error)
	errStarted error
	left       bool // Close may say that it could not say goodbye
}{
	"authz.StreamGuard": {func(t *testing.T) (lasting, error) {
		return authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: manager(t)})
	}, authz.ErrStarted, false},
	"authz/insecureedge.Publisher": {func(*testing.T) (lasting, error) {
		return insecureedge.NewPublisher(insecureedge.PublisherConfig{Feed: silentFeed{}, Key: session.NewPrivateKey(edKey)})
	}, insecureedge.ErrStarted, false},
	"authz/insecureedge.Fetcher": {func(t *testing.T) (lasting, error) {
		node, err := insecureedge.NewNode(insecureedge.NodeConfig{Feed: silentFeed{}, Keys: []ed25519.PublicKey{edKey.Public().(ed25519.PublicKey)}, Routes: []string{"GET /x"}})
		if err != nil {
			t.Fatal(err)
		}
		return insecureedge.NewFetcher(insecureedge.FetcherConfig{Node: node, URL: "http://127.0.0.1:1", Client: &http.Client{}})
	}, insecureedge.ErrStarted, false},
	"authz/policy/filepolicy.Follower": {func(t *testing.T) (lasting, error) {
		return filepolicy.NewFollower(filepolicy.Config{Engine: anEngine(), Folder: t.TempDir()})
	}, filepolicy.ErrStarted, false},
	"authz/policy/redispolicy.Follower": {func(t *testing.T) (lasting, error) {
		return redispolicy.NewFollower(redispolicy.FollowerConfig{Client: noRedis(t), Engine: anEngine(), Name: "billing", Keys: []ed25519.PublicKey{edKey.Public().(ed25519.PublicKey)}})
	}, redispolicy.ErrStarted, false},
	"service.Group": {func(*testing.T) (lasting, error) {
		return service.NewGroup(service.Config{Parts: []service.Part{{Name: "one"}}})
	}, service.ErrStarted, false},
	"service.Health": {func(*testing.T) (lasting, error) {
		return service.NewHealth(service.HealthConfig{Lifecycle: &service.Lifecycle{}})
	}, service.ErrStarted, false},
	"service/fleet.Member": {func(t *testing.T) (lasting, error) {
		return fleet.NewMember(fleet.Config{Client: noRedis(t), Name: "billing", Timeout: 50 * time.Millisecond})
	}, fleet.ErrStarted, true},
	"session/cachestore.Store": {func(*testing.T) (lasting, error) {
		return cachestore.New(cachestore.Config{Store: memstore.New(), Feed: silentFeed{}})
	}, cachestore.ErrStarted, false},
	"session/token/jwks.Fetcher": {func(*testing.T) (lasting, error) { return jwks.New(jwks.Config{}) }, jwks.ErrStarted, false},
}

// TestWhatHasALifetimeBeginsOnceAndEndsForGood is the one convention: Start once, Close as often as one
// likes, also before Start, and nothing begins after it.
func TestWhatHasALifetimeBeginsOnceAndEndsForGood(t *testing.T) {
	for name, l := range lifetimes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := func() lasting {
				x, err := l.make(t)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			closed := func(x lasting, when string) {
				if err := x.Close(); err != nil && !l.left {
					t.Errorf("Close %s: %v", when, err)
				}
			}
			x := made()
			if err := x.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := x.Start(t.Context()); !errors.Is(err, l.errStarted) {
				t.Errorf("a second Start: %v", err)
			}
			closed(x, "once")
			closed(x, "again")
			if err := x.Start(t.Context()); err == nil {
				t.Error("it starts after Close")
			}
			never := made()
			closed(never, "before Start")
			if err := never.Start(t.Context()); err == nil {
				t.Error("it starts after a Close without a Start")
			}
			over, cancel := context.WithCancel(t.Context())
			ended := made()
			if err := ended.Start(over); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := ended.Start(t.Context()); err == nil {
				t.Error("it starts again when its context is over")
			}
			closed(ended, "after the end of its context")
		})
	}
}

// TestWhatHasALifetimeHasItsMethods reads the declarations: each type with a Start has all of the
// convention, and is in the table.
func TestWhatHasALifetimeHasItsMethods(t *testing.T) {
	found := 0
	for dir, text := range sources(t) {
		for _, m := range declaredStart.FindAllStringSubmatch(text, -1) {
			found++
			typ := m[1]
			if _, listed := lifetimes[dir+"."+typ]; !listed {
				t.Errorf("%s.%s is not in the table", dir, typ)
			}
			if m[2] != "(ctx context.Context) error" {
				t.Errorf("%s.%s: Start%s", dir, typ, m[2])
			}
			for _, method := range []string{`Close\(\) error`, `Stats\(\)`} {
				if !regexp.MustCompile(`(?m)^func \(\w+ \*` + typ + `\) ` + method).MatchString(text) {
					t.Errorf("%s.%s has no %s", dir, typ, strings.ReplaceAll(method, `\`, ""))
				}
			}
			if !regexp.MustCompile(`(?m)^func New\w*\(.*\) \(\*` + typ + `, error\) \{`).MatchString(text) {
				t.Errorf("%s.%s has no constructor that returns it and an error", dir, typ)
			}
		}
	}
	if found != len(lifetimes) {
		t.Errorf("%d types have a Start, the table has %d", found, len(lifetimes))
	}
}

var declaredStart = regexp.MustCompile(`(?m)^func \(\w+ \*([A-Z]\w*)\) Start(\(.*) \{$`)

var edKey = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, yes!"))

func manager(t *testing.T) *session.Manager {
	t.Helper()
	m, err := session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey([]byte("thirty-two bytes and a few for it"))})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noRedis is a client of a Redis that is not there.
func noRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// silentFeed reports nothing.
type silentFeed struct{}

func (silentFeed) Topics(session.Ref) session.Topics { return session.Topics{} }

func (silentFeed) Listen(ctx context.Context, _ session.Listener) { <-ctx.Done() }
