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

// samples are keys of each kind and the channels, as they look.
func (n names) samples() (keys, channels []string) {
	for _, kind := range []string{"{g}", "{g}:l", "{g}:c", "{c-1}", "{t-x}", "{t-x}:l", "{u-x}:e", "{u-x}:s:x", "{p-x}"} {
		keys = append(keys, n.prefix+":"+kind)
	}
	return keys, []string{n.changes(), n.prefix + ":beat:x"}
}

// questions are what access.lua is asked. A command without its key or channel is one question,
// what it works on another, so that what is lacking can be named.
func (s *Store) questions() []any {
	var all []any
	for _, command := range s.commands() {
		all = append(all, strings.ReplaceAll(command, "|", " "))
	}
	keys, channels := s.names.samples()
	for _, key := range keys {
		all = append(all, "get "+key, "set "+key+" x")
	}
	for _, channel := range channels {
		all = append(all, "publish "+channel+" x", "subscribe "+channel)
	}
	return all
}

// lacks names what a user lacks, in the words of an access list, by the questions that were
// denied.
func (s *Store) lacks(denied []string) error {
	var lacking []string
	command := map[string]bool{}
	for _, question := range denied {
		if name := strings.Fields(question); len(name) == 1 || name[0] == "cluster" {
			command[name[0]] = true
			lacking = append(lacking, "+"+strings.Join(name, "|"))
		}
	}
	for _, question := range denied {
		words := strings.Fields(question)
		if len(words) == 1 || command[words[0]] {
			continue // it lacks the command, whatever the key
		}
		switch {
		case words[0] == "publish", words[0] == "subscribe":
			pattern := s.names.channels()[0]
			if words[1] != pattern {
				pattern = s.names.channels()[1]
			}
			lacking = append(lacking, "&"+pattern)
		default:
			lacking = append(lacking, "~"+s.names.keyPattern())
		}
	}
	slices.Sort(lacking)
	lacking = slices.Compact(lacking)
	return fmt.Errorf("%w: its user lacks %s: write %s", ErrMisconfigured, strings.Join(lacking, " "), s.AccessList("<user>"))
}
