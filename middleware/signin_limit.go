package middleware

import (
	"context"
	"fmt"
	"hash/maphash"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/fairlimit"
)

// SignInConfig says how much of the processor sign-ins may take. The zero value is right for
// password hashes that take 50 ms to 500 ms.
type SignInConfig struct {
	// Hashes is how many passwords are hashed at once. A hash keeps one processor busy, and
	// the others serve signed-in users. Default: one less than
	// GOMAXPROCS, and at least one.
	Hashes int

	// Wait is how long a sign-in waits for its turn at most, from 1 ms to 30 s. A request
	// whose context ends earlier waits no longer than that. Default: 2 s.
	Wait time.Duration

	// Queue is how many sign-ins wait at once; one client has an eighth of them, at least one.
	// Default: 256.
	Queue int
}

const (
	maxSignInWait  = 30 * time.Second
	maxSignInQueue = 10_000
	clientPart     = 8 // one client has this part of the queue

	// Bounds of the memory. Each record of guesses costs a hash to make, so that pushing out
	// somebody else's takes an hour of what the limit allows.
	keptClients = 4096
	keptGuesses = 16_384
)

// accountSeed makes numbers of account names, so that long ones cost no memory.
var accountSeed = maphash.MakeSeed()

// Refusals of a sign-in before its password is looked at. They are the same for accounts
// that exist and for those that do not.
var (
	errSignInBusy  = fmt.Errorf("middleware: too many sign-ins at once: %w", ErrOverloaded)
	errSignInSlow  = fmt.Errorf("middleware: too many wrong passwords for this account: %w", ErrOverloaded)
	errSignInEnded = fmt.Errorf("middleware: the sign-in ended before its turn: %w", ErrUnavailable)
)

// SignInLimit bounds and throttles the hashing of passwords. Sign-in is the one request that an
// anonymous client can make expensive: a good password hash takes a tenth of a second of a
// processor, and forty connections that guess passwords take all of it from signed-in
// users. A handler that signs users in lets the limit call its hash:
//
//	ok, err := limit.Check(ctx, client, tenant+"/"+user, func() bool { return account.Matches(password) })
//	if err != nil {
//		return err // 503 with Retry-After: too many at once, or too many guesses
//	}
//	if !ok {
//		return errSignIn // one answer for no such account and for a wrong password
//	}
//
// It bounds hashes that run at once, and shares them fairly among clients: a turn goes to
// the waiting client that is served least, so one that guesses does not shut out others. Wrong
// passwords for one account are slowed: see [SignInLimit.Check]. It starts no goroutine,
// keeps a bounded number of records in this process, and is safe for concurrent use. Several
// instances count each for itself.
type SignInLimit struct {
	wait  time.Duration
	queue int

	mu      sync.Mutex
	free    int
	turn    uint64                        // counts the turns given
	waiting []*signIn                     // in the order of arrival
	running map[netip.Prefix]int          // hashes of each client now
	served  *recent[netip.Prefix, uint64] // the last turn of each client
	pairs   *recent[guesser, guesses]     // of one client at one account
	targets *recent[uint64, guesses]      // of anybody at one account
	known   *recent[guesser, time.Time]   // when a client was last right about an account
	refused fairlimit.Throttle
}

// NewSignInLimit returns a limit. The error names every field that is out of its range.
func NewSignInLimit(cfg SignInConfig) (*SignInLimit, error) {
	if cfg.Hashes == 0 {
		cfg.Hashes = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if cfg.Wait == 0 {
		cfg.Wait = 2 * time.Second
	}
	if cfg.Queue == 0 {
		cfg.Queue = 256
	}
	var problems configerr.Problems
	if cfg.Hashes < 1 {
		problems.Add("Hashes", "%d, at least 1 is needed", cfg.Hashes)
	}
	if cfg.Wait < time.Millisecond || cfg.Wait > maxSignInWait {
		problems.Add("Wait", "%v is not between 1ms and %v", cfg.Wait, maxSignInWait)
	}
	if cfg.Queue < 1 || cfg.Queue > maxSignInQueue {
		problems.Add("Queue", "%d is not between 1 and %d", cfg.Queue, maxSignInQueue)
	}
	if err := problems.Err("middleware", nil); err != nil {
		return nil, err
	}
	return &SignInLimit{
		wait: cfg.Wait, queue: cfg.Queue, free: cfg.Hashes,
		running: map[netip.Prefix]int{},
		served:  newRecent[netip.Prefix, uint64](keptClients),
		pairs:   newRecent[guesser, guesses](keptGuesses),
		targets: newRecent[uint64, guesses](keptGuesses),
		known:   newRecent[guesser, time.Time](keptGuesses),
	}, nil
}

// Check calls hash when it is its turn, and returns what hash returns: whether the password
// is right. hash runs in this goroutine, and for an account that does not exist takes as
// long as for one that does.
//
// client is the address that the request comes from, as authz.Caller.Address says it. All addresses
// of one /64 of IPv6 count as one client, and so do all requests with the zero Addr. account is the
// one that the user typed, tenant and name, whether it exists or not, so that no answer depends on
// that, and in the form by which the service looks accounts up: where "Alice" and "alice " are one
// account, fold both first, or each spelling has guesses of its own.
//
// After five wrong passwords of one client for one account the next has to wait a second, and
// then twice as long each time, up to 30 s. Whichever client guesses, an account that has had 20 wrong
// passwords in a row has one attempt each second. An attempt that comes too early is refused
// without being hashed, and does not count. A right password ends both, and so do fifteen
// minutes without an attempt. A client that was right about an account within 30 days waits
// for no other's guesses at it; from elsewhere the account's user competes with guessers at
// many addresses for that one attempt.
//
// The error wraps [ErrOverloaded] where there is no turn within Wait, the queue is full or the
// attempt comes too early; these refusals are throttled. It wraps [ErrUnavailable] where
// ctx ends first. In each case hash was not called.
func (l *SignInLimit) Check(ctx context.Context, client netip.Addr, account string, hash func() bool) (ok bool, err error) {
	if hash == nil {
		return false, fmt.Errorf("%w: SignInLimit.Check without a function that hashes the password", ErrMisused)
	}
	g := guesser{clientOf(client), maphash.String(accountSeed, account)}
	if err := l.acquire(ctx, g); err != nil {
		l.delay(ctx, err)
		return false, err
	}
	defer func() { l.release(g, ok) }()
	return hash(), nil
}

// clientOf returns the prefix that counts as one client: an address of IPv4, or a /64 of IPv6, of which
// providers give one to each household and more to a host.
func clientOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil { // the zero Addr
		return netip.Prefix{}
	}
	return p
}
