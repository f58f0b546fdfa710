package erasure_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/erasure"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// A tenant leaves: sessions, tables and files go by one call, which is made again after a failure.
func ExampleEraser_Tenant() {
	ctx := context.Background()
	acme, alice := tenant.MustParse("acme"), session.MustParseUserID("alice")
	manager, err := session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey([]byte("0123456789abcdef0123456789abcdef"))})
	if err != nil {
		panic(err)
	}
	if err := manager.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		panic(err)
	}
	if _, _, err := manager.Create(ctx, session.SignIn{Tenant: acme, User: alice}); err != nil {
		panic(err)
	}
	rows := map[tenant.ID][]session.UserID{acme: {alice}} // a table of users
	mounted := false                                      // the disk with the files

	eraser, err := erasure.New(erasure.Config{
		Sessions: manager,
		Users: func(_ context.Context, t tenant.ID) iter.Seq2[session.UserID, error] {
			return func(yield func(session.UserID, error) bool) {
				for _, u := range rows[t] {
					if !yield(u, nil) {
						return
					}
				}
			}
		},
		TenantSteps: []erasure.TenantStep{
			{Name: "files", Erase: func(context.Context, tenant.ID) error {
				if !mounted {
					return errors.New("no such disk")
				}
				return nil
			}},
			{Name: "tables", Erase: func(_ context.Context, t tenant.ID) error { delete(rows, t); return nil }},
		},
		Settle: -1, // nobody else serves the tenant here
	})
	if err != nil {
		panic(err)
	}
	_, err = eraser.Tenant(ctx, acme)
	fmt.Println(err)

	mounted = true
	report, err := eraser.Tenant(ctx, acme)
	for _, step := range report.Steps {
		fmt.Println(step.Name, step.Err)
	}
	status, _ := manager.TenantStatus(ctx, acme)
	fmt.Println(len(rows), status, err)
	// Output:
	// erasure: tenant: files: no such disk
	// close <nil>
	// sessions <nil>
	// files <nil>
	// tables <nil>
	// 0 suspended <nil>
}
