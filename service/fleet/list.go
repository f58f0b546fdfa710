package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisclient"
)

// List returns the instances of a service that are there now, the oldest first. It changes
// nothing. Entries that no [Member] can have written are left out.
func List(ctx context.Context, client redis.UniversalClient, name string) ([]Instance, error) {
	if err := redisclient.Check(client); err != nil {
		return nil, fmt.Errorf("%w: client: %w", ErrInvalid, err)
	}
	if !redisclient.IsName(name) {
		return nil, fmt.Errorf("%w: name: it is not 1 to 64 of [a-z0-9_-]", ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	k := newKeys(name)
	rows, err := listScript.Run(ctx, client, []string{k.ends, k.records}, MaxInstances, maxRecord).Slice()
	if err != nil {
		return nil, unanswered(err, access(client, k, listSource))
	}
	var list []Instance
	for _, row := range rows {
		fields, ok := row.([]any)
		if !ok || len(fields) != 4 {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, errForm)
		}
		id, _ := fields[0].(string)
		end, _ := fields[1].(string)
		text, _ := fields[2].(string)
		rest, _ := fields[3].(string)
		at, err1 := strconv.ParseInt(end, 10, 64)
		left, err2 := strconv.ParseInt(rest, 10, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		if i, ok := parseInstance(id, text, at, left); ok {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b Instance) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Deciding returns how many instances decide by each revision of the policy, and since when the
// first of them does. Instances that say no revision are counted under "".
func Deciding(list []Instance) map[string]Decision {
	all := map[string]Decision{}
	for _, i := range list {
		d := all[i.Revision]
		d.Instances++
		if !i.RevisionSince.IsZero() && (d.Since.IsZero() || i.RevisionSince.Before(d.Since)) {
			d.Since = i.RevisionSince
		}
		all[i.Revision] = d
	}
	return all
}

// Decision has the answers of instances about one revision.
type Decision struct {
	Instances int
	Since     time.Time // zero when no instance says
}
