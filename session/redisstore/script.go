package redisstore

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"

	"github.com/redis/go-redis/v9"
)

// The scripts are files, each of which states its keys, arguments and result. They touch
// only the keys they are given, which share a slot, so they work the same on a cluster.
// The first line makes Redis check more than it does for plain EVAL: it refuses them on
// a replica, and short of memory before the first write rather than between two.
//
//go:embed lua/*.lua
var sources embed.FS

// script is one of them. SHA-1 is only how Redis names a script in EVALSHA.
type script struct{ source, sha string }

func mustScript(name string) script {
	source, err := sources.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	sum := sha1.Sum(source)
	return script{string(source), hex.EncodeToString(sum[:])}
}

var (
	loadScript         = mustScript("load")
	ensureScript       = mustScript("ensure")
	createScript       = mustScript("create")
	beatScript         = mustScript("beat")
	probeScript        = mustScript("probe")
	touchScript        = mustScript("touch")
	updateScript       = mustScript("update")
	rotateScript       = mustScript("rotate")
	refreshScript      = mustScript("refresh")
	revokeScript       = mustScript("revoke")
	bumpScript         = mustScript("bump")
	tenantReadScript   = mustScript("tenant_read")
	tenantStatusScript = mustScript("tenant_status")
	tenantRevokeScript = mustScript("tenant_revoke")
	listScript         = mustScript("list")
	eventsScript       = mustScript("events")
	endScript          = mustScript("end")
	othersScript       = mustScript("others")
	forgetScript       = mustScript("forget")
	discardScript      = mustScript("discard")
	raiseScript        = mustScript("raise")
	tenantRaiseScript  = mustScript("tenant_raise")
)

// command makes the EVALSHA of a script, or its EVAL for a server that does not know it.
func (s script) command(ctx context.Context, eval bool, keys []string, args ...any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	if eval {
		words = append(words, "eval", s.source)
	} else {
		words = append(words, "evalsha", s.sha)
	}
	words = append(words, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3) // where a cluster client finds the slot
	return cmd
}

// once is a command that no client sends a second time. A client that lost the answer
// cannot know whether the script ran; running it again would make a conflict of a change
// that was made, or a reuse of a refresh that was the first.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// run runs a script that writes, alone. The error is the client's.
func run(ctx context.Context, client processor, s script, keys []string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := s.command(ctx, false, keys, args...)
	err := client.Process(ctx, once{cmd})
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // it did not run
		cmd = s.command(ctx, true, keys, args...)
		err = client.Process(ctx, once{cmd})
	}
	return cmd.Val(), err
}

// batch sends the commands that build returns in one round trip and returns their answers,
// nil for redis.Nil. They must bear being sent twice. The error is the client's.
func batch(ctx context.Context, client *guarded, build func(eval bool) []*redis.Cmd) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answers, err := client.exec(ctx, build(false))
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = client.exec(ctx, build(true))
	}
	return answers, err
}
