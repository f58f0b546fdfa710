package authzen_test

import (
	"context"
	"net/http"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authzen"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// A gateway asks what its users may do. The service says which roles they have and what is known of
// the object; the gateway is believed neither.
func ExampleNewHandler() {
	var (
		cfg      authz.Config
		rolesOf  func(ctx context.Context, t tenant.ID, user string) (policy.RoleNames, error)
		objectOf func(ctx context.Context, t tenant.ID, typ, id string) (policy.Object, error)
	)
	handler, err := authzen.NewHandler(authzen.Config{
		Policy: cfg.Policy,
		Subjects: func(ctx context.Context, t tenant.ID, s authzen.Subject) (policy.Subject, error) {
			roles, err := rolesOf(ctx, t, s.ID)
			return policy.Subject{ID: s.ID, Roles: roles}, err
		},
		Resources: func(ctx context.Context, t tenant.ID, r authzen.Resource) (policy.Object, error) {
			return objectOf(ctx, t, r.Type, r.ID)
		},
	})
	if err != nil {
		panic(err)
	}
	mux, err := httpauthz.NewMux(cfg)
	if err != nil {
		panic(err)
	}
	handler.Register(mux)
	listener := http.Server{
		Addr: "127.0.0.1:9092", Handler: mux,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute,
	}
	panic(listener.ListenAndServe())
}
