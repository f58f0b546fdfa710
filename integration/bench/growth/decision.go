package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// population is a policy of so many rules, spread over so many tenants: ten documents to a role, and a
// user for each role.
type population struct{ rules, tenants int }

const docsPerRole = 10

// files are the rules as a policy.
func (w population) files() (fs.FS, error) {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for i := range w.rules {
		t, d := i%w.tenants, i/w.tenants
		fmt.Fprintf(&text, "p, role:r%d, t%d, doc:d%d, read, true, allow\n", d/docsPerRole, t, d)
		if d%docsPerRole == 0 {
			fmt.Fprintf(&text, "g, user:u%d, role:r%d, t%d\n", d/docsPerRole, d/docsPerRole, t)
		}
	}
	return fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(text.String())}, "attributes.csv": {}}, nil
}

// asked is how many requests there are: so many that what they touch of a large policy is in no
// processor's near cache.
const asked = 1 << 16

// query is a request and its answer.
type query struct {
	policy.Request
	allowed bool
}

// queries are drawn at random, half of them allowed.
func (w population) queries() []query {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]query, asked)
	for i := range all {
		rule := random.IntN(w.rules)
		t, d := tenant.MustParse(fmt.Sprintf("t%d", rule%w.tenants)), rule/w.tenants
		user := d / docsPerRole
		if i%2 == 1 {
			user++ // of another role, or of none
		}
		all[i] = query{policy.Request{Tenant: t, Subject: policy.Subject{ID: fmt.Sprintf("u%d", user)}, Action: "read",
			Object: policy.Object{Type: "doc", ID: fmt.Sprintf("d%d", d), Tenant: t}}, i%2 == 0}
	}
	return all
}

// decisions makes what decides the population's queries in turn.
func (w population) decisions() (call, error) {
	files, err := w.files()
	if err != nil {
		return nil, err
	}
	engine, err := policy.Load(files, policy.Options{})
	if err != nil {
		return nil, err
	}
	all, ctx := w.queries(), context.Background()
	return func(i int) error {
		q := &all[i%asked]
		d, err := engine.Decide(ctx, q.Request)
		if err == nil && d.Allowed() != q.allowed {
			err = fmt.Errorf("%+v: the other answer", q.Request)
		}
		return err
	}, nil
}
