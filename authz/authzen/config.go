package authzen

import (
	"context"
	"net/url"
	"strings"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// Config configures a [Handler].
type Config struct {
	// Policy decides. Required.
	Policy authz.Decider

	// Subjects finds a subject in the tenant of whoever asks: its id, roles and attributes as the
	// service knows them. An error that wraps middleware.ErrNotFound, and a Subject without an id,
	// mean that there is no such subject: the decision is no. Any other error is an outage.
	// Required.
	Subjects func(ctx context.Context, t tenant.ID, s Subject) (policy.Subject, error)

	// Resources finds a resource, with the tenant that is stored with it. Errors mean what they
	// mean for Subjects. [Resource.Object] makes one of what the request says, for askers that
	// are believed. Required.
	Resources func(ctx context.Context, t tenant.ID, r Resource) (policy.Object, error)

	// Context makes attributes of the environment of the member context of a request, for
	// askers that are believed: see [Properties.Env]. Nil is none, so that a condition about an
	// attribute of the environment but the time is unknown.
	Context func(context Properties) policy.AttributeSource

	// SearchSubjects lists all subjects of a type in a tenant, and SearchResources all resources,
	// through which a search looks one by one. Nil is no such search, and 404.
	SearchSubjects  func(ctx context.Context, t tenant.ID, typ string) ([]policy.Subject, error)
	SearchResources func(ctx context.Context, t tenant.ID, typ string) ([]policy.Object, error)

	// Identifier is the https URL under which the handler is reached, for the metadata. Empty
	// means that there is no metadata.
	Identifier string

	// MaxBody bounds a request's body in bytes. Default 256 KiB.
	MaxBody int64

	// MaxEvaluations bounds the evaluations of one request. Default 100.
	MaxEvaluations int

	// MaxCandidates bounds what a search looks through: beyond, it is refused with 500 rather
	// than answered in part. Default 10,000.
	MaxCandidates int

	// Observer is told of every evaluation, and not of what a search looks through. It must not
	// block. Nil is nobody.
	Observer func(ctx context.Context, e Event)
}

// Event is one decision.
type Event struct {
	Asker    *authz.Caller
	Tenant   tenant.ID // the asker's
	Subject  Subject
	Action   policy.Action
	Resource Resource
	Decision policy.Decision
	Err      error // why nothing could be decided
}

func (c *Config) validate() error {
	var p configerr.Problems
	p.Require("Policy", c.Policy, "")
	p.Require("Subjects", c.Subjects, "")
	p.Require("Resources", c.Resources, "")
	if c.Identifier != "" {
		u, err := url.Parse(c.Identifier)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Opaque != "" || strings.ContainsAny(c.Identifier, "?#") || strings.HasSuffix(c.Identifier, "/") {
			p.Add("Identifier", "is no https URL without query, fragment and a slash at the end")
		}
	}
	for _, f := range []struct {
		name  string
		n     int64
		most  int64
		value func(int64)
		none  int64
	}{
		{"MaxBody", c.MaxBody, 16 << 20, func(n int64) { c.MaxBody = n }, 256 << 10},
		{"MaxEvaluations", int64(c.MaxEvaluations), 10_000, func(n int64) { c.MaxEvaluations = int(n) }, 100},
		{"MaxCandidates", int64(c.MaxCandidates), 1_000_000, func(n int64) { c.MaxCandidates = int(n) }, 10_000},
	} {
		switch {
		case f.n == 0:
			f.value(f.none)
		case f.n < 0 || f.n > f.most:
			p.Add(f.name, "%d is not between 1 and %d", f.n, f.most)
		}
	}
	return p.Err("authzen", nil)
}
