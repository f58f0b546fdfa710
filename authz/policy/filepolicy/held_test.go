package filepolicy_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/internal/testwait"
)

const (
	acmeFile   = "tenants/acme.csv"
	acmeDenies = "p, role:viewer, acme, doc, read, true, deny\n"
	acmeWrites = "p, role:viewer, acme, doc, write, true, allow\n"
	misspelt   = "p, role:viewer, acme, doc, read, true, denny\n"
)

func TestAFollowedTenantsBadFileIsInTheStatsUntilItIsMended(t *testing.T) {
	var told []filepolicy.Stats
	p := newFixture(t, filepolicy.Config{Poll: 5 * time.Millisecond, OnReload: func(s filepolicy.Stats) { told = append(told, s) }})
	replace := func(name, rows string) {
		t.Helper()
		write(t, p.path(".next"), rows)
		if err := os.Rename(p.path(".next"), p.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	writes := bobReads
	writes.Action = "write"
	if err := os.Mkdir(p.path("tenants"), 0o700); err != nil {
		t.Fatal(err)
	}
	replace(acmeFile, acmeDenies)
	testwait.Until(t, "the deny is in force", func() bool { return !p.reads() })
	replace(acmeFile, misspelt)
	testwait.Until(t, "the error is told", func() bool { return errors.Is(p.follower.Stats().Err, policy.ErrTenantHeld) })
	checks := p.follower.Stats().Checks
	testwait.Until(t, "it is looked at again", func() bool { return p.follower.Stats().Checks > checks+5 })
	s := p.follower.Stats()
	if !errors.Is(s.Err, policy.ErrTenantHeld) || !strings.Contains(s.Err.Error(), "tenants/acme.csv:1:40") || s.Refused != 0 || p.reads() || s.Revision != p.engine.Revision() {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(p.log.String(), "policy of one tenant refused"); n != 1 {
		t.Errorf("it is logged %d times: %s", n, p.log)
	}
	replace("policy.csv", viewersRead+"p, role:viewer, *, doc, write, true, allow\n")
	testwait.Until(t, "the rules for all change meanwhile", func() bool {
		d, err := p.engine.Decide(t.Context(), writes)
		return err == nil && d.Allowed()
	})
	if p.reads() {
		t.Error("acme has lost its deny")
	}
	replace(acmeFile, acmeWrites)
	testwait.Until(t, "it is mended", func() bool { return p.follower.Stats().Err == nil && p.reads() })
	if err := p.follower.Close(); err != nil {
		t.Error(err)
	}
	if len(told) != 4 || told[1].Err == nil || told[3].Err != nil {
		t.Errorf("told %d times: %+v", len(told), told)
	}
}
