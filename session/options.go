package session

import (
	"errors"
	"fmt"
	"time"
)

// Limits and defaults of [Config].
const (
	DefaultLifetime     = 12 * time.Hour
	MaxLifetime         = 90 * 24 * time.Hour
	DefaultIdleTimeout  = 30 * time.Minute
	DefaultRefreshGrace = 10 * time.Second
	MaxRefreshGrace     = time.Minute
)

// Config configures a [Manager]. Only Key is required.
type Config struct {
	// Key authenticates refresh tokens: at least [MinKeyLength] random bytes, the same on
	// every instance. Who has it and the tokens that were issued can make their successors.
	Key SecretKey

	// PreviousKeys are still accepted, newest first. A token of one of them is exchanged
	// for one of Key. To change the key without signing anybody out, first add the new one
	// here on every instance, then make it Key and the old one previous, and drop the old
	// one after Lifetime.
	PreviousKeys []SecretKey

	// Lifetime is how long a session lasts, however often it is used or refreshed
	// (ASVS 7.3.2). Default [DefaultLifetime], at most [MaxLifetime].
	Lifetime time.Duration

	// IdleTimeout is how long a session may be unused (ASVS 7.3.1): at least twice
	// [TouchInterval] and at most Lifetime. Default [DefaultIdleTimeout], or Lifetime when
	// that is shorter.
	IdleTimeout time.Duration

	// RefreshGrace is how long a refresh that is repeated, because its answer was lost,
	// still gets the same successor. Default [DefaultRefreshGrace], at most
	// [MaxRefreshGrace]. Negative means none: then a lost answer signs the user out.
	RefreshGrace time.Duration

	// Limit is how many live sessions a user may have in one tenant, and what becomes of a
	// sign-in beyond. Default [DefaultSessionLimit], of which the oldest end.
	Limit SessionLimit
}

// withDefaults returns the options with every default filled in, or all that is wrong
// with them, each problem starting with its field's name.
func (o Config) withDefaults() (Config, error) {
	var problems []error
	wrong := func(field, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%w: Options.%s: %s", ErrInvalid, field, fmt.Sprintf(format, args...)))
	}
	if err := o.Key.Validate(MinKeyLength); err != nil {
		wrong("Key", "%v", err)
	}
	for i, key := range o.PreviousKeys {
		field := fmt.Sprintf("PreviousKeys[%d]", i)
		if err := key.Validate(MinKeyLength); err != nil {
			wrong(field, "%v", err)
		}
		if key.Equal(o.Key) {
			wrong(field, "is Key itself: the key was not changed")
		}
	}
	if o.Lifetime == 0 {
		o.Lifetime = DefaultLifetime
	}
	if o.Lifetime < 2*TouchInterval || o.Lifetime > MaxLifetime {
		wrong("Lifetime", "%v is not between %v and %v", o.Lifetime, 2*TouchInterval, MaxLifetime)
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = min(DefaultIdleTimeout, o.Lifetime)
	}
	if err := o.checkIdleTimeout(o.IdleTimeout); err != nil {
		wrong("IdleTimeout", "%v", err)
	}
	if o.RefreshGrace == 0 {
		o.RefreshGrace = DefaultRefreshGrace
	}
	o.RefreshGrace = max(o.RefreshGrace, -1)
	if o.RefreshGrace > MaxRefreshGrace {
		wrong("RefreshGrace", "%v is more than %v", o.RefreshGrace, MaxRefreshGrace)
	}
	if err := o.Limit.Validate(); err != nil {
		wrong("Limit", "%v", err)
	}
	o.Limit = o.Limit.OrDefault()
	return o, errors.Join(problems...)
}

func (o Config) checkIdleTimeout(d time.Duration) error {
	if d < 2*TouchInterval || d > o.Lifetime {
		return fmt.Errorf("%v is not between %v and the lifetime of %v", d, 2*TouchInterval, o.Lifetime)
	}
	return nil
}
