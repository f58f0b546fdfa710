package workload

import (
	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// Enforcer is the workload as Casbin decides it.
func (w *Workload) Enforcer() (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(w.Model)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	if len(w.Rows["p"]) > 0 {
		if _, err := e.AddPolicies(w.Rows["p"]); err != nil {
			return nil, err
		}
	}
	if len(w.Rows["g"]) > 0 {
		if _, err := e.AddGroupingPolicies(w.Rows["g"]); err != nil {
			return nil, err
		}
	}
	return e, nil
}
