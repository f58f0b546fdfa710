// Package policy decides who may do what, by rules that people write in CSV files.
//
//	engine, err := policy.Load(policies.Files(), policy.Options{})
//	decision, err := engine.Decide(ctx, policy.Request{
//		Tenant:  tenant,
//		Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}},
//		Action:  "update",
//		Object:  policy.Object{Type: "invoice", ID: "42", Attributes: policy.Values{"owner": "alice"}},
//	})
//	if err != nil || !decision.Allowed() {
//		return errForbidden
//	}
//
// A policy is four kinds of files: model.conf, a Casbin model; policy.csv, the rules and
// roles; attributes.csv, the attributes that conditions may compare; and tenants/<id>.csv,
// the rules of one tenant, which can name no other.
//
//	p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow
//	g, role:admin, role:editor, *
//
// A rule is for a user ("user:alice"), a role ("role:editor"), every caller
// ("role:anyone") or every caller with a session ("role:authenticated"); in a tenant or in
// all ("*"). Its object is a route as the router registered it ("/invoices/:id"), with a
// method as the action, where "//api.example.com/invoices" is a route of that host alone and
// "route:/*" the one route "/*"; or a type ("invoice"), which covers every invoice; or one object
// ("invoice:42"); or all that begins alike ("/admin/*", "invoice:*"); or "*". A caller is
// allowed what some allow rule grants and no deny rule forbids.
//
// A condition compares attributes of the caller, the object and the environment. The time,
// the client's address and the caller's factors are built in, see [EnvAttributes]:
//
//	p, role:admin, *, /admin/*, *, "r.env.mfa && ipMatch(r.env.ip, '10.0.0.0/8')", allow
//
// Casbin decides by the same files, and is the oracle of this package's tests: where the
// two differ, this one denies. An attribute that is not there makes a condition neither
// true nor false; then an allow rule does not match and a deny rule does. Whatever Casbin
// would pass over in silence, such as an effect "denny", does not load.
package policy

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of an [Engine]. The zero Options is fine.
type Options struct {
	// Logger gets one record for each policy that is loaded or refused. Nil logs nothing.
	Logger *slog.Logger

	// Clock tells the time for r.env.time, r.env.hour and r.env.weekday when a request does
	// not. It is asked once for each decision of a policy that uses one of them. Default:
	// time.Now.
	Clock func() time.Time
}

// Engine decides by the last policy that loaded. Its methods are safe for concurrent use.
// Only [Load] makes one that allows anything: the zero Engine denies with [ErrNotLoaded].
type Engine struct {
	current atomic.Pointer[snapshot]
	reload  sync.Mutex // policies take effect in the order of the calls
	log     *slog.Logger
	clock   func() time.Time

	loads, refused atomic.Int64 // written by reloads alone: deciding writes to nothing that is shared
}

// Stats are what an [Engine] has done, for metrics.
type Stats struct {
	Revision string // that decides now
	Rules    int    // of the policy that decides now
	Loads    int64  // policies that took effect
	Refused  int64  // policies that did not load, so that the one before stayed
}

// Stats returns what has happened so far, whoever asked for the reloads: the service, a
// [Watcher], or a fleet's follower.
func (e *Engine) Stats() Stats {
	s := e.snapshot()
	if s == nil {
		return Stats{}
	}
	return Stats{Revision: s.revision, Rules: len(s.rules), Loads: e.loads.Load(), Refused: e.refused.Load()}
}

// Load reads a policy. An error is one or more *[Error], joined and sorted: everything that
// is wrong, each with its position.
func Load(fsys fs.FS, opts Options) (*Engine, error) {
	e := &Engine{log: opts.Logger, clock: opts.Clock}
	if e.clock == nil {
		e.clock = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if err := e.Reload(fsys); err != nil {
		return nil, err
	}
	return e, nil
}

// Reload replaces the policy, all or nothing. On an error, as [Load] returns it, the old
// policy keeps deciding. A decision is made by one policy throughout.
func (e *Engine) Reload(fsys fs.FS) error {
	if e == nil || e.log == nil {
		return ErrNotLoaded
	}
	e.reload.Lock()
	defer e.reload.Unlock()
	b, p := readBundle(fsys)
	return e.install(b, p)
}

// install makes a bundle the policy. The caller holds e.reload.
func (e *Engine) install(b bundle, p problems) error {
	s, err := build(b, p)
	if err != nil {
		e.refused.Add(1)
		e.log.Error("policy refused", "revision", e.Revision(), "error", err)
		return err
	}
	e.current.Store(s)
	e.loads.Add(1)
	e.log.Info("policy loaded", "revision", s.revision, "rules", len(s.rules))
	return nil
}

// Decide answers a request. An error comes with a Decision that denies: [ErrRequest] for a
// malformed request, the context's error when it is over, [ErrNotLoaded].
func (e *Engine) Decide(ctx context.Context, r Request) (Decision, error) {
	s, q, err := e.prepare(ctx, &r)
	if err != nil {
		return Decision{Revision: s.id()}, err
	}
	return s.decide(&r, &q), nil
}

// prepare returns the policy that decides r, and the question that r is, once r can be
// decided. The policy is nil when there is none to ask.
func (e *Engine) prepare(ctx context.Context, r *Request) (*snapshot, question, error) {
	if err := ctx.Err(); err != nil {
		return nil, question{}, fmt.Errorf("policy: %w", err)
	}
	s := e.snapshot()
	if s == nil {
		return nil, question{}, ErrNotLoaded
	}
	q := s.expect(r)
	if err := r.validate(); err != nil {
		return s, question{}, err
	}
	if s.timed {
		r.now = e.now(r.Env)
	}
	return s, q, nil
}

// Revision returns a digest of the loaded policy's files: equal files, equal revision. It
// is "" when no policy is loaded.
func (e *Engine) Revision() string {
	return e.snapshot().id()
}

// Rules returns every rule, in the order of the files. The slice is the caller's.
func (e *Engine) Rules() []Rule {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	rules := make([]Rule, len(s.rules))
	for i := range rules {
		rules[i] = s.rule(i)
	}
	return rules
}

// RouteRules returns the rules whose object is a route or a prefix of routes.
func (e *Engine) RouteRules() []Rule {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	var rules []Rule
	for i := range s.rules {
		if s.rules[i].isRoute() {
			rules = append(rules, s.rule(i))
		}
	}
	return rules
}

// Attributes returns what attributes.csv declares, in its order. The slice is the caller's.
func (e *Engine) Attributes() []Attribute {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	return slices.Clone(s.schema.list)
}

// Covers reports whether some rule names the route and the method, to allow or to deny. A
// rule for the object "*" names no route: otherwise one such rule for administrators would
// hide every route that was forgotten.
func (e *Engine) Covers(method, template string) bool {
	s, o := e.snapshot(), Route(template)
	return s != nil && slices.ContainsFunc(s.rules, func(r rule) bool {
		return r.isRoute() && (r.action == 0 || s.names.words.text(r.action) == method) && s.covers(&r, &o)
	})
}

func (e *Engine) snapshot() *snapshot {
	if e == nil {
		return nil
	}
	return e.current.Load()
}
