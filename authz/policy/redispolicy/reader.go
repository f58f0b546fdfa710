package redispolicy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
	"github.com/reevehq/reeve/internal/redisclient"
)

// ReaderConfig of a [Reader]. Client, Name and Keys are required; everything else has a default,
// which zero stands for.
type ReaderConfig struct {
	// Client asks Redis, with the same demands as that of a [FollowerConfig]. Required.
	Client redis.UniversalClient

	// Name is that of the [PublisherConfig]. Required.
	Name string

	// Keys are those whose records are believed. At least one is required.
	Keys []ed25519.PublicKey

	// Timeout ends each call to Redis. Default: 2 s.
	Timeout time.Duration

	// MaxSize is the largest bundle in bytes. Default: 8 MiB.
	MaxSize int
}

// withDefaults is as that of a FollowerConfig.
func (c ReaderConfig) withDefaults() (ReaderConfig, error) {
	var p problems
	p.check("Client", redisclient.Check(c.Client))
	p.name(c.Name)
	if len(c.Keys) == 0 {
		p.Add("Keys", "at least one is required")
	}
	p.keys("Keys", c.Keys)
	orDefault(&p, "Timeout", &c.Timeout, defaultTimeout)
	orDefault(&p, "MaxSize", &c.MaxSize, defaultMaxSize)
	return c, p.err()
}

// Reader says what is published, and what was. It changes nothing, and needs no private key. Its
// methods are safe for concurrent use.
type Reader struct {
	config ReaderConfig
	keys   keys
	access func() redisaccess.List // what errors tell: a Publisher's is longer
}

// NewReader returns a reader. The error names every field of the config that is wrong.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	k := newKeys(cfg.Name)
	return &Reader{cfg, k, func() redisaccess.List { return readerAccess(k, cfg.Client) }}, nil
}

// Head returns the publication that followers take. The error wraps [ErrUnknown] when nothing is
// published, and [ErrUntrusted] when no trusted key signed what is.
func (r *Reader) Head(ctx context.Context) (Publication, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	text, err := r.config.Client.Get(ctx, r.keys.head).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return Publication{}, fmt.Errorf("%w: nothing is published as %s", ErrUnknown, r.config.Name)
	case err != nil:
		return Publication{}, unanswered(err, r.access())
	}
	head, err := parseRecord(r.config.Name, text, r.config.Keys)
	return head.Publication, err
}

// History returns what was published, newest first, at most [HistoryLength]. Records that
// no trusted key signed are left out, and the error then wraps [ErrUntrusted].
func (r *Reader) History(ctx context.Context) ([]Publication, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	texts, err := r.config.Client.LRange(ctx, r.keys.history, 0, HistoryLength-1).Result()
	if err != nil {
		return nil, unanswered(err, r.access())
	}
	var history []Publication
	var untrusted error
	for _, text := range texts {
		found, err := parseRecord(r.config.Name, text, r.config.Keys)
		if err != nil {
			untrusted = err
			continue
		}
		history = append(history, found.Publication)
	}
	return history, untrusted
}

// Files returns the files of a publication of the history, as they were published. They are
// checked against its hash, so the error wraps [ErrCorrupt] where Redis holds others.
func (r *Reader) Files(ctx context.Context, p Publication) (fs.FS, error) {
	data, err := r.bundle(ctx, p)
	if err != nil {
		return nil, err
	}
	return unpack(data)
}

func (r *Reader) bundle(ctx context.Context, p Publication) ([]byte, error) {
	if p.Size > r.config.MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, p.Size, r.config.MaxSize)
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	// A bundle of another size is not even read: somebody may have put a gigabyte there.
	size, err := r.config.Client.HStrLen(ctx, r.keys.bundles, p.Hash).Result()
	if err != nil {
		return nil, unanswered(err, r.access())
	}
	var data []byte
	if size == int64(p.Size) {
		data, err = r.config.Client.HGet(ctx, r.keys.bundles, p.Hash).Bytes()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, unanswered(err, r.access())
		}
	}
	return data, p.check(data)
}
