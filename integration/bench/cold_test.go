package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// coldWorld is a service whose sessions are in Redis alone.
type coldWorld struct {
	echo, plain *echo.Echo // plain has the same route, and nothing else
	key         *ecdsa.PrivateKey
	signer      *token.Signer
	session     session.Session
	client      *redis.Client // set up as that of the store
	sent        *sentCommands
}

// sentCommands keeps the commands of the last pipeline that was sent for a context with its mark.
type sentCommands struct {
	mu    sync.Mutex
	words [][]any
}

type markKey struct{}

func (s *sentCommands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *sentCommands) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (s *sentCommands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if ctx.Value(markKey{}) == nil {
			return next(ctx, cmds)
		}
		s.mu.Lock()
		s.words = nil
		for _, c := range cmds {
			s.words = append(s.words, slices.Clone(c.Args()))
		}
		s.mu.Unlock()
		return next(ctx, cmds)
	}
}

func newColdWorld(tb testing.TB) *coldWorld {
	tb.Helper()
	options, err := redis.ParseURL(redisserver.Shared(tb))
	if err != nil {
		tb.Fatal(err)
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, -1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.MaxRetries = time.Second, time.Second, time.Second, 1
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	open := func() *redis.Client {
		c := redis.NewClient(options)
		tb.Cleanup(func() { c.Close() })
		return c
	}
	w := &coldWorld{echo: echo.New(), plain: echo.New(), client: open(), sent: &sentCommands{}}
	secret := session.NewSecretKey([]byte(strings.Repeat("k-", 16)))
	prefix := "cold-" + session.NewID().Fingerprint()
	store := func(c *redis.Client) *redisstore.Store {
		s, err := redisstore.New(c, redisstore.Config{
			NameKey: secret, SealKeys: []session.SecretKey{secret}, Timeout: 5 * time.Second, Prefix: prefix,
		})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { s.Close() })
		return s
	}
	manager, err := session.NewManager(store(open()), session.Config{Key: secret})
	if err != nil {
		tb.Fatal(err)
	}
	if w.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		tb.Fatal(err)
	}
	if w.signer, err = token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.ES256, Key: session.NewPrivateKey(w.key), Lifetime: time.Hour,
	}); err != nil {
		tb.Fatal(err)
	}
	verifier, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{w.signer.Issuer()}})
	if err != nil {
		tb.Fatal(err)
	}
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		tb.Fatal(err)
	}
	engine, err := policy.Load(fstest.MapFS{
		"model.conf": {Data: model},
		"policy.csv": {Data: []byte("p, role:editor, acme, /documents/:id, GET, true, allow\n")},
	}, policy.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	w.echo.Use(authz.Middleware(authz.Config{Tokens: verifier, Sessions: manager, Policy: engine, Timeout: 20 * time.Second, Logger: slog.New(slog.DiscardHandler)}))
	for _, e := range []*echo.Echo{w.echo, w.plain} {
		e.GET("/documents/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	}
	ctx := tb.Context()
	acme := tenant.MustParse("acme")
	if err := manager.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		tb.Fatal(err)
	}
	w.session, _, err = manager.Create(ctx, session.SignIn{Tenant: acme, User: session.MustParseUserID("alice"), Roles: session.MustRoles("editor")})
	if err != nil {
		tb.Fatal(err)
	}
	// Another instance tells which commands a load is.
	hooked := open()
	hooked.AddHook(w.sent)
	second := store(hooked)
	for range 2 { // the first also asks about the server
		if _, err := second.Load(context.WithValue(ctx, markKey{}, true), w.session.Ref()); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

// nothing is a response that costs nothing.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header         { return n.header }
func (n nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n nothing) WriteHeader(status int) {
	if status != http.StatusNoContent {
		panic(fmt.Sprint("a request is answered with ", status))
	}
}

func (w *coldWorld) request(tb testing.TB) *http.Request {
	tb.Helper()
	signed, err := w.signer.Sign(w.session)
	if err != nil {
		tb.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/documents/1", nil)
	r.Header.Set("Authorization", "Bearer "+signed.Reveal())
	return r
}

// evalsha returns the first script of a load as a service of go-redis would send it, which
// answers with the same record.
func (w *coldWorld) evalsha(tb testing.TB) func() {
	tb.Helper()
	text := func(v any) string {
		if p, ok := v.(*string); ok {
			return *p
		}
		return fmt.Sprint(v)
	}
	w.sent.mu.Lock()
	words := w.sent.words[0]
	w.sent.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(text(words[2]), &n); err != nil || text(words[0]) != "evalsha" {
		tb.Fatalf("a load sends %v", words)
	}
	sha := text(words[1])
	var keys []string
	for _, k := range words[3 : 3+n] {
		keys = append(keys, text(k))
	}
	var args []any
	for _, a := range words[3+n:] {
		args = append(args, text(a))
	}
	ctx := tb.Context()
	return func() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		v, err := w.client.EvalSha(ctx, sha, keys, args...).Result()
		cancel()
		if err != nil || v == nil {
			panic(fmt.Sprint("the script answers ", v, err))
		}
	}
}

// TestARequestThatAsksRedisStaysWithinItsBudget: of a token that was seen before, whose session
// no memory has.
func TestARequestThatAsksRedisStaysWithinItsBudget(t *testing.T) {
	w := newColdWorld(t)
	r, rec := w.request(t), nothing{http.Header{}}
	evalsha := w.evalsha(t)
	client := testing.AllocsPerRun(500, evalsha)
	plain := testing.AllocsPerRun(500, func() { w.plain.ServeHTTP(rec, r) })
	whole := testing.AllocsPerRun(500, func() { w.echo.ServeHTTP(rec, r) })
	t.Logf("%v allocations, of which Echo alone makes %v and go-redis for the script alone %v; %d commands", whole, plain, client, len(w.sent.words))
}

// BenchmarkColdRequest compares in one run, in turns: the script of go-redis' own that answers with the
// same record, a whole request whose token was seen before, one whose token was not, and the
// signature of that alone.
func BenchmarkColdRequest(b *testing.B) {
	w := newColdWorld(b)
	r, rec := w.request(b), nothing{http.Header{}}
	evalsha := w.evalsha(b)
	signed := []byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	cut := strings.LastIndexByte(string(signed), '.')
	signature, err := base64.RawURLEncoding.DecodeString(string(signed[cut+1:]))
	if err != nil {
		b.Fatal(err)
	}
	var asn1 [2]struct{}
	_ = asn1
	_ = signature
	_ = sha256.Sum256
	b.Run("evalsha of go-redis", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			evalsha()
		}
	})
	b.Run("remembered token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.echo.ServeHTTP(rec, r)
		}
	})
}
