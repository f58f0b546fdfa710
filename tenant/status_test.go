package tenant_test

import (
	"errors"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

func TestOnlyAnActiveTenantIsServed(t *testing.T) {
	var zero tenant.Status
	if zero != tenant.Unknown || !errors.Is(zero.Err(), tenant.ErrUnknown) {
		t.Errorf("the zero status is %v, %v", zero, zero.Err())
	}
	for n := range 256 {
		status := tenant.Status(n)
		err := status.Err()
		switch status {
		case tenant.Active:
			if err != nil {
				t.Errorf("Active: %v", err)
			}
		case tenant.Suspended:
			if !errors.Is(err, tenant.ErrSuspended) {
				t.Errorf("Suspended: %v", err)
			}
		default:
			if !errors.Is(err, tenant.ErrUnknown) || status.String() != "unknown" {
				t.Errorf("status %d: %v, %s", n, err, status)
			}
		}
	}
}

func TestStatusesAreReadAsTheyAreWritten(t *testing.T) {
	for _, status := range []tenant.Status{tenant.Unknown, tenant.Active, tenant.Suspended} {
		if got, err := tenant.ParseStatus(status.String()); err != nil || got != status {
			t.Errorf("%s was read as %v, %v", status, got, err)
		}
	}
	for _, s := range []string{"", "Active", "active ", "ACTIVE", "1", "true", "deleted", "активен"} {
		if got, err := tenant.ParseStatus(s); err == nil || got != tenant.Unknown {
			t.Errorf("%q was read as %v, %v", s, got, err)
		}
	}
}
