package redisstore_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/redisstore"
)

// A URL that cannot be used says why and what to write, and repeats none of the password.
func TestASlipInAURLSaysWhatToWrite(t *testing.T) {
	const escape = "a character of the user or the password is not escaped: write / as %2F, # as %23, ? as %3F, % as %25, @ as %40, ^ as %5E and a space as %20"
	const none = "a host is missing: write redis://host:6379/0" // go-redis would take it for localhost
	const others = ": for Sentinel and Cluster give a redis.UniversalClient to New"
	for url, want := range map[string]string{
		"":                                 "empty: write redis://host:6379/0",
		"127.0.0.1:6379":                   "does not begin with redis:// or rediss://: write redis://host:6379/0, and rediss:// for TLS",
		"localhost":                        "does not begin with redis:// or rediss://: write redis://host:6379/0, and rediss:// for TLS",
		"http://:s3cret@h":                 "does not begin with redis:// or rediss://",
		"REDIS://:s3cret@h":                "does not begin with redis:// or rediss:// in lower case",
		" redis://:s3cret@h":               "does not begin with redis:// or rediss://: a space or a line break stands at its edge",
		`"redis://:s3cret@h"`:              "does not begin with redis:// or rediss://: a quote stands before it",
		"redis://:s3cret@h:6379\n":         "a space or a line break at the end",
		"redis-sentinel://:s3cret@h/0":     "does not begin with redis:// or rediss://" + others,
		"redis+cluster://:s3cret@h":        "does not begin with redis:// or rediss://" + others,
		"unix:///tmp/s3cret":               "does not begin with redis:// or rediss://" + others,
		"redis://:s3cret#@h:6379/0":        escape,
		"redis://:s3/cret@h:6379/0":        escape,
		"redis://:s3?cret@h:6379/0":        escape,
		"redis://:s3%cret@h:6379/0":        escape,
		"redis://:s3cret%@h:6379/0":        escape,
		"redis://:s3^cret@h:6379/0":        escape,
		"redis://:s3 cret@h:6379/0":        escape,
		"redis://:s3@cret@h:6379/0":        escape,
		"redis://:s3[cret@h:6379/0":        escape,
		"redis://:s3crét@h:6379/0":         escape,
		"redis://us/er:s3cret@h":           escape,
		"redis://:s3cret@a:1,b:2,c:3/0":    "a list of hosts, and a URL is of one" + others,
		"redis://a:6379,b:6379":            "a list of hosts, and a URL is of one" + others,
		"redis://:s3cret@a,b":              "a list of hosts, and a URL is of one" + others,
		"redis://a;b":                      "a list of hosts, and a URL is of one" + others,
		"redis://:s3cret@h?max_retries=9":  "no parameters are allowed: give a client to New instead",
		"redis://:s3cret@h/0#x":            "a # means nothing here: of a password, write it as %23",
		"redis://:s3cret@h/x":              "behind the host stands the number of a database, as in /0; a / of a password is written as %2F",
		"redis://:s3cret@h/0/1":            "behind the host stands the number of a database, as in /0; a / of a password is written as %2F",
		"redis://:s3cret@h:port":           "behind the host's colon stands a port, as in host:6379; a : of a password needs an @ behind the password",
		"redis://:s3cret@h:99999":          "the port is not a number from 1 to 65535",
		"redis://:s3cret@::1:6379":         "an IPv6 address stands in brackets, as in redis://[::1]:6379/0",
		"redis://:s3cret@[::1:6379":        "an IPv6 address stands in brackets, as in redis://[::1]:6379/0",
		"redis://:s3cret@h h:6379":         "the host holds a character that no host has",
		"redis://":                         none,
		"rediss:///0":                      none,
		"redis://:6379/0":                  none,
		"redis://:s3cret@":                 none,
		"redis://:s3cret@/0":               none,
		"redis://:s3cret@:6379/0":          none,
		"redis://:s3cret@:":                none,
		"redis://:s3cret@[]:6379":          none,
		"rediss://:s3cret@h?skip_verify=1": "no parameters are allowed: give a client to New instead",
	} {
		store, err := redisstore.Open(url, options())
		if err == nil || store != nil || err.Error() != "redisstore: invalid config: url: "+want {
			t.Errorf("%q\ngot  %v\nwant %s", url, err, want)
		}
		for _, secret := range []string{"s3", "cr", "tmp"} {
			if err != nil && strings.Contains(strings.TrimPrefix(err.Error(), "redisstore"), secret) {
				t.Errorf("%q: %v", url, err)
			}
		}
	}
	for _, url := range []string{
		"redis://127.0.0.1:1", "redis://127.0.0.1:1/", "redis://127.0.0.1:1/3", "redis://user:pa:ss@127.0.0.1:1/0", "redis://:%23%2F%3F%25%40%5E%20@127.0.0.1:1/0",
		"redis://[::1]:1/0", "rediss://127.0.0.1:1", "redis://:a!b$c&d'e(f)g*h+i,j;k=l~m@127.0.0.1:1", "redis://redis.example.com", "redis://redis_1:6379",
	} {
		store, err := redisstore.Open(url, options())
		if err != nil {
			t.Errorf("%q: %v", url, err)
			continue
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}
