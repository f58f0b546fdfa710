package forwardauth_test

import (
	"net/http"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/forwardauth"
)

// nginx asks the server about each request to programs that know nothing of sessions.
func ExampleNew() {
	var cfg authz.Config // as for a service in Go
	server, err := forwardauth.New(forwardauth.Config{
		Authz:  cfg,
		Routes: []string{"GET /notes/:id", "POST /notes"},
		Proxy:  forwardauth.Nginx,
	})
	if err != nil {
		panic(err)
	}
	if err := server.Verify(); err != nil { // each route has a rule, and each rule a route
		panic(err)
	}
	listener := http.Server{
		Addr: "127.0.0.1:9091", Handler: server,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute,
	}
	panic(listener.ListenAndServe())
}
