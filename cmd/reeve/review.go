package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/authz/policy/review"
)

type reviewCommand struct {
	policyFlags
	Tenant    string `help:"Of one tenant. Default: of all." placeholder:"ID"`
	Policies  string `short:"p" help:"The folder of a policy. Default: the policy that is published." placeholder:"DIR"`
	Published bool   `help:"With --policies: take the time from what is published. Without it nothing is asked of Redis."`
	Format    string `help:"signed, pretty, md or csv." enum:"signed,pretty,md,csv" default:"signed"`
	Verify    string `help:"Check the signature of a file, and print what it says." placeholder:"FILE"`
}

func (*reviewCommand) Help() string {
	return `Examples:

  reeve review --name billing > review-2026-q4.json
  reeve review --name billing --tenant acme --format md
  reeve review --policies policies --format pretty
  reeve review --verify review-2026-q4.json

It prints every set of requests that the policy allows, since which publication all of the set is allowed, and the roles that the policy gives to users. Roles that the service gives to sessions are not in a policy. The history of Redis reaches back 20 publications: what was so at the oldest says "or before", and without a history the time is unknown.

A signed review needs REVIEW_KEY, an Ed25519 key in PEM, and --verify needs REVIEW_KEYS, the public halves. A published policy needs REDIS_URL and PUBLISH_KEYS. ` + redisHelp + `

Exit codes: 0 fine, 1 --verify: no trusted key signed the file as it is, 2 usage, 3 it cannot be loaded or Redis does not answer.`
}

func (c *reviewCommand) Run(a *app) error {
	e, err := c.environmentFlags.open(a)
	if err != nil {
		return err
	}
	if c.Verify != "" {
		return c.verify(a, e)
	}
	if c.Published && c.Policies == "" {
		return usage("--published stands with --policies: without a folder it is the published policy anyway")
	}
	in, err := c.input(a, e)
	if err != nil {
		return err
	}
	r, err := review.New(in)
	if err != nil {
		return usage("%w", err)
	}
	if c.Format != "signed" {
		return a.review(r, c.Format)
	}
	key, _, err := e.private("REVIEW_KEY")
	if err != nil {
		return err
	}
	file, err := r.Sign(key)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	_, err = a.out.Write(file)
	return err
}

// input is the policy in a folder, or what is published, with its history.
func (c *reviewCommand) input(a *app, e environment) (review.Input, error) {
	in := review.Input{Tenant: c.Tenant, At: time.Now()}
	var bundle *policy.Bundle // that is reviewed
	if c.Policies != "" {
		dir, err := folderOf(c.Policies)
		if err != nil {
			return in, err
		}
		bundle, _ = policy.ReadBundle(os.DirFS(dir)) // loading says what is wrong
		in.Revision = bundle.Revision()
		if in.Policy, err = impact.New(bundle); err != nil {
			return in, &exitError{codeLoad, inFolder(dir, err)}
		}
		if !c.Published {
			return in, nil
		}
	}
	p, err := c.openIn(e)
	if err != nil {
		return in, err
	}
	defer p.client.Close()
	ctx := context.Background()
	now, err := p.state(ctx)
	switch {
	case err != nil:
		return in, err
	case now.bad != nil:
		return in, &exitError{codeLoad, now.bad}
	case len(now.history) == 0:
		return in, &exitError{codeLoad, errors.New("nothing is published as " + p.name)}
	}
	in.Name = p.name
	for _, r := range now.history {
		old, err := p.policy(ctx, r)
		if err != nil {
			if errors.Is(err, redispolicy.ErrUnavailable) || len(in.History) == 0 {
				return in, &exitError{codeLoad, err}
			}
			fmt.Fprintf(a.diagnostics, "reeve: what was before sequence %d is not known: %v\n", in.History[len(in.History)-1].Sequence, err)
			break
		}
		in.History = append(in.History, review.Published{Policy: old, Revision: r.ID, Sequence: r.Sequence, At: r.PublishedAt})
	}
	if c.Policies == "" {
		in.Policy, in.Revision = in.History[0].Policy, in.History[0].Revision
		if bundle, err = p.bundle(ctx, now.history[0]); err != nil {
			return in, &exitError{codeLoad, err}
		}
	}
	with, last, err := p.withTenants(ctx, a, bundle)
	if err != nil {
		return in, &exitError{codeLoad, err}
	}
	if !last.IsZero() {
		in.Policy, in.Alone, in.Tenants = with, in.Policy, last
	}
	return in, nil
}

func (c *reviewCommand) verify(a *app, e environment) error {
	keys, err := e.public("REVIEW_KEYS")
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return usage("REVIEW_KEYS is not set: the public keys that sign reviews, in PEM: openssl pkey -pubout")
	}
	text, err := readFile(c.Verify)
	if err != nil {
		return err
	}
	r, err := review.Verify([]byte(text), keys)
	switch {
	case errors.Is(err, review.ErrUntrusted):
		return &exitError{codeFindings, fmt.Errorf("%s: no key of REVIEW_KEYS signed it as it is", c.Verify)}
	case err != nil:
		return &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", c.Verify, err)}
	}
	format := c.Format
	if format == "signed" {
		format = "pretty"
	}
	return a.review(r, format)
}

// periodOf says when a role is given.
func periodOf(g review.Grant) string {
	var parts []string
	if !g.Start.IsZero() {
		parts = append(parts, "after "+stamp(g.Start))
	}
	if !g.End.IsZero() {
		parts = append(parts, "before "+stamp(g.End))
	}
	if parts == nil {
		return "always"
	}
	return strings.Join(parts, " and ")
}

// review prints a review for people.
func (a *app) review(r review.Review, format string) error {
	entries := [][]string{{"who", "tenants", "actions", "objects", "when", "since"}}
	for _, e := range r.Entries {
		when := e.When
		switch {
		case e.Undecided:
			when = "may, when " + when
		case when == "":
			when = "always"
		}
		entries = append(entries, []string{e.Who, e.Tenants, e.Actions, e.Objects, when, e.Since.String()})
	}
	grants := [][]string{{"who", "role", "tenant", "when", "since"}}
	for _, g := range r.Grants {
		grants = append(grants, []string{g.Who, g.Role, g.Tenant, periodOf(g), g.Since.String()})
	}
	if format == "csv" {
		w := csv.NewWriter(a.out)
		rows := [][]string{{"kind", "who", "tenant", "action", "object", "when", "since"}}
		for _, e := range entries[1:] {
			rows = append(rows, append([]string{"allowed"}, e...))
		}
		for _, g := range grants[1:] {
			rows = append(rows, []string{"role", g[0], g[2], "", g[1], g[3], g[4]})
		}
		if err := w.WriteAll(rows); err != nil {
			return &exitError{codeLoad, err}
		}
		return nil
	}
	what := "the policy " + short(r.Revision)
	if r.Name != "" {
		what += " of " + r.Name
	}
	if r.Tenant != "" {
		what += " in " + r.Tenant
	}
	published := "not known to be published"
	if !r.PublishedAt.IsZero() {
		published = "published " + stamp(r.PublishedAt)
	}
	a.printf("Review of %s, %s, made %s\n\n", what, published, stamp(r.At))
	for i, rows := range [][][]string{entries, grants} {
		if len(rows) == 1 {
			a.printf("%s\n", []string{"Nobody is allowed anything.", "The policy gives nobody a role."}[i])
			continue
		}
		if format == "md" {
			t := table.NewWriter()
			t.AppendHeader(rowOf(rows[0]))
			for _, row := range rows[1:] {
				cells := table.Row{}
				for j, v := range row {
					if rows[0][j] == "objects" || i == 0 && rows[0][j] == "when" && v != "always" {
						v = markdownCode(v)
					}
					cells = append(cells, v)
				}
				t.AppendRow(cells)
			}
			a.printf("%s\n\n", t.RenderMarkdown())
			continue
		}
		a.table(rows[0], rows[1:])
	}
	return nil
}
