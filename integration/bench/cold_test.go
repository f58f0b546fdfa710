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
	"math/big"
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
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// coldFixture is a service whose sessions are in Redis alone.
type coldFixture struct {
	echo    *echo.Echo
	key     *ecdsa.PrivateKey
	signer  *token.Signer
	session session.Session
	client  *redis.Client // set up as that of the store
	sent    *sentCommands
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

func newColdFixture(tb testing.TB) *coldFixture {
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
	w := &coldFixture{echo: echo.New(), client: open(), sent: &sentCommands{}}
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
	w.echo.GET("/documents/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
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

func (w *coldFixture) request(tb testing.TB) *http.Request {
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
func (w *coldFixture) evalsha(tb testing.TB) func() {
	tb.Helper()
	w.sent.mu.Lock()
	words := w.sent.words[0]
	w.sent.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(fmt.Sprint(words[2]), &n); err != nil || fmt.Sprint(words[0]) != "evalsha" {
		tb.Fatalf("a load sends %v", words)
	}
	sha := fmt.Sprint(words[1])
	var keys []string
	for _, k := range words[3 : 3+n] {
		keys = append(keys, fmt.Sprint(k))
	}
	var args []any
	for _, a := range words[3+n:] {
		args = append(args, fmt.Sprint(a))
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

// allocations returns those of a request whose token was seen before, and of the script alone.
func (w *coldFixture) allocations(tb testing.TB) (whole, script float64) {
	tb.Helper()
	r, rec := w.request(tb), nothing{http.Header{}}
	return testing.AllocsPerRun(500, func() { w.echo.ServeHTTP(rec, r) }), testing.AllocsPerRun(500, w.evalsha(tb))
}

// TestARequestThatAsksRedisStaysWithinItsBudget: one command and 52 allocations for a token that
// was seen before and a session that no memory has. Under the race detector pools forget at random.
func TestARequestThatAsksRedisStaysWithinItsBudget(t *testing.T) {
	w := newColdFixture(t)
	if n := len(w.sent.words); n != 1 {
		t.Errorf("a load sends %d commands", n)
	}
	whole, script := w.allocations(t)
	t.Logf("%v allocations, of which go-redis makes %v for the script alone", whole, script)
	if limit := 52.0; whole > limit && !testneed.Race || whole > 2*limit {
		t.Errorf("%v allocations, at most %v", whole, limit)
	}
}

// BenchmarkColdRequest compares, in turns within one run: go-redis' own EVALSHA of the same script, which
// answers with the same record; a whole request whose token was seen before; the verification of
// a signature alone; and a whole request whose token was not seen. Times are medians.
func BenchmarkColdRequest(b *testing.B) {
	w := newColdFixture(b)
	remembered, rec := w.request(b), nothing{http.Header{}}
	evalsha := w.evalsha(b)
	signed := strings.TrimPrefix(remembered.Header.Get("Authorization"), "Bearer ")
	cut := strings.LastIndexByte(signed, '.')
	signature, err := base64.RawURLEncoding.DecodeString(signed[cut+1:])
	if err != nil || len(signature) != 64 {
		b.Fatal(signature, err)
	}
	half1, half2 := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	var took [4][]float64
	measure := func(i int, do func()) {
		began := time.Now()
		do()
		took[i] = append(took[i], float64(time.Since(began)))
	}
	for b.Loop() {
		unseen := w.request(b)
		measure(0, evalsha)
		measure(1, func() { w.echo.ServeHTTP(rec, remembered) })
		measure(2, func() {
			digest := sha256.Sum256([]byte(signed[:cut]))
			if !ecdsa.Verify(&w.key.PublicKey, digest[:], half1, half2) {
				panic("the signature is wrong")
			}
		})
		measure(3, func() { w.echo.ServeHTTP(rec, unseen) })
	}
	var median [4]float64
	for i := range took {
		slices.Sort(took[i])
		median[i] = took[i][len(took[i])/2] / 1e3
	}
	whole, script := w.allocations(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median[0], "evalsha-µs")
	b.ReportMetric(median[1], "remembered-µs")
	b.ReportMetric(median[1]/median[0], "remembered/evalsha")
	b.ReportMetric(median[2], "signature-µs")
	b.ReportMetric(median[3], "first-sight-µs")
	b.ReportMetric(median[3]-median[2]-median[0], "first-sight-more-µs")
	b.ReportMetric(whole, "remembered-allocs")
	b.ReportMetric(script, "evalsha-allocs")
}
