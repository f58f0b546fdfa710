package redisstore

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
)

// commands are all that the user of the store must be allowed to run. Those of the scripts are
// read from them, so that they are never more nor less than they use.
func (s *Store) commands() []string {
	files, _ := fs.Glob(sources, "lua/*.lua") // the pattern is sound
	texts := make([]string, len(files))
	for i, file := range files {
		text, err := sources.ReadFile(file)
		if err != nil {
			panic(err)
		}
		texts[i] = string(text)
	}
	all := append(redisaccess.Commands(texts...), "eval", "evalsha", "subscribe")
	if s.replicas > 0 {
		all = append(all, "wait")
	}
	switch c := s.client.raw.(type) {
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

// access returns the needs of the store's user.
func (s *Store) access() redisaccess.List {
	n := s.names
	l := redisaccess.List{
		Commands:       s.commands(),
		Keys:           n.prefix + ":{*",
		Channels:       []string{n.changes(), n.prefix + ":beat:*"},
		SampleChannels: []string{n.changes(), n.prefix + ":beat:x"},
	}
	for _, kind := range []string{"{g}", "{g}:l", "{g}:c", "{c-1}", "{t-x}", "{t-x}:l", "{u-x}:e", "{u-x}:s:x", "{u-x}:n", "{u-x}:n:x", "{u-x}:b", "{g}:n", "{n-x}", "{p-x}"} {
		l.SampleKeys = append(l.SampleKeys, n.prefix+":"+kind)
	}
	return l
}

// AccessList returns the command that gives a user of Redis the permissions which this store
// needs, a [Feed] on it included, and no others:
//
//	ACL SETUSER <user> resetkeys resetchannels -@all ~<prefix>:{* &<prefix>:changes … +eval …
//
// It changes nothing else of the user; a password is set, and the user turned on, by ACL SETUSER
// <user> on >password. Nothing is sent. Each server of a cluster, and each replica that may be
// promoted, has users of its own and needs the command. [Store.Ping] finds what a user lacks.
func (s *Store) AccessList(user string) string { return s.access().Line(user) }

// lacks is the error for questions that were denied.
func (s *Store) lacks(denied []string) error {
	return fmt.Errorf("%w: its user lacks %s: write %s", ErrMisconfigured, strings.Join(s.access().Lacking(denied), " "), s.AccessList("<user>"))
}
