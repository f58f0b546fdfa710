package redisscope_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/redisscope"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
)

type key string

func (k key) Bytes() []byte { return []byte(k) }

var sealKeys = []redisscope.Key{key(strings.Repeat("k", 32)), key(strings.Repeat("o", 32))}

type statuses map[tenant.ID]tenant.Status

func (s statuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	return s[id], nil
}

const script = `return redis.call('GET', KEYS[1])`

var errNoServer = errors.New("no server")

// offline returns a client whose server cannot be reached, and a count of the tries.
func offline(t testing.TB, change ...func(*redisscope.Config)) (*redisscope.Client, *atomic.Int64) {
	t.Helper()
	var dials atomic.Int64
	plain := redis.NewClient(&redis.Options{MaxRetries: -1, Dialer: func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, errNoServer
	}})
	t.Cleanup(func() { plain.Close() })
	cfg := redisscope.Config{Client: plain, SealKeys: sealKeys, Statuses: statuses{}, Scripts: []string{script}}
	for _, f := range change {
		f(&cfg)
	}
	c, err := redisscope.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, &dials
}

func in(t testing.TB, id tenant.ID) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

const (
	own    = "t:{acme}:a"
	also   = "t:{acme}:b"
	theirs = "t:{globex}:a"
)

// refused are commands of acme's that are never sent, word by word.
var refused = []string{
	"GET " + theirs, "get " + theirs, "GeT " + theirs, "GET a", "GET t:{acme}", "GET t:{acme}:", "GET t:{acme2}:a", "GET T:{acme}:a", "GET t:{ACME}:a", "GET {acme}:a",
	"SET " + theirs + " v", "MGET " + own + " " + theirs, "MSET " + own + " v " + theirs + " v", "MSET " + own + " " + theirs + " " + also, "MSETNX " + theirs + " v",
	"DEL " + own + " " + theirs, "UNLINK " + theirs, "EXISTS " + own + " " + theirs, "RENAME " + own + " " + theirs, "RENAMENX " + theirs + " " + own,
	"COPY " + theirs + " " + own, "COPY " + own + " " + theirs, "COPY " + own + " " + also + " DB 1", "COPY " + own + " " + also + " REPLACE DB 1", "MOVE " + own + " 1",
	"MIGRATE host 6379 " + own + " 0 100", "RESTORE " + theirs + " 0 x", "DUMP " + theirs,
	"SORT " + own + " BY w_*", "SORT " + own + " GET " + theirs, "SORT " + own + " GET #", "SORT " + own + " STORE " + theirs, "SORT " + own + " ALPHA STORE " + also + " STORE " + theirs, "SORT " + theirs,
	"ZUNIONSTORE " + own + " 2 " + also + " " + theirs, "ZUNIONSTORE " + theirs + " 1 " + own, "ZUNIONSTORE " + own + " 1 " + theirs, "ZUNIONSTORE " + own + " 9 " + also, "ZUNIONSTORE " + own + " 0 " + theirs, "ZUNIONSTORE " + own + " -1 " + theirs,
	"ZINTER 01 " + own, "ZINTER +1 " + own, "ZINTER x " + own, "ZINTERCARD 2 " + own + " " + theirs, "SINTERCARD 2 " + own + " " + theirs, "LMPOP 2 " + own + " " + theirs + " LEFT", "BLMPOP 0 1 " + theirs + " LEFT", "ZMPOP 1 " + theirs + " MIN", "BZMPOP 0 1 " + theirs + " MIN",
	"XREAD STREAMS " + theirs + " 0", "XREAD STREAMS " + own + " " + theirs + " 0 0", "XREAD COUNT STREAMS STREAMS " + theirs + " 0", "XREAD STREAMS " + own, "XREADGROUP GROUP g c STREAMS " + theirs + " >", "XREADGROUP STREAMS c STREAMS " + own + " >",
	"XGROUP CREATE " + theirs + " g $", "XINFO STREAM " + theirs, "XINFO HELP", "OBJECT ENCODING " + theirs, "OBJECT HELP", "MEMORY USAGE " + theirs, "MEMORY STATS",
	"BITOP AND " + own + " " + theirs, "BITOP AND " + theirs + " " + own, "PFMERGE " + own + " " + theirs, "PFCOUNT " + theirs, "SDIFFSTORE " + own + " " + theirs, "SMOVE " + own + " " + theirs + " m",
	"BLPOP " + own + " " + theirs + " 0", "BLMOVE " + own + " " + theirs + " LEFT LEFT 0", "RPOPLPUSH " + theirs + " " + own, "LCS " + own + " " + theirs, "GEOSEARCHSTORE " + own + " " + theirs + " FROMMEMBER m",
	"GEORADIUS " + own + " 1 1 1 m STORE " + theirs, "GEORADIUSBYMEMBER " + own + " m 1 m STOREDIST " + theirs, "GEORADIUS " + own + " 1 1 1 m STORE " + also + " STOREDIST " + own,
	"GEORADIUS " + own + " 1 1 1 m COUNT STORE ANY", "GEORADIUS " + own + " 1 1 1 m COUNT STOREDIST ANY STORE " + also, "SORT " + own + " LIMIT STORE " + theirs, "XREAD BLOCK STREAMS STREAMS " + own + " 0",
	"ZRANGESTORE " + own + " " + theirs + " 0 1", "WATCH " + own + " " + theirs,
	"SCAN 0", "KEYS *", "RANDOMKEY", "DBSIZE", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SELECT 1", "INFO", "CONFIG GET *", "CLIENT LIST", "CLIENT SETNAME x", "CLIENT REPLY OFF", "DEBUG OBJECT " + own,
	"MONITOR", "SUBSCRIBE " + own, "PSUBSCRIBE *", "SSUBSCRIBE " + own, "PUBLISH " + theirs + " m", "PUBLISH news m", "SPUBLISH " + theirs + " m", "PUBSUB CHANNELS",
	"EVAL return 0", "EVAL return 1 " + own, "EVALSHA 0000000000000000000000000000000000000000 1 " + own, "FCALL f 1 " + own, "FUNCTION LIST", "SCRIPT FLUSH", "SCRIPT LOAD return",
	"MULTI", "EXEC", "DISCARD", "HELLO 3", "AUTH x", "ACL LIST", "RESET", "QUIT", "SHUTDOWN", "REPLICAOF a 1", "COMMAND", "CLUSTER NODES", "MODULE LIST", "SLOWLOG GET", "LATENCY DOCTOR", "SAVE", "LASTSAVE", "ROLE",
	"JSON.GET " + own, "NEWCOMMAND " + own, "GET", "CONFIG", "XREAD", "EVAL", "SORT", "COPY " + own,
}

func TestACommandThatLeavesTheTenantIsNotSent(t *testing.T) {
	if len(refused) < 120 {
		t.Fatalf("%d attacks", len(refused))
	}
	for _, line := range refused {
		t.Run(line, func(t *testing.T) {
			c, dials := offline(t)
			ctx := in(t, acme)
			var words, bytes []any
			for _, w := range strings.Fields(line) {
				words, bytes = append(words, w), append(bytes, []byte(w))
			}
			if err := c.Do(ctx, words...).Err(); !errors.Is(err, redisscope.ErrRefused) {
				t.Errorf("as text: %v", err)
			}
			if err := c.Do(ctx, bytes...).Err(); !errors.Is(err, redisscope.ErrRefused) {
				t.Errorf("as bytes: %v", err)
			}
			for name, pipe := range map[string]redis.Pipeliner{"pipeline": c.Pipeline(), "transaction": c.TxPipeline()} {
				before, bad, after := pipe.Set(ctx, own, "v", 0), pipe.Do(ctx, words...), pipe.Get(ctx, own)
				_, err := pipe.Exec(ctx)
				for _, err := range []error{err, before.Err(), bad.Err(), after.Err()} {
					if !errors.Is(err, redisscope.ErrRefused) {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			if dials.Load() != 0 {
				t.Error("the server was asked")
			}
			if c.Stats().Refused != 4 {
				t.Errorf("%+v", c.Stats())
			}
		})
	}
}

func TestKeysInTypesThatHideTheirTextAreRefused(t *testing.T) {
	c, dials := offline(t)
	text := own
	for name, arg := range map[string]any{"a pointer": &text, "a marshaler": net.IPv4zero, "nil": nil, "a bool": true, "a list": []string{own}} {
		if err := c.Do(in(t, acme), "get", arg).Err(); !errors.Is(err, redisscope.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Do(in(t, acme), arg, own).Err(); !errors.Is(err, redisscope.ErrRefused) {
			t.Errorf("%s as the command: %v", name, err)
		}
	}
	if err := c.Do(in(t, acme)).Err(); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("no command: %v", err)
	}
	if dials.Load() != 0 {
		t.Error("the server was asked")
	}
}

// own commands pass the guard, which is seen by their reaching for the server.
func TestTheTenantsOwnCommandsAreSent(t *testing.T) {
	for _, line := range []string{
		"GET " + own, "SET " + own + " " + theirs, "MSET " + own + " 1 " + also + " 2", "ZUNIONSTORE " + own + " 1 " + also + " WEIGHTS 2", "XREAD COUNT 1 BLOCK 0 STREAMS " + own + " " + also + " 0 0",
		"XREADGROUP GROUP g c NOACK STREAMS " + own + " >", "SORT " + own + " LIMIT 0 1 ALPHA DESC STORE " + also, "COPY " + own + " " + also + " REPLACE", "PING", "OBJECT ENCODING " + own, "PUBLISH " + own + " m", "SCRIPT EXISTS x",
		"GEORADIUS " + own + " 1 1 1 m WITHDIST COUNT 1 ANY ASC STORE " + also, "BITOP NOT " + own + " " + also, "BLPOP " + own + " 0",
	} {
		c, dials := offline(t)
		var words []any
		for _, w := range strings.Fields(line) {
			words = append(words, w)
		}
		if err := c.Do(in(t, acme), words...).Err(); !errors.Is(err, errNoServer) || dials.Load() == 0 {
			t.Errorf("%s: %v", line, err)
		}
		if err := c.Do(in(t, globex), words...).Err(); line != "PING" && line != "SCRIPT EXISTS x" && !errors.Is(err, redisscope.ErrRefused) {
			t.Errorf("%s for the other tenant: %v", line, err)
		}
		if err := c.Do(t.Context(), words...).Err(); !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("%s without a tenant: %v", line, err)
		}
	}
	c, _ := offline(t)
	if err := c.Eval(in(t, acme), script, []string{own}).Err(); !errors.Is(err, errNoServer) {
		t.Errorf("a script of the service: %v", err)
	}
	if err := c.Eval(in(t, acme), script, nil).Err(); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("a script without keys: %v", err)
	}
	if err := c.Eval(in(t, acme), script, []string{theirs}).Err(); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("a script with another's key: %v", err)
	}
}

func TestWithoutATenantNothingIsDone(t *testing.T) {
	c, dials := offline(t)
	ctx := t.Context()
	_, errKey := c.Key(ctx, "x")
	_, errSeal := c.Seal(ctx, own, nil)
	_, errOpen := c.Open(ctx, own, nil)
	_, errGet := c.GetSealed(ctx, own)
	_, errSubscribe := c.Subscribe(ctx, own)
	_, errDelete := c.Delete(ctx, "*")
	_, errPipe := c.Pipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, own); return nil })
	_, errTx := c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, own); return nil })
	errWatch := c.Watch(ctx, func(*redis.Tx) error { return nil }, own)
	var errScan error
	for _, err := range c.ScanKeys(ctx, "*") {
		errScan = err
	}
	for i, err := range []error{errKey, errSeal, errOpen, errGet, errSubscribe, errDelete, errPipe, errTx, errWatch, errScan, c.SetSealed(ctx, own, nil, 0)} {
		if !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if dials.Load() != 0 {
		t.Error("the server was asked")
	}
}

func TestAConfigurationIsRefusedWithEveryProblem(t *testing.T) {
	_, err := redisscope.New(redisscope.Config{SealKeys: []redisscope.Key{key("short")}})
	for _, want := range []string{"redisscope: invalid config: Client: required", "Statuses: required", "SealKeys[0]: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// A value is given to those it was stored for and to nobody else, whatever came back.
func TestAValueIsGivenOnlyToThoseItWasStoredFor(t *testing.T) {
	var told []redisscope.Mismatch
	c, _ := offline(t, func(cfg *redisscope.Config) { cfg.OnMismatch = func(m redisscope.Mismatch) { told = append(told, m) } })
	old, _ := offline(t, func(cfg *redisscope.Config) { cfg.SealKeys = sealKeys[1:] })
	strange, _ := offline(t, func(cfg *redisscope.Config) { cfg.SealKeys = []redisscope.Key{key(strings.Repeat("s", 32))} })
	seal := func(c *redisscope.Client, id tenant.ID, key string) []byte {
		b, err := c.Seal(in(t, id), key, []byte("canary"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := seal(c, acme, own)
	for name, b := range map[string][]byte{"sealed": good, "sealed by an older key": seal(old, acme, own)} {
		if got, err := c.Open(in(t, acme), own, b); err != nil || string(got) != "canary" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	wrong := map[string][]byte{
		"of another key": seal(c, acme, also), "of another tenant": seal(c, globex, theirs), "of a key that is not ours": seal(strange, acme, own),
		"empty": nil, "plain text": []byte("canary"), "longer": append(append([]byte{}, good...), 'x'), "version 0": append([]byte{0}, good[1:]...),
	}
	for i := range good {
		b := append([]byte{}, good...)
		b[i] ^= 1
		wrong[fmt.Sprint("changed at ", i)], wrong[fmt.Sprint("cut at ", i)] = b, good[:i]
	}
	for name, b := range wrong {
		if got, err := c.Open(in(t, acme), own, b); !errors.Is(err, redis.Nil) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if n := uint64(len(wrong)); c.Stats().Mismatches != n || uint64(len(told)) != n {
		t.Errorf("%d were wrong, %d counted, %d told", n, c.Stats().Mismatches, len(told))
	}
	if _, err := c.Seal(in(t, acme), theirs, nil); !errors.Is(err, redisscope.ErrRefused) {
		t.Errorf("sealed under another's key: %v", err)
	}
	if text := fmt.Sprintf("%+v %#v", c, c); strings.Contains(text, strings.Repeat("k", 32)) {
		t.Error("it prints its keys")
	}
}

// FuzzCommand: whatever the words are, a command that is sent names keys of the tenant in each
// place where a word of another tenant stands as a key; words that look like keys and are values
// must not make a difference to what is refused.
func FuzzCommand(f *testing.F) {
	for _, line := range refused {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var words []any
		for _, w := range strings.Fields(line) {
			words = append(words, w)
		}
		c, dials := offline(t)
		err := c.Do(in(t, acme), words...).Err()
		if sent := dials.Load() > 0; sent == errors.Is(err, redisscope.ErrRefused) {
			t.Fatalf("%q: sent %v, %v", line, sent, err)
		}
		if err == nil || errors.Is(err, redisscope.ErrRefused) {
			return
		}
		// Sent for acme: for globex it must be refused, unless it names no key.
		name := strings.ToLower(words[0].(string))
		if err := c.Do(in(t, globex), words...).Err(); !errors.Is(err, redisscope.ErrRefused) {
			switch name {
			case "ping", "echo", "time", "unwatch", "wait", "script":
			default:
				t.Fatalf("%q is sent for two tenants", line)
			}
		}
	})
}
