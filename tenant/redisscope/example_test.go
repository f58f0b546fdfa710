package redisscope_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/redisscope"
)

// A key of another tenant is refused before anything is sent.
func Example() {
	rdb := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer rdb.Close()
	cache, err := redisscope.New(redisscope.Config{
		Client:   rdb,
		SealKeys: sealKeys,                         // session.SecretKey in a service
		Statuses: statuses{acme: tenant.Suspended}, // a session.Manager in a service
	})
	if err != nil {
		panic(err)
	}
	ctx, err := tenant.BindUnchecked(context.Background(), acme) // requests are bound by the middleware
	if err != nil {
		panic(err)
	}
	fmt.Println(cache.Key(ctx, "basket:7"))
	fmt.Println(errors.Is(cache.Get(ctx, "t:{globex}:basket:7").Err(), redisscope.ErrRefused))
	fmt.Println(errors.Is(cache.Keys(ctx, "*").Err(), redisscope.ErrRefused))
	fmt.Println(errors.Is(cache.Get(context.Background(), "t:{acme}:basket:7").Err(), tenant.ErrNoScope))
	// Output:
	// t:{acme}:basket:7 <nil>
	// true
	// true
	// true
}
