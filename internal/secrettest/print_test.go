package secrettest

//lint:file-ignore SA1019 keys of known bytes can only be made by hand

import (
	"crypto/ed25519"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// A test that compares two configs prints what differs, and its log is read by many.
func TestADiffOfTwoConfigsShowsNoKey(t *testing.T) {
	one, other := canaries(), session.NewSecretKey([]byte(strings.ToUpper(canary)))
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	for kind, key := range one {
		for name, diff := range map[string]string{
			"Options":      cmp.Diff(session.Config{Key: key}, session.Config{Key: other}),
			"SignerConfig": cmp.Diff(token.SignerConfig{Key: key}, token.SignerConfig{Key: other}, all),
			"a slice":      cmp.Diff([]session.SecretKey{key}, []session.SecretKey{other, key}),
			"hidden":       cmp.Diff(struct{ k *session.SecretKey }{&key}, struct{ k *session.SecretKey }{&other}, all),
		} {
			if diff == "" {
				t.Errorf("%s: two keys (%s) are one", name, kind)
			}
			if how := shows(diff); how != "" {
				t.Errorf("a diff of %s shows a key (%s) %s", name, kind, how)
			}
		}
	}
}

func TestNoExportedTypeShowsAConfiguredKey(t *testing.T) {
	holders := checkPrinters(t, types)
	// The walk fills what the services fill.
	for _, typ := range []reflect.Type{
		reflect.TypeFor[session.SecretKey](), reflect.TypeFor[session.Config](), reflect.TypeFor[redisstore.Config](), reflect.TypeFor[redispolicy.PublisherConfig](), reflect.TypeFor[redispolicy.TenantPublisherConfig](),
		reflect.TypeFor[token.SignerConfig](), reflect.TypeFor[token.DPoPConfig](),
	} {
		if !holders[typ.String()] {
			t.Errorf("%v was not filled", typ)
		}
	}
}

// The values that a service keeps for its whole life are made of its keys, and show none.
func TestNothingThatWasMadeOfAKeyShowsIt(t *testing.T) {
	secret := canaries()["random bytes"]
	private := canaries()["Ed25519"]
	must := func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	defer client.Close()
	store := must(redisstore.Open("redis://:"+canary[:20]+"@127.0.0.1:1", redisstore.Config{NameKey: secret, SealKeys: []session.SecretKey{secret}})).(*redisstore.Store)
	defer store.Close()
	sign := func(alg token.Algorithm, key session.SecretKey) *token.Signer {
		return must(token.NewSigner(token.SignerConfig{Issuer: "https://id.test", Audience: "api", KeyID: "k", Algorithm: alg, Key: key})).(*token.Signer)
	}
	for name, v := range map[string]any{
		"session.Manager":       *must(session.NewManager(memstore.New(), session.Config{Key: secret})).(*session.Manager),
		"session.Manager, more": *must(session.NewManager(store, session.Config{Key: session.NewSecretKey([]byte(strings.ToUpper(canary))), PreviousKeys: []session.SecretKey{secret}})).(*session.Manager),
		"token.Signer of HMAC":  *sign(token.HS256, secret), "token.Signer of Ed25519": *sign(token.EdDSA, private),
		"token.Key": must(token.NewKey("k", token.HS512, secret)), "token.Issuer": sign(token.HS256, secret).Issuer(),
		"token.KeySet":                *must(token.NewKeySet(sign(token.HS256, secret).Key())).(*token.KeySet),
		"token.DPoPVerifier":          *must(token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}, NonceKey: secret})).(*token.DPoPVerifier),
		"redispolicy.TenantPublisher": *must(redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: client, Name: "shop", Tenant: tenant.MustParse("acme"), Key: private})).(*redispolicy.TenantPublisher),
		"redispolicy.Publisher":       *must(redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "shop", Key: private})).(*redispolicy.Publisher),
		"rls.Signer":                  *must(rls.NewSigner(rls.SignerConfig{Key: secret, KeyID: "k"})).(*rls.Signer),
		"rls.SignerConfig":            rls.SignerConfig{Key: secret, KeyID: "k"},
		"pointer to redisstore":       store,
		"a slice of SecretKey":        []session.SecretKey{secret, private},
		"a map of SecretKey":          map[string]session.SecretKey{"k": secret},
		"a map keyed by SecretKey":    map[session.SecretKey]int{secret: 1},
		"a channel's worth":           struct{ k, l session.SecretKey }{secret, private},
		"an error that holds a key":   fmt.Errorf("key %v: %+v", secret, private),
	} {
		if how := shows(printed(v)); how != "" {
			t.Errorf("%s shows a key %s", name, how)
		}
	}
}

// The test sees what it is for: a key in a field of its own type, and one in a plain slice.
func TestThePrintersShowWhatIsNotHidden(t *testing.T) {
	for name, v := range map[string]any{
		"bytes": struct{ Key []byte }{[]byte(canary)}, "hidden bytes": struct{ key []byte }{[]byte(canary)}, "a named type": struct{ k named }{named(canary)},
		"a private key": struct{ Key ed25519.PrivateKey }{ed25519.NewKeyFromSeed([]byte(canary)[:32])}, "text": struct{ s string }{canary},
	} {
		if shows(printed(v)) == "" {
			t.Errorf("%s: nothing is seen", name)
		}
	}
}

type named []byte

func (named) String() string               { return "[redacted]" }
func (named) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
