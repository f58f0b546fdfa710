package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/service/fleet"
)

type historyCommand struct {
	policyFlags
	Service string `help:"The service whose instances are counted. Default: SERVICE_NAME, or the name of the policy." placeholder:"NAME"`
	Tenant  string `help:"What this tenant has published of its own rows." placeholder:"TENANT"`
	Format  string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*historyCommand) Help() string {
	return `Examples:

  reeve history --name billing
  reeve history --name billing --format json
  reeve history --tenant acme --name billing

It prints what was published, newest first: since when each revision is in force, until when it was, and how many instances decide by it now. With --tenant it prints the rows that the tenant has published, and up to five versions before them, by the keys that the policy in force names for the tenant; without PUBLISH_KEYS by PUBLISH_KEY, a key of the tenant.

Needs REDIS_URL and PUBLISH_KEYS, the public keys that may publish. Instances are those of reeve instances. ` + redisHelp + `

Exit codes: 0 fine, 1 nothing is published, 2 usage, 3 Redis does not answer or holds what no trusted key signed.`
}

// publication is a line of the history.
type publication struct {
	Sequence  uint64     `json:"sequence"`
	Revision  string     `json:"revision"`
	Size      int        `json:"size"`
	Since     time.Time  `json:"since"`
	Until     *time.Time `json:"until,omitempty"` // nil while it is in force
	InForce   bool       `json:"in_force"`
	Instances int        `json:"instances"`

	// FirstInstance is when the first instance that still runs began to decide by it.
	FirstInstance *time.Time `json:"first_instance,omitempty"`
}

func (c *historyCommand) Run(a *app) error {
	if c.Tenant != "" {
		return c.runTenant(a)
	}
	p, e, err := c.open(a)
	if err != nil {
		return err
	}
	defer p.client.Close()
	ctx := context.Background()
	now, err := p.state(ctx)
	if err != nil {
		return err
	}
	service, err := serviceName(c.Service, p.name, e)
	if err != nil {
		return err
	}
	running, err := fleet.List(ctx, p.client, service)
	if err != nil {
		fmt.Fprintf(a.diagnostics, "reeve: instances cannot be counted: %v\n", err)
	}
	deciding := fleet.Deciding(running)
	if err := p.countTenants(ctx, a, now, deciding); err != nil {
		return err
	}
	lines := []publication{}
	known := map[string]bool{}
	for i, r := range now.history {
		line := publication{Sequence: r.Sequence, Revision: r.ID, Size: r.Size, Since: r.PublishedAt.UTC(), InForce: r.Sequence == now.head.Sequence}
		if i > 0 {
			until := now.history[i-1].PublishedAt.UTC()
			line.Until = &until
		}
		if !known[r.ID] { // of a revision that was published twice the newest counts
			d := deciding[r.ID]
			line.Instances = d.Instances
			if !d.Since.IsZero() {
				line.FirstInstance = &d.Since
			}
		}
		known[r.ID] = true
		lines = append(lines, line)
	}
	others := 0
	for revision, d := range deciding {
		if !known[revision] {
			others += d.Instances
		}
	}
	if err := c.print(a, lines, others); err != nil {
		return err
	}
	switch {
	case now.bad != nil:
		return &exitError{codeLoad, now.bad}
	case len(lines) == 0:
		return ends(codeFindings)
	}
	return nil
}

// countTenants counts instances that decide by what is in force and the rows of tenants beside it for that:
// their revision is of both.
func (p published) countTenants(ctx context.Context, a *app, now state, deciding map[string]fleet.Decision) error {
	others := 0
	for revision := range deciding {
		if revision != "" && !slices.ContainsFunc(now.history, func(r redispolicy.Publication) bool { return r.ID == revision }) {
			others++
		}
	}
	if others == 0 || now.head.ID == "" {
		return nil
	}
	b, err := p.bundle(ctx, now.head)
	if err != nil || len(b.TenantKeys()) == 0 {
		return nil // the history is printed all the same
	}
	with, _, err := p.tenantRows(ctx, a, b)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	more, there := deciding[with.Revision()]
	if !there || with.Revision() == now.head.ID {
		return nil
	}
	d := deciding[now.head.ID]
	if d.Instances += more.Instances; d.Since.IsZero() || !more.Since.IsZero() && more.Since.Before(d.Since) {
		d.Since = more.Since
	}
	deciding[now.head.ID] = d
	delete(deciding, with.Revision())
	return nil
}

func (c *historyCommand) print(a *app, lines []publication, others int) error {
	if c.Format == "json" {
		return a.json(struct {
			Publications []publication `json:"publications"`
			Others       int           `json:"instances_of_other_revisions"`
		}{lines, others})
	}
	if len(lines) == 0 {
		a.printf("nothing is published\n")
	} else {
		rows := [][]string{}
		for _, l := range lines {
			until := "-"
			switch {
			case l.InForce:
				until = a.paint(green, "in force")
			case l.Until != nil:
				until = stamp(*l.Until)
			}
			rows = append(rows, []string{fmt.Sprint(l.Sequence), short(l.Revision), stamp(l.Since), until, fmt.Sprint(l.Instances)})
		}
		a.table([]string{"sequence", "revision", "since", "until", "instances"}, rows)
	}
	if others > 0 {
		a.printf("%s by another revision\n", count(others, "instance"))
	}
	return nil
}

// serviceName is the name under which instances are listed.
func serviceName(flag, policyName string, e environment) (string, error) {
	if flag != "" {
		return flag, nil
	}
	name, err := e.value("SERVICE_NAME")
	if err == nil && name == "" {
		name = policyName
	}
	return name, err
}
