package job_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/job"
)

// A request seals, and a worker opens.
func ExampleSealer() {
	k, err := job.NewKey("2026a", []byte("32 random bytes of the service's"))
	if err != nil {
		panic(err)
	}
	s, err := job.NewSealer(job.Config{Queue: "export", Keys: []job.Key{k}, Statuses: statuses{acme: tenant.Active}})
	if err != nil {
		panic(err)
	}
	request, err := tenant.BindUnchecked(context.Background(), acme) // as the middleware does
	if err != nil {
		panic(err)
	}
	sealed, err := s.Seal(request, job.New{Subject: "alice", Payload: []byte("tasks.csv")})
	if err != nil {
		panic(err)
	}

	ctx, j, err := s.Open(context.Background(), sealed)
	id, _ := tenant.FromContext(ctx)
	fmt.Println(id, j.Subject, string(j.Payload), err)

	_, _, err = s.Open(context.Background(), strings.Replace(sealed, ".", ".x", 2))
	fmt.Println(err, job.DispositionOf(err))
	// Output:
	// acme alice tasks.csv <nil>
	// job: not signed by a key of this queue reject
}
