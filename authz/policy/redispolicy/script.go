package redispolicy

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The scripts are files, which state their keys, arguments and results. Both bear being run
// twice, so a client may repeat them.
var (
	//go:embed lua/publish.lua
	publishSource string
	//go:embed lua/fetch.lua
	fetchSource string
	//go:embed lua/publish_tenant.lua
	publishTenantSource string
	//go:embed lua/fetch_tenants.lua
	fetchTenantsSource string
	//go:embed lua/access.lua
	accessSource string

	publishScript = redis.NewScript(publishSource)
	fetchScript   = redis.NewScript(fetchSource)
	accessScript  = redis.NewScript(accessSource)

	publishTenantScript = redis.NewScript(publishTenantSource)
	fetchTenantsScript  = redis.NewScript(fetchTenantsSource)
)

// answer holds the state of a policy in Redis.
type answer struct {
	head   string // "" when nothing is published
	size   int64
	bundle string // "" when the head is known, or the bundle too large or gone
}

func (k keys) fetch(ctx context.Context, client redis.UniversalClient, known string, maxSize int) (answer, error) {
	list, err := fetchScript.Run(ctx, client, []string{k.head, k.bundles}, known, maxSize).Slice()
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var a answer
	ok := true
	for i, v := range list {
		var is bool
		switch i {
		case 0:
			a.head, is = v.(string)
		case 1:
			a.size, is = v.(int64)
		case 2:
			a.bundle, is = v.(string)
		}
		ok = ok && is
	}
	if !ok {
		return answer{}, fmt.Errorf("%w: an answer of another form", ErrUnavailable)
	}
	return a, nil
}
