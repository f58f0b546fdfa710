// Package release says whether a policy may be published: lint finds no error in it, and no case
// of its tables of requests fails.
//
//	checked, err := release.Check(ctx, os.DirFS("policies"))
//	if err == nil {
//		err = checked.Refusal()
//	}
//	if err == nil {
//		published, err = publisher.PublishBundle(ctx, checked.Bundle)
//	}
//
// The bundle that was checked is the one that is published, whoever edits the folder meanwhile.
package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/tenant"
)

// Errors of this package.
var (
	// ErrRefused means that the policy must not be published.
	ErrRefused = errors.New("release: refused")

	// ErrChanged means that the folder changed while it was checked. Check it again.
	ErrChanged = errors.New("release: the files changed while they were checked")
)

// Checked is a policy and what was found of it.
type Checked struct {
	Bundle   *policy.Bundle
	Findings []lint.Finding      // all, also those that refuse nothing
	Results  []policytest.Result // of every case of every table
	Idle     []policy.Rule       // that decide no case
}

// Check reads the policy in a folder once, looks at it with lint and runs its tables. The error is
// about the folder, or about a table that cannot be read, and begins with its position: the faults
// of the policy are in the result.
func Check(ctx context.Context, fsys fs.FS) (*Checked, error) {
	return CheckTenants(ctx, fsys, nil)
}

// CheckTenants is [Check] of a policy beside the rows that tenants have published by keys of their own: its
// tables may be about these tenants, which are closed without them. The rows are not looked at.
func CheckTenants(ctx context.Context, fsys fs.FS, rows map[tenant.ID]policy.TenantRows) (*Checked, error) {
	bundle, _ := policy.ReadBundle(fsys) // lint says what is wrong
	c := &Checked{Bundle: bundle}
	var err error
	if c.Findings, err = lint.Folder(fsys, lint.Options{}); err != nil {
		return nil, err // with its position
	}
	beside := bundle
	if len(rows) > 0 {
		beside = bundle.WithTenants(rows)
	}
	engine, err := policy.LoadBundle(beside, policy.Options{Clock: noon})
	if err != nil {
		if c.Refusal() == nil { // another model, or other files by now
			return nil, err // with its position
		}
		return c, nil
	}
	var cases []policytest.Case
	for _, name := range bundle.Tables() {
		more, err := policytest.Load(fsys, name, engine.Attributes())
		if err != nil {
			return nil, err // with its position
		}
		cases = append(cases, more...)
	}
	c.Results, c.Idle = policytest.Evaluate(ctx, engine, cases)
	c.Idle = slices.DeleteFunc(c.Idle, func(r policy.Rule) bool { // those of the rows are for tables of others
		_, of := bundle.Content(r.File)
		return !of
	})
	again, err := policy.ReadBundle(fsys)
	if err != nil || again.Revision() != bundle.Revision() {
		return nil, ErrChanged
	}
	return c, nil
}

// noon is the time of cases that give none, as in policytest.
func noon() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }

// Failed returns the cases that fail.
func (c *Checked) Failed() []policytest.Result {
	var failed []policytest.Result
	for _, r := range c.Results {
		if r.Failure() != nil {
			failed = append(failed, r)
		}
	}
	return failed
}

// Errors returns the findings of lint that refuse.
func (c *Checked) Errors() []lint.Finding {
	var found []lint.Finding
	for _, f := range c.Findings {
		if f.Severity == policy.SeverityError || f.Code != "" {
			found = append(found, f)
		}
	}
	return found
}

// Refusal returns nil for a policy that may be published, and otherwise an error wrapping
// [ErrRefused] that says why. Rules that decide no case, and a policy without a table, refuse
// nothing.
func (c *Checked) Refusal() error {
	found, failed := len(c.Errors()), len(c.Failed())
	if found == 0 && failed == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d errors of lint, %d of %d cases fail", ErrRefused, found, failed, len(c.Results))
}
