package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

type tenantsCommand struct {
	Status  tenantsStatusCommand  `cmd:"" help:"Print whether tenants are active."`
	Suspend tenantsSuspendCommand `cmd:"" help:"Refuse a tenant until it is resumed."`
	Resume  tenantsResumeCommand  `cmd:"" help:"Serve a suspended tenant again."`
	Events  tenantsEventsCommand  `cmd:"" help:"Print what happened to a tenant as a whole."`
}

type tenantsStatusCommand struct {
	environmentFlags
	Tenant []string `arg:"" help:"The tenants."`
	Format string   `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*tenantsStatusCommand) Help() string {
	return `Examples:

  reeve tenants status acme globex

A tenant that was never set up, or whose status Redis has lost, is unknown, and no request of it is served.

` + sessionsHelp + `

Exit codes: 0 all are active, 1 one is not, 2 usage, 3 Redis does not answer.`
}

func (c *tenantsStatusCommand) Run(a *app) error {
	var ids []tenant.ID
	for _, text := range c.Tenant {
		t, err := tenantOf(text)
		if err != nil {
			return err
		}
		ids = append(ids, t)
	}
	m, closed, err := c.sessions(a)
	if err != nil {
		return err
	}
	defer closed()
	type line struct {
		Tenant string `json:"tenant"`
		Status string `json:"status"`
	}
	var lines []line
	code := codeFine
	for _, t := range ids {
		status, err := m.TenantStatus(context.Background(), t)
		if err != nil {
			return &exitError{codeLoad, err}
		}
		if status != tenant.Active {
			code = codeFindings
		}
		lines = append(lines, line{t.String(), status.String()})
	}
	if c.Format == "json" {
		if err := a.json(lines); err != nil {
			return err
		}
	} else {
		for _, l := range lines {
			a.printf("%s %s\n", l.Tenant, l.Status)
		}
	}
	return ends(code)
}

type tenantsEventsCommand struct {
	environmentFlags
	Tenant string `arg:"" help:"The tenant."`
	Format string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*tenantsEventsCommand) Help() string {
	return `Examples:

  reeve tenants events acme
  reeve tenants events acme --format json

That is when it was set up, suspended and activated, and when all of its sessions were ended, with the actor where one is known. Events are kept for a bounded time and number, and not beyond the erasure of the tenant.

` + sessionsHelp + `

Exit codes: 0 there are some, 1 there is none, 2 usage, 3 Redis does not answer.`
}

func (c *tenantsEventsCommand) Run(a *app) error {
	t, err := tenantOf(c.Tenant)
	if err != nil {
		return err
	}
	return c.printEvents(a, t, session.UserID{}, c.Format)
}

type tenantsSuspendCommand struct {
	environmentFlags
	operatorFlag
	Tenant  string `arg:"" help:"The tenant."`
	Unknown bool   `help:"Also one that Redis does not know, such as one nobody ever signed in to."`
}

func (*tenantsSuspendCommand) Help() string {
	return `Examples:

  reeve tenants suspend acme --operator carol
  reeve tenants suspend newcomer --unknown

Every instance refuses its requests at once, open streams included, until reeve tenants resume. Its sessions stay: end them with reeve sessions revoke acme --every-user. The change is an event of the tenant: reeve tenants events.

` + sessionsHelp + `

Exit codes: 0 suspended, 1 the tenant is unknown, 2 usage, 3 Redis does not answer.`
}

func (c *tenantsSuspendCommand) Run(a *app) error {
	return c.set(a, c.operatorFlag, c.Tenant, tenant.Suspended, func(t tenant.ID, status tenant.Status) error {
		if status == tenant.Unknown && !c.Unknown {
			return fmt.Errorf("%s is unknown to Redis, so nothing is changed: is it spelled as the service does? --unknown suspends it all the same", t)
		}
		return nil
	})
}

type tenantsResumeCommand struct {
	environmentFlags
	operatorFlag
	Tenant string `arg:"" help:"The tenant."`
}

func (*tenantsResumeCommand) Help() string {
	return `Examples:

  reeve tenants resume acme
  reeve tenants resume acme --operator carol

Only a suspended tenant is resumed: setting up a new one is for the service. The change is an event of the tenant: reeve tenants events.

` + sessionsHelp + `

Exit codes: 0 active, 1 the tenant is unknown, 2 usage, 3 Redis does not answer.`
}

func (c *tenantsResumeCommand) Run(a *app) error {
	return c.set(a, c.operatorFlag, c.Tenant, tenant.Active, func(t tenant.ID, status tenant.Status) error {
		if status == tenant.Unknown {
			return fmt.Errorf("%s is unknown to Redis, so nothing is changed: a tenant is set up by its service", t)
		}
		return nil
	})
}

// set changes the status of a tenant that may have it.
func (f environmentFlags) set(a *app, by operatorFlag, text string, to tenant.Status, refuse func(tenant.ID, tenant.Status) error) error {
	t, err := tenantOf(text)
	if err != nil {
		return err
	}
	ctx, err := by.operating()
	if err != nil {
		return err
	}
	m, closed, err := f.sessions(a)
	if err != nil {
		return err
	}
	defer closed()
	before, err := m.TenantStatus(ctx, t)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	if err := refuse(t, before); err != nil {
		return &exitError{codeFindings, err}
	}
	if before == to {
		a.printf("%s is %s already\n", t, to)
		return nil
	}
	if err := m.SetTenantStatus(ctx, t, to); err != nil {
		return &exitError{codeLoad, errors.Join(err, errors.New("whether it is "+to.String()+" is not known: ask reeve tenants status"))}
	}
	a.printf("%s is %s, it was %s\n", t, to, before)
	return nil
}
