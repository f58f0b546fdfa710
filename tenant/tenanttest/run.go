package tenanttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Run fails the test with each [Finding] of [Check].
func Run(t *testing.T, s Service) {
	t.Helper()
	findings, err := Check(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

// Check returns where the tenants of a service are not apart, each place and kind once. An
// error says that the service was not tested: its description is incomplete, or Rows, Reset or
// Settle failed.
func Check(ctx context.Context, s Service) ([]Finding, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	c := &check{Service: s, ctx: ctx, seen: map[[2]string]bool{}, dirty: true}
	if err := c.reset(); err != nil {
		return nil, err
	}
	for _, order := range [][2]Tenant{s.Tenants, {s.Tenants[1], s.Tenants[0]}} {
		c.caller, c.victim, c.secrets = order[0], order[1], map[string][]string{}
		for _, secret := range c.victim.Secrets {
			c.secrets[secret] = forms(secret)
		}
		if err := c.apart(); err != nil {
			return nil, err
		}
		if err := c.within(); err != nil {
			return nil, err
		}
		for _, r := range s.Requests {
			for _, probe := range probes {
				if err := probe(c, r); err != nil {
					return nil, fmt.Errorf("tenanttest: %s: %w", r, err)
				}
			}
		}
		if err := c.together(); err != nil {
			return nil, fmt.Errorf("tenanttest: %w", err)
		}
	}
	c.dirty = true
	return c.findings, c.reset()
}

// probes are the attempts that are made with each request.
var probes = []func(*check, Request) error{
	(*check).own,
	(*check).anonymous,
	(*check).foreign,
	(*check).named,
	(*check).injected,
	(*check).cached,
	(*check).interference,
}

// check is a run over a service, in one direction at a time.
type check struct {
	Service
	ctx            context.Context
	caller, victim Tenant
	secrets        map[string][]string // the victim's, with the forms of each
	findings       []Finding
	seen           map[[2]string]bool // request and kind
	dirty          bool               // whether the data may differ from that of the beginning
}

// found adds a finding, once for each request and kind.
func (c *check) found(kind Kind, r Request, probe, format string, args ...any) {
	key := [2]string{string(kind), r.String()}
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	c.findings = append(c.findings, Finding{
		Kind: kind, Request: r.String(), Message: fmt.Sprintf(format, args...),
		Probe: fmt.Sprintf("as a user of %s, %s", c.caller.Name, probe),
	})
}

// reset puts the data back, unless nothing was done since that could have changed it.
func (c *check) reset() error {
	if !c.dirty {
		return nil
	}
	if err := c.waitSettled(); err != nil {
		return err
	}
	if err := c.Reset(c.ctx); err != nil {
		return fmt.Errorf("Reset: %w", err)
	}
	c.dirty = false
	return nil
}

// apart refuses data in which the caller has a secret of the victim before anything was done.
func (c *check) apart() error {
	rows, err := c.rows(c.caller)
	if err != nil {
		return err
	}
	if secret, row, ok := c.secretIn(rows); ok {
		return fmt.Errorf("tenanttest: Tenants: %q, a secret of %s, stands in the row %q of %s", secret, c.victim.Name, row, c.caller.Name)
	}
	return nil
}

// secretIn returns the first secret of the victim that stands in rows.
func (c *check) secretIn(rows []string) (secret, row string, ok bool) {
	for _, row := range rows {
		for _, secret := range c.victim.Secrets {
			if slices.ContainsFunc(c.secrets[secret], func(form string) bool { return strings.Contains(row, form) }) {
				return secret, row, true
			}
		}
	}
	return "", "", false
}

func (c *check) waitSettled() error {
	if c.Settle == nil {
		return nil
	}
	if err := c.Settle(c.ctx); err != nil {
		return fmt.Errorf("Settle: %w", err)
	}
	return nil
}

// rows returns a tenant's rows, sorted.
func (c *check) rows(t Tenant) ([]string, error) {
	rows, err := c.Rows(c.ctx, t.Name)
	if err != nil {
		return nil, fmt.Errorf("Rows: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("Rows: %s has none", t.Name)
	}
	rows = slices.Clone(rows)
	slices.Sort(rows)
	return rows, nil
}

// attack resets the data, does what it is told, and looks for what crossed the wall: secrets in
// the answers and in the caller's rows, and changes of the victim's rows.
func (c *check) attack(r Request, probe string, do func() []answer) error {
	if err := c.reset(); err != nil {
		return err
	}
	before, err := c.rows(c.victim)
	if err != nil {
		return err
	}
	mineBefore, err := c.rows(c.caller)
	if err != nil {
		return err
	}
	c.dirty = true
	answers := do()
	if err := c.waitSettled(); err != nil {
		return err
	}
	for _, a := range answers {
		c.read(r, probe, a)
	}
	after, err := c.rows(c.victim)
	if err != nil {
		c.found(WritesForeign, r, probe, "the rows of %s are gone", c.victim.Name)
		return nil
	}
	if !slices.Equal(before, after) {
		c.found(WritesForeign, r, probe, "the rows of %s changed: %s; the statement has no tenant in it", c.victim.Name, difference(before, after))
		return nil
	}
	mine, err := c.rows(c.caller)
	if err != nil {
		return nil // deleted by the caller, as they may
	}
	if secret, row, ok := c.secretIn(mine); ok {
		c.found(CopiesForeign, r, probe, "the row %q of %s holds %q, a secret of %s; what was read for it had no tenant", row, c.caller.Name, secret, c.victim.Name)
	}
	c.dirty = r.changes() || !slices.Equal(mineBefore, mine)
	return nil
}

// read looks for the victim's secrets in an answer.
func (c *check) read(r Request, probe string, a answer) {
	text := a.text()
	for _, secret := range c.victim.Secrets {
		if slices.ContainsFunc(c.secrets[secret], func(form string) bool { return strings.Contains(text, form) }) {
			c.found(ReadsForeign, r, probe, "the answer %d holds %q, a secret of %s; the query has no tenant in it", a.status, secret, c.victim.Name)
			return
		}
	}
}

// difference tells the first row that two sorted lists do not share.
func difference(before, after []string) string {
	for _, row := range before {
		if !slices.Contains(after, row) {
			return fmt.Sprintf("%q is no more", row)
		}
	}
	for _, row := range after {
		if !slices.Contains(before, row) {
			return fmt.Sprintf("%q is new", row)
		}
	}
	return "a row stands there twice"
}
