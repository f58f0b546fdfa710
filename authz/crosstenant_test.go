package authz_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/crosstenant"
)

type records struct {
	list []crosstenant.Record
	err  error
	now  func(ctx context.Context)
}

func (r *records) Record(ctx context.Context, rec crosstenant.Record) error {
	if r.now != nil {
		r.now(ctx)
	}
	if r.err == nil {
		r.list = append(r.list, rec)
	}
	return r.err
}

type statusOf map[tenant.ID]tenant.Status

func (s statusOf) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	if s == nil {
		return tenant.Active, errNoAnswer
	}
	return s[id], nil
}

const supportRules = rules + `
p, role:support, vendor, tenant, enter, true, allow
p, role:admin,   acme,   tenant, enter, true, allow
`

func TestSupportEntersATenantByAGrantAReasonALimitAndARecord(t *testing.T) {
	vendor := tenant.MustParse("vendor")
	e := engine(t, supportRules)
	as := func(in string, roles ...string) context.Context {
		return authztest.As(t, e, authztest.Caller{Tenant: in, User: "sue", Roles: roles})
	}
	good := crosstenant.Visit{Tenant: acme, Reason: "ticket 4711", For: 10 * time.Minute}
	with := func(change func(*crosstenant.Visit)) crosstenant.Visit {
		v := good
		change(&v)
		return v
	}
	acting := authztest.As(t, e, authztest.Caller{Tenant: "vendor", User: "sue", Roles: []string{"support"}, Actors: []session.Actor{{User: alice, Reason: "r"}}})
	for name, row := range map[string]struct {
		ctx    context.Context
		visit  crosstenant.Visit
		status statusOf
		record error
		want   error // nil for a visit
	}{
		"support of the vendor":      {as("vendor", "support"), good, statusOf{acme: tenant.Active}, nil, nil},
		"no grant":                   {as("vendor", "editor"), good, statusOf{acme: tenant.Active}, nil, authz.ErrDenied},
		"a grant of a customer":      {as("acme", "admin"), with(func(v *crosstenant.Visit) { v.Tenant = globex }), statusOf{globex: tenant.Active}, nil, tenant.ErrMismatch},
		"nobody":                     {t.Context(), good, statusOf{acme: tenant.Active}, nil, tenant.ErrNoScope},
		"anonymous":                  {authztest.As(t, e, authztest.Caller{}), good, statusOf{acme: tenant.Active}, nil, tenant.ErrNoScope},
		"somebody acts as them":      {acting, good, statusOf{acme: tenant.Active}, nil, session.ErrImpersonating},
		"no reason":                  {as("vendor", "support"), with(func(v *crosstenant.Visit) { v.Reason = " " }), statusOf{acme: tenant.Active}, nil, crosstenant.ErrInvalid},
		"a reason of two lines":      {as("vendor", "support"), with(func(v *crosstenant.Visit) { v.Reason = "a\nb" }), statusOf{acme: tenant.Active}, nil, crosstenant.ErrInvalid},
		"no limit":                   {as("vendor", "support"), with(func(v *crosstenant.Visit) { v.For = 0 }), statusOf{acme: tenant.Active}, nil, crosstenant.ErrInvalid},
		"too long":                   {as("vendor", "support"), with(func(v *crosstenant.Visit) { v.For = time.Hour + 1 }), statusOf{acme: tenant.Active}, nil, crosstenant.ErrInvalid},
		"no tenant":                  {as("vendor", "support"), with(func(v *crosstenant.Visit) { v.Tenant = tenant.ID{} }), statusOf{acme: tenant.Active}, nil, crosstenant.ErrInvalid},
		"their own tenant":           {as("vendor", "support"), with(func(v *crosstenant.Visit) { v.Tenant = vendor }), statusOf{vendor: tenant.Active}, nil, crosstenant.ErrInvalid},
		"a suspended tenant":         {as("vendor", "support"), good, statusOf{acme: tenant.Suspended}, nil, tenant.ErrSuspended},
		"an unknown tenant":          {as("vendor", "support"), good, statusOf{}, nil, tenant.ErrUnknown},
		"a status that is not known": {as("vendor", "support"), good, nil, nil, errNoAnswer},
		"no record":                  {as("vendor", "support"), good, statusOf{acme: tenant.Active}, errors.New("disk full"), crosstenant.ErrNotRecorded},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := &records{err: row.record}
			gate := authz.Must(crosstenant.NewGate(crosstenant.Config{From: vendor, Grants: authz.CrossTenantGrants(), Recorder: recorder, Statuses: row.status}))
			ctx, leave, err := gate.Enter(row.ctx, row.visit)
			if !errors.Is(err, row.want) || (row.want == nil) != (ctx != nil) || (row.want == nil) != (leave != nil) {
				t.Fatalf("%v, %v", ctx, err)
			}
			if row.want != nil {
				if len(recorder.list) != 0 {
					t.Errorf("a visit that is refused is recorded: %v", recorder.list)
				}
				return
			}
			r := recorder.list[0]
			if len(recorder.list) != 1 || r.From != vendor || r.Actor != "sue" || r.Tenant != acme || r.Reason != good.Reason || r.Until.Sub(r.At) != good.For || r.ID == "" {
				t.Errorf("the record is %+v", r)
			}
			if id, err := tenant.Require(ctx); err != nil || id != acme {
				t.Errorf("the visit is in %q, %v", id, err)
			}
			if _, err := authz.Check(ctx, "read", note("alice")); !errors.Is(err, authz.ErrNoCaller) {
				t.Errorf("the visitor decides as at home: %v", err)
			}
			if _, ok := session.FromContext(ctx); ok {
				t.Error("the visitor's session is seen in the visit")
			}
			if _, _, err := gate.Enter(ctx, good); err == nil {
				t.Error("a visit began in a visit")
			}
			kept := context.WithoutCancel(ctx)
			leave()
			leave()
			for name, ctx := range map[string]context.Context{"the context": ctx, "its values": kept} {
				if id, err := tenant.Require(ctx); !errors.Is(err, tenant.ErrNoScope) {
					t.Errorf("%s names %q after the visit", name, id)
				}
			}
			if ctx.Err() == nil {
				t.Error("the context goes on after the visit")
			}
			if id, err := tenant.Require(row.ctx); err != nil || id != vendor {
				t.Errorf("the visitor is at %q, %v", id, err)
			}
		})
	}
}

// At the time of the record there is no access yet, and at its limit there is none any more.
func TestAVisitBeginsAfterItsRecordAndEndsWithItsTime(t *testing.T) {
	e := engine(t, supportRules)
	home := authztest.As(t, e, authztest.Caller{Tenant: "vendor", User: "sue", Roles: []string{"support"}})
	synctest.Test(t, func(t *testing.T) {
		recorder := &records{now: func(ctx context.Context) {
			if id, _ := tenant.FromContext(ctx); id == acme {
				t.Error("the access began before its record")
			}
		}}
		gate := authz.Must(crosstenant.NewGate(crosstenant.Config{From: tenant.MustParse("vendor"), Grants: authz.CrossTenantGrants(), Recorder: recorder, Statuses: statusOf{acme: tenant.Active}}))
		ctx, leave, err := gate.Enter(context.WithoutCancel(home), crosstenant.Visit{Tenant: acme, Reason: "r", For: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		kept := context.WithoutCancel(ctx)
		time.Sleep(time.Minute - 1)
		if id, err := tenant.Require(kept); err != nil || id != acme {
			t.Errorf("before its end: %v", err)
		}
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		if _, err := tenant.Require(kept); !errors.Is(err, tenant.ErrNoScope) || !errors.Is(context.Cause(ctx), crosstenant.ErrOver) {
			t.Errorf("at its end: %v, %v", err, context.Cause(ctx))
		}
	})
}

func TestTheZeroGateLetsNobodyIn(t *testing.T) {
	home := authztest.As(t, engine(t, supportRules), authztest.Caller{Tenant: "vendor", User: "sue", Roles: []string{"support"}})
	if ctx, _, err := (&crosstenant.Gate{}).Enter(home, crosstenant.Visit{Tenant: acme, Reason: "r", For: 1}); err == nil || ctx != nil {
		t.Error("it lets in")
	}
	if _, err := crosstenant.NewGate(crosstenant.Config{}); err == nil {
		t.Error("the zero Config builds")
	}
}
