package service_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/reevehq/reeve/service"
)

// Parts are opened after what they need, and closed before it.
func ExampleGroup() {
	part := func(name string, needs ...string) service.Part {
		return service.Part{
			Name: name, Needs: needs,
			Open:  func(context.Context) error { fmt.Println("open", name); return nil },
			Close: func(context.Context) error { fmt.Println("close", name); return nil },
		}
	}
	group, err := service.NewGroup(service.Config{
		Parts:  []service.Part{part("listener", "sessions", "database"), part("sessions"), part("database")},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(group.Start(context.Background()), group.Lifecycle().State())
	fmt.Println(group.Close(), group.Lifecycle().State())
	// Output:
	// open sessions
	// open database
	// open listener
	// <nil> running
	// close listener
	// close database
	// close sessions
	// <nil> stopped
}
