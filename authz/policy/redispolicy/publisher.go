package redispolicy

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// PublisherOptions of a [Publisher].
type PublisherOptions struct {
	// Name tells policies in one Redis apart: 1 to 64 of [a-z0-9_-]. It is signed, so give
	// staging and production different names, or different keys. Required.
	Name string

	// Key signs what is published: session.NewPrivateKey of an [ed25519.PrivateKey], or its PEM
	// read by session.ParseSecretKey. Required. Followers know its public half only.
	Key session.SecretKey

	// Trusted are further keys whose records count in the history, such as the last one
	// after a change of keys. Key's own public half always does.
	Trusted []ed25519.PublicKey

	// Timeout ends each call to Redis. Default: 2 s.
	Timeout time.Duration

	// MaxSize is the largest bundle in bytes. Followers refuse larger ones too. Default: 8 MiB.
	MaxSize int
}

// Publisher publishes policies. Its methods are safe for concurrent use, also with other
// publishers of the same policy.
type Publisher struct {
	client  redis.UniversalClient
	opts    PublisherOptions
	keys    keys
	trusted []ed25519.PublicKey
}

// NewPublisher returns a publisher. The client stays the caller's to close. The error names
// every option that is wrong.
func NewPublisher(client redis.UniversalClient, opts PublisherOptions) (*Publisher, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxSize <= 0 {
		opts.MaxSize = DefaultMaxSize
	}
	problems := []error{checkClient(client), checkKeys("Trusted", opts.Trusted)}
	if !validName(opts.Name) {
		problems = append(problems, errors.New("Name: 1 to 64 of [a-z0-9_-] are required"))
	}
	private, ok := opts.Key.Signer().(ed25519.PrivateKey)
	if !ok || len(private) != ed25519.PrivateKeySize {
		problems = append(problems, fmt.Errorf("Key: an ed25519 private key of %d bytes is required, write session.NewPrivateKey(key)", ed25519.PrivateKeySize))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("redispolicy: invalid options: %w", err)
	}
	public, _ := private.Public().(ed25519.PublicKey)
	return &Publisher{
		client:  client,
		opts:    opts,
		keys:    newKeys(opts.Name),
		trusted: append([]ed25519.PublicKey{public}, opts.Trusted...),
	}, nil
}

// Publish makes the policy in fsys the one that followers take. A policy that does not load
// is refused with what [policy.Load] says, and nothing is published. When Redis cannot be
// asked, the error wraps [ErrUnavailable], and the policy may or may not be published:
// publishing it again does no harm.
func (p *Publisher) Publish(ctx context.Context, fsys fs.FS) (Revision, error) {
	data, id, err := pack(fsys)
	if err != nil {
		return Revision{}, err
	}
	return p.publish(ctx, data, id)
}

// Rollback publishes an older policy again, under a new sequence. revision is the ID of a
// [Revision] in the history; otherwise the error wraps [ErrUnknown].
func (p *Publisher) Rollback(ctx context.Context, revision string) (Revision, error) {
	history, err := p.History(ctx)
	if errors.Is(err, ErrUnavailable) {
		return Revision{}, err
	}
	for _, r := range history {
		if r.ID != revision {
			continue
		}
		data, err := p.bundle(ctx, r)
		if err != nil {
			return Revision{}, err
		}
		id, err := load(data) // this program may be stricter than the one that published it
		if err != nil {
			return Revision{}, err
		}
		return p.publish(ctx, data, id)
	}
	return Revision{}, fmt.Errorf("%w: %q", ErrUnknown, revision)
}

// History returns what was published, newest first, at most [HistoryLength]. Records that
// no trusted key signed are left out, and the error then wraps [ErrUntrusted].
func (p *Publisher) History(ctx context.Context) ([]Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	texts, err := p.client.LRange(ctx, p.keys.history, 0, HistoryLength-1).Result()
	if err != nil {
		return nil, unanswered(err, p.access())
	}
	var history []Revision
	var untrusted error
	for _, text := range texts {
		r, err := parseRecord(p.opts.Name, text, p.trusted)
		if err != nil {
			untrusted = err
			continue
		}
		history = append(history, r.Revision)
	}
	return history, untrusted
}

func (p *Publisher) bundle(ctx context.Context, r Revision) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	data, err := p.client.HGet(ctx, p.keys.bundles, r.Hash).Bytes()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unanswered(err, p.access())
	}
	return data, r.check(data)
}

func (p *Publisher) publish(ctx context.Context, data []byte, id string) (Revision, error) {
	if len(data) > p.opts.MaxSize {
		return Revision{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(data), p.opts.MaxSize)
	}
	if err := p.examine(ctx); err != nil {
		return Revision{}, err
	}
	r := Revision{ID: id, Hash: hexadecimal(sha256.Sum256(data)), Size: len(data)}
	for range 20 { // each time another publisher was first
		published, done, err := p.attempt(ctx, data, r)
		if err != nil || done {
			return published, err
		}
	}
	return Revision{}, ErrConflict
}

// examine asks before anything is written: a script that lacks a permission half way leaves half
// of what it does.
func (p *Publisher) examine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	return p.keys.examine(ctx, p.client, p.access())
}

// attempt publishes on top of the head as it is now. It reports false when another
// publisher came in between.
func (p *Publisher) attempt(ctx context.Context, data []byte, r Revision) (Revision, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	head, err := p.client.Get(ctx, p.keys.head).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Revision{}, false, unanswered(err, p.access())
	}
	// The clock carries the sequence over a loss of Redis's data, and over a head that is
	// not genuine and therefore says nothing.
	r.PublishedAt = time.Now()
	r.Sequence = uint64(max(1, r.PublishedAt.UnixMilli()))
	if last, err := parseRecord(p.opts.Name, head, p.trusted); err == nil {
		r.Sequence = max(r.Sequence, last.Sequence+1)
	}
	next, err := sign(p.opts.Name, r, p.opts.Key.Signer())
	if err != nil {
		return Revision{}, false, err
	}
	done, err := publishScript.Run(ctx, p.client, []string{p.keys.head, p.keys.history, p.keys.bundles},
		head, next.text, r.Hash, data, HistoryLength, p.keys.channel).Bool()
	if err != nil {
		return Revision{}, false, unanswered(err, p.access())
	}
	return next.Revision, done, nil
}
