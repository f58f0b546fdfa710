package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

// requestFlags say which policy is asked, and what about.
type requestFlags struct {
	Values []string `arg:"" optional:"" name:"request" help:"SUBJECT TENANT ACTION OBJECT, such as user:alice acme update invoice:1, or anonymous - POST /login. With --model the values of the model's request."`

	Policies string   `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`
	Role     []string `help:"A role of the session. May be given more than once." placeholder:"NAME" sep:","`
	Attr     []string `help:"An attribute of the object, of the caller (sub.name=value) or of the environment (env.name=value)." placeholder:"NAME=VALUE" sep:"none"`

	sourceFlags
	casbinFlags
}

func (f *requestFlags) check() error {
	if f.isCasbin() && (f.Policies != "" || len(f.Role) > 0 || len(f.Attr) > 0) {
		return usage("--policies, --role and --attr are for the standard model: give a Casbin policy the values of its request")
	}
	if err := f.standardOnly(f.isCasbin()); err != nil {
		return err
	}
	return f.casbinFlags.check()
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

// decide answers the request of the command line by the standard model.
func (f *requestFlags) decide(a *app) (policy.Decision, error) {
	engine, from, err := f.engine(a, f.Policies, time.Now)
	if err != nil {
		return policy.Decision{}, err
	}
	r, err := f.request(engine)
	if err != nil {
		return policy.Decision{}, err
	}
	d, err := engine.Decide(context.Background(), r)
	if err == nil && !d.Allowed() {
		f.tellUnknown(a, from)
	}
	return d, undecided(err)
}

// tellUnknown tells of names in a request that is denied and that no row has: it is denied whatever was meant.
func (f *requestFlags) tellUnknown(a *app, from *source) {
	p, err := impact.New(from.bundle)
	if err != nil {
		return // it has loaded before
	}
	dom := f.Values[1]
	if dom == "-" {
		dom = ""
	}
	a.unknown(p.Unknown(impact.Question{Tenant: dom, Action: f.Values[2], Object: f.Values[3]}))
	for _, role := range f.Role {
		if u, unknown := p.UnknownRole(role); unknown {
			a.unknown([]impact.Unknown{u})
		}
	}
}

// undecided is an error of a decision: the request was wrong, or its tenant is closed.
func undecided(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, policy.ErrTenantClosed):
		return &exitError{codeLoad, err}
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
