package redisstore

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/reevehq/reeve/internal/configerr"
)

// Limits of a client that the store accepts. They hold what is not bound by the budget of
// a call: dialling in the background, and an answer that nobody waits for any more.
const (
	maxClientTimeout = time.Second
	maxClientRetries = 1
)

// openClient makes the client of a redis:// or rediss:// URL. Each step of a call, such as
// dialling, may take three quarters of its budget. No error repeats the URL, which may
// hold a password.
func openClient(url string, budget time.Duration) (*redis.Client, error) {
	if err := checkURL(url); err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("malformed: write redis://user:password@host:6379/0, where in the password " + escapes[len("write "):])
	}
	step := min(budget*3/4, maxClientTimeout)
	options.ContextTimeoutEnabled = true
	options.Dialer = dialOrBreak(redis.NewDialer(options))
	options.DialTimeout = step
	options.DialerRetries = 1
	options.ReadTimeout = step
	options.WriteTimeout = step
	options.PoolTimeout = step
	// Reads may be asked twice. Scripts that write are never sent again, see once.
	options.MaxRetries = 1
	options.MinRetryBackoff = -1
	// Loads are pipelines. In a pool of their own they would double the connections.
	options.PipelinePoolSize = -1
	// CVE-2025-29923: CLIENT SETINFO that timed out on connecting made a connection
	// hand out answers to other callers' questions.
	options.DisableIdentity = true
	// A service of hosted Redis, which a plain server answers with an error.
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}

// checkClient notes why a client must not be used.
func checkClient(problems *configerr.Problems, client redis.UniversalClient) {
	refuse := func(format string, args ...any) { problems.Add("client", format, args...) }
	switch c := client.(type) {
	case *redis.Client:
		if c == nil {
			refuse("nil")
			break
		}
		o := c.Options()
		checkTimes(refuse, o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout)
		if o.MaxRetries > maxClientRetries {
			refuse("MaxRetries is %d (3 is the default), more than %d multiply the load of an outage", o.MaxRetries, maxClientRetries)
		}
		if o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
			refuse("client-side caching is on: it answers with epochs that were revoked, and without bound when Redis hangs")
		}
	case *redis.ClusterClient:
		if c == nil {
			refuse("nil")
			break
		}
		o := c.Options()
		checkTimes(refuse, o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout)
		if o.MaxRetries > maxClientRetries {
			refuse("MaxRetries is %d, more than %d multiply the load of an outage", o.MaxRetries, maxClientRetries)
		}
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			refuse("ReadOnly, RouteByLatency or RouteRandomly is on: a replica may not have heard of a revocation")
		}
	default:
		refuse("%T can not be checked: only *redis.Client and *redis.ClusterClient are accepted", client)
	}
}

func checkTimes(refuse func(string, ...any), contexts bool, dial, read, write time.Duration) {
	if !contexts {
		refuse("ContextTimeoutEnabled is off: calls would not end at their deadline")
	}
	for _, t := range []struct {
		name  string
		value time.Duration
	}{{"DialTimeout", dial}, {"ReadTimeout", read}, {"WriteTimeout", write}} {
		if t.value <= 0 || t.value > maxClientTimeout {
			refuse("%s is %v (0 and less is without end, 5s the default), it must be at most %v", t.name, t.value, maxClientTimeout)
		}
	}
}

// dialOrBreak never fails: where dial would, the connection does when it is used. After as
// many failed dials as there are connections, the client would ask for a whole second
// nothing of a Redis that is back; when to ask is the breaker's business.
func dialOrBreak(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return brokenConn{err}, nil
		}
		return conn, nil
	}
}

// brokenConn is a connection that could not be made.
type brokenConn struct{ err error }

func (c brokenConn) Read([]byte) (int, error)         { return 0, c.err }
func (c brokenConn) Write([]byte) (int, error)        { return 0, c.err }
func (c brokenConn) Close() error                     { return nil }
func (c brokenConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c brokenConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c brokenConn) SetDeadline(time.Time) error      { return nil }
func (c brokenConn) SetReadDeadline(time.Time) error  { return nil }
func (c brokenConn) SetWriteDeadline(time.Time) error { return nil }
