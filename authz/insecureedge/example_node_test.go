package insecureedge_test

import (
	"context"
	"crypto/ed25519"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/session/redisstore"
)

// A node of a shop floor goes on reading notes for a minute when the line to the store is cut.
func ExampleNewNode() {
	var (
		store     *redisstore.Store
		public    ed25519.PublicKey // of the publisher and of whoever publishes the policy
		withCerts *http.Client      // by which node and publisher know each other
		cfg       authz.Config
	)
	node, err := insecureedge.NewNode(insecureedge.NodeConfig{
		Feed: redisstore.NewFeed(store), Keys: []ed25519.PublicKey{public}, Routes: []string{"GET /notes/:id"},
	})
	if err != nil {
		panic(err)
	}
	fetcher, err := insecureedge.NewFetcher(insecureedge.FetcherConfig{Node: node, URL: "https://publisher.internal:8443/edge", Client: withCerts})
	if err != nil {
		panic(err)
	}
	if err := fetcher.Start(context.Background()); err != nil {
		panic(err)
	}
	defer fetcher.Close()

	cfg.InsecureEdge = node
	e := echo.New()
	e.Use(authz.Middleware(cfg))
	if err := authz.Verify(e, cfg.Policy, authz.InsecureEdgeRoutes("GET /notes/:id")); err != nil {
		panic(err)
	}
}
