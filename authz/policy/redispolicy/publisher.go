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

	"github.com/reevehq/reeve/authz/policy"
)

// Publisher publishes policies. Its methods are safe for concurrent use, also with other
// publishers of the same policy.
type Publisher struct {
	client  redis.UniversalClient
	config  PublisherConfig
	keys    keys
	trusted []ed25519.PublicKey
	reader  *Reader
}

// NewPublisher returns a publisher. The error names every field of the config that is wrong.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	cfg, private, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	public, _ := private.Public().(ed25519.PublicKey)
	trusted := append([]ed25519.PublicKey{public}, cfg.Trusted...)
	reader, err := NewReader(ReaderConfig{Client: cfg.Client, Name: cfg.Name, Keys: trusted, Timeout: cfg.Timeout, MaxSize: cfg.MaxSize})
	if err != nil {
		return nil, err
	}
	p := &Publisher{client: cfg.Client, config: cfg, keys: newKeys(cfg.Name), trusted: trusted, reader: reader}
	reader.access = p.access
	return p, nil
}

// Publish makes the policy in fsys the one that followers take. A policy that does not load
// is refused with what [policy.Load] says, and nothing is published. When Redis cannot be
// asked, the error wraps [ErrUnavailable], and the policy may or may not be published:
// publishing it again does no harm.
func (p *Publisher) Publish(ctx context.Context, fsys fs.FS) (Publication, error) {
	data, id, err := pack(fsys)
	if err != nil {
		return Publication{}, err
	}
	return p.publish(ctx, data, id)
}

// PublishBundle is [Publisher.Publish] of files that were read already, such as those that were
// just checked.
func (p *Publisher) PublishBundle(ctx context.Context, b *policy.Bundle) (Publication, error) {
	data, id, err := packBundle(b)
	if err != nil {
		return Publication{}, err
	}
	return p.publish(ctx, data, id)
}

// Rollback publishes an older policy again, under a new sequence. id is that of a
// [Publication] in the history; otherwise the error wraps [ErrUnknown].
func (p *Publisher) Rollback(ctx context.Context, id string) (Publication, error) {
	history, err := p.History(ctx)
	if errors.Is(err, ErrUnavailable) {
		return Publication{}, err
	}
	for _, r := range history {
		if r.ID != id {
			continue
		}
		data, err := p.reader.bundle(ctx, r)
		if err != nil {
			return Publication{}, err
		}
		loaded, err := load(data) // this program may be stricter than the one that published it
		if err != nil {
			return Publication{}, err
		}
		return p.publish(ctx, data, loaded)
	}
	return Publication{}, fmt.Errorf("%w: %q", ErrUnknown, id)
}

// History returns what was published, newest first, at most [HistoryLength]. Records that
// no trusted key signed are left out, and the error then wraps [ErrUntrusted].
func (p *Publisher) History(ctx context.Context) ([]Publication, error) {
	return p.reader.History(ctx)
}

func (p *Publisher) publish(ctx context.Context, data []byte, id string) (Publication, error) {
	if len(data) > p.config.MaxSize {
		return Publication{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(data), p.config.MaxSize)
	}
	if err := p.examine(ctx); err != nil {
		return Publication{}, err
	}
	r := Publication{ID: id, Hash: hexadecimal(sha256.Sum256(data)), Size: len(data)}
	for range 20 { // each time another publisher was first
		published, done, err := p.attempt(ctx, data, r)
		if err != nil || done {
			return published, err
		}
	}
	return Publication{}, ErrConflict
}

// examine asks before anything is written: a script that lacks a permission half way leaves half
// of what it does.
func (p *Publisher) examine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	return p.keys.examine(ctx, p.client, p.access())
}

// attempt publishes on top of the head as it is now. It reports false when another
// publisher came in between.
func (p *Publisher) attempt(ctx context.Context, data []byte, r Publication) (Publication, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	head, err := p.client.Get(ctx, p.keys.head).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Publication{}, false, unanswered(err, p.access())
	}
	// The clock carries the sequence over a loss of Redis's data, and over a head that is
	// not genuine and therefore says nothing.
	r.PublishedAt = time.Now()
	r.Sequence = uint64(max(1, r.PublishedAt.UnixMilli()))
	if last, err := parseRecord(p.config.Name, head, p.trusted); err == nil {
		r.Sequence = max(r.Sequence, last.Sequence+1)
	}
	next, err := sign(p.config.Name, r, p.config.Key.Signer())
	if err != nil {
		return Publication{}, false, err
	}
	done, err := publishScript.Run(ctx, p.client, []string{p.keys.head, p.keys.history, p.keys.bundles},
		head, next.text, r.Hash, data, HistoryLength, p.keys.channel).Bool()
	if err != nil {
		return Publication{}, false, unanswered(err, p.access())
	}
	return next.Publication, done, nil
}
