package workload

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// only is the tenant of workloads that have none.
var only = tenant.MustParse("acme")

// Files are the workload as a policy of Reeve's.
func (w *Workload) Files() (fs.FS, error) {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		return nil, err
	}
	return fstest.MapFS{
		"model.conf": {Data: model}, "policy.csv": {Data: []byte(w.Policy)}, "attributes.csv": {Data: []byte(w.Attributes)},
	}, nil
}

// Engine is the workload as Reeve decides it.
func (w *Workload) Engine() (*policy.Engine, error) {
	files, err := w.Files()
	if err != nil {
		return nil, err
	}
	return policy.Load(files, policy.Options{})
}

// ask is a request as the middleware makes one: roles are of the session, in its one order.
func ask(user string, roles []string, action, typ, id string, values policy.Values) policy.Request {
	r := policy.Request{
		Tenant: only, Subject: policy.Subject{ID: user, Roles: policy.RoleNames(slices.Sorted(slices.Values(roles)))},
		Action: policy.Action(word(action)), Object: policy.Object{Type: word(typ), ID: id},
	}
	if id != "" {
		r.Object.Tenant = only
	}
	if values != nil {
		r.Object.Attributes = values
	}
	return r
}

// roleRows are a hierarchy of roles as Reeve's rows.
func roleRows(g graph) string {
	var rows strings.Builder
	for _, from := range slices.Sorted(maps.Keys(g)) {
		for _, to := range g[from] {
			fmt.Fprintf(&rows, "g, role:%s, role:%s, *\n", from, to)
		}
	}
	return rows.String()
}
