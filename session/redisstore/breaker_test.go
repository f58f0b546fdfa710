package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// serverError is an error that Redis answers.
type serverError string

func (e serverError) Error() string { return string(e) }
func (serverError) RedisError()     {}

// testBreaker counts changes and probes what back says.
func testBreaker(t *testing.T, back *atomic.Bool) (*breaker, *atomic.Int64) {
	t.Helper()
	var changes atomic.Int64
	b := newBreaker(breakerSettings{
		consecutive: 5, ratio: true,
		onChange: func(bool) { changes.Add(1) },
		probe: func(context.Context) error {
			if back.Load() {
				return nil
			}
			return net.ErrClosed
		},
	})
	t.Cleanup(b.close)
	return b, &changes
}

func TestABreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		b, changes := testBreaker(t, &back)
		for range 5 {
			if err := b.allow(); err != nil {
				t.Fatal("it opened before the fifth outage")
			}
			b.report(t.Context(), net.ErrClosed, time.Second)
		}
		if err := b.allow(); !errors.Is(err, errBreakerOpen) {
			t.Fatal("five outages in a row did not open it")
		}
		time.Sleep(10 * time.Second)
		if stats := b.stats(); !stats.BreakerOpen || stats.Probes < 39 || stats.Probes > 40 || stats.Refused != 1 || stats.BreakerOpened != 1 {
			t.Errorf("after ten seconds: %+v", stats)
		}
		back.Store(true)
		time.Sleep(probeInterval)
		synctest.Wait()
		if err := b.allow(); err != nil || changes.Load() != 2 {
			t.Errorf("Redis is back: %v after %d changes", err, changes.Load())
		}
		b.report(t.Context(), nil, 0)
		for range 4 {
			b.report(t.Context(), net.ErrClosed, 0)
		}
		if b.allow() != nil {
			t.Error("outages of before are counted again")
		}
	})
}

func TestABreakerOpensWhenHalfOfTheCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		b, _ := testBreaker(t, &back)
		for i := range 19 {
			b.report(t.Context(), []error{nil, net.ErrClosed}[i%2], 0)
		}
		if b.allow() != nil {
			t.Error("it opened with fewer than twenty calls")
		}
		time.Sleep(2 * breakerWindow)
		for i := range 60 {
			b.report(t.Context(), []error{nil, nil, net.ErrClosed}[i%3], 0)
		}
		if b.allow() != nil {
			t.Error("a third of the calls opened it")
		}
		time.Sleep(2 * breakerWindow)
		for i := range 20 {
			b.report(t.Context(), []error{nil, net.ErrClosed}[i%2], 0)
		}
		if b.allow() == nil {
			t.Error("half of the calls did not open it")
		}
	})
}

// Somebody who can make a service be told no, or go away in the middle, must not be able
// to turn the sessions of everyone else off.
func TestABreakerOpensForNoAnswerAndNoCallerWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, leave := context.WithCancel(t.Context())
		leave()
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		time.Sleep(time.Second)
		for name, c := range map[string]struct {
			ctx context.Context
			err error
		}{
			"success":                {t.Context(), nil},
			"nil":                    {t.Context(), redis.Nil},
			"a wrong type":           {t.Context(), serverError("WRONGTYPE Operation against a key")},
			"no memory":              {t.Context(), serverError("OOM command not allowed")},
			"no permission":          {t.Context(), serverError("NOPERM this user has no permissions")},
			"too few replicas":       {t.Context(), serverError("NOREPLICAS Not enough good replicas")},
			"an unknown script":      {t.Context(), serverError("NOSCRIPT No matching script")},
			"an error of a script":   {t.Context(), serverError("ERR user_script:1: attempt")},
			"a caller who left":      {gone, context.Canceled},
			"a caller without time":  {hurried, context.DeadlineExceeded},
			"a caller in a hurry, 2": {hurried, os.ErrDeadlineExceeded},
		} {
			var back atomic.Bool
			b, _ := testBreaker(t, &back)
			for range 100 {
				b.report(c.ctx, c.err, time.Millisecond)
			}
			if b.allow() != nil {
				t.Errorf("%s opened it", name)
			}
		}
	})
}

func TestABreakerOpensForEverySilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spent, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errBudget)
		defer cancel()
		patient, cancel2 := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel2()
		time.Sleep(time.Second)
		for _, c := range []struct {
			ctx context.Context
			err error
		}{
			{t.Context(), net.ErrClosed}, {t.Context(), fmt.Errorf("dial: %w", os.ErrDeadlineExceeded)},
			{spent, context.DeadlineExceeded}, {patient, context.DeadlineExceeded},
			{t.Context(), serverError("LOADING Redis is loading the dataset in memory")},
			{t.Context(), serverError("READONLY You can't write against a read only replica.")},
			{t.Context(), serverError("MASTERDOWN Link with MASTER is down")},
			{t.Context(), serverError("CLUSTERDOWN The cluster is down")},
			{t.Context(), serverError("NOAUTH Authentication required.")},
			{t.Context(), serverError("WRONGPASS invalid username-password pair")},
			{t.Context(), serverError("ERR max number of clients reached")},
		} {
			var back atomic.Bool
			b, _ := testBreaker(t, &back)
			for range 5 {
				b.report(c.ctx, c.err, 200*time.Millisecond)
			}
			if b.allow() == nil {
				t.Errorf("%v did not open it", c.err)
			}
		}
	})
}

// A probe that outlasts Close would be a goroutine that nobody ends.
func TestCloseEndsTheProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		b := newBreaker(breakerSettings{consecutive: 1, probe: func(ctx context.Context) error {
			close(hung)
			<-ctx.Done()
			return ctx.Err()
		}})
		b.report(t.Context(), net.ErrClosed, 0)
		<-hung
		b.close()
		b.report(t.Context(), net.ErrClosed, 0)
		b.close()
		if b.allow() == nil {
			t.Error("Close closed the breaker: calls would be made")
		}
	}) // the bubble ends only when every goroutine has
}

// go-redis fails every call for up to a second once it has failed to dial as often as it
// has connections. A Redis that is back is to be found by the next probe.
func TestFailedDialsDoNotDelayTheRecovery(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	client, err := openClient("redis://"+addr, defaultTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 10 * client.Options().PoolSize {
		if err := client.Ping(t.Context()).Err(); !isSilence(err) {
			t.Fatalf("Ping of nobody: %v", err)
		}
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{})
	go func() {
		if conn, err := l.Accept(); err == nil {
			close(asked)
			conn.Close()
		}
	}()
	_ = client.Ping(t.Context()).Err()
	select {
	case <-asked:
	default:
		t.Error("Redis is back and was not asked")
	}
}
