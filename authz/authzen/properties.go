package authzen

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// Properties describe a subject, a resource, an action or the context of a request. Values
// are string, bool, float64, nil, []any and map[string]any.
type Properties map[string]any

// Subject names the subject of an evaluation.
type Subject struct {
	Type, ID   string
	Properties Properties // as the asker says
}

// Resource names the object of an evaluation.
type Resource struct {
	Type, ID   string
	Properties Properties // as the asker says
}

// typeRoute is the type of resources that are routes: their ids are templates as rules name them.
const typeRoute = "route"

// Object returns r as the request describes it, in a tenant: everybody who may ask is believed
// what they say about it. declared are those of the policy, [policy.Engine.Attributes]. A resource
// of type route, whose id is a template, is that route.
func (r Resource) Object(t tenant.ID, declared []policy.Attribute) policy.Object {
	if r.Type == typeRoute && strings.HasPrefix(r.ID, "/") {
		o := policy.Route(r.ID)
		values := policy.Values{}
		for name, x := range r.Properties {
			if s, is := x.(string); is {
				values[name] = s
			}
		}
		o.Attributes = values
		return o
	}
	return policy.Object{Type: r.Type, ID: r.ID, Tenant: t, Attributes: r.Properties.of(r.Type, declared)}
}

// Env returns those properties that the policy declares for the environment: everybody who may
// ask is believed. Nobody is believed about the attributes that the engine and the guard know
// themselves, such as r.env.time, r.env.ip and r.env.mfa.
func (p Properties) Env(declared []policy.Attribute) policy.AttributeSource {
	values := p.of("env", declared)
	for _, own := range policy.EnvAttributes() {
		delete(values, own.Name)
	}
	return values
}

// of returns the declared properties. One of another type counts as not there.
func (p Properties) of(typ string, declared []policy.Attribute) policy.Values {
	values := policy.Values{}
	for _, a := range declared {
		if x, there := p[a.Name]; there && a.Type == typ {
			if v := as(a.Kind, x); v != nil {
				values[a.Name] = v
			}
		}
	}
	return values
}

// as returns a value of JSON as one of a kind, nil where it is none.
func as(kind policy.AttributeKind, x any) any {
	switch x := x.(type) {
	case string:
		switch kind {
		case policy.KindString, policy.KindUUID:
			return x
		case policy.KindTime:
			if at, err := time.Parse(time.RFC3339Nano, x); err == nil {
				return at
			}
		}
	case bool:
		if kind == policy.KindBool {
			return x
		}
	case float64:
		switch {
		case kind == policy.KindFloat:
			return x
		case kind == policy.KindInt && x == math.Trunc(x) && math.Abs(x) < 1<<53:
			return int64(x)
		}
	case []any:
		texts := make([]string, 0, len(x))
		for _, y := range x {
			if s, is := y.(string); is {
				texts = append(texts, s)
			}
		}
		if kind == policy.KindStrings && len(texts) == len(x) {
			return slices.Clip(texts)
		}
	}
	return nil
}
