package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// policyFlags name a policy that is published.
type policyFlags struct {
	environmentFlags
	Name string `help:"The name under which the policy is published. Default: POLICY_NAME." placeholder:"NAME"`
}

func (f policyFlags) name(e environment) (string, error) {
	if f.Name != "" {
		return f.Name, nil
	}
	return e.require("POLICY_NAME", "the name under which the policy is published, or give --name")
}

// published is a policy in Redis.
type published struct {
	name   string
	client redis.UniversalClient
	reader *redispolicy.Reader
	keys   []ed25519.PublicKey
}

// open returns a reader of what is published, which trusts PUBLISH_KEYS, and of PUBLISH_KEY the
// public half.
func (f policyFlags) open(a *app) (published, environment, error) {
	e, err := f.environmentFlags.open(a)
	if err != nil {
		return published{}, e, err
	}
	p, err := f.openIn(e)
	return p, e, err
}

func (f policyFlags) openIn(e environment) (p published, err error) {
	if p.name, err = f.name(e); err != nil {
		return published{}, err
	}
	if p.keys, err = e.public("PUBLISH_KEYS"); err != nil {
		return published{}, err
	}
	own, err := e.value("PUBLISH_KEY")
	if err != nil {
		return published{}, err
	}
	if own != "" {
		_, public, err := e.private("PUBLISH_KEY")
		if err != nil {
			return published{}, err
		}
		p.keys = append(p.keys, public)
	}
	if len(p.keys) == 0 {
		return published{}, usage("PUBLISH_KEYS is not set: the public keys that may publish, in PEM: openssl pkey -pubout")
	}
	if p.client, err = e.redis(); err != nil {
		return published{}, err
	}
	if p.reader, err = redispolicy.NewReader(redispolicy.ReaderConfig{Client: p.client, Name: p.name, Keys: p.keys}); err != nil {
		return published{}, errors.Join(usage("%w", err), p.client.Close())
	}
	return p, nil
}

// state is the state of a policy in Redis.
type state struct {
	history []redispolicy.Publication // newest first; nothing that no trusted key signed
	head    redispolicy.Publication   // in force, zero when nothing is
	bad     error                     // what is wrong with it, for people
}

// state returns what is published and what was. A writer to Redis can leave publications out, and
// can set the head back to one of before; the latter is told.
func (p published) state(ctx context.Context) (s state, err error) {
	if s.history, err = p.reader.History(ctx); err != nil && !errors.Is(err, redispolicy.ErrUntrusted) {
		return state{}, &exitError{codeLoad, err}
	}
	untrusted := err != nil
	slices.SortFunc(s.history, func(a, b redispolicy.Publication) int { return cmp.Compare(b.Sequence, a.Sequence) })
	s.history = slices.CompactFunc(s.history, func(a, b redispolicy.Publication) bool { return a.Sequence == b.Sequence })
	s.head, err = p.reader.Head(ctx)
	switch {
	case errors.Is(err, redispolicy.ErrUntrusted):
		untrusted = true
	case err != nil && !errors.Is(err, redispolicy.ErrUnknown):
		return state{}, &exitError{codeLoad, err}
	}
	switch {
	case untrusted:
		s.bad = errors.New("Redis holds records that no trusted key signed: they are left out, and no instance takes them")
	case len(s.history) > 0 && s.head.Sequence < s.history[0].Sequence:
		s.bad = fmt.Errorf("what Redis says is in force is older than sequence %d of its history: somebody has set it back, or it has lost what was published. Publish again", s.history[0].Sequence)
	}
	return s, nil
}

func (p published) publisher(e environment) (*redispolicy.Publisher, error) {
	key, _, err := e.private("PUBLISH_KEY")
	if err != nil {
		return nil, err
	}
	publisher, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: p.client, Name: p.name, Key: key, Trusted: p.keys})
	if err != nil {
		return nil, usage("%w", err)
	}
	return publisher, nil
}

// sessions returns a manager of the sessions in Redis. It can make none: the key of refresh tokens
// is no key of the service.
func (f environmentFlags) sessions(a *app) (*session.Manager, func() error, error) {
	e, err := f.open(a)
	if err != nil {
		return nil, nil, err
	}
	cfg := redisstore.Config{Timeout: 5 * time.Second}
	if cfg.NameKey, err = e.secret("NAME_KEY", "the key of names in Redis, that of the service"); err != nil {
		return nil, nil, err
	}
	seals, err := e.require("SEAL_KEY", "the keys that seal sessions in Redis, those of the service, with commas between")
	if err != nil {
		return nil, nil, err
	}
	for text := range strings.SplitSeq(seals, ",") {
		key, err := session.ParseSecretKey(text)
		if err != nil {
			return nil, nil, e.bad("SEAL_KEY", err)
		}
		cfg.SealKeys = append(cfg.SealKeys, key)
	}
	if cfg.Prefix, err = e.value("REDIS_PREFIX"); err != nil {
		return nil, nil, err
	}
	client, err := e.redis()
	if err != nil {
		return nil, nil, err
	}
	store, err := redisstore.New(client, cfg)
	if err != nil {
		return nil, nil, errors.Join(&exitError{codeLoad, err}, client.Close())
	}
	var random [session.MinKeyLength]byte
	rand.Read(random[:])
	manager, err := session.NewManager(store, session.Config{Key: session.NewSecretKey(random[:])})
	if err != nil {
		return nil, nil, errors.Join(&exitError{codeLoad, err}, store.Close(), client.Close())
	}
	return manager, func() error { return errors.Join(store.Close(), client.Close()) }, nil
}
