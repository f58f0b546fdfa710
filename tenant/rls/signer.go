package rls

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// ErrUnsafe is wrapped by the error of [Findings.Err].
var ErrUnsafe = errors.New("rls: the database does not keep tenants apart")

// ErrInvalid is wrapped by the errors for descriptions and configurations that do not hold
// together.
var ErrInvalid = errors.New("rls: invalid")

// ErrContextTooLong means that the values which policies ask of a caller are more than a context
// holds: the caller has too many roles, grants of single objects or attributes.
var ErrContextTooLong = errors.New("rls: the context is too long")

// ErrRevision means that the policies of the database are of another revision than the context of
// the statement, which found nothing: one of the two was brought up to date and the other was not.
// See [AsRevision].
var ErrRevision = errors.New("rls: the context is of another revision than the policies")

// CodeRevision is the SQLSTATE of the error that [AsRevision] knows.
const CodeRevision = "RLS01"

// AsRevision returns [ErrRevision], which wraps err, where err is the database's word that the
// context of a statement is of another revision than the policies, and err otherwise.
func AsRevision(err error) error {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) && coded.SQLState() == CodeRevision {
		return fmt.Errorf("%w: %w", ErrRevision, err)
	}
	return err
}

// MaxContextLength is the length of the longest context, in bytes. The database refuses longer ones,
// whoever signed them.
const MaxContextLength = 2 << 10

// MinKeyLength is the least length of a key in bytes.
const MinKeyLength = 32

// Bounds of [SignerConfig.Lifetime]. The database refuses a context that lives longer than the
// greatest, whoever signed it.
const (
	DefaultLifetime = 15 * time.Second
	MinLifetime     = time.Second
	MaxLifetime     = 5 * time.Minute
)

// SecretKey is a key of random bytes that no printer shows: a session.SecretKey, which this
// package may not import.
type SecretKey interface {
	Bytes() []byte            // a copy
	Validate(least int) error // what is wrong with a key that needs so many bytes
}

// SignerConfig configures a [Signer].
type SignerConfig struct {
	// Key signs. Required, at least [MinKeyLength] random bytes. It is of use for nothing else:
	// a service has a key of its own for this. The database holds a key that is derived from it
	// by KeyID, Database and Role, see [Signer.InstallKey].
	Key SecretKey

	// KeyID tells keys apart while one replaces another. Required; letters, digits, - and _.
	KeyID string

	// Database, if set, is the name of the only database that accepts the contexts. A copy of
	// the database under another name, such as one for tests, then accepts none of them.
	Database string

	// Role, if set, is the name of the only role that the contexts serve: that with which a
	// connection logged in.
	Role string

	// Lifetime is how long a transaction may begin after its context was signed. It bounds the
	// use of a context that was stolen, and must cover the wait for a connection and the
	// difference of the two clocks. Default [DefaultLifetime].
	Lifetime time.Duration

	// Now is the clock, for tests. Default [time.Now].
	Now func() time.Time
}

// Signer makes signed contexts: version, key id, tenant and expiry under an HMAC-SHA256. The
// application role, which holds neither key, cannot make one. It is safe for concurrent use.
type Signer struct {
	keyID          string
	database, role string
	lifetime       time.Duration
	now            func() time.Time
	derived        func() []byte // behind a function, which no printer looks into
	macs           *sync.Pool
}

// NewSigner returns a signer.
func NewSigner(cfg SignerConfig) (*Signer, error) {
	var p configerr.Problems
	if configerr.IsNil(cfg.Key) {
		p.Add("Key", "required")
	} else if err := cfg.Key.Validate(MinKeyLength); err != nil {
		p.Add("Key", "%w", err)
	}
	if _, err := tenant.Parse(cfg.KeyID); err != nil { // one alphabet for the parts of a context
		p.Add("KeyID", "%q: letters, digits, - and _, at most %d", cfg.KeyID, tenant.MaxIDLength)
	}
	if len(cfg.Database) > maxIdentifier || strings.ContainsRune(cfg.Database, 0) {
		p.Add("Database", "no name of a database")
	}
	if len(cfg.Role) > maxIdentifier || strings.ContainsRune(cfg.Role, 0) {
		p.Add("Role", "no name of a role")
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	if cfg.Lifetime < MinLifetime || cfg.Lifetime > MaxLifetime {
		p.Add("Lifetime", "%v is not between %v and %v", cfg.Lifetime, MinLifetime, MaxLifetime)
	}
	if err := p.Err("rls", ErrInvalid); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	derived := derive(cfg.Key.Bytes(), cfg.KeyID, cfg.Database, cfg.Role)
	return &Signer{
		keyID: cfg.KeyID, database: cfg.Database, role: cfg.Role, lifetime: cfg.Lifetime, now: cfg.Now,
		derived: func() []byte { return derived },
		macs:    &sync.Pool{New: func() any { return hmac.New(sha256.New, derived) }},
	}, nil
}

// derive makes the key that the database holds. No part may contain the NUL that ends it.
func derive(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("reeve.context.v1\x00"))
	for _, part := range parts {
		mac.Write([]byte(part + "\x00"))
	}
	return mac.Sum(nil)
}

// KeyID returns the id of the key.
func (s *Signer) KeyID() string { return s.keyID }

// Setting implements [Context]: the context is of the tenant alone. The value is a secret for as
// long as it lives: it is sent as a parameter, never within the text of a statement, which other
// connections of the same role may read in pg_stat_activity.
func (s *Signer) Setting(_ context.Context, id tenant.ID) (name, value string, err error) {
	return s.sign("v1.", id, "", time.Time{})
}

// CallerSetting is [Signer.Setting] with what policies ask of the caller besides: an object of
// JSON, as policy.Engine.RLSContext returns it. until is when that no longer holds, zero for
// never: a transaction begins with the value before then. The error is [ErrContextTooLong] where
// the value would be longer than [MaxContextLength]. Package policyrls puts it behind a [Context].
func (s *Signer) CallerSetting(id tenant.ID, caller string, until time.Time) (name, value string, err error) {
	if !strings.HasPrefix(caller, "{") || !strings.HasSuffix(caller, "}") {
		return "", "", fmt.Errorf("%w: what is said of the caller is no object of JSON", ErrInvalid)
	}
	return s.sign("v2.", id, caller, until)
}

func (s *Signer) sign(version string, id tenant.ID, caller string, until time.Time) (name, value string, err error) {
	if id.IsZero() {
		return "", "", noScope()
	}
	expires := s.now().Add(s.lifetime)
	if !until.IsZero() && until.Before(expires) {
		expires = until
	}
	signed := make([]byte, 0, 192+len(caller))
	signed = append(signed, version...)
	signed = append(signed, s.keyID...)
	signed = append(signed, '.')
	signed = append(signed, id.String()...)
	signed = append(signed, '.')
	signed = strconv.AppendInt(signed, expires.UnixMilli(), 10)
	if caller != "" {
		signed = append(signed, '.')
		signed = append(signed, caller...)
		if n := len(signed) + 1 + 2*sha256.Size; n > MaxContextLength {
			return "", "", fmt.Errorf("%w: %d bytes, at most %d", ErrContextTooLong, n, MaxContextLength)
		}
	}
	mac := s.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(signed)
	var sum [sha256.Size]byte
	tag := mac.Sum(sum[:0])
	s.macs.Put(mac)
	signed = append(signed, '.')
	return SignedSetting, string(hex.AppendEncode(signed, tag)), nil
}
