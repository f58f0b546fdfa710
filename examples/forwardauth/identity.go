package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// The issuer and the beginning of its keys in Redis are those of the quickstart.
const (
	issuer   = "reeve-quickstart"
	audience = "reeve-quickstart-api"
	prefix   = "quickstart"
)

// keys are those of the service that signs users in.
type keys struct {
	Signing   session.SecretKey `json:"signing_seed"`
	Session   session.SecretKey `json:"session_key"`
	RedisName session.SecretKey `json:"redis_name_key"`
	RedisSeal session.SecretKey `json:"redis_seal_key"`
}

// identity says who asks.
type identity struct {
	sessions *session.Manager
	tokens   *token.Verifier
	token    string // of alice, where sessions are kept in the process
	close    func()
}

func openIdentity(ctx context.Context, redisURL, file string) (*identity, error) {
	k := keys{Signing: random(), Session: random()}
	var store session.Store = memstore.New()
	closeStore := func() {}
	if redisURL == "" && file != "" {
		return nil, errors.New("-keys needs -redis: without it sessions are in this process, and so are their keys")
	}
	if redisURL != "" {
		k = keys{} // one that the file lacks is missing
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("-redis needs -keys: %w", err)
		}
		if err := json.Unmarshal(text, &k); err != nil {
			return nil, fmt.Errorf("%s is not a file of keys", file)
		}
		if _, err := k.signer(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		redis, err := redisstore.Open(redisURL, redisstore.Config{NameKey: k.RedisName, SealKeys: []session.SecretKey{k.RedisSeal}, Prefix: prefix})
		if err != nil {
			return nil, err
		}
		closeStore = func() { _ = redis.Close() }
		if err := redis.Ping(ctx); err != nil {
			closeStore()
			return nil, err
		}
		store = redis
	}
	id, err := newIdentity(ctx, store, k, redisURL == "")
	if err != nil {
		closeStore()
		return nil, err
	}
	id.close = closeStore
	return id, nil
}

// signer returns what signs access tokens.
func (k keys) signer() (*token.Signer, error) {
	seed := k.Signing.Bytes()
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("signing_seed is not an Ed25519 seed")
	}
	private := ed25519.NewKeyFromSeed(seed)
	sum := sha256.Sum256(private[ed25519.SeedSize:])
	return token.NewSigner(token.SignerConfig{
		Issuer: issuer, Audience: audience, KeyID: hex.EncodeToString(sum[:8]), Algorithm: token.EdDSA,
		Key: session.NewPrivateKey(private), Lifetime: 15 * time.Minute,
	})
}

func newIdentity(ctx context.Context, store session.Store, k keys, signIn bool) (*identity, error) {
	signer, err := k.signer()
	if err != nil {
		return nil, err
	}
	id := &identity{}
	if id.tokens, err = token.NewVerifier(signer.Issuer()); err != nil {
		return nil, err
	}
	if id.sessions, err = session.NewManager(store, session.Config{Key: k.Session}); err != nil || !signIn {
		return id, err
	}
	if err := id.sessions.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		return nil, err
	}
	id.token, err = id.signIn(ctx, signer, "alice", "editor")
	return id, err
}

var acme = tenant.MustParse("acme")

// signIn returns a token of a user of acme.
func (id *identity) signIn(ctx context.Context, signer *token.Signer, user string, roles ...string) (string, error) {
	s, _, err := id.sessions.Create(ctx, session.SignIn{Tenant: acme, User: session.MustParseUserID(user), Roles: session.MustRoles(roles...)})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(s)
	return signed.Reveal(), err
}

// config returns the config of a service in Go. The proxies stand on this machine.
func (id *identity) config(policies fs.FS) (authz.Config, error) {
	engine, err := policy.Load(policies, policy.Options{})
	if err != nil {
		return authz.Config{}, err
	}
	proxies, err := middleware.NewProxies("X-Forwarded-For", netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	if err != nil {
		return authz.Config{}, err
	}
	return authz.Config{Tokens: id.tokens, Sessions: id.sessions, Policy: engine, Proxies: proxies}, nil
}

func random() session.SecretKey {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return session.NewSecretKey(b)
}
