// Command driver is an instance of a service that a test steers by lines of JSON: what to do
// on standard input, what came of it on standard output. It is built in the tree of another
// commit too, with that one's stack.go, to show that both can share one Redis. So it calls
// nothing that only one of them has.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Request is one thing to do. ID and Token are the texts of a session's id and of a refresh
// token.
type Request struct {
	Do, Tenant, User, ID, To, Token string
	Step                            int
	Reason                          string // of an impersonation
}

// Reply is the outcome of it. Error is "" or one of the words of name.
type Reply struct {
	Error     string
	Text      string // of the error
	Tenant    string
	User      string
	ID, Token string
	Step      int
	Listed    map[string]int // the steps of sessions by id
	Kinds     []string       // of events, the latest last
}

const step = "step"

func main() {
	if err := run(os.Args[1], os.Args[2], len(os.Args) > 3); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, prefix string, cached bool) error {
	manager, end, err := open(url, prefix, cached)
	if err != nil {
		return err
	}
	defer end()
	d := driver{manager}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var r Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		reply, err := d.do(r)
		if err != nil {
			reply.Error, reply.Text = name(err), err.Error()
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
	return nil
}

// key returns the bytes of a key of tests.
func key(first byte) []byte { return append([]byte{first}, bytes.Repeat([]byte{7}, 31)...) }

// name returns what an error means to a caller.
func name(err error) string {
	for _, row := range []struct {
		err  error
		name string
	}{
		{session.ErrUnavailable, "unavailable"},
		{session.ErrCorrupt, "corrupt"},
		{session.ErrRefreshReused, "reused"},
		{session.ErrRefreshInvalid, "refresh-invalid"},
		{session.ErrNotFound, "not-found"},
		{session.ErrConflict, "conflict"},
		{tenant.ErrSuspended, "suspended"},
		{tenant.ErrUnknown, "unknown-tenant"},
	} {
		if errors.Is(err, row.err) {
			return row.name
		}
	}
	return "other"
}

type driver struct{ manager *session.Manager }

func (d driver) do(r Request) (reply Reply, err error) {
	ctx := context.Background()
	if r.Do == "refresh" {
		s, token, err := d.manager.Refresh(ctx, r.Token)
		return told(s, token, err)
	}
	if r.Do == "revoke-all" {
		return reply, d.manager.RevokeAll(ctx)
	}
	t, err := tenant.Parse(r.Tenant)
	if err != nil {
		return reply, err
	}
	switch r.Do {
	case "activate":
		return reply, d.manager.SetTenantStatus(ctx, t, tenant.Active)
	case "suspend":
		return reply, d.manager.SetTenantStatus(ctx, t, tenant.Suspended)
	case "revoke-tenant":
		return reply, d.manager.RevokeTenant(ctx, t)
	case "tenant-events":
		events, err := d.manager.Events(ctx, t, session.UserID{})
		for _, e := range events {
			reply.Kinds = append(reply.Kinds, string(e.Kind))
		}
		return reply, err
	}
	u, err := session.ParseUserID(r.User)
	if err != nil {
		return reply, err
	}
	switch r.Do {
	case "sign-in":
		roles, attributes, err := state(r.Step)
		if err != nil {
			return reply, err
		}
		s, token, err := d.manager.Create(ctx, signIn{Tenant: t, User: u, Roles: roles, Attributes: attributes})
		return told(s, token, err)
	case "list":
		listed, err := d.manager.List(ctx, t, u)
		reply.Listed = map[string]int{}
		for _, s := range listed {
			reply.Listed[s.ID.Reveal()] = stepOf(s)
		}
		return reply, err
	case "revoke-user":
		return reply, d.manager.RevokeUser(ctx, t, u)
	}
	id, err := session.ParseID(r.ID)
	if err != nil {
		return reply, err
	}
	return d.withSession(ctx, r, session.Ref{Tenant: t, User: u, ID: id})
}

func (d driver) withSession(ctx context.Context, r Request, ref session.Ref) (reply Reply, err error) {
	var none session.RefreshToken
	change := func(s *session.Session) (err error) {
		s.Roles, s.Attributes, err = state(r.Step)
		return err
	}
	switch r.Do {
	case "load":
		s, err := d.manager.Load(ctx, ref)
		return told(s, none, err)
	case "update":
		s, err := d.manager.Update(ctx, ref, change)
		return told(s, none, err)
	case "rotate":
		return told(d.manager.Rotate(ctx, ref, change))
	case "step-up":
		methods, err := session.NewMethods("otp")
		if err != nil {
			return reply, err
		}
		return told(d.manager.StepUp(ctx, ref, methods))
	case "switch":
		to, err := tenant.Parse(r.To)
		if err != nil {
			return reply, err
		}
		roles, attributes, err := state(r.Step)
		if err != nil {
			return reply, err
		}
		return told(d.manager.SwitchTenant(ctx, ref, to, roles, attributes))
	case "impersonate":
		other, err := session.ParseUserID(r.To)
		if err != nil {
			return reply, err
		}
		s, err := d.manager.Impersonate(ctx, ref, session.Impersonation{User: other, Reason: r.Reason, MaxAge: time.Minute})
		return told(s, none, err)
	case "revoke":
		return reply, d.manager.Revoke(ctx, ref)
	case "revoke-others":
		return reply, d.manager.RevokeOthers(ctx, ref)
	}
	return reply, fmt.Errorf("nothing is called %q", r.Do)
}

func told(s session.Session, token session.RefreshToken, err error) (Reply, error) {
	if err != nil {
		return Reply{}, err
	}
	r := Reply{Tenant: s.Tenant.String(), User: s.User.String(), ID: s.ID.Reveal(), Step: stepOf(s)}
	if !token.IsZero() {
		r.Token = token.Reveal()
	}
	return r, nil
}

// state returns what a session has in a step.
func state(n int) (session.Roles, session.Attributes, error) {
	roles, err := session.NewRoles("reader", fmt.Sprintf("role-%d", n))
	if err != nil {
		return roles, session.Attributes{}, err
	}
	attributes, err := session.NewAttributes(map[string]any{step: n})
	return roles, attributes, err
}

// stepOf returns the step of a session, and -1 where its roles are not those of the step.
func stepOf(s session.Session) int {
	v, _ := s.Attributes.Get(step)
	n, _ := v.(int64)
	if !s.Roles.Has(fmt.Sprintf("role-%d", n)) {
		return -1
	}
	return int(n)
}
