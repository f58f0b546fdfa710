package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const redisForms = `redis://user:password@host:6379/0, redis+sentinel://user:password@host:26379,host:26379/master/0 or redis+cluster://user:password@host:6379,host:6379, and rediss for TLS`

const redisHelp = `REDIS_URL is redis://user:password@host:6379/0 for one server, redis+sentinel://user:password@host:26379,host:26379/master/0 for the primary that sentinels name, or redis+cluster://user:password@host:6379,host:6379. It begins with rediss for TLS. REDIS_USERNAME and REDIS_PASSWORD stand for those in it, REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD are those of sentinels. REDIS_TLS_CA holds the certificates that sign those of servers, REDIS_TLS_CERT and REDIS_TLS_KEY the client's own, in PEM, and REDIS_TLS_SERVER_NAME the name in the servers' certificates. ` + environmentHelp

// serverKind is how many servers there are, and who says which is asked.
type serverKind uint8

const (
	oneServer serverKind = iota
	sentinels
	cluster
)

// redisServer has the parts of a URL of Redis.
type redisServer struct {
	kind           serverKind
	tls            bool
	addrs          []string
	user, password string
	master         string // that sentinels know
	db             int
}

var redisSchemes = map[string]redisServer{
	"redis": {}, "rediss": {tls: true},
	"redis+sentinel": {kind: sentinels}, "rediss+sentinel": {kind: sentinels, tls: true},
	"redis+cluster": {kind: cluster}, "rediss+cluster": {kind: cluster, tls: true},
}

// parseRedisURL reads a URL. No error holds any of it, since it may have a password.
func parseRedisURL(text string) (redisServer, error) {
	scheme, rest, found := strings.Cut(text, "://")
	s, known := redisSchemes[scheme]
	switch {
	case !found || !known:
		return redisServer{}, errors.New("it begins with no scheme that is known: write " + redisForms)
	case strings.TrimSpace(text) != text:
		return redisServer{}, errors.New("a space or a line break stands at the end")
	}
	// The text before the last @ was meant as the user and the password.
	at := strings.LastIndex(rest, "@")
	if at >= 0 {
		user, err := url.Parse("redis://" + rest[:at] + "@host")
		if err != nil || user.User == nil || user.Host != "host" {
			return redisServer{}, errors.New("a character of the user or the password is not escaped: write / as %2F, # as %23, ? as %3F, % as %25 and @ as %40, or give REDIS_PASSWORD")
		}
		s.user = user.User.Username()
		s.password, _ = user.User.Password()
	}
	hosts, path, _ := strings.Cut(rest[at+1:], "/")
	if strings.ContainsAny(rest[at+1:], "?#") {
		return redisServer{}, errors.New("behind the hosts no parameters are allowed: TLS and passwords of sentinels have names of their own, see --help")
	}
	var err error
	if s.addrs, err = addressesOf(hosts, s.kind); err != nil {
		return redisServer{}, err
	}
	number := path
	switch s.kind {
	case sentinels:
		if s.master, number, _ = strings.Cut(path, "/"); s.master == "" {
			return redisServer{}, errors.New("the name of the primary is missing behind the sentinels: …/mymaster/0")
		}
	case cluster:
		if path != "" {
			return redisServer{}, errors.New("a cluster has one database, and nothing stands behind its hosts")
		}
	}
	if number != "" {
		if s.db, err = strconv.Atoi(number); err != nil || s.db < 0 {
			return redisServer{}, errors.New("the last part is the number of a database, as in /0")
		}
	}
	return s, nil
}

// addressesOf reads hosts with commas between.
func addressesOf(hosts string, kind serverKind) (list []string, err error) {
	standard := "6379"
	if kind == sentinels {
		standard = "26379"
	}
	for part := range strings.SplitSeq(hosts, ",") {
		host, port, err := net.SplitHostPort(part)
		if err != nil {
			host, port = strings.TrimSuffix(strings.TrimPrefix(part, "["), "]"), standard
		}
		number, err := strconv.Atoi(port)
		switch {
		case host == "":
			return nil, errors.New("a host is missing")
		case strings.Contains(host, " ") || strings.Contains(host, ":") && (part[0] != '[' || net.ParseIP(host) == nil):
			return nil, errors.New("what stands behind the user is no host: write host:port, and an address of IPv6 in brackets")
		case err != nil || number < 1 || number > 65535:
			return nil, errors.New("a port is no number from 1 to 65535")
		}
		list = append(list, net.JoinHostPort(host, port))
	}
	if kind == oneServer && len(list) > 1 {
		return nil, errors.New("several hosts: write redis+sentinel:// for sentinels, redis+cluster:// for a cluster")
	}
	return list, nil
}

// redis returns a client of what REDIS_URL names. Errors hold no part of a setting.
func (e environment) redis() (redis.UniversalClient, error) {
	text, err := e.require("REDIS_URL", "such as redis://user:password@host:6379/0")
	if err != nil {
		return nil, err
	}
	s, err := parseRedisURL(text)
	if err != nil {
		return nil, e.bad("REDIS_URL", err)
	}
	for _, x := range []struct {
		name string
		to   *string
	}{{"REDIS_USERNAME", &s.user}, {"REDIS_PASSWORD", &s.password}} {
		value, err := e.value(x.name)
		switch {
		case err != nil:
			return nil, err
		case value != "" && *x.to != "":
			return nil, usage("%s is set, and REDIS_URL has one as well", x.name)
		case value != "":
			*x.to = value
		}
	}
	own, err := e.ofSentinels(s.kind)
	if err != nil {
		return nil, err
	}
	config, err := e.tls(s)
	if err != nil {
		return nil, err
	}
	logging.Disable() // a failure is told as an error
	const step = time.Second
	maintenance := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch s.kind {
	case sentinels:
		return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: s.master, SentinelAddrs: s.addrs, SentinelUsername: own[0], SentinelPassword: own[1], Username: s.user, Password: s.password, DB: s.db, TLSConfig: config,
			ContextTimeoutEnabled: true, DialTimeout: step, ReadTimeout: step, WriteTimeout: step, PoolTimeout: step, DialerRetries: 1, MaxRetries: 1, DisableIdentity: true}), nil
	case cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{Addrs: s.addrs, Username: s.user, Password: s.password, TLSConfig: config,
			ContextTimeoutEnabled: true, DialTimeout: step, ReadTimeout: step, WriteTimeout: step, PoolTimeout: step, DialerRetries: 1, MaxRetries: 1, DisableIdentity: true, MaintNotificationsConfig: maintenance}), nil
	}
	return redis.NewClient(&redis.Options{Addr: s.addrs[0], Username: s.user, Password: s.password, DB: s.db, TLSConfig: config,
		ContextTimeoutEnabled: true, DialTimeout: step, ReadTimeout: step, WriteTimeout: step, PoolTimeout: step, DialerRetries: 1, MaxRetries: 1, DisableIdentity: true, MaintNotificationsConfig: maintenance}), nil
}

// ofSentinels returns the user and the password at sentinels, which have their own.
func (e environment) ofSentinels(kind serverKind) (own [2]string, err error) {
	for i, name := range []string{"REDIS_SENTINEL_USERNAME", "REDIS_SENTINEL_PASSWORD"} {
		if own[i], err = e.value(name); err != nil {
			return own, err
		}
		if own[i] != "" && kind != sentinels {
			return own, usage("%s is set, and REDIS_URL does not begin with redis+sentinel:// or rediss+sentinel://", name)
		}
	}
	return own, nil
}

// tls returns how servers are believed, nil without TLS.
func (e environment) tls(s redisServer) (*tls.Config, error) {
	values := map[string]string{}
	for _, name := range []string{"REDIS_TLS_CA", "REDIS_TLS_CERT", "REDIS_TLS_KEY", "REDIS_TLS_SERVER_NAME"} {
		value, err := e.value(name)
		if err != nil {
			return nil, err
		}
		if value != "" && !s.tls {
			return nil, usage("%s is set, and REDIS_URL is not of TLS: it would begin with rediss", name)
		}
		values[name] = value
	}
	if !s.tls {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: values["REDIS_TLS_SERVER_NAME"]}
	if ca := values["REDIS_TLS_CA"]; ca != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, e.bad("REDIS_TLS_CA", errors.New("no certificate in PEM: REDIS_TLS_CA_FILE names a file that holds them"))
		}
	}
	cert, key := values["REDIS_TLS_CERT"], values["REDIS_TLS_KEY"]
	switch {
	case (cert == "") != (key == ""):
		return nil, usage("REDIS_TLS_CERT and REDIS_TLS_KEY are set together")
	case cert != "":
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			return nil, e.bad("REDIS_TLS_CERT", errors.New("with REDIS_TLS_KEY it is no certificate and its key, in PEM"))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
