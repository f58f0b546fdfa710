package tenanttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Service is a service under test, with the data of two tenants. All fields but Settle,
// TenantNames and Ignore are required: without them a leak could go unseen.
type Service struct {
	// Handler is the whole service with its middleware. It is called from several goroutines.
	Handler http.Handler

	// Tenants are two tenants with data of the same shape. Each attacks the other.
	Tenants [2]Tenant

	// Requests are the requests that the service serves. Requests that are not listed are not
	// tested.
	Requests []Request

	// Rows returns the rows that belong to a tenant, one text each with every column, in any
	// order. It reads past every scope, as the owner of the database.
	Rows func(ctx context.Context, tenant string) ([]string, error)

	// Reset puts the data of both tenants back as they were at the beginning, with the same
	// ids. It is called often. Caches of the service are part of its data.
	Reset func(ctx context.Context) error

	// Settle, if set, returns when the work that requests started is done, such as jobs.
	Settle func(ctx context.Context) error

	// TenantNames are further names of headers, query parameters and members of JSON by which
	// the service, or something before it, might choose a tenant. The usual ones are tried.
	TenantNames []string

	// Ignore are names of response headers, and members of JSON at any depth, that differ
	// between two equal answers, such as times. Date and X-Request-Id are ignored.
	Ignore []string
}

// Tenant is one of the two tenants.
type Tenant struct {
	// Name is the tenant's name as requests would give it.
	Name string

	// Sign adds the credential of a user of the tenant, one who may do every request.
	Sign func(*http.Request)

	// Values are ids of the tenant's objects, by the names that requests use, such as
	// {"project": "p-31"}. Both tenants have the same names and no value in common.
	Values map[string]string

	// Secrets are texts that stand in the tenant's rows and nowhere else, at least one for
	// each type of object. Ids are none unless nobody can guess them.
	Secrets []string

	// Users are further users of the tenant, each of whom may read less of it. Without them
	// nothing is tested within a tenant but that lists agree with their objects.
	Users []User

	// Objects are objects of the tenant that lists may show: a text of each, by the name that
	// requests use and by its id, such as {"task": {"t-1": "Paint the fence"}}. See
	// [Request.Lists].
	Objects map[string]map[string]string
}

// Request is a request that the service serves. {name} in Path and Body stands for a value of
// the tenant, as {project} in "/projects/{project}/tasks?assignee={user}".
type Request struct {
	// Method, Path and Body are sent. Path may have a query.
	Method, Path, Body string

	// Header is sent too. Without a Content-Type a body is application/json.
	Header http.Header

	// Public says that anyone may send the request, without a credential.
	Public bool

	// Lists is the name of the objects that the answer lists, "task" of "/projects/{project}/tasks":
	// the request that Reads one of [Tenant.Objects] shows all that the list shows of it.
	Lists string

	// Reads is the name of the one object that the request reads, "task" of "/tasks/{task}".
	Reads string

	// Absent are ids that nobody has, by name, where the default is not of the service's form.
	// The default is the value with its last letters or digits replaced.
	Absent map[string]string
}

func (r Request) String() string { return r.Method + " " + r.Path }

// changes reports whether the request may change data.
func (r Request) changes() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// names returns the names of the values in the request's path and body, each once.
func (r Request) names() []string {
	var names []string
	for _, text := range []string{r.Path, r.Body} {
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, "{")
			if !ok {
				break
			}
			name, tail, ok := strings.Cut(after, "}")
			if ok && isName(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
			if !ok || !isName(name) {
				tail = after
			}
			rest = tail
		}
	}
	return names
}

func isName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != ""
}

// validate names every problem of the description: a test of nothing must not pass.
func (s Service) validate() error {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("tenanttest: "+format, args...))
	}
	if s.Handler == nil {
		wrong("Handler: required")
	}
	if len(s.Requests) == 0 {
		wrong("Requests: required")
	}
	if s.Rows == nil {
		wrong("Rows: required: without it no write into another tenant is seen")
	}
	if s.Reset == nil {
		wrong("Reset: required")
	}
	a, b := s.Tenants[0], s.Tenants[1]
	if a.Name == b.Name {
		wrong("Tenants: both are %q", a.Name)
	}
	for _, t := range s.Tenants {
		if t.Name == "" || t.Sign == nil || len(t.Secrets) == 0 {
			wrong("Tenants: %q needs Name, Sign and Secrets", t.Name)
		}
		for _, secret := range t.Secrets {
			if len(secret) < 6 {
				wrong("Tenants: the secret %q of %s is too short to be told from other text", secret, t.Name)
			}
		}
	}
	for _, t := range s.Tenants {
		for _, u := range t.Users {
			if u.Name == "" || u.Sign == nil || len(u.Hidden) == 0 {
				wrong("Tenants: %q of %s needs Name, Sign and Hidden", u.Name, t.Name)
			}
			for _, text := range u.Hidden {
				if len(text) < 6 {
					wrong("Tenants: the hidden text %q of %s is too short to be told from other text", text, u.Name)
				}
			}
		}
	}
	for _, r := range s.Requests {
		if r.Lists == "" {
			continue
		}
		if len(a.Objects[r.Lists]) == 0 || len(b.Objects[r.Lists]) == 0 || !slices.ContainsFunc(s.Requests, func(one Request) bool { return one.Reads == r.Lists }) {
			wrong("Requests: %s lists %q: it needs Objects of that name in each tenant, and a request that Reads one", r, r.Lists)
		}
	}
	for _, r := range s.Requests {
		if r.Reads != "" && !slices.Contains(r.names(), r.Reads) {
			wrong("Requests: %s reads %q, which is no value of it", r, r.Reads)
		}
	}
	for _, secret := range a.Secrets {
		if slices.Contains(b.Secrets, secret) {
			wrong("Tenants: %q is a secret of both", secret)
		}
	}
	for _, r := range s.Requests {
		if r.Method == "" || !strings.HasPrefix(r.Path, "/") {
			wrong("Requests: %s needs a method and a path", r)
		}
		for _, name := range r.names() {
			if a.Values[name] == "" || b.Values[name] == "" || a.Values[name] == b.Values[name] {
				wrong("Requests: %s: {%s} needs a value of each tenant, and not the same", r, name)
			}
		}
	}
	return errors.Join(problems...)
}
