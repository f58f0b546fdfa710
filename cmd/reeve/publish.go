package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/authz/policy/release"
)

type publishCommand struct {
	policyFlags
	Dir    string `arg:"" optional:"" help:"The folder of the policy; with --tenant the file of its rows. Default: policies, or the current folder."`
	DryRun bool   `help:"Check, and print what would change, and publish nothing."`

	Tenant   string `help:"Publish this tenant's own rows alone, with a key of the tenant." placeholder:"TENANT"`
	Policies string `help:"With --tenant the folder of the policy beside which the rows have to load. Default: the policy in force." placeholder:"DIR"`
}

func (*publishCommand) Help() string {
	return `Examples:

  reeve publish policies --name billing --dry-run
  reeve publish policies --name billing --env production.env
  reeve publish acme.csv --tenant acme --name billing

It looks at the policy with lint and runs its tables first: a policy with an error of lint, or of which a case fails, is not published. Then it prints the requests that are decided differently from now on, as reeve diff does.

With --tenant it publishes one tenant's own rows and nothing else: they have to load beside the policy, under its ceiling.csv, and PUBLISH_KEY is the private half of a key that this file names for the tenant. They replace the rows before: reeve history --tenant prints those, and reeve rollback --tenant publishes one of them again.

Needs REDIS_URL and PUBLISH_KEY, an Ed25519 key in PEM. PUBLISH_KEYS are the public halves of further keys that are trusted; with --tenant of all that may publish the policy. ` + redisHelp + `

Exit codes: 0 published or in force already, 1 lint found an error or the policy names no such key, 2 usage, 3 the policy cannot be loaded or Redis does not answer, 4 a case fails.`
}

func (c *publishCommand) Run(a *app) error {
	if c.Tenant != "" {
		return c.runTenant(a)
	}
	if c.Policies != "" {
		return usage("--policies needs --tenant")
	}
	dir, err := folderOf(c.Dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	checked, err := release.Check(ctx, os.DirFS(dir))
	if err != nil {
		return &exitError{codeLoad, inFolder(dir, err)}
	}
	if len(checked.Errors()) == 0 && len(checked.Failed()) > 0 && len(checked.Bundle.TenantKeys()) > 0 {
		// Cases may be about tenants that are closed without what they have published.
		if checked, err = c.checkTenants(ctx, a, dir, checked.Bundle); err != nil {
			return err
		}
	}
	if err := a.refusal(dir, checked); err != nil {
		return err
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
	id := checked.Bundle.Revision()
	done, err := a.before(ctx, p, id, checked.Bundle)
	if err != nil || done {
		return err
	}
	if c.DryRun {
		a.printf("%s would be published as %s\n", short(id), p.name)
		return nil
	}
	publication, err := publisher.PublishBundle(ctx, checked.Bundle)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	a.printf("published %s as %s, sequence %d\n", short(publication.ID), p.name, publication.Sequence)
	return nil
}

// checkTenants checks the policy beside the rows that tenants have published.
func (c *publishCommand) checkTenants(ctx context.Context, a *app, dir string, b *policy.Bundle) (*release.Checked, error) {
	p, _, err := c.open(a)
	if err != nil {
		return nil, err
	}
	defer p.client.Close()
	s, _, err := p.beside(ctx, a, b)
	if err != nil {
		return nil, err
	}
	if _, err := s.impact(a); err != nil {
		return nil, err
	}
	checked, err := release.CheckTenants(ctx, os.DirFS(dir), s.rows)
	if err != nil {
		return nil, &exitError{codeLoad, inFolder(dir, err)}
	}
	return checked, nil
}

// refusal prints why a policy is not published.
func (a *app) refusal(dir string, checked *release.Checked) error {
	refused := checked.Refusal()
	if refused == nil {
		if len(checked.Results) == 0 {
			fmt.Fprintln(a.diagnostics, "reeve: no table of requests was run: "+inDir(dir, policy.TestFile)+" is not there")
		}
		return nil
	}
	code := codeTests
	found, failed := checked.Errors(), checked.Failed()
	for i, f := range found {
		f.File = inDir(dir, f.File)
		if i < maxShown { // the refusal says how many there are
			fmt.Fprintf(a.diagnostics, "%s: %s %s %s\n", f.Position(), f.Severity, f.Rule.ID, printableLine(f.Message))
		}
		if f.Code != "" {
			code = codeLoad
		} else if code != codeLoad {
			code = codeFindings
		}
	}
	for _, r := range failed[:min(len(failed), maxShown)] {
		fmt.Fprintf(a.diagnostics, "%s:%d: %s: %v\n", inDir(dir, r.Case.File), r.Case.Line, describe(r.Case), r.Failure())
	}
	return &exitError{code, errors.New("not published: " + strings.TrimPrefix(refused.Error(), "release: refused: "))}
}

// before prints what is decided differently once next, of a revision, is published. It reports
// whether that is in force already.
func (a *app) before(ctx context.Context, p published, id string, next *policy.Bundle) (inForce bool, err error) {
	now, err := p.state(ctx)
	switch {
	case err != nil:
		return false, err
	case now.bad != nil:
		fmt.Fprintf(a.diagnostics, "reeve: %v\n", now.bad)
	case now.head.ID == id:
		a.printf("%s is in force as %s since %s\n", short(id), p.name, stamp(now.head.PublishedAt))
		return true, nil
	}
	if len(now.history) == 0 {
		a.printf("nothing was published as %s before\n", p.name)
		return false, nil
	}
	return false, a.changes(ctx, p, now.history[0], next)
}

// changes prints what is decided differently once next is in force in place of what is. Rows that
// tenants have published of their own stay, as far as the keys of each policy say.
func (a *app) changes(ctx context.Context, p published, head redispolicy.Publication, next *policy.Bundle) error {
	bundle, err := p.bundle(ctx, head)
	var before, after *impact.Policy
	if err == nil {
		before, _, err = p.withTenants(ctx, a, bundle)
	}
	if err != nil {
		fmt.Fprintf(a.diagnostics, "reeve: what changes cannot be told: %v\n", err)
		return nil
	}
	if after, _, err = p.withTenants(ctx, a, next); err != nil {
		return &exitError{codeLoad, err}
	}
	report, err := impact.Diff(before, after)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	return a.report(report, "pretty")
}

// short is a revision as people say it.
func short(id string) string { return id[:min(len(id), 12)] }

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
