package main

import (
	"context"
	"errors"
	"strings"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
)

type rollbackCommand struct {
	policyFlags
	Revision string `arg:"" help:"A revision of reeve history, or how it begins: 8 characters or more."`
	DryRun   bool   `help:"Print what would change, and publish nothing."`

	Tenant   string `help:"Go back to older rows of this tenant alone, with a key of the tenant." placeholder:"TENANT"`
	Policies string `help:"With --tenant the folder of the policy beside which the rows have to load. Default: the policy in force." placeholder:"DIR"`
}

func (*rollbackCommand) Help() string {
	return `Examples:

  reeve rollback 3f2a91c07be4 --name billing --dry-run
  reeve rollback 3f2a91c07be4 --name billing
  reeve rollback 9c1b4e5d2a70 --tenant acme --name billing

It publishes an older policy again, under a new sequence, and prints what changes. Neither lint nor tables hold it up: it was in force before. With --tenant it publishes older rows of the tenant again, which have to load beside the policy of today.

Needs REDIS_URL and PUBLISH_KEY, as reeve publish does. ` + redisHelp + `

Exit codes: 0 published or in force already, 1 the history holds no such revision, 2 usage, 3 it cannot be loaded or Redis does not answer.`
}

func (c *rollbackCommand) Run(a *app) error {
	if len(c.Revision) < 8 {
		return usage("%q: 8 characters of a revision are needed", c.Revision)
	}
	if c.Tenant != "" {
		return c.runTenant(a)
	}
	if c.Policies != "" {
		return usage("--policies needs --tenant")
	}
	p, e, err := c.open(a)
	if err != nil {
		return err
	}
	defer p.client.Close()
	publisher, err := p.publisher(e)
	if err != nil {
		return err
	}
	ctx := context.Background()
	now, err := p.state(ctx)
	if err != nil {
		return err
	}
	var found redispolicy.Publication
	for _, r := range now.history {
		if !strings.HasPrefix(r.ID, c.Revision) {
			continue
		}
		if found.ID != "" && found.ID != r.ID {
			return usage("%s: %s and %s begin so", c.Revision, found.ID, r.ID)
		}
		if found.ID == "" {
			found = r
		}
	}
	if found.ID == "" {
		return &exitError{codeFindings, errors.New("the history holds no revision that begins with " + printableLine(c.Revision) + ": reeve history lists it")}
	}
	next, err := p.bundle(ctx, found)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	inForce, err := a.before(ctx, p, found.ID, next)
	if err != nil || inForce {
		return err
	}
	if c.DryRun {
		a.printf("%s would be published again as %s\n", short(found.ID), p.name)
		return nil
	}
	done, err := publisher.Rollback(ctx, found.ID)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	a.printf("published %s again as %s, sequence %d\n", short(done.ID), p.name, done.Sequence)
	return nil
}
