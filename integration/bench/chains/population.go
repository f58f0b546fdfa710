//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/reevehq/reeve/policies"
)

// population is a number of tenants with 100 rules each: ten roles, for ten routes each. A tenant has
// ten users, of one role each.
type population struct{ tenants int }

const (
	rolesPerTenant = 10
	routesPerRole  = 10
)

// person is one user, who asks for one of the routes of their role.
type person struct{ tenant, user, role, path string }

// people returns the users of all tenants.
func (w population) people() []person {
	all := make([]person, 0, w.tenants*rolesPerTenant)
	for r := range rolesPerTenant {
		for t := range w.tenants {
			all = append(all, person{
				tenant: fmt.Sprintf("t%d", t), user: fmt.Sprintf("u%d-%d", t, r), role: fmt.Sprintf("r%d", r),
				path: fmt.Sprintf("/r%d/d%d/%d", r, t%routesPerRole, 1000+t),
			})
		}
	}
	return all
}

// routes returns the templates of all routes.
func (w population) routes() []string {
	var all []string
	for r := range rolesPerTenant {
		for d := range routesPerRole {
			all = append(all, fmt.Sprintf("/r%d/d%d/:id", r, d))
		}
	}
	return all
}

// files are the rules as a policy of Reeve's.
func (w population) files() (fs.FS, error) {
	var text strings.Builder
	for t := range w.tenants {
		for r := range rolesPerTenant {
			for d := range routesPerRole {
				fmt.Fprintf(&text, "p, role:r%d, t%d, /r%d/d%d/:id, GET, true, allow\n", r, t, r, d)
			}
		}
	}
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		return nil, err
	}
	return fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(text.String())}, "attributes.csv": {Data: nil}}, nil
}

// model is the model of the same rules for Casbin: domains, roles in them, and patterns of paths.
const model = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.dom == p.dom && r.act == p.act && keyMatch2(r.obj, p.obj) && g(r.sub, p.sub, r.dom)
`

// rows are the rules for Casbin.
func (w population) rows() (p, g [][]string) {
	for t := range w.tenants {
		for r := range rolesPerTenant {
			for d := range routesPerRole {
				p = append(p, []string{fmt.Sprintf("r%d", r), fmt.Sprintf("t%d", t), fmt.Sprintf("/r%d/d%d/:id", r, d), "GET"})
			}
			g = append(g, []string{fmt.Sprintf("u%d-%d", t, r), fmt.Sprintf("r%d", r), fmt.Sprintf("t%d", t)})
		}
	}
	return p, g
}

// signedRequest is one request, which is to be allowed.
type signedRequest struct {
	Path   string `json:"path"`
	Bearer string `json:"bearer"`
	Cookie string `json:"cookie,omitempty"`
}

// wire is the request as it is sent.
func (a signedRequest) wire() []byte {
	text := "GET " + a.Path + " HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer " + a.Bearer + "\r\n"
	if a.Cookie != "" {
		text += "Cookie: " + a.Cookie + "\r\n"
	}
	return []byte(text + "\r\n")
}

func encodeRequests(all []signedRequest) ([]byte, error) { return json.Marshal(all) }

func decodeRequests(text []byte) (all []signedRequest, err error) {
	return all, json.Unmarshal(text, &all)
}
