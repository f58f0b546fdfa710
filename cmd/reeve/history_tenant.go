package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/tenant"
)

// tenantVersion is a line of a tenant's history.
type tenantVersion struct {
	Sequence uint64     `json:"sequence"`
	Rows     string     `json:"rows"` // their digest
	Size     int        `json:"size"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until,omitempty"`
	InForce  bool       `json:"in_force"`
	Lost     string     `json:"lost,omitempty"` // why its rows are not there
}

func (c *historyCommand) runTenant(a *app) error {
	id, err := tenant.Parse(c.Tenant)
	if err != nil {
		return usage("--tenant %q: %w", c.Tenant, err)
	}
	list, inForce, bad, err := c.versions(a, id)
	if err != nil {
		return err
	}
	lines := []tenantVersion{}
	for i, v := range list {
		line := tenantVersion{Sequence: v.Sequence, Rows: v.Hash, Size: v.Size, Since: v.PublishedAt.UTC(), InForce: v.Sequence == inForce}
		if i > 0 {
			until := list[i-1].PublishedAt.UTC()
			line.Until = &until
		}
		if v.Err != nil {
			line.Lost = v.Err.Error()
		}
		lines = append(lines, line)
	}
	if err := c.printVersions(a, id, lines); err != nil {
		return err
	}
	switch {
	case bad != nil:
		return &exitError{codeLoad, bad}
	case len(list) > 0 && inForce != list[0].Sequence:
		return &exitError{codeLoad, fmt.Errorf("what Redis says is in force of %s is not sequence %d of its history: somebody has set it back, or it has lost what was published. Publish again", id, list[0].Sequence)}
	case len(list) == 0:
		return ends(codeFindings)
	}
	return nil
}

// versions returns what a tenant has published, which sequence of it is in force, and what is wrong with it.
func (c *historyCommand) versions(a *app, id tenant.ID) (list []redispolicy.TenantFile, inForce uint64, bad, err error) {
	e, err := c.environmentFlags.open(a)
	if err != nil {
		return nil, 0, nil, err
	}
	ctx := context.Background()
	trusted, err := e.public("PUBLISH_KEYS")
	if err != nil {
		return nil, 0, nil, err
	}
	if len(trusted) == 0 { // the tenant asks
		return c.ownVersions(ctx, e, id)
	}
	p, err := c.openIn(e)
	if err != nil {
		return nil, 0, nil, err
	}
	defer p.client.Close()
	now, err := p.state(ctx)
	switch {
	case err != nil:
		return nil, 0, nil, err
	case now.bad != nil:
		return nil, 0, nil, &exitError{codeLoad, now.bad}
	case now.head.ID == "":
		return nil, 0, nil, &exitError{codeLoad, errors.New("nothing is published as " + p.name)}
	}
	b, err := p.bundle(ctx, now.head)
	if err != nil {
		return nil, 0, nil, &exitError{codeLoad, err}
	}
	if len(b.TenantKeys()[id]) == 0 {
		return nil, 0, nil, &exitError{codeFindings, fmt.Errorf("the policy in force as %s names no key of the tenant %s: it publishes no rows of its own", p.name, id)}
	}
	list, err = p.reader.TenantHistory(ctx, b, id)
	files, failed := p.reader.TenantFiles(ctx, b)
	return known(list, err, files[id], failed)
}

// ownVersions is versions by the tenant's own key.
func (c *historyCommand) ownVersions(ctx context.Context, e environment, id tenant.ID) (list []redispolicy.TenantFile, inForce uint64, bad, err error) {
	name, err := c.name(e)
	if err != nil {
		return nil, 0, nil, err
	}
	key, _, err := e.private("PUBLISH_KEY")
	if err != nil {
		return nil, 0, nil, err
	}
	client, err := e.redis()
	if err != nil {
		return nil, 0, nil, err
	}
	defer client.Close()
	publisher, err := redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: client, Name: name, Tenant: id, Key: key})
	if err != nil {
		return nil, 0, nil, usage("%w", err)
	}
	list, err = publisher.History(ctx)
	now, failed := publisher.Published(ctx)
	if errors.Is(failed, redispolicy.ErrUnknown) || errors.Is(failed, redispolicy.ErrUntrusted) || errors.Is(failed, redispolicy.ErrCorrupt) || errors.Is(failed, redispolicy.ErrTooLarge) {
		failed = nil
	}
	return known(list, err, now, failed)
}

// known tells what is wrong with a history from a Redis that does not answer.
func known(list []redispolicy.TenantFile, err error, now redispolicy.TenantFile, failed error) ([]redispolicy.TenantFile, uint64, error, error) {
	switch {
	case err != nil && !errors.Is(err, redispolicy.ErrUntrusted):
		return nil, 0, nil, &exitError{codeLoad, err}
	case failed != nil:
		return nil, 0, nil, &exitError{codeLoad, failed}
	case err != nil:
		err = errors.New("Redis holds records that no key of the tenant signed: they are left out, and no instance takes them")
	}
	return list, now.Sequence, err, nil
}

func (c *historyCommand) printVersions(a *app, id tenant.ID, lines []tenantVersion) error {
	if c.Format == "json" {
		return a.json(struct {
			Tenant   string          `json:"tenant"`
			Versions []tenantVersion `json:"versions"`
		}{id.String(), lines})
	}
	if len(lines) == 0 {
		a.printf("the tenant %s has published no rows\n", id)
		return nil
	}
	rows := [][]string{}
	for _, l := range lines {
		until := "-"
		switch {
		case l.InForce:
			until = a.paint(green, "in force")
		case l.Lost != "":
			until = a.paint(red, "lost")
		case l.Until != nil:
			until = stamp(*l.Until)
		}
		rows = append(rows, []string{fmt.Sprint(l.Sequence), short(l.Rows), stamp(l.Since), until, fmt.Sprint(l.Size)})
	}
	a.table([]string{"sequence", "rows", "since", "until", "bytes"}, rows)
	return nil
}

// runTenant publishes older rows of one tenant again.
func (c *rollbackCommand) runTenant(a *app) error {
	id, err := tenant.Parse(c.Tenant)
	if err != nil {
		return usage("--tenant %q: %w", c.Tenant, err)
	}
	r := tenantRelease{app: a, id: id, find: func(ctx context.Context, p *redispolicy.TenantPublisher) (string, string, error) {
		list, err := p.History(ctx)
		if err != nil && !errors.Is(err, redispolicy.ErrUntrusted) {
			return "", "", &exitError{codeLoad, err}
		}
		var found redispolicy.TenantFile
		for _, v := range list {
			switch {
			case !strings.HasPrefix(v.Hash, c.Revision):
			case found.Hash == "":
				found = v
			case found.Hash != v.Hash:
				return "", "", usage("%s: %s and %s begin so", c.Revision, found.Hash, v.Hash)
			case found.Err != nil:
				found = v // the same rows
			}
		}
		switch {
		case found.Hash == "":
			return "", "", &exitError{codeFindings, fmt.Errorf("the history of %s holds no rows whose digest begins with %s: reeve history --tenant %s lists it", id, printableLine(c.Revision), id)}
		case found.Err != nil:
			return "", "", &exitError{codeLoad, found.Err}
		}
		return found.Rows, "the rows of " + stamp(found.PublishedAt), nil
	}}
	return r.run(c.policyFlags, c.Policies, c.DryRun)
}
