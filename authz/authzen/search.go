package authzen

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// errMany means that a search would have to look through too much.
var errMany = errors.New("authzen: more candidates than MaxCandidates")

// ruleLister is a Decider whose rules can be listed.
type ruleLister interface{ Rules() []policy.Rule }

// named is a result of a search.
type named struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

func (h *Handler) searchSubject(a *asking, body map[string]any) (any, error) {
	if h.cfg.SearchSubjects == nil {
		return nil, errPath
	}
	q, err := ask(body, nil, wanted{action: true, resourceID: true})
	if err != nil {
		return nil, err
	}
	object, err := h.cfg.Resources(a.ctx, a.tenant(), q.resource)
	if err != nil {
		return none(body, err)
	}
	list, err := h.cfg.SearchSubjects(a.ctx, a.tenant(), q.subject.Type)
	if err != nil {
		return nil, err
	}
	return search(h, a, body, list, func(s policy.Subject) (named, policy.Request) {
		return named{Type: q.subject.Type, ID: s.ID}, policy.Request{Subject: s, Action: q.action, Object: object, Env: h.env(q.context)}
	})
}

func (h *Handler) searchResource(a *asking, body map[string]any) (any, error) {
	if h.cfg.SearchResources == nil {
		return nil, errPath
	}
	q, err := ask(body, nil, wanted{subjectID: true, action: true})
	if err != nil {
		return nil, err
	}
	subject, err := h.cfg.Subjects(a.ctx, a.tenant(), q.subject)
	if err != nil {
		return none(body, err)
	}
	list, err := h.cfg.SearchResources(a.ctx, a.tenant(), q.resource.Type)
	if err != nil {
		return nil, err
	}
	return search(h, a, body, list, func(o policy.Object) (named, policy.Request) {
		id := o.ID
		if o.Route != "" {
			id = o.Route
		}
		return named{Type: q.resource.Type, ID: id}, policy.Request{Subject: subject, Action: q.action, Object: o, Env: h.env(q.context)}
	})
}

// searchAction looks through the actions that rules name for the type of the resource.
func (h *Handler) searchAction(a *asking, body map[string]any) (any, error) {
	rules, lists := h.cfg.Policy.(ruleLister)
	if !lists {
		return nil, errPath
	}
	q, err := ask(body, nil, wanted{subjectID: true, resourceID: true})
	if err != nil {
		return nil, err
	}
	subject, err := h.cfg.Subjects(a.ctx, a.tenant(), q.subject)
	if err != nil {
		return none(body, err)
	}
	object, err := h.cfg.Resources(a.ctx, a.tenant(), q.resource)
	if err != nil {
		return none(body, err)
	}
	return search(h, a, body, actionsOf(rules.Rules(), object), func(x policy.Action) (named, policy.Request) {
		return named{Name: string(x)}, policy.Request{Subject: subject, Action: x, Object: object, Env: h.env(q.context)}
	})
}

// actionsOf are the actions that rules name for a type, and methods for a route, sorted.
func actionsOf(rules []policy.Rule, o policy.Object) []policy.Action {
	names := map[policy.Action]bool{}
	for _, r := range rules {
		typ, _, _ := strings.Cut(r.Object, ":")
		if r.Action != "*" && r.IsRoute() == (o.Route != "") && (o.Route != "" || typ == o.Type || typ == "*") {
			names[policy.Action(r.Action)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// none is the answer about a subject or a resource that is not there.
func none(body map[string]any, err error) (any, error) {
	if !errors.Is(err, middleware.ErrNotFound) {
		return nil, err
	}
	if _, err := pageOf(body); err != nil {
		return nil, err
	}
	return map[string]any{"results": []named{}}, nil
}

// search asks about each candidate. A candidate that cannot be decided leaves the search without an
// answer, because a part of it would look like all.
func search[T any](h *Handler, a *asking, body map[string]any, list []T, requestOf func(T) (named, policy.Request)) (any, error) {
	p, err := pageOf(body)
	if err != nil {
		return nil, err
	}
	if len(list) > h.cfg.MaxCandidates {
		return nil, errMany
	}
	results := []named{}
	for _, x := range list {
		one, r := requestOf(x)
		r.Tenant = a.tenant()
		d, err := h.found(a, r)
		switch {
		case errors.Is(err, policy.ErrMisused):
			return nil, fmt.Errorf("%w: %w", middleware.ErrMisused, err)
		case err == nil && d.Allowed():
			results = append(results, one)
		case err != nil && !errors.Is(err, policy.ErrRequest) && !errors.Is(err, middleware.ErrNotFound):
			return nil, err
		}
	}
	return p.cut(results), nil
}

// page is the part of a search's results that is asked for.
type page struct {
	limit int // -1 for all
	from  int
	sum   [16]byte // of the request without its token
}

func pageOf(body map[string]any) (page, error) {
	p := page{limit: -1}
	rest := maps.Clone(body)
	x, there := body["page"]
	o, is := x.(map[string]any)
	if there && !is {
		return p, malformed("page is no object")
	}
	if there {
		o = maps.Clone(o)
		token, hasToken := o["token"]
		delete(o, "token")
		rest["page"] = o
		if n, has := o["limit"]; has {
			f, is := n.(float64)
			if !is || f < 0 || f != math.Trunc(f) || f > 1<<30 {
				return p, malformed("page.limit is no number of results")
			}
			p.limit = int(f)
		}
		text, err := json.Marshal(rest)
		if err != nil {
			return p, err
		}
		sum := sha256.Sum256(text)
		p.sum = [16]byte(sum[:16])
		if hasToken {
			s, _ := token.(string)
			data, err := base64.RawURLEncoding.DecodeString(s)
			if err != nil || len(data) != 20 || [16]byte(data[:16]) != p.sum {
				return p, malformed("page.token is not of this request")
			}
			p.from = int(binary.BigEndian.Uint32(data[16:]))
		}
	}
	return p, nil
}

func (p page) cut(results []named) any {
	if p.limit < 0 && p.from == 0 {
		return map[string]any{"results": results}
	}
	total := len(results)
	from := min(p.from, total)
	to := total
	if p.limit >= 0 {
		to = min(from+p.limit, total)
	}
	next := ""
	if to < total {
		next = base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(p.sum[:], uint32(to)))
	}
	return map[string]any{"results": results[from:to], "page": map[string]any{"next_token": next, "count": to - from, "total": total}}
}
