package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRedisURLsAreReadAsTheyAreMeant(t *testing.T) {
	for text, want := range map[string]redisServer{
		"redis://127.0.0.1":                     {addrs: []string{"127.0.0.1:6379"}},
		"redis://user:p%2Fw@host:7000/3":        {addrs: []string{"host:7000"}, user: "user", password: "p/w", db: 3},
		"rediss://:secret@[::1]:7000":           {tls: true, addrs: []string{"[::1]:7000"}, password: "secret"},
		"redis://[2001:db8::1]":                 {addrs: []string{"[2001:db8::1]:6379"}},
		"redis+sentinel://a,b:7/main":           {kind: sentinels, addrs: []string{"a:26379", "b:7"}, master: "main"},
		"rediss+sentinel://u:p@a:1/main/2":      {kind: sentinels, tls: true, addrs: []string{"a:1"}, user: "u", password: "p", master: "main", db: 2},
		"redis+cluster://u:p@a:1,b:2,[::1]:3":   {kind: cluster, addrs: []string{"a:1", "b:2", "[::1]:3"}, user: "u", password: "p"},
		"rediss+cluster://user@a":               {kind: cluster, tls: true, addrs: []string{"a:6379"}, user: "user"},
		"redis://user:with%40at%3Acolon@host/0": {addrs: []string{"host:6379"}, user: "user", password: "with@at:colon"},
	} {
		got, err := parseRedisURL(text)
		if err != nil || !slices.Equal(got.addrs, want.addrs) {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		got.addrs, want.addrs = nil, nil
		if got.kind != want.kind || got.tls != want.tls || got.user != want.user || got.password != want.password || got.master != want.master || got.db != want.db {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestABadRedisURLIsToldWithoutAnyOfIt(t *testing.T) {
	for text, want := range map[string]string{
		"secret":                                 "no scheme that is known",
		"http://user:secret@host":                "no scheme that is known",
		"REDIS://user:secret@host":               "no scheme that is known",
		"redis+sentinels://user:secret@host/m":   "no scheme that is known",
		"redis://user:secret@host ":              "at the end",
		"redis://user:sec%ret@host":              "not escaped",
		"redis://user:sec/ret@host":              "not escaped",
		"redis://user:secret@":                   "a host is missing",
		"redis://user:secret@:6379":              "a host is missing",
		"redis://user:secret@host:0":             "a port is no number",
		"redis://user:secret@host:70000":         "a port is no number",
		"redis://user:secret@host:port":          "a port is no number",
		"redis://user:secret@host/first":         "the number of a database",
		"redis://user:secret@host/-1":            "the number of a database",
		"redis://user:secret@host?db=1":          "no parameters",
		"redis://user:secret@host/0#secret":      "no parameters",
		"redis://user:secret@a,b":                "several hosts",
		"redis+sentinel://user:secret@a":         "the name of the primary is missing",
		"redis+sentinel://user:secret@a//0":      "the name of the primary is missing",
		"redis+sentinel://user:secret@a/main/x":  "the number of a database",
		"redis+sentinel://user:secret@a,,b/main": "a host is missing",
		"redis+cluster://user:secret@a,b/0":      "one database",
		"redis+cluster://user:secret@":           "a host is missing",
		"redis://user:secret@2001:db8::1":        "in brackets",
	} {
		_, err := parseRedisURL(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestSettingsOfRedisThatContradictAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]string
		code   int
		want   string
	}{
		"two passwords":                   {map[string]string{"REDIS_URL": "redis://u:secret@host", "REDIS_PASSWORD": "secret"}, codeUsage, "REDIS_PASSWORD is set"},
		"two users":                       {map[string]string{"REDIS_URL": "redis://u@host", "REDIS_USERNAME": "secret"}, codeUsage, "REDIS_USERNAME is set"},
		"a sentinel's password for one":   {map[string]string{"REDIS_URL": "redis://host", "REDIS_SENTINEL_PASSWORD": "secret"}, codeUsage, "REDIS_SENTINEL_PASSWORD is set"},
		"an authority without TLS":        {map[string]string{"REDIS_URL": "redis+cluster://host", "REDIS_TLS_CA": "secret"}, codeUsage, "would begin with rediss"},
		"an authority that is none":       {map[string]string{"REDIS_URL": "rediss://host", "REDIS_TLS_CA": "secret"}, codeLoad, "no certificate in PEM"},
		"a certificate without its key":   {map[string]string{"REDIS_URL": "rediss://host", "REDIS_TLS_CERT": "secret"}, codeUsage, "set together"},
		"a certificate that is none":      {map[string]string{"REDIS_URL": "rediss://host", "REDIS_TLS_CERT": "secret", "REDIS_TLS_KEY": "secret"}, codeLoad, "no certificate and its key"},
		"a password here and in a file":   {map[string]string{"REDIS_URL": "redis://host", "REDIS_PASSWORD": "secret", "REDIS_PASSWORD_FILE": "secret"}, codeUsage, "both set"},
		"a file that is not there":        {map[string]string{"REDIS_URL": "redis://host", "REDIS_PASSWORD_FILE": "nowhere"}, codeLoad, "no such file"},
		"a URL that is none":              {map[string]string{"REDIS_URL": "secret"}, codeLoad, "REDIS_URL: it begins with no scheme"},
		"no URL":                          {nil, codeUsage, "REDIS_URL is not set"},
		"a sentinel's user for a cluster": {map[string]string{"REDIS_URL": "redis+cluster://host", "REDIS_SENTINEL_USERNAME": "secret"}, codeUsage, "REDIS_SENTINEL_USERNAME is set"},
	} {
		client, err := environment{get: func(name string) string { return c.values[name] }}.redis()
		var ends *exitError
		if client != nil || !errors.As(err, &ends) || ends.code != c.code || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
