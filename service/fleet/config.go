package fleet

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/configerr"
)

// Limits and defaults of [Config].
const (
	DefaultBeat = 5 * time.Second
	MinBeat     = 100 * time.Millisecond
	MaxBeat     = time.Minute

	// leases are how many beats may fail before an instance is gone.
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
	// called at each beat and must return at once. Default: none.
	State func() string `json:"-"`

	// Revision is that of the policy that decides now, as policy.Engine.Revision returns it. It
	// is called like State. Default: none.
	Revision func() string `json:"-"`

	// Beat is how often the instance says that it is there. After three times as long without a
	// beat it is gone. Default [DefaultBeat], from [MinBeat] to [MaxBeat].
	Beat time.Duration

	// Timeout ends each call to Redis. Default: 2 s.
	Timeout time.Duration

	// Logger gets a record when beats begin to fail and when all is well again. Default: no log.
	Logger *slog.Logger
}

// complete returns the config with its defaults, or an error that names every field that is wrong.
func (c Config) complete() (Config, error) {
	var p configerr.Problems
	if err := checkClient(c.Client); err != nil {
		p.Add("Client", "%w", err)
	}
	if !validName(c.Name) {
		p.Add("Name", "1 to 64 of [a-z0-9_-] are required")
	}
	if c.ID == "" {
		var raw [8]byte
		rand.Read(raw[:]) // never fails
		c.ID = hex.EncodeToString(raw[:])
	}
	if !validName(c.ID) {
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
	if c.Beat == 0 {
		c.Beat = DefaultBeat
	}
	if c.Beat < MinBeat || c.Beat > MaxBeat {
		p.Add("Beat", "%v is not between %v and %v", c.Beat, MinBeat, MaxBeat)
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

// checkClient returns why a client must not be used, or nil. Without deadlines of its calls, a
// Redis that hangs would hang those who ask it.
func checkClient(client redis.UniversalClient) error {
	there, bounded := false, false
	switch c := client.(type) {
	case nil:
	case *redis.Client:
		there = c != nil
		bounded = there && c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		there = c != nil
		bounded = there && c.Options().ContextTimeoutEnabled
	default:
		return fmt.Errorf("%T cannot be checked: only *redis.Client and *redis.ClusterClient are accepted", client)
	}
	switch {
	case !there:
		return errors.New("required")
	case !bounded:
		return errors.New("ContextTimeoutEnabled is off: calls would not end at their deadline, set it in the client's Options")
	}
	return nil
}
