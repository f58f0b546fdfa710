// Package redisaccess asks a Redis what its user may do and names what the user lacks, for the
// packages that run scripts on one.
package redisaccess

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// List lists the permissions that a user needs.
type List struct {
	Commands []string // in lower case, each with its subcommand behind a bar
	Keys     string   // the pattern of all keys
	Channels []string // patterns

	SampleKeys     []string // one of each kind of key
	SampleChannels []string // one for each of Channels
}

// Line returns the command that gives a user the permissions of l and no others. It changes
// nothing else of the user.
func (l List) Line(user string) string {
	words := []string{"ACL", "SETUSER", user, "resetkeys", "resetchannels", "-@all", "~" + l.Keys}
	for _, channel := range l.Channels {
		words = append(words, "&"+channel)
	}
	for _, command := range l.Commands {
		words = append(words, "+"+command)
	}
	return strings.Join(words, " ")
}

var call = regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`)

// Commands returns the commands that scripts run, in lower case and in order. Scripts run with
// the permissions of the user who calls them.
func Commands(sources ...string) []string {
	var all []string
	for _, source := range sources {
		for _, found := range call.FindAllStringSubmatch(source, -1) {
			all = append(all, strings.ToLower(found[1]))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Denied reports whether an access list forbade what was asked, also within a script.
func Denied(err error) bool {
	var answer interface { // of the client's errors those that Redis gave
		error
		RedisError()
	}
	if !errors.As(err, &answer) {
		return false
	}
	text := answer.Error()
	return strings.HasPrefix(text, "NOPERM") || strings.HasPrefix(text, "ERR The user executing the script can't")
}

// forms are complete calls of commands, with K for a key and C for a channel. Redis must not be
// asked about a call that lacks an argument: 7.0 ends with a segmentation fault when it looks
// for the keys of an EVAL that has none.
var forms = map[string]string{
	"eval": "x 0", "evalsha": "x 0", "time": "", "info": "server", "wait": "0 0", "select": "0", "cluster|slots": "",
	"publish": "C x", "subscribe": "C", "ping": "",

	"exists": "K", "get": "K", "strlen": "K", "ttl": "K", "pttl": "K", "expiretime": "K", "pexpiretime": "K", "type": "K",
	"hget": "K f", "hmget": "K f", "hgetall": "K", "hexists": "K f", "hkeys": "K", "hvals": "K", "hlen": "K", "hstrlen": "K f",
	"xlen": "K", "xrange": "K - +", "xrevrange": "K + -",
	"zcard": "K", "zcount": "K 0 1", "zrange": "K 0 1", "zrangebyscore": "K 0 1", "zrevrange": "K 0 1", "zrank": "K m", "zscore": "K m", "zmscore": "K m", "lrange": "K 0 1", "llen": "K",

	"del": "K", "unlink": "K", "set": "K x", "setnx": "K x", "getdel": "K", "incr": "K", "incrby": "K 1", "decr": "K",
	"expire": "K 1", "expireat": "K 1", "pexpire": "K 1", "pexpireat": "K 1", "persist": "K",
	"hset": "K f x", "hsetnx": "K f x", "hdel": "K f", "lpush": "K x", "ltrim": "K 0 1", "hincrby": "K f 1",
	"xadd": "K * f x", "xdel": "K 0-1", "xtrim": "K MAXLEN 1",
	"zadd": "K 1 m", "zrem": "K m", "zincrby": "K 1 m", "zpopmin": "K", "zremrangebyrank": "K 0 1", "zremrangebyscore": "K 0 1",
}

// Known reports whether queries can be made about a command.
func Known(command string) bool {
	_, known := forms[command]
	return known
}

// reader and writer are asked about keys of every kind, the other commands about one.
const reader, writer = "get", "set"

// query is a call that the user must be allowed to make, and what it lacks when the others of
// its command are allowed.
type query struct{ command, text, pattern string }

// Queries returns complete calls, for redis.acl_check_cmd of Redis 7.0, which the user must be
// allowed to make. Words are separated by spaces.
func (l List) Queries() []any {
	var all []any
	for _, q := range l.queries() {
		all = append(all, q.text)
	}
	return all
}

func (l List) queries() []query {
	var all []query
	for _, command := range l.Commands {
		form, known := forms[command]
		if !known {
			continue // a test sees to it that there is none
		}
		call := strings.ReplaceAll(command, "|", " ") + " " + form
		switch {
		case strings.HasPrefix(form, "C"):
			for i, channel := range l.SampleChannels {
				all = append(all, query{command, strings.Replace(call, "C", channel, 1), "&" + l.Channels[i]})
			}
		case strings.HasPrefix(form, "K"):
			in := l.SampleKeys[:1]
			if command == reader || command == writer {
				in = l.SampleKeys
			}
			for _, key := range in {
				all = append(all, query{command, strings.Replace(call, "K", key, 1), "~" + l.Keys})
			}
		default:
			all = append(all, query{command, call, ""})
		}
	}
	return all
}

// Lacking names what a user lacks, in the words of an access list, by the queries that were
// denied. Redis does not say whether it is the command or what it works on. It is the command,
// unless all others that work on keys or channels alike are denied as well.
func (l List) Lacking(denied []string) []string {
	asked, refused := map[string]int{}, map[string]int{} // by command
	all := l.queries()
	for _, q := range all {
		asked[q.command]++
		if slices.Contains(denied, q.text) {
			refused[q.command]++
		}
	}
	whole := func(commands ...string) bool {
		n := 0
		for _, command := range commands {
			if asked[command] > 0 && refused[command] < asked[command] {
				return false
			}
			n += asked[command]
		}
		return n > 0
	}
	keys := whole(reader, "hget", "exists", "hstrlen", "lrange") || whole(writer, "del", "hset") && asked[writer] > 0
	channels := whole("publish", "subscribe")
	var lacking []string
	for _, q := range all {
		switch {
		case !slices.Contains(denied, q.text):
		case q.pattern == "", whole(q.command) && !(q.pattern[0] == '~' && keys) && !(q.pattern[0] == '&' && channels):
			lacking = append(lacking, "+"+q.command)
		default:
			lacking = append(lacking, q.pattern)
		}
	}
	slices.Sort(lacking)
	return slices.Compact(lacking)
}
