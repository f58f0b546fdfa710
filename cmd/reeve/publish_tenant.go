package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/tenant"
)

// tenantRelease is one tenant's own rows on their way to Redis.
type tenantRelease struct {
	*app
	id     tenant.ID
	name   string // of the policy
	file   string
	rows   string
	common *policy.Bundle
	dir    string // of common, "" when it is the one in force
	from   string // the same, for people
	after  *impact.Policy

	// find returns the rows where they are those of before, and a name for them; nil for those of a file.
	find func(context.Context, *redispolicy.TenantPublisher) (rows, name string, err error)
}

// runTenant publishes the rows of one tenant alone.
func (c *publishCommand) runTenant(a *app) error {
	id, err := tenant.Parse(c.Tenant)
	switch {
	case err != nil:
		return usage("--tenant %q: %w", c.Tenant, err)
	case c.Dir == "":
		return usage("--tenant needs the file of the tenant's rows")
	}
	r := tenantRelease{app: a, id: id, file: c.Dir}
	if r.rows, err = readFile(c.Dir); err != nil {
		return err
	}
	return r.run(c.policyFlags, c.Policies, c.DryRun)
}

// run publishes the rows beside the policy in a folder, or the one in force.
func (r *tenantRelease) run(f policyFlags, policies string, dryRun bool) error {
	if policies != "" { // which no server is needed for
		if err := r.readFolder(policies); err != nil {
			return err
		}
	}
	e, err := f.environmentFlags.open(r.app)
	if err != nil {
		return err
	}
	if r.name, err = f.name(e); err != nil {
		return err
	}
	key, public, err := e.private("PUBLISH_KEY")
	if err != nil {
		return err
	}
	trusted, err := e.public("PUBLISH_KEYS")
	if err != nil {
		return err
	}
	if policies == "" && len(trusted) == 0 {
		return usage("the rows have to load beside the policy: name its folder with --policies, or in PUBLISH_KEYS the public keys that may publish it")
	}
	client, err := e.redis()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := context.Background()
	if policies == "" {
		if err := r.readPublished(ctx, client, trusted); err != nil {
			return err
		}
	}
	keys := r.common.TenantKeys()[r.id]
	if !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(public) }) {
		return &exitError{codeFindings, fmt.Errorf("not published: no instance would take it: %s of %s needs the row: key, %s, %s", policy.CeilingFile, r.from, r.id, base64.StdEncoding.EncodeToString(public))}
	}
	publisher, err := redispolicy.NewTenantPublisher(redispolicy.TenantPublisherConfig{Client: client, Name: r.name, Tenant: r.id, Key: key, Trusted: keys, Common: r.common})
	if err != nil {
		return usage("%w", err)
	}
	if r.find != nil {
		if r.rows, r.file, err = r.find(ctx, publisher); err != nil {
			return err
		}
		if err := r.loadRows(); err != nil {
			return err
		}
	} else if err := r.look(); err != nil {
		return err
	}
	return r.publish(ctx, publisher, dryRun)
}

// look prints what lint finds in the rows. An error of it refuses them.
func (r *tenantRelease) look() error {
	refused := 0
	for _, f := range lint.Bundle(r.with(r.rows), nil, lint.Options{}) {
		if f.File != ownFile(r.id) || f.Severity == policy.SeverityNote {
			continue
		}
		if f.Severity == policy.SeverityError {
			refused++
		}
		f.File = r.file
		fmt.Fprintln(r.diagnostics, printableLine(fmt.Sprintf("%s: %s %s %s", f.Position(), f.Severity, f.Rule.ID, f.Message)))
	}
	if refused > 0 {
		return &exitError{codeFindings, fmt.Errorf("not published: %s of lint", count(refused, "error"))}
	}
	return nil
}

// readFolder takes the policy of a folder as the one beside which the rows have to load.
func (r *tenantRelease) readFolder(given string) error {
	dir, err := folderOf(given)
	if err != nil {
		return err
	}
	bundle, err := policy.ReadBundle(os.DirFS(dir))
	if err != nil {
		return &exitError{codeLoad, inFolder(dir, err)}
	}
	r.common, r.dir, r.from = bundle, dir, dir
	return r.load()
}

// readPublished takes the policy that is in force.
func (r *tenantRelease) readPublished(ctx context.Context, client redis.UniversalClient, trusted []ed25519.PublicKey) error {
	reader, err := redispolicy.NewReader(redispolicy.ReaderConfig{Client: client, Name: r.name, Keys: trusted})
	if err != nil {
		return usage("%w", err)
	}
	p := published{name: r.name, client: client, reader: reader, keys: trusted}
	head, err := reader.Head(ctx)
	if err == nil {
		r.common, err = p.bundle(ctx, head)
	}
	switch {
	case errors.Is(err, redispolicy.ErrMisconfigured):
		return &exitError{codeLoad, fmt.Errorf("the policy cannot be read, name its folder with --policies: %w", err)}
	case err != nil:
		return &exitError{codeLoad, err}
	}
	r.from = "the policy in force as " + r.name
	return r.load()
}

// load loads the rows beside the policy, where they are known.
func (r *tenantRelease) load() error {
	if r.find != nil {
		return nil
	}
	return r.loadRows()
}

func (r *tenantRelease) loadRows() (err error) {
	if r.after, err = impact.New(r.with(r.rows)); err != nil {
		return &exitError{codeLoad, r.named(err)}
	}
	return nil
}

func (r *tenantRelease) publish(ctx context.Context, publisher *redispolicy.TenantPublisher, dryRun bool) error {
	done, err := r.changes(ctx, publisher)
	if err != nil || done {
		return err
	}
	if dryRun {
		r.printf("%s would be published as the rows of %s\n", r.file, r.id)
		return nil
	}
	p, err := publisher.PublishTenant(ctx, r.rows)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	r.printf("published %s as the rows of %s beside %s, sequence %d\n", short(p.Hash), r.id, r.name, p.Sequence)
	return nil
}

// changes prints what is decided differently in the tenant once the rows are published. It reports
// whether they are in force already.
func (r *tenantRelease) changes(ctx context.Context, publisher *redispolicy.TenantPublisher) (inForce bool, err error) {
	now, err := publisher.Published(ctx)
	switch {
	case errors.Is(err, redispolicy.ErrUnknown):
		r.printf("%s has published no rows before: it is closed until now\n", r.id)
		return false, nil
	case errors.Is(err, redispolicy.ErrUntrusted), errors.Is(err, redispolicy.ErrCorrupt), errors.Is(err, redispolicy.ErrTooLarge):
		r.notes([]string{fmt.Sprintf("what Redis holds of %s is not taken, and is replaced: %v", r.id, err)})
		return false, nil
	case err != nil:
		return false, &exitError{codeLoad, err}
	case now.Rows == r.rows:
		r.printf("%s are the rows of %s since %s\n", short(now.Hash), r.id, stamp(now.PublishedAt))
		return true, nil
	}
	before, err := impact.New(r.with(now.Rows))
	if err != nil {
		r.notes([]string{fmt.Sprintf("what changes cannot be told: the rows before do not load beside %s: %v", r.from, err)})
		return false, nil
	}
	report, err := impact.Diff(before, r.after)
	if err != nil {
		return false, &exitError{codeLoad, err}
	}
	return false, r.report(report, "pretty")
}

// with returns the policy with rows as the tenant's own file.
func (r *tenantRelease) with(rows string) *policy.Bundle {
	return r.common.WithTenants(map[tenant.ID]policy.TenantRows{r.id: {Rows: rows}})
}

// named returns an error of loading with the names of the files that people have.
func (r *tenantRelease) named(err error) error {
	var lines []error
	own := ownFile(r.id) + ":"
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		rest, is := strings.CutPrefix(line, own)
		switch {
		case is:
			line = r.file + ":" + rest
		case r.dir != "":
			line = inDir(r.dir, line)
		default:
			line = r.from + ": " + line
		}
		lines = append(lines, errors.New(line))
	}
	return errors.Join(lines...)
}
