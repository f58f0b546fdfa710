package fleet_test

import (
	"context"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/service/fleet"
)

// A service says that it is there for as long as it runs, and prints who else is.
func ExampleMember() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	member, err := fleet.NewMember(fleet.Config{
		Client: client, Name: "billing", Version: "1.4.0",
		State: func() string { return "running" },
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := member.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer member.Close()

	instances, err := fleet.List(ctx, client, "billing")
	if err != nil {
		log.Print(err) // the service goes on without the list
	}
	for _, i := range instances {
		fmt.Println(i.ID, i.Host, i.State, i.SeenAt)
	}
}
