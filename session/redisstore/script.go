package redisstore

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"strings"

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
type script struct {
	source string
	sha    any  // a string, as the client takes words
	text   bool // the result is one text, and its answer is
}

// The last lines of a script, which return its result with the nonce.
const (
	answerList = "return {nonce, result()}"
	answerText = "return nonce .. ':' .. result()"
)

func mustScript(name string) script { return mustAnswer(name, answerList) }

// mustTextScript is a script whose result is one text, as is its answer: that costs a fraction of
// what it does to make a list for each part.
func mustTextScript(name string) script {
	s := mustAnswer(name, answerText)
	s.text = true
	return s
}

func mustAnswer(name, answer string) script {
	file, err := sources.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	source := withNonce(string(file), answer)
	sum := sha1.Sum([]byte(source))
	return script{source: source, sha: hex.EncodeToString(sum[:])}
}

// withNonce makes a script return its result with a nonce, which is one more argument, the last,
// that the script itself does not see: see [call].
func withNonce(file, answer string) string {
	first, rest, _ := strings.Cut(file, "\n")
	return first + "\nlocal nonce = table.remove(ARGV)\nlocal function result()\n" + rest + "end\n" + answer + "\n"
}

var (
	loadScript          = mustTextScript("load")
	ensureScript        = mustScript("ensure")
	epochReadScript     = mustScript("epoch_read")
	createScript        = mustScript("create")
	heartbeatScript     = mustScript("heartbeat")
	primaryScript       = mustScript("primary")
	probeScript         = mustScript("probe")
	touchScript         = mustScript("touch")
	updateScript        = mustScript("update")
	rotateScript        = mustScript("rotate")
	refreshScript       = mustScript("refresh")
	revokeScript        = mustScript("revoke")
	advanceScript       = mustScript("advance")
	tenantReadScript    = mustScript("tenant_read")
	tenantStatusScript  = mustScript("tenant_status")
	tenantNameScript    = mustScript("tenant_name")
	tenantRevokeScript  = mustScript("tenant_revoke")
	indexScript         = mustScript("index")
	listScript          = mustScript("list")
	eventsScript        = mustScript("events")
	endScript           = mustScript("end")
	othersScript        = mustScript("others")
	forgetScript        = mustScript("forget")
	discardScript       = mustScript("discard")
	raiseScript         = mustScript("raise")
	tenantRaiseScript   = mustScript("tenant_raise")
	useScript           = mustScript("use")
	usedScript          = mustScript("used")
	lookScript          = mustScript("look")
	setBackScript       = mustScript("set_back")
	tenantRestoreScript = mustScript("tenant_restore")
	checkScript         = mustScript("check")
	accessScript        = mustScript("access")
	signInScript        = mustScript("sign_in")
	signInEndScript     = mustScript("sign_in_end")
	signInLostScript    = mustScript("sign_in_lost")
	cutReadScript       = mustScript("cut_read")
	cutRaiseScript      = mustScript("cut_raise")
	cutScript           = mustScript("cut")
	claimScript         = mustScript("claim")
	blockScript         = mustScript("block")
	blockReadScript     = mustScript("block_read")
	eraseScript         = mustScript("erase")
	eraseEventsScript   = mustScript("erase_events")

	grantsScript      = mustScript("grants")
	staleScript       = mustScript("stale")
	tenantStaleScript = mustScript("tenant_stale")
	updateUserScript  = mustScript("update_user")
	regrantScript     = mustScript("regrant")
	retireScript      = mustScript("retire")
)

// run runs a script that writes, alone. No client sends it a second time: one that lost the
// answer cannot know whether the script ran, and running it again would make a conflict of
// a change that was made, or a reuse of a refresh that was the first. The error is the
// client's.
func run(ctx context.Context, client executor, s script, keys []string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	try := func(eval bool) ([]any, error) {
		c := s.call(ctx, eval, keys, args...)
		c.once = true
		return client.exec(ctx, []*call{c})
	}
	answers, err := try(false)
	// It did not run. But an error bears no nonce and may be the answer to another call; so
	// may MOVED, by which a cluster client sends a script elsewhere. Each script that must
	// not run twice knows what it has done by this call, and answers as it did then.
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = try(true)
	}
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// batch sends the calls that build returns in one round trip and returns their answers.
// They must bear being sent twice. The error is the client's.
func batch(ctx context.Context, client executor, build func(eval bool) []*call) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answers, err := client.exec(ctx, build(false))
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = client.exec(ctx, build(true))
	}
	return answers, err
}
