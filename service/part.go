package service

import (
	"context"
	"time"
)

// Defaults of a [Part].
const (
	defaultOpenTimeout  = 30 * time.Second
	defaultCloseTimeout = 10 * time.Second
)

// Part is something of a service that is opened and closed: a client, a database, a follower of
// policies, a server. Only Name is required.
type Part struct {
	// Name is unique in the group. Log lines and errors begin with it. Required.
	Name string

	// Needs are the names of the parts that must be open before this one, and are closed after it.
	Needs []string

	// Open opens the part. ctx ends with OpenTimeout, or earlier when the group is to stop. Work
	// that lives longer must not depend on ctx. An error stops the group; nothing of the part may
	// then be left open. One that does not heed its ctx is left behind, and closed if it opens the
	// part later.
	Open func(ctx context.Context) error

	// Run runs from the opening until the part is closed, when its ctx ends. One that returns
	// before that, with an error or without, has failed, and stops the group.
	Run func(ctx context.Context) error

	// Close ends the part: it is called once after an Open without an error, before the ctx of Run
	// ends. ctx ends with CloseTimeout.
	Close func(ctx context.Context) error

	// OpenTimeout is how long Open may take. Default 30 s; below zero there is no
	// limit, for a part that waits for a server to come back.
	OpenTimeout time.Duration

	// CloseTimeout is how long Close and the end of Run may take together. A part that takes longer
	// is left behind, with a log line and an error, and the next part is closed. Default
	// 10 s.
	CloseTimeout time.Duration
}
