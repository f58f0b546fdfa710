package redisstore

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

const (
	escapes = `write / as %2F, # as %23, ? as %3F, % as %25, @ as %40, ^ as %5E and a space as %20`
	others  = "for Sentinel and Cluster give a redis.UniversalClient to New"
)

// checkURL says what is wrong with the URL of a Redis, and what to write. No error repeats any
// of the URL, which may hold a password.
func checkURL(s string) error {
	rest, tls := strings.CutPrefix(s, "rediss://")
	if !tls {
		var plain bool
		if rest, plain = strings.CutPrefix(s, "redis://"); !plain {
			return noScheme(s)
		}
	}
	if strings.TrimSpace(s) != s {
		return errors.New("a space or a line break at the end")
	}
	// The part before the last @ was meant as the user and the password.
	at := strings.LastIndex(rest, "@")
	if user := rest[:max(at, 0)]; !escaped(user) {
		return errors.New("a character of the user or the password is not escaped: " + escapes)
	}
	host, path, _ := strings.Cut(rest[at+1:], "/")
	switch tail := rest[at+1:]; {
	case strings.Contains(tail, "?"):
		return errors.New("no parameters are allowed: give a client to New instead")
	case strings.Contains(tail, "#"):
		return errors.New("a # means nothing here: of a password, write it as %23")
	case strings.Contains(tail, ",") || strings.Contains(tail, ";"):
		return errors.New("a list of hosts, and a URL is of one: " + others)
	case path != "" && !digits(path):
		return errors.New("behind the host stands the number of a database, as in /0; a / of a password is written as %2F")
	}
	return checkHost(host)
}

func noScheme(s string) error {
	const none = "does not begin with redis:// or rediss://"
	scheme, _, found := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case s == "":
		return errors.New("empty: write redis://host:6379/0")
	case strings.TrimSpace(s) != s:
		return errors.New(none + ": a space or a line break stands at its edge")
	case strings.ContainsRune("\"'`“‘", []rune(s)[0]):
		return errors.New(none + ": a quote stands before it")
	case found && (scheme == "redis" || scheme == "rediss"):
		return errors.New(none + " in lower case")
	case found && (strings.Contains(scheme, "sentinel") || strings.Contains(scheme, "cluster") || scheme == "unix" || scheme == "redis-socket"):
		return errors.New(none + ": " + others)
	case found:
		return errors.New(none)
	}
	return errors.New(none + ": write redis://host:6379/0, and rediss:// for TLS")
}

// escaped reports whether a user and a password may stand in a URL (RFC 3986 §3.2.1).
func escaped(user string) bool {
	for i := 0; i < len(user); i++ {
		c := user[i]
		switch {
		case c == '%':
			if _, err := strconv.ParseUint(user[i+1:min(i+3, len(user))], 16, 8); err != nil || i+3 > len(user) {
				return false
			}
			i += 2
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~!$&'()*+,;=:", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func checkHost(host string) error {
	if strings.HasPrefix(host, "[") != strings.Contains(host, "]") || !strings.HasPrefix(host, "[") && strings.Count(host, ":") > 1 {
		return errors.New("an IPv6 address stands in brackets, as in redis://[::1]:6379/0")
	}
	if host == "" || host[0] == ':' || strings.HasPrefix(host, "[]") {
		return errors.New("a host is missing: write redis://host:6379/0")
	}
	u, err := url.Parse("redis://" + host)
	if err != nil {
		if name, _, ok := strings.Cut(host, ":"); ok && !strings.ContainsAny(name, " %") {
			return errors.New("behind the host's colon stands a port, as in host:6379; a : of a password needs an @ behind the password")
		}
		return errors.New("the host holds a character that no host has")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("the port is not a number from 1 to 65535")
		}
	}
	return nil
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == "" && len(s) <= 6
}
