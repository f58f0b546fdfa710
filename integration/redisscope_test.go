package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/redisscope"
)

type scopeStatuses map[tenant.ID]tenant.Status

func (s scopeStatuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	return s[id], nil
}

var (
	scopeAcme   = tenant.MustParse("acme")
	scopeGlobex = tenant.MustParse("globex")
)

const scopeScript = `return redis.call('GET', KEYS[1])`

func newScope(t *testing.T, plain *redis.Client) *redisscope.Client {
	t.Helper()
	c, err := redisscope.New(redisscope.Config{
		Client: plain, SealKeys: []redisscope.Key{session.NewSecretKey([]byte(strings.Repeat("k", 32)))},
		Statuses: scopeStatuses{scopeAcme: tenant.Active, scopeGlobex: tenant.Suspended}, Scripts: []string{scopeScript},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func scopeOf(t *testing.T, id tenant.ID) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// ownKey is a key of acme's that says which word it stands for.
func ownKey(word string) string { return "t:{acme}:" + word }

// scopeSamples are well-formed commands whose keys are k0, k1 and so on, for those whose keys
// do not stand at fixed places.
var scopeSamples = []string{
	"lmpop 2 k0 k1 left", "sintercard 2 k0 k1 limit 3", "zdiff 2 k0 k1", "zinter 2 k0 k1 weights 1 2", "zintercard 1 k0", "zmpop 2 k0 k1 min", "zunion 1 k0 withscores",
	"blmpop 0 2 k0 k1 left", "bzmpop 0 1 k0 min", "zdiffstore k0 2 k1 k2", "zinterstore k0 1 k1 aggregate max", "zunionstore k0 2 k1 k2 weights 1 2",
	"xread count 1 block 0 streams k0 k1 0 0", "xreadgroup group g c noack streams k0 >", "sort k0 limit 0 1 alpha store k1", "sort_ro k0 desc",
	"georadius k0 1 1 1 m withdist count 1 any asc store k1", "georadiusbymember k0 m 1 m storedist k1", "copy k0 k1 replace", "bitop and k0 k1 k2", "mset k0 v k1 v", "msetnx k0 v",
	"blpop k0 k1 0", "brpop k0 0", "bzpopmin k0 0", "bzpopmax k0 k1 0", "object encoding k0", "xgroup create k0 g $", "xinfo stream k0", "memory usage k0",
	"set k0 v get ex 10", "getex k0 persist", "restore k0 0 x replace", "zrangestore k0 k1 0 1", "lcs k0 k1 len", "geosearchstore k0 k1 frommember m", "xautoclaim k0 g c 0 0", "bitfield k0 get u8 0",
}

// TestEveryCommandOfTheServerIsRefusedOrHasTheKeysThatTheServerSees asks the server for the keys
// of commands, COMMAND GETKEYS, and sees whether the scope would send them with any one of these
// keys being another tenant's: it never does.
func TestEveryCommandOfTheServerIsRefusedOrHasTheKeysThatTheServerSees(t *testing.T) {
	plain := redis.NewClient(&redis.Options{Addr: redisserver.Start(t).Addr()})
	defer plain.Close()
	guard := newScopeProbe(t)
	ctx := t.Context()
	names, err := plain.CommandList(ctx, nil).Result()
	if err != nil || len(names) < 200 {
		t.Fatalf("%d commands, %v", len(names), err)
	}
	infos, err := plain.Command(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for name, info := range infos {
		// As many arguments as it needs, and some more, all of them words of their own.
		for n := max(int(info.Arity), -int(info.Arity)) - 1; n < 8; n++ {
			line := []string{name}
			for i := range n {
				line = append(line, fmt.Sprint("w", i))
			}
			lines = append(lines, line)
		}
	}
	for _, sample := range scopeSamples {
		lines = append(lines, strings.Fields(sample))
	}
	must := len(lines) - len(scopeSamples)
	// Words at random, those that mean something among them.
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	words := strings.Fields("0 1 2 3 k0 k1 k2 STREAMS streams COUNT BLOCK GROUP NOACK STORE storedist BY GET LIMIT WEIGHTS aggregate DB REPLACE m > $ and left -1 ASC any alpha create encoding stream usage")
	for range 20000 {
		line := []string{names[random.IntN(len(names))]}
		if random.IntN(2) == 0 {
			line = strings.Fields(scopeSamples[random.IntN(len(scopeSamples))])
			line[1+random.IntN(len(line)-1)] = words[random.IntN(len(words))]
		}
		for range random.IntN(4) {
			line = append(line, words[random.IntN(len(words))])
		}
		lines = append(lines, line)
	}
	sent, withKeys := map[string]bool{}, map[string]bool{}
	for start := 0; start < len(lines); start += 500 {
		chunk := lines[start:min(start+500, len(lines))]
		pipe := plain.Pipeline()
		var answers []*redis.Cmd
		for _, line := range chunk {
			answers = append(answers, pipe.Do(ctx, append([]any{"command", "getkeys"}, prefixed(line, ownKey)...)...))
		}
		_, _ = pipe.Exec(ctx)
		for i, line := range chunk {
			keys, err := answers[i].StringSlice()
			if err != nil && !isServerError(err) {
				t.Fatalf("%v: %v", line, err)
			}
			ours, refusal := guard.sends(scopeOf(t, scopeAcme), prefixed(line, ownKey))
			if start+i >= must && start+i < must+len(scopeSamples) && !ours {
				t.Errorf("%v is refused: %v", line, refusal)
			}
			if !ours {
				continue
			}
			sent[line[0]] = true
			for _, k := range keys {
				if !strings.HasPrefix(k, "t:{acme}:") {
					t.Errorf("%v is sent, and the server sees the key %s", line, k)
				}
				withKeys[line[0]] = true
				if !guard.refusesOneOf(scopeOf(t, scopeAcme), line, k) {
					t.Errorf("%v is sent although its key %s is another tenant's", line, k)
				}
			}
		}
	}
	if len(sent) < 140 || len(withKeys) < 130 {
		t.Errorf("%d commands were sent, %d with keys that the server sees", len(sent), len(withKeys))
	}
	t.Logf("%d commands of the server, %d in the table, %d of these with keys that the server sees, %d lines", len(infos), len(sent), len(withKeys), len(lines))
}

func isServerError(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}

// prefixed makes keys of the words that stand for some: k0, w3.
func prefixed(line []string, key func(string) string) []any {
	var args []any
	for i, w := range line {
		if i > 0 && len(w) == 2 && (w[0] == 'k' || w[0] == 'w') {
			w = key(w)
		}
		args = append(args, w)
	}
	return args
}

func positions(args []any, key string) []int {
	var at []int
	for i, a := range args {
		if i > 0 && a == key {
			at = append(at, i)
		}
	}
	return at
}

// scopeProbe is a scope without a server.
type scopeProbe struct{ client *redisscope.Client }

func dialNobody(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no server")
}

func newScopeProbe(t *testing.T) scopeProbe {
	plain := redis.NewClient(&redis.Options{MaxRetries: -1, Dialer: dialNobody, DialerRetries: 1})
	t.Cleanup(func() { plain.Close() })
	return scopeProbe{newScope(t, plain)}
}

func (p scopeProbe) sends(ctx context.Context, args []any) (bool, error) {
	err := p.client.Do(ctx, args...).Err()
	return !errors.Is(err, redisscope.ErrRefused), err
}

// refusesOneOf puts another tenant's key at all places where key stands.
func (p scopeProbe) refusesOneOf(ctx context.Context, line []string, key string) bool {
	args := prefixed(line, ownKey)
	for _, at := range positions(args, key) {
		args[at] = strings.Replace(key, "acme", "globex", 1)
	}
	sent, _ := p.sends(ctx, args)
	return !sent
}

func TestAScopedClientWorksAsTheOneBelowAndStaysInItsTenant(t *testing.T) {
	server := redisserver.Start(t)
	plain := redis.NewClient(&redis.Options{Addr: server.Addr(), ClientName: "service", DB: 1})
	defer plain.Close()
	c := newScope(t, plain)
	ctx, other := scopeOf(t, scopeAcme), scopeOf(t, scopeGlobex)
	for i, ctx := range []context.Context{ctx, other} {
		for n := range 700 {
			key, err := c.Key(ctx, fmt.Sprint("n:", n))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.SetSealed(ctx, key, []byte(fmt.Sprint("canary", i)), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := c.GetSealed(ctx, ownKey("n:1")); err != nil || string(got) != "canary0" {
		t.Errorf("%q, %v", got, err)
	}
	// The other tenant's value under this tenant's key, as a client that lost count would give it.
	stolen, err := plain.Get(t.Context(), "t:{globex}:n:1").Bytes()
	if err != nil {
		t.Fatal(err)
	}
	plain.Set(t.Context(), ownKey("n:2"), stolen, 0)
	if got, err := c.GetSealed(ctx, ownKey("n:2")); !errors.Is(err, redis.Nil) || got != nil || c.Stats().Mismatches != 1 {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.Eval(ctx, scopeScript, []string{ownKey("n:1")}).Result(); err != nil || got == "" {
		t.Errorf("a script: %v, %v", got, err)
	}
	if err := redis.NewScript(scopeScript).Run(ctx, c, []string{ownKey("n:1")}).Err(); err != nil {
		t.Errorf("a script by its digest: %v", err)
	}
	if _, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, ownKey("x"), "1", 0)
		p.Incr(ctx, ownKey("x"))
		return nil
	}); err != nil {
		t.Errorf("a transaction: %v", err)
	}
	if err := c.Watch(ctx, func(tx *redis.Tx) error {
		if err := tx.Get(ctx, "t:{globex}:n:1").Err(); !errors.Is(err, redisscope.ErrRefused) {
			t.Errorf("another's key inside Watch: %v", err)
		}
		if err := tx.Select(ctx, 0).Err(); !errors.Is(err, redisscope.ErrRefused) {
			t.Errorf("another database inside Watch: %v", err)
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, ownKey("x")); return nil })
		return err
	}, ownKey("x")); err != nil {
		t.Errorf("Watch: %v", err)
	}
	if n, err := c.Get(ctx, ownKey("x")).Int(); err != nil || n != 3 {
		t.Errorf("after the transactions: %d, %v", n, err)
	}
	seen := map[string]bool{}
	for key, err := range c.ScanKeys(ctx, "*") {
		if err != nil {
			t.Fatal(err)
		}
		if seen[key] = true; !strings.HasPrefix(key, "t:{acme}:") {
			t.Errorf("the scan shows %s", key)
		}
	}
	if len(seen) != 701 {
		t.Errorf("the scan shows %d keys", len(seen))
	}
	if n, err := c.Delete(ctx, "n:1*"); err != nil || n != 111 {
		t.Errorf("deleted %d, %v", n, err)
	}
	if err := plain.Get(t.Context(), "t:{globex}:n:1").Err(); err != nil {
		t.Errorf("the other tenant's key is gone: %v", err)
	}
	if _, err := c.Erase(t.Context(), scopeAcme); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("an active tenant was erased: %v", err)
	}
	if _, err := c.Erase(ctx, scopeGlobex); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("erased by another tenant: %v", err)
	}
	if n, err := c.Erase(t.Context(), scopeGlobex); err != nil || n != 700 {
		t.Errorf("erased %d, %v", n, err)
	}
	left, err := plain.Keys(t.Context(), "*").Result()
	if err != nil || slices.ContainsFunc(left, func(k string) bool { return !strings.HasPrefix(k, "t:{acme}:") }) || len(left) != 701-111 {
		t.Errorf("%d keys are left, %v", len(left), err)
	}
	if err := plain.DBSize(t.Context()).Err(); err != nil {
		t.Errorf("the client below is scoped: %v", err)
	}
}

func TestMessagesStayInTheirTenant(t *testing.T) {
	plain := redis.NewClient(&redis.Options{Addr: redisserver.Start(t).Addr()})
	defer plain.Close()
	c := newScope(t, plain)
	ctx, other := scopeOf(t, scopeAcme), scopeOf(t, scopeGlobex)
	if _, err := c.Subscribe(ctx, "t:{globex}:news"); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("subscribed to another's channel: %v", err)
	}
	if _, err := c.Subscribe(ctx); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("subscribed to nothing: %v", err)
	}
	sub, err := c.Subscribe(ctx, ownKey("news"))
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := c.Publish(other, "t:{globex}:news", "canary").Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(other, ownKey("news"), "forged").Err(); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("published on another's channel: %v", err)
	}
	if err := c.Publish(ctx, ownKey("news"), "hello").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Receive(other); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("received by another tenant: %v", err)
	}
	if m, err := sub.Receive(ctx); err != nil || m.Payload != "hello" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestManyTenantsOnOneClientReadTheirOwnValues(t *testing.T) {
	plain := redis.NewClient(&redis.Options{Addr: redisserver.Start(t).Addr(), PoolSize: 3})
	defer plain.Close()
	c := newScope(t, plain)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			id := tenant.MustParse(fmt.Sprint("t", worker))
			ctx := scopeOf(t, id)
			for n := range 200 {
				key, err := c.Key(ctx, "k")
				if err != nil {
					t.Error(err)
				}
				short, cancel := context.WithTimeout(ctx, time.Duration(n%5)*100*time.Microsecond)
				_, _ = c.GetSealed(short, key)
				cancel()
				if err := c.SetSealed(ctx, key, []byte(id.String()), 0); err != nil {
					t.Error(err)
				}
				if got, err := c.GetSealed(ctx, key); err != nil || string(got) != id.String() {
					t.Errorf("%s read %q, %v", id, got, err)
				}
			}
		})
	}
	wg.Wait()
	if stats := c.Stats(); stats != (redisscope.Stats{}) {
		t.Errorf("%+v", stats)
	}
}
