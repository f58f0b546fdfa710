package redisstore

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// What an access list must allow is read from the scripts, so that it is never more nor less
// than they use.
var scriptCommand = regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`)

// scriptCommands are the commands that scripts run, in lower case and in order.
func scriptCommands() []string {
	files, _ := fs.Glob(sources, "lua/*.lua") // the pattern is sound
	var all []string
	for _, file := range files {
		source, err := sources.ReadFile(file)
		if err != nil {
			panic(err)
		}
		for _, found := range scriptCommand.FindAllStringSubmatch(string(source), -1) {
			all = append(all, strings.ToLower(found[1]))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// commands are all that the user of the store must be allowed to run. Scripts run with the
// permissions of the user who calls them.
func (s *Store) commands() []string {
	all := append(scriptCommands(), "eval", "evalsha", "subscribe")
	if s.replicas > 0 {
		all = append(all, "wait")
	}
	switch c := s.client.UniversalClient.(type) {
	case *redis.Client:
		if c.Options().DB != 0 {
			all = append(all, "select")
		}
	case *redis.ClusterClient:
		all = append(all, "cluster|slots")
	}
	slices.Sort(all)
	return all
}

// keyPattern is that of every key of ours, and channels are those of the feed.
func (n names) keyPattern() string { return n.prefix + ":{*" }
func (n names) channels() []string { return []string{n.changes(), n.prefix + ":beat:*"} }

// AccessList returns the command that gives a user of Redis the permissions which this store
// needs, a [Feed] on it included, and no others:
//
//	ACL SETUSER <user> resetkeys resetchannels -@all ~<prefix>:{* &<prefix>:changes … +eval …
//
// It changes nothing else of the user; a password is set, and the user turned on, by
// ACL SETUSER <user> on >password. Nothing is sent. Each server of a cluster, and each replica
// that may be promoted, has users of its own and needs the command. What a user lacks is found
// by [Store.Ping].
func (s *Store) AccessList(user string) string {
	words := []string{"ACL", "SETUSER", user, "resetkeys", "resetchannels", "-@all", "~" + s.names.keyPattern()}
	for _, channel := range s.names.channels() {
		words = append(words, "&"+channel)
	}
	for _, command := range s.commands() {
		words = append(words, "+"+command)
	}
	return strings.Join(words, " ")
}

// forms are complete calls of commands, with K for a key and C for a channel. Redis must not be
// asked about a call that lacks an argument: 7.0 ends with a segmentation fault when it looks
// for the keys of an EVAL that has none.
var forms = map[string]string{
	"eval": "x 0", "evalsha": "x 0", "time": "", "info": "server", "wait": "0 0", "select": "0", "cluster|slots": "",
	"publish": "C x", "subscribe": "C",

	"exists": "K", "get": "K", "strlen": "K", "ttl": "K", "pttl": "K", "type": "K",
	"hget": "K f", "hmget": "K f", "hgetall": "K", "hexists": "K f", "hkeys": "K", "hvals": "K", "hlen": "K", "hstrlen": "K f",
	"xlen": "K", "xrange": "K - +", "xrevrange": "K + -",
	"zcard": "K", "zcount": "K 0 1", "zrange": "K 0 1", "zrangebyscore": "K 0 1", "zrevrange": "K 0 1", "zrank": "K m", "zscore": "K m", "zmscore": "K m",

	"del": "K", "unlink": "K", "set": "K x", "setnx": "K x", "getdel": "K", "incr": "K", "incrby": "K 1", "decr": "K",
	"expire": "K 1", "expireat": "K 1", "pexpire": "K 1", "pexpireat": "K 1", "persist": "K",
	"hset": "K f x", "hsetnx": "K f x", "hdel": "K f", "hincrby": "K f 1",
	"xadd": "K * f x", "xdel": "K 0-1", "xtrim": "K MAXLEN 1",
	"zadd": "K 1 m", "zrem": "K m", "zincrby": "K 1 m", "zpopmin": "K", "zremrangebyrank": "K 0 1", "zremrangebyscore": "K 0 1",
}

// reader and writer are asked about keys of every kind, the other commands about one.
const reader, writer = "get", "set"

// samples are keys of each kind and the channels, as they look. Each is in a pattern of the
// access list.
func (n names) samples() (keys, channels []string) {
	for _, kind := range []string{"{g}", "{g}:l", "{g}:c", "{c-1}", "{t-x}", "{t-x}:l", "{u-x}:e", "{u-x}:s:x", "{p-x}"} {
		keys = append(keys, n.prefix+":"+kind)
	}
	return keys, []string{n.changes(), n.prefix + ":beat:x"}
}

// question is a call that the user must be allowed to make, and what it lacks when the others of
// its command are allowed.
type question struct{ command, text, pattern string }

// questions are what access.lua is asked.
func (s *Store) questions() []question {
	keys, channels := s.names.samples()
	var all []question
	for _, command := range s.commands() {
		form, known := forms[command]
		if !known {
			continue // a test sees to it that there is none
		}
		call := strings.ReplaceAll(command, "|", " ") + " " + form
		switch {
		case strings.HasPrefix(form, "C"):
			for i, channel := range channels {
				all = append(all, question{command, strings.Replace(call, "C", channel, 1), "&" + s.names.channels()[i]})
			}
		case strings.HasPrefix(form, "K"):
			in := keys[:1]
			if command == reader || command == writer {
				in = keys
			}
			for _, key := range in {
				all = append(all, question{command, strings.Replace(call, "K", key, 1), "~" + s.names.keyPattern()})
			}
		default:
			all = append(all, question{command, call, ""})
		}
	}
	return all
}

// lacks names what a user lacks, in the words of an access list, by the questions that were
// denied. Redis does not say whether it is the command or what it works on. It is the command,
// unless others of the same kind are denied alike.
func (s *Store) lacks(denied []string) error {
	asked, refused := map[string]int{}, map[string]int{} // by command
	all := s.questions()
	for _, q := range all {
		asked[q.command]++
		if slices.Contains(denied, q.text) {
			refused[q.command]++
		}
	}
	whole := func(command string) bool { return refused[command] == asked[command] }
	keys := whole(reader) && whole("exists") || whole(writer) && whole("del") // more than one command of a kind
	channels := whole("publish") && whole("subscribe")
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
	lacking = slices.Compact(lacking)
	return fmt.Errorf("%w: its user lacks %s: write %s", ErrMisconfigured, strings.Join(lacking, " "), s.AccessList("<user>"))
}
