package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

type sessionsCommand struct {
	List   sessionsListCommand   `cmd:"" help:"Print the sessions of a user."`
	Events sessionsEventsCommand `cmd:"" help:"Print what happened to the sessions of a user."`
	Revoke sessionsRevokeCommand `cmd:"" help:"End sessions: some of a user, all of a user, of a tenant, or of everyone."`
}

const sessionsHelp = `Needs REDIS_URL, NAME_KEY and SEAL_KEY, those of the service, and REDIS_PREFIX where it has one. ` + redisHelp

// ownerArgs are a user in a tenant.
type ownerArgs struct {
	Tenant string `arg:"" help:"The tenant."`
	User   string `arg:"" help:"The user's id."`
}

func (o ownerArgs) parse() (tenant.ID, session.UserID, error) {
	t, err := tenantOf(o.Tenant)
	if err != nil {
		return tenant.ID{}, session.UserID{}, err
	}
	u, err := session.ParseUserID(o.User)
	if err != nil {
		return tenant.ID{}, session.UserID{}, usage("user: %w", err)
	}
	return t, u, nil
}

func tenantOf(text string) (tenant.ID, error) {
	t, err := tenant.Parse(text)
	if err != nil {
		return tenant.ID{}, usage("tenant: %w", err)
	}
	return t, nil
}

type sessionsListCommand struct {
	environmentFlags
	ownerArgs
	Format string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*sessionsListCommand) Help() string {
	return `Examples:

  reeve sessions list acme alice
  reeve sessions list acme alice --format json --env production.env

A session is shown by a digest, which signs nobody in. The list changes nothing and counts as no use.

` + sessionsHelp + `

Exit codes: 0 there are some, 1 there is none, 2 usage, 3 Redis does not answer.`
}

func (c *sessionsListCommand) Run(a *app) error {
	t, u, err := c.parse()
	if err != nil {
		return err
	}
	m, closed, err := c.sessions(a)
	if err != nil {
		return err
	}
	defer closed()
	list, err := m.List(context.Background(), t, u)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	if c.Format == "json" {
		out := []shownSession{}
		for _, s := range list {
			out = append(out, shown(s))
		}
		if err := a.json(out); err != nil {
			return err
		}
	} else if len(list) > 0 {
		rows := [][]string{}
		for _, s := range list {
			x := shown(s)
			rows = append(rows, []string{x.Digest, stamp(x.CreatedAt), stamp(x.LastSeenAt), stamp(x.ExpiresAt), strings.Join(x.Roles, " "), x.Address, printableLine(x.UserAgent), strings.Join(x.Actors, " ")})
		}
		a.table([]string{"session", "created", "last seen", "expires", "roles", "address", "device", "acted by"}, rows)
	} else {
		a.printf("no sessions\n")
	}
	if len(list) == 0 {
		return ends(codeFindings)
	}
	return nil
}

// shownSession is a session without its id.
type shownSession struct {
	Digest     string    `json:"digest"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Roles      []string  `json:"roles"`
	Address    string    `json:"address"`
	UserAgent  string    `json:"user_agent"`
	Actors     []string  `json:"actors"` // who act as the user by it
}

func shown(s session.Session) shownSession {
	x := shownSession{Digest: s.ID.Fingerprint(), CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		Roles: notNil(slices.Collect(s.Roles.All())), Address: s.Address, UserAgent: s.UserAgent, Actors: []string{}}
	for actor := range s.Actors.All() {
		x.Actors = append(x.Actors, actor.User.String())
	}
	return x
}

type sessionsEventsCommand struct {
	environmentFlags
	ownerArgs
	Format string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*sessionsEventsCommand) Help() string {
	return `Examples:

  reeve sessions events acme alice
  reeve sessions events acme alice --format json

Events are kept for a bounded time and number.

` + sessionsHelp + `

Exit codes: 0 there are some, 1 there is none, 2 usage, 3 Redis does not answer.`
}

func (c *sessionsEventsCommand) Run(a *app) error {
	t, u, err := c.parse()
	if err != nil {
		return err
	}
	return c.printEvents(a, t, u, c.Format)
}

// printEvents prints the events of a user, or of a tenant as a whole for the zero user.
func (f environmentFlags) printEvents(a *app, t tenant.ID, u session.UserID, format string) error {
	m, closed, err := f.sessions(a)
	if err != nil {
		return err
	}
	defer closed()
	events, err := m.Events(context.Background(), t, u)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	if format == "json" {
		if events == nil {
			events = []session.Event{}
		}
		if err := a.json(events); err != nil {
			return err
		}
	} else if len(events) > 0 {
		rows := [][]string{}
		for _, e := range events {
			rows = append(rows, []string{stamp(e.At), string(e.Kind), e.Session, e.Next, e.Actor.String(), e.As.String(), printableLine(e.Reason)})
		}
		a.table([]string{"at", "event", "session", "next", "actor", "as", "reason"}, rows)
	} else {
		a.printf("no events\n")
	}
	if len(events) == 0 {
		return ends(codeFindings)
	}
	return nil
}

type sessionsRevokeCommand struct {
	environmentFlags
	Tenant  string   `arg:"" optional:"" help:"The tenant."`
	User    string   `arg:"" optional:"" help:"The user's id."`
	Digest  []string `arg:"" optional:"" help:"Digests of reeve sessions list."`
	All     bool     `help:"All sessions of the user."`
	Users   bool     `name:"every-user" help:"All sessions of the tenant."`
	Tenants bool     `name:"every-tenant" help:"All sessions that there are."`
	operatorFlag
}

// operatorFlag says who changes something.
type operatorFlag struct {
	Operator *string `help:"Who does it: the actor in the events." placeholder:"ID"`
}

// operating returns the context of a change, whose events name the operator. One that is empty,
// as of a variable of a shell, is no operator.
func (o operatorFlag) operating() (context.Context, error) {
	ctx := context.Background()
	if o.Operator == nil {
		return ctx, nil
	}
	operator, err := session.ParseUserID(*o.Operator)
	if err != nil {
		return nil, usage("--operator: %w", err)
	}
	return session.WithActor(ctx, session.Actor{User: operator}), nil
}

func (*sessionsRevokeCommand) Help() string {
	return `Examples:

  reeve sessions revoke acme alice 5f2c09d1a7be
  reeve sessions revoke acme alice --all --operator carol
  reeve sessions revoke acme --every-user
  reeve sessions revoke --every-tenant

What is revoked is refused by every instance at once, and is an event, as where the service does it.

` + sessionsHelp + `

Exit codes: 0 revoked, 1 a digest is of no session, 2 usage, 3 Redis does not answer.`
}

func (c *sessionsRevokeCommand) Run(a *app) error {
	kinds := 0
	for _, is := range []bool{c.Tenants, c.Users, c.All, len(c.Digest) > 0} {
		if is {
			kinds++
		}
	}
	// A variable of a shell that is empty must not end the sessions of more people.
	switch {
	case kinds != 1:
		return usage("give digests of the user's sessions, --all, --every-user or --every-tenant: one of them")
	case c.Tenants && c.Tenant != "":
		return usage("--every-tenant stands without a tenant")
	case !c.Tenants && c.Tenant == "":
		return usage("in which tenant?")
	case c.Users && c.User != "":
		return usage("--every-user stands without a user")
	case c.All && c.User == "":
		return usage("of which user? --every-user ends all sessions of %s", c.Tenant)
	}
	ctx, err := c.operating()
	if err != nil {
		return err
	}
	var t tenant.ID
	var u session.UserID
	switch {
	case c.Tenants:
	case c.Users:
		t, err = tenantOf(c.Tenant)
	default:
		t, u, err = ownerArgs{c.Tenant, c.User}.parse()
	}
	if err != nil {
		return err
	}
	m, closed, err := c.sessions(a)
	if err != nil {
		return err
	}
	defer closed()
	what := ""
	switch {
	case c.Tenants:
		what, err = "every session", m.RevokeAll(ctx)
	case len(c.Digest) > 0:
		return c.some(ctx, a, m, t, u)
	case c.Users:
		what, err = "every session of "+t.String(), m.RevokeTenant(ctx, t)
	default:
		what, err = fmt.Sprintf("every session of %s in %s", u, t), m.RevokeUser(ctx, t, u)
	}
	if err != nil {
		return &exitError{codeLoad, err}
	}
	a.printf("revoked %s\n", what)
	return nil
}

// some ends the sessions of the digests, or none when one of them is unknown.
func (c *sessionsRevokeCommand) some(ctx context.Context, a *app, m *session.Manager, t tenant.ID, u session.UserID) error {
	list, err := m.List(ctx, t, u)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	var found []session.Session
	var missing []error
	for _, digest := range c.Digest {
		i := slices.IndexFunc(list, func(s session.Session) bool { return s.ID.Fingerprint() == digest })
		if i < 0 {
			missing = append(missing, fmt.Errorf("%s is no session of %s in %s: nothing is revoked", printableLine(digest), u, t))
			continue
		}
		found = append(found, list[i])
	}
	if len(missing) > 0 {
		return &exitError{codeFindings, errors.Join(missing...)}
	}
	for _, s := range found {
		if err := m.Revoke(ctx, s.Ref()); err != nil {
			return &exitError{codeLoad, err}
		}
		a.printf("revoked %s of %s in %s\n", s.ID.Fingerprint(), u, t)
	}
	return nil
}
