// Package policy decides which caller may do which action, by rules in CSV files.
//
// For most uses, [Load] the files of a policy and ask the [Engine], or give it to the middleware of
// package authz, which asks for every route. If the service has a Casbin policy and keeps it, use
// package casbinindex, and [FromIndex] to put it behind the middleware.
//
//	engine, err := policy.Load(policies.Files(), policy.Options{})
//	decision, err := engine.Decide(ctx, policy.Request{
//		Tenant:  tenant,
//		Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}},
//		Action:  "update",
//		Object:  policy.Object{Type: "invoice", ID: "42", Tenant: invoice.Tenant, Attributes: policy.Values{"owner": invoice.Owner}},
//	})
//	if err != nil || !decision.Allowed() {
//		return errForbidden
//	}
//
// For most uses, Load a policy once, Decide each request, and follow changes with package
// filepolicy (a folder) or redispolicy (a fleet). Tools read a [Bundle] themselves.
//
// A policy is four kinds of files: model.conf, a Casbin model; policy.csv, the rules and
// roles; attributes.csv, the attributes that conditions may compare; and tenants/<id>.csv,
// the rules of one tenant, which can name no other. Any other file whose name ends in .csv or
// .conf is an error, see [ReadBundle]: rules that nobody reads are worse than none. Tables of
// requests, whose names end in _test.csv, stand beside policy.csv for package policytest.
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
// true nor false; then an allow rule does not match and a deny rule does. Mistakes that Casbin
// passes over in silence, such as an effect "denny", do not load.
package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Options of an [Engine]. The zero Options is fine.
type Options struct {
	// Logger gets one record for each policy that is loaded or refused. Nil logs nothing.
	Logger *slog.Logger

	// Clock tells the time for r.env.time, r.env.hour, r.env.weekday and g rows with times when
	// a request does not. It is asked once for each decision of a policy that uses one of them.
	// Default: time.Now.
	Clock func() time.Time

	// TenantErrors says what [Load] does when a tenant's own file does not load: by default
	// it returns the error; with [Isolate] that tenant is closed until its file is good. It
	// is about the start alone: [Engine.Reload] never lets one tenant's file stop the others.
	TenantErrors TenantErrors
}

// Engine decides by the last policy that loaded. Its methods are safe for concurrent use.
// Only [Load] makes one that allows anything: the zero Engine denies with [ErrNotLoaded].
type Engine struct {
	current atomic.Pointer[snapshot]
	reload  sync.Mutex // policies take effect in the order of the calls
	log     *slog.Logger
	clock   func() time.Time
	bundle  *Bundle // that decides, guarded by reload

	loads, refused atomic.Int64 // written by reloads alone: deciding writes to nothing that is shared
}

// Stats count the work of an [Engine], for metrics.
type Stats struct {
	Revision string // of what decides now
	Source   string // [Bundle.Revision] of the folder that it was loaded from; the same unless tenants are held, or were given rows
	Rules    int    // of the policy that decides now
	Loads    int64  // policies that took effect
	Refused  int64  // policies that did not load, so that the one before stayed

	// Held are the tenants whose own files do not load now, sorted. The slice is shared and
	// must not be written to.
	Held []HeldTenant
}

// Err returns why the last policy that loaded is not in effect for every tenant. It wraps
// [ErrTenantHeld] and each tenant's error; nil means that no tenant is held.
func (s Stats) Err() error { return heldErr(s.Held) }

// Stats returns what has happened so far, whoever asked for the reloads: the service or a
// follower.
func (e *Engine) Stats() Stats {
	s := e.snapshot()
	if s == nil {
		return Stats{}
	}
	return Stats{Revision: s.revision, Source: s.source, Rules: len(s.rules), Loads: e.loads.Load(), Refused: e.refused.Load(), Held: s.held}
}

// Load reads a policy. An error is one or more *[Error], joined and sorted: everything that
// is wrong, each with its position. A file that looks like part of the policy and would not be
// read is an error too, see [ReadBundle].
func Load(fsys fs.FS, opts Options) (*Engine, error) {
	b, _ := ReadBundle(fsys) // install says what is wrong, and may only hold a tenant for it
	return LoadBundle(b, opts)
}

// LoadBundle is [Load] for a policy that was read by [ReadBundle].
func LoadBundle(b *Bundle, opts Options) (*Engine, error) {
	if b == nil {
		return nil, fmt.Errorf("%w: no bundle", ErrInvalid)
	}
	e := &Engine{log: opts.Logger, clock: opts.Clock}
	if e.clock == nil {
		e.clock = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if err := e.install(b, opts.TenantErrors == Isolate); err != nil && !errors.Is(err, ErrTenantHeld) {
		return nil, err
	}
	return e, nil
}

// Reload replaces the policy. A decision is made by one policy throughout.
//
// A mistake in the files of all tenants refuses the whole: the error is as [Load] returns it, and
// the old policy keeps deciding. A mistake in one tenant's own file concerns that tenant alone: the policy takes effect, and the error wraps [ErrTenantHeld]. That tenant stays
// at the rows of its own that loaded last, beside the new rules for all tenants. It is closed,
// see [ErrTenantClosed], when it has no such rows, or when they no longer load beside those
// rules. It is never decided by the rules for all tenants alone, unless its file is removed:
// then it has no rules of its own. A tenant's file that has loaded, is as it was, and does not
// load beside new files of all tenants is an error of the latter, which refuses the whole.
func (e *Engine) Reload(fsys fs.FS) error {
	if e.snapshot() == nil {
		return ErrNotLoaded
	}
	e.reload.Lock()
	defer e.reload.Unlock()
	b, _ := ReadBundle(fsys) // as in Load; within the lock, so that what was read last stays
	return e.install(b, true)
}

// ReloadBundle is [Engine.Reload] for a policy that was read by [ReadBundle]. Bundles take
// effect in the order of the calls.
func (e *Engine) ReloadBundle(b *Bundle) error {
	if e.snapshot() == nil {
		return ErrNotLoaded
	}
	if b == nil {
		return fmt.Errorf("%w: no bundle", ErrInvalid)
	}
	e.reload.Lock()
	defer e.reload.Unlock()
	return e.install(b, true)
}

// install makes a bundle the policy, also when it has to hold tenants, if it isolates them.
// The caller holds e.reload.
func (e *Engine) install(b *Bundle, isolate bool) error {
	if b.delegated == nil && e.bundle != nil && len(e.bundle.delegated) > 0 {
		b = b.WithTenants(e.bundle.delegated)
	}
	s, err := assemble(b, e.current.Load(), isolate)
	if err != nil {
		e.refused.Add(1)
		e.log.Error("policy refused", "revision", e.Revision(), "error", err)
		return err
	}
	e.current.Store(s)
	e.bundle = b
	e.loads.Add(1)
	e.log.Info("policy loaded", "revision", s.revision, "rules", len(s.rules))
	for _, t := range s.held {
		e.log.Error("policy of one tenant refused", "tenant", t.Tenant.String(), "closed", t.Closed, "error", t.Err)
	}
	return heldErr(s.held)
}

// Decide answers a request. An error comes with a Decision that denies: [ErrRequest] for a
// malformed request, and with it [ErrMisused] for one that a mistake in the service's code is
// the only reason for; [ErrTenantClosed]; the context's error when it is over; [ErrNotLoaded].
//
// An attribute of another type than attributes.csv declares is an error as soon as a condition is
// unknown for it, whatever the other rules say. Of the object and the environment, whose values
// the service writes, it wraps [ErrMisused]; of the subject, whose values a session may have
// had for long, [ErrRequest] alone.
func (e *Engine) Decide(ctx context.Context, r Request) (d Decision, err error) {
	var q query
	s, err := e.prepare(ctx, &r, &q)
	if err != nil {
		return Decision{Revision: s.id()}, err
	}
	if s.decide(&d, &r, &q); r.misfit.of != nil {
		return Decision{Revision: s.revision}, r.misfit.err(&r)
	}
	return d, nil
}

// prepare returns the policy that decides r, and fills in q, the question that r is, once r can be
// decided. The policy is nil when there is none to ask. Beside an error q means nothing.
func (e *Engine) prepare(ctx context.Context, r *Request, q *query) (*snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	s := e.snapshot()
	if s == nil {
		return nil, ErrNotLoaded
	}
	if err := r.validate(); err != nil {
		return s, err
	}
	if s.closed != nil {
		if err := s.closed[r.Tenant]; err != nil {
			return s, err
		}
	}
	s.hash(q, r)
	s.prefetch(q)
	if s.timed || s.ending != nil {
		if err := e.setClock(r); err != nil {
			return s, err
		}
		if s.ending != nil && !r.now.known {
			return s, fmt.Errorf("%w: a time out of range, and roles that have an end", ErrRequest)
		}
	}
	s.resolve(q, r)
	if r.Object.Route == "" && !s.types.has(q.typ.ID) {
		return s, s.unknownType(r.Object.Type)
	}
	return s, nil
}

// prepareAll is prepare for whoever evaluates more than the rules that match. The caller's roles are
// sorted, so that lists made of them are the same each time.
func (e *Engine) prepareAll(ctx context.Context, r *Request) (*snapshot, query, error) {
	var q query
	s, err := e.prepare(ctx, r, &q)
	if err == nil && s.roled != nil {
		s.tellRoles(r, &q)
		slices.Sort(*r.roles)
	}
	return s, q, err
}

// Revision returns a digest of the loaded policy's files: equal files, equal revision. While
// tenants are held it is another one than that of the same files, and tells apart at what each
// of them is held. It is "" when no policy is loaded.
func (e *Engine) Revision() string {
	return e.snapshot().id()
}

// Rules returns every rule, in the order of the files. The slice is the caller's.
func (e *Engine) Rules() []Rule {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	rules, name := make([]Rule, len(s.rules)), s.names.texts()
	for i := range rules {
		rules[i] = s.rule(i, name)
	}
	return rules
}

// Conditions returns the conditions of [Engine.Rules], in their order, as they were compiled. Rules
// with one text for one kind of object have the same.
func (e *Engine) Conditions() []condition.Expr {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	list := make([]condition.Expr, len(s.rules))
	for i := range list {
		list[i] = s.conditions[s.rules[i].when]
	}
	return list
}

// RouteRules returns the rules whose object is a route or a prefix of routes.
func (e *Engine) RouteRules() []Rule {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	var rules []Rule
	name := s.names.texts()
	for i := range s.rules {
		if s.rules[i].isRoute() {
			rules = append(rules, s.rule(i, name))
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
	return s.schema.Declared()
}

// Covers reports whether some rule names the route and the method, to allow or to deny. A
// rule for the object "*" names no route: otherwise one such rule for administrators would
// hide every route that was forgotten.
func (e *Engine) Covers(method, template string) bool {
	s, o := e.snapshot(), Route(template)
	return s != nil && slices.ContainsFunc(s.rules, func(r rule) bool {
		return r.isRoute() && (r.action == 0 || s.names.words.Text(r.action) == method) && s.covers(&r, &o)
	})
}

// Names reports whether some rule, for any caller and in any tenant, is about an action on
// objects of a type. When none is, the action may be misspelt: nobody is allowed it.
func (e *Engine) Names(action Action, objectType string) bool {
	s := e.snapshot()
	return s != nil && s.ruled.has(s.names.words, action, objectType)
}

func (e *Engine) snapshot() *snapshot {
	if e == nil {
		return nil
	}
	return e.current.Load()
}
