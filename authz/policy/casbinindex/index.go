// Package casbinindex decides by any Casbin v2 model and answers what Casbin answers. It finds the
// rules by look-up instead of evaluating all of them.
//
// For most uses, a service that has an enforcer changes one line:
//
//	ix, err := casbinindex.New(enforcer.GetModel(), casbinindex.Config{})
//	…
//	allowed, err := ix.Enforce("alice", "tenant1", "data1", "read")
//
// If the model and the policy are files, use [Load], or [LoadFS] for embedded ones: they refuse
// what Casbin's file adapter passes over. If the index has to stand behind the middleware of this module,
// use policy.FromIndex. If there is no Casbin policy yet, use policy.Load, which has conditions
// that are checked at load, explanations and tenants in files of their own.
//
// [Index.Plan] tells what is found by look-up and what is still evaluated.
package casbinindex

import (
	"fmt"
	"slices"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/internal/lookup"
)

// Index decides by a Casbin model. It never changes: after an edit of the rules, make a new one.
// Its methods are safe for concurrent use. The zero Index denies with [ErrNotLoaded].
//
// An error of Casbin is an error here too, and denies. These are errors here, where Casbin accepts
// them or fails in a worse way:
//
//   - An attribute that names a method, or a function in a map. Casbin calls it, so that the
//     text of a rule runs the service's code.
//   - eval of anything but a value of the rule, such as eval(r.sub), which lets the request
//     bring its own rule.
//   - eval within eval, more than 8 deep. Casbin overflows the stack, which no service
//     survives.
//
// A panic in one of Casbin's functions, such as on a pattern that does not compile, is an error
// without a stack trace. A matcher, an effect or a definition that Casbin refuses at each request
// is refused by [New]. Casbin remembers every name that it was asked about, and lets these names
// change its answers. An Index remembers none: it answers as an enforcer that was asked nothing
// before. A name of a request is never taken for a pattern, so it cannot be a bad one.
// EnableEnforce and EnableAcceptJsonRequest have no counterpart: no switch allows everything, and
// a text that looks like JSON stays a text.
type Index struct {
	texts     *lookup.Symbols
	sections  []*roleSection
	roles     map[string]int
	functions map[string]*function
	model     model.Model // definitions alone
	rows      map[string]*rows
	main      *compiledModel
	others    sync.Map            // casbin.EnforceContext → *compiledModel
	making    sync.Mutex          // one compiled model at a time
	granted   map[uint32]struct{} // numbers of the names that some g row grants
	revision  string
}

// New makes an index of m, such as enforcer.GetModel(). It copies the definitions and the rules,
// and keeps the rules in the order in which Casbin evaluates them.
//
// Functions that were added to an enforcer are not part of its model: pass them in
// Config.Functions. Matching functions are part of it: those of Casbin's util are taken over, and
// any other one on role names in domains has to be passed in Config.Matching, or New fails.
//
// The index follows the g rows as they are now, as after BuildRoleLinks. Links that were added to
// the enforcer's role manager by hand are not seen. Only conditional roles, and a role manager of
// the service's own, are asked at each decision. Later changes to the roles of that enforcer are
// then seen.
//
// With a matching function, the second value of g is a pattern. It may come from a rule or be a
// text of the matcher. A model that takes it from a request is refused, and so is a name or a
// domain of the policy that is no pattern.
//
// The matchers and effects of all sections, such as m2 and e2, are checked. An entry of the Config
// that the model has no use for is refused.
//
// An error wraps [ErrInvalid].
func New(m model.Model, cfg Config) (ix *Index, err error) {
	defer contain(&ix, &err)
	if err := cfg.validate(m); err != nil {
		return nil, err
	}
	ix = &Index{
		texts: lookup.NewSymbols(), roles: map[string]int{}, functions: builtins(),
		model: definitions(m), rows: map[string]*rows{}, granted: map[uint32]struct{}{},
		revision: revisionOf(m, &cfg),
	}
	for name, fn := range cfg.Functions {
		ix.functions[name] = &function{name: name, call: fn, custom: true}
	}
	for name, a := range m["p"] {
		if len(a.Policy) > maxRules {
			return nil, fmt.Errorf("%w: %d rules, at most %d can be indexed", ErrInvalid, len(a.Policy), maxRules)
		}
		ix.rows[name] = newRows(ix.texts, len(a.Tokens), slices.Index(a.Tokens, name+"_eft"), a.Policy)
	}
	for _, a := range m["g"] {
		for _, row := range a.Policy {
			for _, value := range row {
				ix.texts.Add(value)
			}
		}
	}
	numbers := ix.texts.Seal()
	if ix.texts.Full {
		return nil, fmt.Errorf("%w: the names are longer than 4 GiB altogether", ErrInvalid)
	}
	for _, r := range ix.rows {
		r.renumber(numbers)
	}
	for _, a := range m["g"] {
		for _, row := range a.Policy {
			if len(row) > 1 {
				ix.granted[ix.texts.Find(row[1])] = struct{}{}
			}
		}
	}
	if err := ix.addRoles(m, &cfg); err != nil {
		return nil, err
	}
	if ix.main, err = ix.newCompiledModel(casbin.NewEnforceContext("")); err != nil {
		return nil, err
	}
	if err := ix.checkSections(); err != nil {
		return nil, err
	}
	ix.main.plan.unused(&cfg, ix)
	return ix, nil
}

// contain turns a panic of Casbin's, or of a function of the service, into an error.
func contain(ix **Index, err *error) {
	if r := recover(); r != nil {
		*ix, *err = nil, fmt.Errorf("%w: it cannot be loaded: %v", ErrInvalid, r)
	}
}

// definitions copies what a model defines, without its rules.
func definitions(m model.Model) model.Model {
	out := model.Model{}
	for _, sec := range []string{"r", "p", "e", "m"} {
		out[sec] = model.AssertionMap{}
		for key, a := range m[sec] {
			out[sec][key] = &model.Assertion{Key: a.Key, Value: a.Value, Tokens: slices.Clone(a.Tokens)}
		}
	}
	return out
}

// Enforce decides as Casbin's Enforce does. The first value may be a [casbin.EnforceContext].
// An error wraps [ErrRequest], comes with false, and never holds a stack trace.
func (ix *Index) Enforce(rvals ...any) (bool, error) {
	out, _, err := ix.enforce(rvals)
	return out.allowed, err
}

// EnforceEx decides as Enforce and returns the rule that decided, which is empty when none
// did. The slice is the caller's.
func (ix *Index) EnforceEx(rvals ...any) (bool, []string, error) {
	out, v, err := ix.enforce(rvals)
	if err != nil {
		return false, []string{}, err
	}
	if out.rule < 0 {
		return out.allowed, []string{}, nil
	}
	return out.allowed, v.rows.row(out.rule), nil
}

// Plan says how the model is decided.
func (ix *Index) Plan() Plan {
	if ix == nil || ix.main == nil {
		return Plan{}
	}
	p := ix.main.plan
	p.Keys, p.Residuals, p.Notes = slices.Clone(p.Keys), slices.Clone(p.Residuals), slices.Clone(p.Notes)
	return p
}

func (ix *Index) enforce(rvals []any) (out outcome, v *compiledModel, err error) {
	if ix == nil || ix.main == nil {
		return undecided, nil, ErrNotLoaded
	}
	defer func() {
		// Casbin's functions panic on what they do not like.
		if r := recover(); r != nil {
			out, err = undecided, fmt.Errorf("%w: a function of the matcher panics on it", ErrRequest)
		}
	}()
	v = ix.main
	if len(rvals) > 0 {
		if ctx, ok := rvals[0].(casbin.EnforceContext); ok {
			rvals = rvals[1:]
			if v, err = ix.compiled(ctx); err != nil {
				return undecided, nil, fmt.Errorf("%w: %w", ErrRequest, err)
			}
		}
	}
	if len(rvals) != v.width {
		return undecided, v, fmt.Errorf("%w: %d values, %d are needed", ErrRequest, len(rvals), v.width)
	}
	q := newQuery(v, rvals)
	out, err = q.decide()
	q.end()
	if err != nil {
		return undecided, v, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return out, v, nil
}

// compiled returns the compiled model for a context, made when it is first asked for. There are
// as many as the model has combinations of sections, whatever is asked.
func (ix *Index) compiled(ctx casbin.EnforceContext) (*compiledModel, error) {
	if v, ok := ix.others.Load(ctx); ok {
		return v.(*compiledModel), nil
	}
	ix.making.Lock()
	defer ix.making.Unlock()
	if v, ok := ix.others.Load(ctx); ok {
		return v.(*compiledModel), nil
	}
	v, err := ix.newCompiledModel(ctx)
	if err != nil {
		return nil, err
	}
	ix.others.Store(ctx, v)
	return v, nil
}
