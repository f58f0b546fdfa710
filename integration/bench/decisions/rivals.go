//go:build rivals

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cedar-policy/cedar-go"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/reevehq/reeve/integration/bench/workload"
)

func rivals() []engine { return []engine{{"cedar-go", cedarGo}, {"OPA", opa}} }

func cedarGo(w *workload.Workload) (decider, error) {
	set, err := cedar.NewPolicySetFromBytes(w.Name+".cedar", []byte(w.Cedar))
	if err != nil {
		return nil, err
	}
	entities := cedar.EntityMap{}
	for _, e := range w.Entities {
		made := cedar.Entity{UID: cedarUID(e.UID)}
		parents := make([]cedar.EntityUID, len(e.Parents))
		for i, p := range e.Parents {
			parents[i] = cedarUID(p)
		}
		made.Parents = cedar.NewEntityUIDSet(parents...)
		attributes := cedar.RecordMap{}
		for name, v := range e.Attributes {
			if attributes[cedar.String(name)], err = cedarValue(v); err != nil {
				return nil, err
			}
		}
		made.Attributes = cedar.NewRecord(attributes)
		entities[made.UID] = made
	}
	requests := make([]cedar.Request, len(w.Requests))
	for i, r := range w.Requests {
		requests[i] = cedar.Request{Principal: cedarUID(r.Cedar[0]), Action: cedarUID(r.Cedar[1]), Resource: cedarUID(r.Cedar[2])}
		for _, uid := range []cedar.EntityUID{requests[i].Principal, requests[i].Resource} {
			if _, ok := entities[uid]; !ok {
				return nil, fmt.Errorf("%s is not there", uid)
			}
		}
	}
	return func(i int) (bool, error) {
		decision, why := cedar.Authorize(set, entities, requests[i])
		if len(why.Errors) > 0 {
			return false, errors.New(why.Errors[0].Message)
		}
		return decision == cedar.Allow, nil
	}, nil
}

func cedarUID(uid workload.UID) cedar.EntityUID {
	return cedar.NewEntityUID(cedar.EntityType(uid.Type), cedar.String(uid.ID))
}

func cedarValue(v any) (cedar.Value, error) {
	switch v := v.(type) {
	case string:
		return cedar.String(v), nil
	case bool:
		return cedar.Boolean(v), nil
	case int:
		return cedar.Long(v), nil
	case workload.UID:
		return cedarUID(v), nil
	case []workload.UID:
		all := make([]cedar.Value, len(v))
		for i, uid := range v {
			all[i] = cedarUID(uid)
		}
		return cedar.NewSet(all...), nil
	}
	return nil, fmt.Errorf("cedar has no %T", v)
}

func opa(w *workload.Workload) (decider, error) {
	ctx := context.Background()
	// The store keeps values as OPA evaluates them, or each decision would convert them.
	store := inmem.NewFromObjectWithOpts(w.Data, inmem.OptReturnASTValuesOnRead(true))
	query, err := rego.New(rego.Query("data.bench.allow"), rego.Module(w.Name+".rego", w.Rego), rego.Store(store)).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	inputs := make([]ast.Value, len(w.Requests))
	for i, r := range w.Requests {
		if inputs[i], err = ast.InterfaceToValue(r.Rego); err != nil {
			return nil, err
		}
	}
	return func(i int) (bool, error) {
		results, err := query.Eval(ctx, rego.EvalParsedInput(inputs[i]))
		return results.Allowed(), err
	}, nil
}
