package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/tenant"
)

// sourceFlags say of which policy a verb answers, where it is not that of a folder alone.
type sourceFlags struct {
	policyFlags
	Published bool              `help:"Take the rows that tenants have published. Without a folder, beside the policy in force."`
	Rows      map[string]string `help:"A file of a tenant's own rows, in the place of those that there are." placeholder:"TENANT=FILE" mapsep:"none"`
}

const sourceHelp = `With --published it is about the policy in force as --name, and the rows that tenants have published beside it; with a folder too, about that folder and these rows. It needs REDIS_URL and PUBLISH_KEYS. What tenants have published is named redis:NAME/tenants/TENANT.csv. --rows is for a file that a tenant is to publish.`

// source is a policy, and the names by which people know its files.
type source struct {
	bundle *policy.Bundle
	dir    string // the folder, "" for what Redis holds
	redis  string // "redis:billing", "" where nothing was asked of it
	files  map[string]string
	rows   map[tenant.ID]policy.TenantRows
	lost   []lostRows
}

func newSource() source {
	return source{files: map[string]string{}, rows: map[tenant.ID]policy.TenantRows{}}
}

// lostRows are rows of a tenant in Redis that no instance takes which starts now.
type lostRows struct {
	id  tenant.ID
	err error
}

// standardOnly refuses flags that a Casbin policy has no use for.
func (f sourceFlags) standardOnly(casbin bool) error {
	if casbin && (f.Published || len(f.Rows) > 0) {
		return usage("--published and --rows are for the standard model")
	}
	return nil
}

// source reads the policy in a folder, or what is published, with the rows of tenants beside it. Whether it
// is a policy is not looked at.
func (f sourceFlags) source(a *app, given string) (s source, err error) {
	s = newSource()
	if given != "" || !f.Published {
		if s.dir, err = folderOf(given); err != nil {
			return s, err
		}
		s.bundle, _ = policy.ReadBundle(os.DirFS(s.dir)) // loading says what is wrong
	}
	if f.Published {
		if err := f.readPublished(a, &s); err != nil {
			return s, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Rows)) {
		id, err := tenant.Parse(name)
		if err != nil {
			return s, usage("--rows %s: %w", name, err)
		}
		rows, err := readFile(f.Rows[name])
		if err != nil {
			return s, err
		}
		s.rows[id], s.files[ownFile(id)] = policy.TenantRows{Rows: rows}, f.Rows[name]
	}
	if len(s.rows) > 0 {
		s.bundle = s.bundle.WithTenants(s.rows)
	}
	return s, nil
}

// readPublished reads what Redis holds.
func (f sourceFlags) readPublished(a *app, s *source) error {
	p, _, err := f.open(a)
	if err != nil {
		return err
	}
	defer p.client.Close()
	s.redis = "redis:" + p.name
	ctx := context.Background()
	if s.bundle == nil {
		now, err := p.state(ctx)
		switch {
		case err != nil:
			return err
		case now.bad != nil:
			return &exitError{codeLoad, now.bad}
		case now.head.ID == "":
			return &exitError{codeLoad, errors.New("nothing is published as " + p.name)}
		}
		if s.bundle, err = p.bundle(ctx, now.head); err != nil {
			return &exitError{codeLoad, err}
		}
	}
	_, err = s.readTenants(ctx, a, p, f.Rows)
	return err
}

// readTenants reads what tenants have published by keys that the policy names, but for those in left, and says
// when the last of them did: the zero time where none did.
func (s *source) readTenants(ctx context.Context, a *app, p published, left map[string]string) (last time.Time, err error) {
	files, err := p.reader.TenantFiles(ctx, s.bundle)
	if err != nil {
		return last, &exitError{codeLoad, err}
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.bundle.TenantKeys()), byName) {
		file, there := files[id]
		switch {
		case left[id.String()] != "":
			continue
		case !there:
			a.notes([]string{fmt.Sprintf("the tenant %s has published none of its own rows: it is closed", id)})
			continue
		case file.Err != nil:
			s.lost = append(s.lost, lostRows{id, file.Err})
		case file.PublishedAt.After(last):
			last = file.PublishedAt
		}
		s.rows[id] = policy.TenantRows{Rows: file.Rows, Err: file.Err}
		s.files[ownFile(id)] = s.redis + "/" + ownFile(id)
	}
	return last, nil
}

func byName(a, b tenant.ID) int { return cmp.Compare(a.String(), b.String()) }

// ownFile returns the name of a tenant's own file in a bundle.
func ownFile(id tenant.ID) string { return policy.TenantsFolder + "/" + id.FileName() + ".csv" }

// name returns the name by which people know a file.
func (s *source) name(file string) string {
	switch known := s.files[file]; {
	case known != "":
		return known
	case s.dir == "":
		return s.redis + "/" + file
	}
	return inDir(s.dir, file)
}

// named returns an error of loading with the names by which people know the files.
func (s *source) named(err error) error {
	var lines []error
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		file, rest, _ := strings.Cut(line, ":")
		if s.files[file] != "" {
			line = s.files[file] + ":" + rest
		} else {
			line = s.name(line)
		}
		lines = append(lines, errors.New(line))
	}
	return errors.Join(lines...)
}

// isPublished reports whether a file of the bundle holds rows that a tenant has published.
func (s *source) isPublished(file string) bool {
	return s.redis != "" && s.files[file] == s.redis+"/"+file
}

// closeBroken closes the tenants whose published rows do not load, as every instance does that starts now, and
// tells of them. Anything else that does not load is an error.
func (s *source) closeBroken(a *app, load func(*policy.Bundle) error) error {
	s.tell(a)
	err := load(s.bundle)
	if err == nil {
		return nil
	}
	bad, all := map[tenant.ID][]error{}, policyErrors(err)
	for _, e := range all {
		for id := range s.rows {
			if ownFile(id) == e.File && s.isPublished(e.File) {
				bad[id] = append(bad[id], e)
			}
		}
		if !s.isPublished(e.File) {
			return &exitError{codeLoad, s.named(err)}
		}
	}
	if len(bad) == 0 {
		return &exitError{codeLoad, s.named(err)}
	}
	for _, id := range slices.SortedFunc(maps.Keys(bad), byName) {
		why := errors.Join(bad[id]...)
		s.rows[id] = policy.TenantRows{Err: why}
		a.notes([]string{fmt.Sprintf("what the tenant %s has published does not load, the tenant is closed where an instance starts: %s", id, strings.ReplaceAll(s.named(why).Error(), "\n", "; "))})
	}
	s.bundle = s.bundle.WithTenants(s.rows)
	if err := load(s.bundle); err != nil {
		return &exitError{codeLoad, s.named(err)}
	}
	return nil
}

// tell tells of rows that are not taken.
func (s *source) tell(a *app) {
	for _, l := range s.lost {
		a.notes([]string{fmt.Sprintf("what the tenant %s has published is not taken: %v", l.id, l.err)})
	}
}

// policyErrors returns the errors of files that are joined in err.
func policyErrors(err error) (all []*policy.Error) {
	switch x := err.(type) {
	case *policy.Error:
		return []*policy.Error{x}
	case interface{ Unwrap() []error }:
		for _, e := range x.Unwrap() {
			all = append(all, policyErrors(e)...)
		}
	}
	return all
}

// engine loads the policy to decide by.
func (f sourceFlags) engine(a *app, given string, clock func() time.Time) (*policy.Engine, *source, error) {
	s, err := f.source(a, given)
	if err != nil {
		return nil, nil, err
	}
	var e *policy.Engine
	err = s.closeBroken(a, func(b *policy.Bundle) (err error) {
		e, err = policy.LoadBundle(b, policy.Options{Clock: clock})
		return err
	})
	return e, &s, err
}

// impact loads the policy for questions about all requests.
func (f sourceFlags) impact(a *app, given string) (*impact.Policy, *source, error) {
	s, err := f.source(a, given)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.impact(a)
	return p, &s, err
}

func (s *source) impact(a *app) (p *impact.Policy, err error) {
	err = s.closeBroken(a, func(b *policy.Bundle) (err error) {
		p, err = impact.New(b)
		return err
	})
	return p, err
}
