package fleet

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/redisclient"
)

// Limits and defaults of [Config].
const (
	defaultHeartbeat = 5 * time.Second
	MinHeartbeat     = 100 * time.Millisecond
	MaxHeartbeat     = time.Minute

	// leases are how many heartbeats may fail before an instance is gone.
	leases = 3
)

// Config of a [Member]. Client and Name are required; everything else has a default, which zero
// stands for.
type Config struct {
	// Client asks Redis. It is a *redis.Client or *redis.ClusterClient whose
	// ContextTimeoutEnabled is on, since a call would not end at its deadline otherwise. It
	// stays the caller's to close. Required.
	Client redis.UniversalClient

	// Name tells services in one Redis apart: 1 to 64 of [a-z0-9_-]. Required.
	Name string

	// ID names this instance: 1 to 64 of [a-z0-9_-], another one for each. Default: 16 random
	// hexadecimal digits, so that an instance that is started anew is another.
	ID string

	// Host is the machine, for people. Default: that of the system.
	Host string

	// Version is that of the program, for people. Default: none.
	Version string

	// State says in a word what the instance does now, such as "running" or "draining". It is
	// called at each heartbeat and must return at once. Default: none.
	State func() string `json:"-"`

	// Revision is that of the policy that decides now, as policy.Engine.Revision returns it. It
	// is called like State. Default: none.
	Revision func() string `json:"-"`

	// Heartbeat is how often the instance says that it is there. After three times as long without
	// one it is gone. Default: 5 s, from [MinHeartbeat] to [MaxHeartbeat].
	Heartbeat time.Duration

	// Timeout ends each call to Redis. Default: 2 s.
	Timeout time.Duration

	// Logger gets a record when heartbeats begin to fail and when all is well again. Default: no log.
	Logger *slog.Logger
}

// complete returns the config with its defaults, or an error that names every field that is wrong.
func (c Config) complete() (Config, error) {
	var p configerr.Problems
	if err := redisclient.Check(c.Client); err != nil {
		p.Add("Client", "%w", err)
	}
	if !redisclient.IsName(c.Name) {
		p.Add("Name", "1 to 64 of [a-z0-9_-] are required")
	}
	if c.ID == "" {
		var raw [8]byte
		rand.Read(raw[:]) // never fails
		c.ID = hex.EncodeToString(raw[:])
	}
	if !redisclient.IsName(c.ID) {
		p.Add("ID", "it is not 1 to 64 of [a-z0-9_-]")
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname() // without one, none is shown
	}
	for _, field := range []struct{ name, text string }{{"Host", c.Host}, {"Version", c.Version}} {
		if err := checkText(field.text); err != nil {
			p.Add(field.name, "%w", err)
		}
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = defaultHeartbeat
	}
	if c.Heartbeat < MinHeartbeat || c.Heartbeat > MaxHeartbeat {
		p.Add("Heartbeat", "%v is not between %v and %v", c.Heartbeat, MinHeartbeat, MaxHeartbeat)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Timeout < 0 {
		p.Add("Timeout", "%v: not below zero", c.Timeout)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, p.Err("fleet", ErrInvalid)
}
