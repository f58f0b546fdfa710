package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// errForeign is the error of a call that was answered with something else than the answer
// to it.
var errForeign = errors.New("the answer to another call")

// call is a script that is sent with a nonce of its own, which comes back with the result.
//
// A connection that is out of step, after a timeout that a client or proxy handled badly
// (CVE-2023-28858, CVE-2025-29923), gives each call the answer to another. Most answers do
// not say what they answer: ok to the revocation of one session would do for any other,
// and an epoch for every user. So no answer is believed, whatever it says, but the one
// that bears the nonce of its call.
type call struct {
	*redis.Cmd
	nonce string
	key   string // the first, by which a client of a cluster finds the slot; "" for none
	text  bool   // the answer is one text
	once  bool   // no client sends it a second time
	first *call  // of a pipeline on one connection, otherwise nil

	// same is equal in calls that ask the same and change nothing, of which one is sent for
	// all that share a round trip. It is "" for every other call.
	same string
}

// nonce returns a text unlike all others. It need not be secret: an attacker who chooses
// answers needs no connection out of step.
func nonce() string {
	var text [13]byte
	return string(strconv.AppendUint(text[:0], rand.Uint64(), 36))
}

// call makes the EVALSHA of a script, or its EVAL for a server that does not know it.
func (s script) call(ctx context.Context, eval bool, keys []string, args ...any) *call {
	words := make([]any, 0, 4+len(keys)+len(args))
	if eval {
		words = append(words, "eval", s.source)
	} else {
		words = append(words, "evalsha", s.sha)
	}
	words = append(words, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	c := &call{nonce: nonce(), text: s.text}
	if len(keys) > 0 {
		c.key = keys[0]
	}
	c.Cmd = redis.NewCmd(ctx, append(append(words, args...), c.nonce)...)
	c.SetFirstKeyPos(3) // where a cluster client finds the slot
	return c
}

// withoutNonce makes a call of a command that is no script, which must stand between two calls
// that are.
func withoutNonce(ctx context.Context, words ...any) *call {
	return &call{Cmd: redis.NewCmd(ctx, words...)}
}

// result returns the result of the script.
func (c *call) result() (any, error) {
	if err := c.problem(); err != nil {
		return nil, err
	}
	if c.nonce == "" {
		return c.Val(), nil
	}
	answer, _ := c.answer()
	return answer, nil
}

// problem returns why the call has no result, or nil.
func (c *call) problem() error {
	if err := c.Err(); err != nil && (c.nonce == "" || !errors.Is(err, redis.Nil)) {
		return err
	}
	if c.nonce != "" && !c.ours() {
		return errForeign
	}
	return nil
}

// answer returns the result of the script if it came back with the nonce, whatever became of the
// connection after it.
func (c *call) answer() (any, bool) {
	if !c.ours() {
		return nil, false
	}
	if c.text {
		return c.Val().(string)[len(c.nonce)+1:], true
	}
	return c.Val().([]any)[1], true
}

// ours reports whether what came back bears the nonce.
func (c *call) ours() bool {
	if c.text {
		all, ok := c.Val().(string)
		return ok && len(all) > len(c.nonce) && all[:len(c.nonce)] == c.nonce && all[len(c.nonce)] == ':'
	}
	list, ok := c.Val().([]any)
	return ok && len(list) == 2 && list[0] == c.nonce
}

// NoRetry implements [redis.Cmder].
func (c *call) NoRetry() bool { return c.once }

// SetErr implements [redis.Cmder]. The client calls it in a pipeline with nil before it tries
// again, and with nil or [redis.Nil] when it has read the answer. Then it closes the
// connection for an error of the first command that is none of Redis: so one that is out of
// step is not used again. A client of a cluster goes by its own error alone; it drops a
// connection on which something is left to read.
func (c *call) SetErr(err error) {
	c.Cmd.SetErr(err)
	if err == nil && c.Val() == nil || err != nil && !errors.Is(err, redis.Nil) {
		return
	}
	if err := c.problem(); err != nil {
		c.Cmd.SetErr(err)
		if c.first != nil {
			c.first.Cmd.SetErr(err)
		}
	}
}

// executor sends calls in one round trip and returns their results.
type executor interface {
	exec(ctx context.Context, calls []*call) ([]any, error)
}

// plain is a client that no breaker watches.
type plain struct{ raw redis.UniversalClient }

func (p plain) exec(ctx context.Context, calls []*call) ([]any, error) {
	// An error that is not of one call, such as of signing in, may leave no trace in any.
	if err := p.send(ctx, calls); err != nil {
		return nil, err
	}
	answers := make([]any, len(calls))
	for i, c := range calls {
		answer, err := c.result()
		if err != nil {
			return nil, err
		}
		answers[i] = answer
	}
	return answers, nil
}

// send makes the round trip and leaves the answers in the calls. The error is the first.
func (p plain) send(ctx context.Context, calls []*call) error {
	pipe := p.raw.Pipeline()
	_, several := p.raw.(*redis.ClusterClient)
	for _, c := range calls {
		c.Cmd.SetErr(nil) // of an attempt before, which an error of this one would not replace
		if !several {
			c.first = calls[0]
		}
		_ = pipe.Process(ctx, c) // only queues
	}
	_, err := pipe.Exec(ctx)
	return err
}
