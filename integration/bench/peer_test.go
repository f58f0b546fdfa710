package bench

import (
	"context"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// decider answers a question.
type decider func(q *query) bool

func reeve(b *testing.B, w population) decider {
	engine, err := policy.Load(w.files(b), policy.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	return func(q *query) bool {
		r := policy.Request{Tenant: q.id, Subject: policy.Subject{ID: q.user}}
		if w.kind == routes {
			r.Action, r.Object = "GET", policy.Route(q.object)
		} else {
			r.Action, r.Object = "read", policy.Object{Type: "doc", ID: q.object, Tenant: q.id}
			if q.values != nil {
				r.Object.Attributes = q.values
			}
		}
		d, err := engine.Decide(ctx, r)
		return err == nil && d.Allowed()
	}
}

// index is Reeve's index of the Casbin model.
func index(b *testing.B, w population) decider {
	ix, err := casbinindex.New(enforcer(b, w).GetModel(), casbinindex.Config{})
	if err != nil {
		b.Fatal(err)
	}
	if !ix.Plan().IsIndexed() {
		b.Fatal(ix.Plan())
	}
	return func(q *query) bool {
		ok, err := ix.Enforce(q.casbin...)
		return err == nil && ok
	}
}

func stock(b *testing.B, w population) decider {
	e := enforcer(b, w)
	return func(q *query) bool {
		ok, err := e.Enforce(q.casbin...)
		return err == nil && ok
	}
}

func enforcer(b *testing.B, w population) *casbin.Enforcer {
	b.Helper()
	m, err := model.NewModelFromString(w.model())
	if err != nil {
		b.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		b.Fatal(err)
	}
	p, g := w.rows()
	if _, err := e.AddPolicies(p); err != nil {
		b.Fatal(err)
	}
	if _, err := e.AddGroupingPolicies(g); err != nil {
		b.Fatal(err)
	}
	return e
}
