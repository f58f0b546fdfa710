package fleet

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
)

// The scripts are files, which state their keys, arguments and results. All bear being run twice,
// so a client may repeat them.
var (
	//go:embed lua/heartbeat.lua
	heartbeatSource string
	//go:embed lua/leave.lua
	leaveSource string
	//go:embed lua/list.lua
	listSource string

	heartbeatScript = redis.NewScript(heartbeatSource)
	leaveScript     = redis.NewScript(leaveSource)
	listScript      = redis.NewScript(listSource)
)

// AccessList returns the command that gives a user of Redis the permissions which this member
// needs, and no others; ACL SETUSER <user> on >password sets a password. Each server that may
// have the keys needs the command.
func (m *Member) AccessList(user string) string {
	return access(m.cfg.Client, m.keys, heartbeatSource, leaveSource).Line(user)
}

// AccessList is that of a [Member] for who only calls [List]. It allows no change.
func AccessList(client redis.UniversalClient, name, user string) string {
	return access(client, newKeys(name), listSource).Line(user)
}

func access(client redis.UniversalClient, k keys, sources ...string) redisaccess.List {
	commands := append(redisaccess.Commands(sources...), "eval", "evalsha")
	switch c := client.(type) {
	case *redis.Client:
		if c != nil && c.Options().DB != 0 {
			commands = append(commands, "select")
		}
	case *redis.ClusterClient:
		commands = append(commands, "cluster|slots")
	}
	slices.Sort(commands)
	return redisaccess.List{Commands: commands, Keys: strings.TrimSuffix(k.ends, "ends") + "*", SampleKeys: []string{k.ends, k.records}}
}

// unanswered is the error for a call that failed.
func unanswered(err error, l redisaccess.List) error {
	if redisaccess.Denied(err) {
		return fmt.Errorf("%w: %w: write %s", ErrMisconfigured, err, l.Line("<user>"))
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

var errForm = errors.New("an answer of another form")

// heartbeat says that an instance is there for one lease more.
func (k keys) heartbeat(ctx context.Context, client redis.UniversalClient, id, record string, lease int64) error {
	answer, err := heartbeatScript.Run(ctx, client, []string{k.ends, k.records}, id, record, lease, MaxInstances, (leases * MaxHeartbeat).Milliseconds()).Text()
	switch {
	case err != nil:
		return unanswered(err, access(client, k, heartbeatSource, leaveSource))
	case answer == "full":
		return fmt.Errorf("%w: %d are there", ErrFull, MaxInstances)
	case answer != "ok":
		return fmt.Errorf("%w: %w", ErrUnavailable, errForm)
	}
	return nil
}

func (k keys) leave(ctx context.Context, client redis.UniversalClient, id string) error {
	if err := leaveScript.Run(ctx, client, []string{k.ends, k.records}, id).Err(); err != nil {
		return unanswered(err, access(client, k, heartbeatSource, leaveSource))
	}
	return nil
}
