package authzen

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

// asking is one request of one asker.
type asking struct {
	ctx   context.Context
	asker *authz.Caller
}

func (a *asking) tenant() tenant.ID { return a.asker.Tenant() }

// decision is the answer to one evaluation.
type decision struct {
	Decision bool           `json:"decision"`
	Context  map[string]any `json:"context,omitempty"`
}

func (h *Handler) evaluation(a *asking, body map[string]any) (any, error) {
	q, err := ask(body, nil, everything)
	if err != nil {
		return nil, err
	}
	yes, err := h.decide(a, q)
	return decision{Decision: yes}, err
}

// The semantics of several evaluations.
const (
	executeAll          = "execute_all"
	denyOnFirstDeny     = "deny_on_first_deny"
	permitOnFirstPermit = "permit_on_first_permit"
)

// evaluations answers several of them. One that is malformed is answered no, and why; one that
// cannot be decided leaves all of them without an answer.
func (h *Handler) evaluations(a *asking, body map[string]any) (any, error) {
	semantic, err := semanticOf(body)
	if err != nil {
		return nil, err
	}
	x, there := body["evaluations"]
	items, is := x.([]any)
	switch {
	case there && !is:
		return nil, malformed("evaluations is no array")
	case len(items) == 0:
		return h.evaluation(a, body)
	case len(items) > h.cfg.MaxEvaluations:
		return nil, malformed(fmt.Sprintf("more than %d evaluations", h.cfg.MaxEvaluations))
	}
	answers := make([]decision, 0, len(items))
	for _, x := range items {
		one, err := h.item(a, x, body)
		if err != nil {
			return nil, err
		}
		answers = append(answers, one)
		if semantic == denyOnFirstDeny && !one.Decision || semantic == permitOnFirstPermit && one.Decision {
			break
		}
	}
	return map[string]any{"evaluations": answers}, nil
}

func (h *Handler) item(a *asking, x any, defaults map[string]any) (decision, error) {
	item, is := x.(map[string]any)
	err := error(malformed("an evaluation is no object"))
	var q evaluation
	if is {
		q, err = ask(item, defaults, everything)
	}
	if err != nil {
		return decision{Context: map[string]any{"error": map[string]any{"status": 400, "message": err.Error()}}}, nil
	}
	yes, err := h.decide(a, q)
	return decision{Decision: yes}, err
}

func semanticOf(body map[string]any) (string, error) {
	x, there := body["options"]
	if !there {
		return executeAll, nil
	}
	options, is := x.(map[string]any)
	if !is {
		return "", malformed("options is no object")
	}
	x, there = options["evaluations_semantic"]
	if !there {
		return executeAll, nil
	}
	switch s, _ := x.(string); s {
	case executeAll, denyOnFirstDeny, permitOnFirstPermit:
		return s, nil
	}
	return "", malformed("options.evaluations_semantic is none of execute_all, deny_on_first_deny, permit_on_first_permit")
}

// decide answers one evaluation. The error says that nothing could be decided.
func (h *Handler) decide(a *asking, q evaluation) (bool, error) {
	e := Event{Asker: a.asker, Tenant: a.tenant(), Subject: q.subject, Action: q.action, Resource: q.resource}
	r := policy.Request{Tenant: a.tenant(), Action: q.action, Env: h.env(q.context)}
	r.Subject, e.Err = h.cfg.Subjects(a.ctx, a.tenant(), q.subject)
	if e.Err == nil {
		r.Object, e.Err = h.cfg.Resources(a.ctx, a.tenant(), q.resource)
	}
	if e.Err == nil {
		e.Decision, e.Err = h.found(a, r)
	}
	if h.cfg.Observer != nil {
		h.cfg.Observer(a.ctx, e)
	}
	switch {
	case e.Err == nil:
		return e.Decision.Allowed(), nil
	case errors.Is(e.Err, policy.ErrMisused):
		return false, fmt.Errorf("%w: %w", middleware.ErrMisused, e.Err)
	case errors.Is(e.Err, policy.ErrRequest) || errors.Is(e.Err, middleware.ErrNotFound):
		return false, nil // no policy allows what means nothing, and who or what is not there
	}
	return false, e.Err
}

// found decides about a subject and an object that the service knows. Another tenant's object is
// one that is not there.
func (h *Handler) found(a *asking, r policy.Request) (policy.Decision, error) {
	if r.Subject.ID == "" || !r.Object.Tenant.IsZero() && r.Object.Tenant != r.Tenant {
		return policy.Decision{}, middleware.ErrNotFound
	}
	if err := r.Object.Err(); err != nil {
		return policy.Decision{}, err
	}
	d, err := h.cfg.Policy.Decide(a.ctx, r)
	if err != nil {
		return policy.Decision{}, err
	}
	return d, nil
}

func (h *Handler) env(context Properties) policy.AttributeSource {
	if h.cfg.Context == nil {
		return nil
	}
	return h.cfg.Context(context)
}
