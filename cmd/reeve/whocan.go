package main

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
)

type whoCanCommand struct {
	Action   string `arg:"" help:"A method for routes, a word for types, * for every one."`
	Object   string `arg:"" help:"A route, a type, type:id, or how they begin and *."`
	Tenant   string `help:"In one tenant. Default: in all." placeholder:"ID"`
	Policies string `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`
	Format   string `help:"pretty, md or json." enum:"pretty,md,json" default:"pretty"`

	sourceFlags
}

func (*whoCanCommand) Help() string {
	return `Examples:

  reeve who-can update invoice --tenant acme
  reeve who-can DELETE '/invoices/*' --format json

A role is whoever has it, by the session or by a g row.

` + sourceHelp + `

Exit codes: 0 somebody can, 1 nobody can, 2 usage, 3 the policy cannot be loaded.`
}

func (c *whoCanCommand) Run(a *app) error {
	p, _, err := c.impact(a, c.Policies)
	if err != nil {
		return err
	}
	action := c.Action
	if action == "*" {
		action = ""
	}
	q := impact.Question{Tenant: c.Tenant, Action: action, Object: c.Object}
	cells, err := p.WhoCan(q)
	if err == nil {
		a.unknown(p.Unknown(q))
	}
	return a.answer(cells, err, c.Format, "nobody")
}

// unknown tells of names that no row has: an answer about them is empty, whatever was meant.
func (a *app) unknown(list []impact.Unknown) {
	for _, u := range list {
		a.notes([]string{u.String()})
	}
}

func (a *app) answer(cells []impact.Cell, err error, format, none string) error {
	if err != nil {
		return usage("%w", err)
	}
	if err := a.cells(cells, format, false); err != nil {
		return err
	}
	if len(cells) > 0 {
		return nil
	}
	if format != "json" {
		a.printf("%s\n", none)
	}
	return ends(codeFindings)
}

type whatCanCommand struct {
	Subject  string   `arg:"" help:"user:<id> or anonymous."`
	Role     []string `help:"A role of the session. May be given more than once." placeholder:"NAME" sep:","`
	Tenant   string   `help:"In one tenant. Default: in all." placeholder:"ID"`
	Policies string   `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`
	Format   string   `help:"pretty, md or json." enum:"pretty,md,json" default:"pretty"`

	sourceFlags
}

func (*whatCanCommand) Help() string {
	return `Examples:

  reeve what-can user:alice --role editor --tenant acme
  reeve what-can anonymous
  reeve what-can user:alice --tenant acme --published --name billing

` + sourceHelp + `

Exit codes: 0 something, 1 nothing, 2 usage, 3 the policy cannot be loaded.`
}

func (c *whatCanCommand) Run(a *app) error {
	s := policy.Subject{}
	id, user := strings.CutPrefix(c.Subject, "user:")
	switch {
	case user && id != "":
		s.ID = id
	case c.Subject != "anonymous":
		return usage("%q: write user:<id> or anonymous", c.Subject)
	case len(c.Role) > 0:
		return usage("anonymous callers have no session, and so no roles")
	}
	for i, r := range c.Role {
		c.Role[i] = strings.TrimPrefix(r, "role:")
	}
	s.Roles = policy.RoleNames(c.Role)
	p, _, err := c.impact(a, c.Policies)
	if err != nil {
		return err
	}
	q := impact.Question{Tenant: c.Tenant}
	cells, err := p.WhatCan(s, q)
	if err == nil {
		a.unknown(p.Unknown(q))
		for _, role := range c.Role {
			if u, unknown := p.UnknownRole(role); unknown {
				a.unknown([]impact.Unknown{u})
			}
		}
	}
	return a.answer(cells, err, c.Format, "nothing")
}
