package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
)

// casbinFlags name a policy of any Casbin model, and what decides by it.
type casbinFlags struct {
	Model  string `help:"The model of a Casbin policy, with --policy." placeholder:"FILE"`
	Policy string `help:"The rows of a Casbin policy, with --model." placeholder:"FILE"`
	Engine string `help:"What decides a Casbin policy: index, or casbin itself." enum:"index,casbin" default:"index"`
}

func (f *casbinFlags) isCasbin() bool { return f.Model != "" || f.Policy != "" }

func (f *casbinFlags) check() error {
	switch {
	case f.isCasbin() && (f.Model == "" || f.Policy == ""):
		return usage("--model and --policy stand together")
	case !f.isCasbin() && f.Engine != "index":
		return usage("--engine casbin needs --model and --policy")
	}
	return nil
}

// enforcer decides requests of a Casbin model.
type enforcer interface {
	EnforceEx(values ...any) (bool, []string, error)
}

// guarded is Casbin itself, whose panics are errors.
type guarded struct{ *casbin.Enforcer }

func (g guarded) EnforceEx(values ...any) (ok bool, rule []string, err error) {
	defer func() {
		if e := recover(); e != nil {
			ok, rule, err = false, nil, fmt.Errorf("casbin panics: %v", e)
		}
	}()
	ok, rule, err = g.Enforcer.EnforceEx(values...)
	if err != nil {
		ok, rule = false, nil
	}
	return ok, rule, err
}

// casbin loads the Casbin policy, and says how many values its requests have.
func (f *casbinFlags) casbin() (enforcer, int, error) {
	m, err := f.definitions()
	if err != nil {
		return nil, 0, err
	}
	rows, err := readFile(f.Policy)
	if err != nil {
		return nil, 0, err
	}
	if strings.TrimSpace(rows) == "" {
		return nil, 0, &exitError{codeLoad, fmt.Errorf("%s:1:1: no rule: the file is empty", f.Policy)}
	}
	n := len(m["r"]["r"].Tokens)
	if f.Engine == "casbin" {
		e, err := newCasbin(m, f.Policy)
		if err != nil {
			return nil, 0, &exitError{codeLoad, fmt.Errorf("%s: %w", f.Policy, err)}
		}
		return guarded{e}, n, nil
	}
	ix, err := casbinindex.Load(f.Model, f.Policy, casbinindex.Config{})
	if err != nil { // the position comes first
		return nil, 0, &exitError{codeLoad, errors.New(strings.TrimPrefix(err.Error(), casbinindex.ErrInvalid.Error()+": "))}
	}
	return ix, n, nil
}

func newCasbin(m model.Model, rows string) (e *casbin.Enforcer, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("casbin panics: %v", x)
		}
	}()
	return casbin.NewEnforcer(m, fileadapter.NewAdapter(rows))
}

// definitions reads the model, without rows.
func (f *casbinFlags) definitions() (model.Model, error) {
	text, err := readFile(f.Model)
	if err != nil {
		return nil, err
	}
	m, err := model.NewModelFromString(text)
	if err != nil {
		return nil, &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", f.Model, err)}
	}
	if m["r"]["r"] == nil || m["m"]["m"] == nil {
		return nil, &exitError{codeLoad, fmt.Errorf("%s:1:1: not a Casbin model: it defines no request or no matcher", f.Model)}
	}
	return m, nil
}

// survey loads the Casbin policy for questions about all requests.
func (f *casbinFlags) survey() (*casbinsurvey.Policy, error) {
	e, _, err := f.casbin()
	if err != nil {
		return nil, err
	}
	m, err := f.definitions()
	if err != nil {
		return nil, err
	}
	if err := loadRows(m, f.Policy); err != nil {
		return nil, &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", f.Policy, err)}
	}
	p, err := casbinsurvey.New(m, e)
	if err != nil {
		return nil, &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", f.Model, err)}
	}
	return p, nil
}

func loadRows(m model.Model, rows string) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("casbin panics: %v", x)
		}
	}()
	return fileadapter.NewAdapter(rows).LoadPolicy(m)
}
