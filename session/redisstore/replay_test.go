package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// Only first is a first use and only again a second one, whatever Redis answers, and the command is
// sent once: a client that asked again after a lost answer would take its own first attempt for a
// replay, or worse, be told that a replay is fresh.
func TestOnlyFirstIsAFirstUse(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		fresh  bool
		err    error
	}{
		"first":                   {withNonce("$5\r\nfirst\r\n"), true, nil},
		"again":                   {withNonce("$5\r\nagain\r\n"), false, nil},
		"first to another use":    {"*2\r\n$5\r\n1x2y3\r\n$5\r\nfirst\r\n", false, session.ErrCorrupt},
		"again to another use":    {"*2\r\n$5\r\n1x2y3\r\n$5\r\nagain\r\n", false, session.ErrCorrupt},
		"first without a nonce":   {"$5\r\nfirst\r\n", false, session.ErrCorrupt},
		"nil":                     {"$-1\r\n", false, session.ErrCorrupt},
		"nil of RESP3":            {"_\r\n", false, session.ErrCorrupt},
		"another text":            {withNonce("+QUEUED\r\n"), false, session.ErrCorrupt},
		"a number":                {":1\r\n", false, session.ErrCorrupt},
		"a list":                  {"*1\r\n+OK\r\n", false, session.ErrCorrupt},
		"read only":               {"-READONLY You can't write against a read only replica.\r\n", false, session.ErrUnavailable},
		"out of memory":           {"-OOM command not allowed\r\n", false, session.ErrUnavailable},
		"loading":                 {"-LOADING Redis is loading the dataset in memory\r\n", false, session.ErrUnavailable},
		"the answer is lost":      {"", false, session.ErrUnavailable},
		"a protocol that is none": {"HTTP/1.1 400\r\n", false, session.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			server, addr := startFake(t, func(string) string { return tt.answer })
			fresh, err := openFake(t, addr).Replay().Use(t.Context(), [32]byte{1}, time.Minute)
			if fresh != tt.fresh || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v; want %v, %v", fresh, err, tt.fresh, tt.err)
			}
			if n := server.count("evalsha"); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestOnlyYesAndNoSayWhetherAKeyWasUsed(t *testing.T) {
	for answer, want := range map[string]struct {
		used bool
		err  error
	}{
		withNonce("$2\r\nno\r\n"):  {false, nil},
		withNonce("$3\r\nyes\r\n"): {true, nil},
		"*2\r\n+x\r\n+no\r\n":      {false, session.ErrCorrupt},
		"*2\r\n+x\r\n+yes\r\n":     {false, session.ErrCorrupt},
		"+no\r\n":                  {false, session.ErrCorrupt},
		":1\r\n":                   {false, session.ErrCorrupt},
		"-READONLY replica\r\n":    {false, session.ErrUnavailable},
		"":                         {false, session.ErrUnavailable},
	} {
		_, addr := startFake(t, func(string) string { return answer })
		used, err := openFake(t, addr).Replay().Used(t.Context(), [32]byte{1}, time.Minute)
		if used != want.used || !errors.Is(err, want.err) {
			t.Errorf("%q: got %v, %v; want %v, %v", answer, used, err, want.used, want.err)
		}
	}
}
