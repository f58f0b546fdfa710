package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

// requestFlags say which policy is asked, and what about.
type requestFlags struct {
	Values []string `arg:"" optional:"" name:"request" help:"SUBJECT TENANT ACTION OBJECT, such as user:alice acme update invoice:1, or anonymous - POST /login. With --model the values of the model's request."`

	Policies string   `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`
	Role     []string `help:"A role of the session. May be given more than once." placeholder:"NAME" sep:","`
	Attr     []string `help:"An attribute of the object, of the caller (sub.name=value) or of the environment (env.name=value)." placeholder:"NAME=VALUE" sep:"none"`

	Model  string `help:"The model of a Casbin policy, with --policy." placeholder:"FILE"`
	Policy string `help:"The rows of a Casbin policy, with --model." placeholder:"FILE"`
	Engine string `help:"What decides a Casbin policy: index, or casbin itself." enum:"index,casbin" default:"index"`
}

func (f *requestFlags) isCasbin() bool { return f.Model != "" || f.Policy != "" }

func (f *requestFlags) check() error {
	switch {
	case f.isCasbin() && (f.Model == "" || f.Policy == ""):
		return usage("--model and --policy stand together")
	case f.isCasbin() && (f.Policies != "" || len(f.Role) > 0 || len(f.Attr) > 0):
		return usage("--policies, --role and --attr are for the standard model: give a Casbin policy the values of its request")
	case !f.isCasbin() && f.Engine != "index":
		return usage("--engine casbin needs --model and --policy")
	}
	return nil
}

// request returns the request that the command line is.
func (f *requestFlags) request(engine *policy.Engine) (policy.Request, error) {
	if len(f.Values) != 4 {
		return policy.Request{}, usage("%d values, 4 are needed: SUBJECT TENANT ACTION OBJECT, with - for no tenant", len(f.Values))
	}
	for _, a := range f.Attr {
		if strings.Contains(a, ";") {
			return policy.Request{}, usage("--attr %s: a value holds no semicolon", a)
		}
	}
	dom := f.Values[1]
	if dom == "-" {
		dom = ""
	}
	r, err := policytest.ParseRequest(dom, f.Values[0], strings.Join(f.Role, " "), f.Values[2], f.Values[3], strings.Join(f.Attr, ";"), engine.Attributes())
	if err != nil {
		return r, usage("%w", err)
	}
	return r, nil
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
func (f *requestFlags) casbin() (enforcer, int, error) {
	text, err := readFile(f.Model)
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
	m, err := model.NewModelFromString(text)
	if err != nil {
		return nil, 0, &exitError{codeLoad, fmt.Errorf("%s:1:1: %w", f.Model, err)}
	}
	if m["r"]["r"] == nil || m["m"]["m"] == nil {
		return nil, 0, &exitError{codeLoad, fmt.Errorf("%s:1:1: not a Casbin model: it defines no request or no matcher", f.Model)}
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

// decide answers the request of the command line by the standard model.
func (f *requestFlags) decide() (policy.Decision, error) {
	engine, _, err := load(f.Policies)
	if err != nil {
		return policy.Decision{}, err
	}
	r, err := f.request(engine)
	if err != nil {
		return policy.Decision{}, err
	}
	d, err := engine.Decide(context.Background(), r)
	return d, asked(err)
}

// asked is an error of a decision: the request was wrong.
func asked(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{codeUsage, err}
}

// read reads a file, or standard input for -.
func (a *app) read(name string) (string, error) {
	if name != "-" {
		return readFile(name)
	}
	data, err := io.ReadAll(io.LimitReader(a.in, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("-:1:1: more than is read")
	}
	if err != nil {
		return "", &exitError{codeLoad, err}
	}
	return string(data), nil
}
