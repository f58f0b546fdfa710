package redispolicy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
)

// AccessList returns the command that gives a user of Redis the permissions which this
// publisher needs, and no others; ACL SETUSER <user> on >password sets a password. Each server
// that may have the policy's keys needs the command. Missing permissions are found before anything
// is published, and named: [ErrMisconfigured].
func (p *Publisher) AccessList(user string) string { return p.access().Line(user) }

// AccessList returns the command that gives a user of Redis the permissions which this
// follower needs, as that of a [Publisher] does. They allow no change. The first [Follower.Sync]
// finds missing permissions.
func (f *Follower) AccessList(user string) string { return f.access().Line(user) }

func (p *Publisher) access() redisaccess.List {
	return p.keys.access(p.client, append(append(redisaccess.Commands(publishSource), readerCommands...), "eval", "evalsha"))
}

// AccessList returns the command that gives a user of Redis the permissions which this reader
// needs, as that of a [Publisher] does. They allow no change.
func (r *Reader) AccessList(user string) string { return r.access().Line(user) }

func readerAccess(k keys, client redis.UniversalClient) redisaccess.List {
	l := k.access(client, slices.Clone(readerCommands))
	l.Channels, l.SampleChannels = nil, nil
	return l
}

// readerCommands are those of a [Reader], which runs no script.
var readerCommands = []string{"get", "hget", "hstrlen", "lrange"}

func (f *Follower) access() redisaccess.List {
	return f.keys.access(f.client, append(redisaccess.Commands(fetchSource, fetchTenantsSource), "subscribe", "ping", "eval", "evalsha"))
}

func (k keys) access(client redis.UniversalClient, commands []string) redisaccess.List {
	switch c := client.(type) {
	case *redis.Client:
		if c.Options().DB != 0 {
			commands = append(commands, "select")
		}
	case *redis.ClusterClient:
		commands = append(commands, "cluster|slots")
	}
	slices.Sort(commands)
	return redisaccess.List{
		Commands:       slices.Compact(commands),
		Keys:           strings.TrimSuffix(k.head, "head") + "*",
		Channels:       []string{k.channel},
		SampleKeys:     []string{k.head, k.history, k.bundles},
		SampleChannels: []string{k.channel},
	}
}

// examine returns an error that names what the user of Redis lacks, or nil.
func (k keys) examine(ctx context.Context, client redis.UniversalClient, l redisaccess.List) error {
	denied, err := accessScript.Run(ctx, client, l.SampleKeys[:1], l.Queries()...).StringSlice()
	if err != nil {
		return unanswered(err, l)
	}
	if len(denied) == 0 {
		return nil
	}
	return fmt.Errorf("%w: its user lacks %s: write %s", ErrMisconfigured, strings.Join(l.Lacking(denied), " "), l.Line("<user>"))
}

// unanswered is the error for a call that got no answer.
func unanswered(err error, l redisaccess.List) error {
	if redisaccess.Denied(err) {
		return fmt.Errorf("%w: %w: write %s", ErrMisconfigured, err, l.Line("<user>"))
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
