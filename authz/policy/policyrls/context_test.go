package policyrls_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

var acme, globex = tenant.MustParse("acme"), tenant.MustParse("globex")

func engine(t *testing.T, rules string) *policy.Engine {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(rules)}, "attributes.csv": {Data: []byte(`sub, team, string, yes,
doc, id, string, no, id
doc, org, tenant, no, tenant_id
doc, owner, string, no, owner
doc, project, parent, yes, project_id, project, project, id
project, id, string, no, id
project, org, tenant, no, tenant_id
project, owner, string, no, owner
`)}}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func signer(t *testing.T) *rls.Signer {
	t.Helper()
	s, err := rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("a key of tests that has 32 bytes")), KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var docs, projects = policy.RLSConfig{Type: "doc", Table: "doc", App: "app", Select: "read"}, policy.RLSConfig{Type: "project", Table: "project", App: "app", Select: "read"}

func TestAContextIsOfTheCallerAndTheirTenant(t *testing.T) {
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}}
	outage := errors.New("an outage")
	name, value, err := settingOf(t, acme, r, nil)
	if name != rls.SignedSetting || err != nil || !strings.HasPrefix(value, "v2.k1.acme.") || !strings.Contains(value, `,"alice"`) {
		t.Errorf("%s, %s, %v", name, value, err)
	}
	for what, c := range map[string]struct {
		id   tenant.ID
		r    policy.Request
		err  error
		want error
	}{
		"no tenant":             {tenant.ID{}, r, nil, tenant.ErrNoScope},
		"another tenant":        {globex, r, nil, tenant.ErrMismatch},
		"a caller of none":      {acme, policy.Request{}, nil, tenant.ErrMismatch},
		"no answer who asks":    {acme, r, outage, outage},
		"a malformed id":        {acme, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "a\nb"}}, nil, policy.ErrRequest},
		"more than fits in one": {acme, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"team": strings.Repeat("x", 2000)}}}, nil, rls.ErrContextTooLong},
	} {
		name, value, err := settingOf(t, c.id, c.r, c.err)
		if name != "" || value != "" || !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %q, %v", what, name, value, err)
		}
	}
}

func settingOf(t *testing.T, id tenant.ID, r policy.Request, failing error) (name, value string, err error) {
	t.Helper()
	c, err := policyrls.NewContext(policyrls.Config{Signer: signer(t), Engine: engine(t, "p, role:authenticated, *, doc, read, r.obj.owner == r.sub.id || r.obj.owner == r.sub.team, allow"), Types: []policy.RLSConfig{docs},
		Caller: func(context.Context) (policy.Request, error) { return r, failing }})
	if err != nil {
		t.Fatal(err)
	}
	return c.Setting(t.Context(), id)
}

func TestAContextIsRefusedThatSaysNothing(t *testing.T) {
	_, err := policyrls.NewContext(policyrls.Config{})
	for _, want := range []string{"policyrls: invalid config: Signer: required", "\nCaller: required", "\nEngine: required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	caller := func(context.Context) (policy.Request, error) { return policy.Request{}, nil }
	if _, err := policyrls.NewContext(policyrls.Config{Signer: signer(t), Engine: engine(t, "p, role:x, *, doc, read, true, allow"), Caller: caller}); err == nil || !strings.Contains(err.Error(), "Types: required") {
		t.Error(err)
	}
}

// A decision about a document looks at its project, whoever may see that. A policy would look with
// the caller's eyes.
func TestAPolicyReadsNoTableThatIsFilteredToo(t *testing.T) {
	e := engine(t, "p, role:x, *, doc, read, r.obj.project.owner == r.sub.id, allow\np, role:x, *, project, read, r.obj.owner == r.sub.id, allow")
	for _, one := range []policy.RLSConfig{docs, projects} {
		if text, err := policyrls.SQL(e, one); err != nil || !strings.Contains(text, "CREATE POLICY reeve_select") {
			t.Errorf("%s alone: %q, %v", one.Type, text, err)
		}
	}
	if text, err := policyrls.SQL(e, docs, projects); !errors.Is(err, policyrls.ErrReadsFiltered) || text != "" {
		t.Errorf("both: %q, %v", text, err)
	}
	if _, err := policyrls.SQL(e, projects, projects); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("one twice: %v", err)
	}
	same := projects
	same.Table = "shop.doc"
	if _, err := policyrls.SQL(engine(t, "p, role:x, *, doc, read, true, allow"), docs, same); err == nil {
		t.Error("one table for two types")
	}
	unlisted := docs
	unlisted.Type = "other"
	if _, err := policyrls.SQL(e, unlisted); !errors.Is(err, policy.ErrNotListed) {
		t.Error(err)
	}
}
