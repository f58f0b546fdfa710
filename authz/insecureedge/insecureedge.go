// Package insecureedge lets a node that lost its session store decide for a minute at most, where
// Reeve otherwise answers 503. A service that imports it trades the first promise of the house,
// that a session which was ended is refused on the next request, for answers in an outage:
//
//	A session that is ended after the last list of revocations was issued is allowed until that
//	list expires, [MaxListLifetime] at most, on the routes that are listed.
//
// For most uses 503 is the right answer in an outage, and this package is not imported.
//
// Two things are signed, by keys that the nodes do not have, and reach a node in any way, while it
// is connected and after: a [Publisher] beside the store signs a list of revocations every few
// seconds, and the publisher of the policy signs a bundle of it.
//
//	node, err := insecureedge.NewNode(insecureedge.NodeConfig{
//		Feed: redisstore.NewFeed(store), Keys: []ed25519.PublicKey{public}, Routes: []string{"GET /notes/:id"},
//	})
//	e.Use(authz.Middleware(authz.Config{…, InsecureEdge: node}))
//	err = authz.Verify(e, engine, authz.InsecureEdgeRoutes("GET /notes/:id"))
//	…
//	err = node.AcceptPolicy(signed)
//	err = node.AcceptRevocations(signed) // each time that there is a new one
//
// By HTTP a [Handler] serves both beside the publisher, and a [Fetcher] beside the node polls it:
//
//	handler, err := insecureedge.NewHandler(insecureedge.HandlerConfig{Publisher: publisher, Policy: newest})
//	fetcher, err := insecureedge.NewFetcher(insecureedge.FetcherConfig{Node: node, URL: "https://publisher.internal/edge", Client: client})
//	err = fetcher.Start(ctx)
//
// A session is decided on in an outage only when this node has loaded it before, after the time
// from which the list is complete; when no revocation, change or sign-out that the list or this
// node knows of came later; when it is neither bound to a key, nor stepped up, nor an
// impersonation, nor a provider's; and when the request is a GET of a listed route that both the
// node's policy and the signed one allow. Everything else is 503, as ever, and everything is once
// the list or the bundle has expired, a minute after the store was last heard of, or when the
// node's clock was moved.
package insecureedge

import (
	"errors"
	"time"
)

// MaxListLifetime is how long a list of revocations is good, and how long a node decides without
// its store.
const MaxListLifetime = time.Minute

// MaxPolicyLifetime is how long a policy bundle is good.
const MaxPolicyLifetime = 24 * time.Hour

// clockSkew is how far the clocks of node, publisher and store may be apart.
const clockSkew = 5 * time.Second

// Errors of [Node.AcceptPolicy], [Node.AcceptRevocations] and [Publisher.Revocations].
var (
	// ErrInvalid means that a text is not one that a key of the configuration has signed.
	ErrInvalid = errors.New("insecureedge: not signed by a key of ours")

	// ErrExpired means that it is signed and no longer good, or not yet.
	ErrExpired = errors.New("insecureedge: expired, or from the future")

	// ErrOlder means that a newer one was accepted before.
	ErrOlder = errors.New("insecureedge: older than the one before")

	// ErrNotHeard means that a publisher does not hear the changes of the store, and signs
	// nothing.
	ErrNotHeard = errors.New("insecureedge: changes of the store are not heard")
)
