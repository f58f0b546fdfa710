package sessiontest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// owner is whose sessions are.
type owner struct {
	tenant tenant.ID
	user   session.UserID
}

func ownerOf(t, u string) owner { return owner{tenant.MustParse(t), session.MustParseUserID(u)} }

// foreignCall calls a method as the owner of theirs, with the id of one of our sessions where
// it takes one.
type foreignCall func(k *kit, theirs owner, s session.Session) error

// strange are the methods that [calls] has not. RevokeAll is everyone's.
func strange() map[string]foreignCall {
	return map[string]foreignCall{
		"Create": func(k *kit, theirs owner, s session.Session) error {
			d := draft(theirs.tenant, theirs.user)
			d.ID = s.ID
			_, err := k.Store.Create(k.ctx, d, session.CreateOptions{
				Lifetime: time.Hour, Refresh: digest(9), Limit: session.SessionLimit{Sessions: 1, Policy: session.EvictOldest},
			})
			k.ok("Revoke", k.Store.Revoke(k.ctx, d.Ref()))
			return err
		},
		"Revoke": func(k *kit, theirs owner, s session.Session) error {
			return k.Store.Revoke(k.ctx, session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID})
		},
		"End": func(k *kit, theirs owner, s session.Session) error {
			return notFound(k.Store.End(k.ctx, session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID}, s.Version))
		},
		"RevokeOthers": func(k *kit, theirs owner, s session.Session) error {
			own := k.create(theirs.tenant, theirs.user)
			k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, own.Ref()))
			return notFound(k.Store.RevokeOthers(k.ctx, session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID}))
		},
		"RevokeUser": func(k *kit, theirs owner, _ session.Session) error {
			return k.Store.RevokeUser(k.ctx, theirs.tenant, theirs.user)
		},
		"RevokeTenant": func(k *kit, theirs owner, s session.Session) error {
			if theirs.tenant == s.Tenant {
				return nil // it is ours as well
			}
			return k.Store.RevokeTenant(k.ctx, theirs.tenant)
		},
		"SetTenantStatus": func(k *kit, theirs owner, s session.Session) error {
			if theirs.tenant == s.Tenant {
				return nil
			}
			k.setStatus(theirs.tenant, tenant.Suspended)
			k.live("while another tenant is suspended", s.Ref())
			k.setStatus(theirs.tenant, tenant.Active)
			return nil
		},
		"TenantStatus": func(k *kit, theirs owner, _ session.Session) error {
			_, err := k.Store.TenantStatus(k.ctx, theirs.tenant)
			return err
		},
		"Begin": func(k *kit, theirs owner, s session.Session) error {
			d := draft(s.Tenant, s.User)
			got, err := k.Store.Create(k.ctx, d, session.CreateOptions{Lifetime: time.Hour, Ticket: k.begin(theirs)})
			k.refused("Create under the ticket of another", leaked(got, err), session.ErrInvalid)
			return nil
		},
		"Stale": func(k *kit, theirs owner, s session.Session) error {
			if theirs.tenant != s.Tenant {
				k.ok("Stale of another tenant", k.Store.Stale(k.ctx, theirs.tenant, session.UserID{}))
			}
			return k.Store.Stale(k.ctx, theirs.tenant, theirs.user)
		},
		"UpdateUser": func(k *kit, theirs owner, _ session.Session) error {
			return k.Store.UpdateUser(k.ctx, theirs.tenant, theirs.user, session.UserChange{Roles: &viewer})
		},
		"Retire": func(k *kit, theirs owner, s session.Session) error {
			ref := session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID}
			return notFound(k.Store.Retire(k.ctx, ref, s.Version, ref, time.Second))
		},
		"RotateWithGrace": func(k *kit, theirs owner, s session.Session) error {
			ref := session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID}
			n := next(s)
			n.Tenant, n.User = theirs.tenant, theirs.user
			got, err := k.Store.RotateWithGrace(k.ctx, ref, n, digest(9), time.Second)
			return notFound(leaked(got, err))
		},
		"Regrant": func(k *kit, theirs owner, s session.Session) error {
			taken := s
			taken.Tenant, taken.User = theirs.tenant, theirs.user
			got, err := k.Store.Regrant(k.ctx, taken, k.begin(theirs))
			if err := notFound(leaked(got, err)); err != nil {
				return err
			}
			got, err = k.Store.Regrant(k.ctx, s, k.begin(theirs))
			k.refused("Regrant under the ticket of another", leaked(got, err), session.ErrInvalid)
			return nil
		},
		"List": func(k *kit, theirs owner, s session.Session) error {
			listed, err := k.Store.List(k.ctx, theirs.tenant, theirs.user)
			for _, l := range listed {
				if l.ID == s.ID || l.Tenant != theirs.tenant || l.User != theirs.user {
					k.Errorf("List of %v shows %v", theirs, l.Ref())
				}
			}
			return err
		},
		"Peek": func(k *kit, theirs owner, s session.Session) error {
			seen, err := k.Store.Peek(k.ctx, theirs.tenant, theirs.user, []session.ID{s.ID})
			if len(seen) > 0 {
				k.Errorf("Peek of %v shows another's session", theirs)
			}
			return err
		},
		"Events": func(k *kit, theirs owner, s session.Session) error {
			for _, e := range k.happened(theirs.tenant, theirs.user) {
				if e.Session == s.ID.Fingerprint() && e.Kind == session.EventUpdated {
					k.Errorf("the events of %v show what happened to another's session", theirs)
				}
			}
			return nil
		},
		"Adopt": func(k *kit, theirs owner, s session.Session) error {
			a := adoption(session.Stranger{Issuer: issuer, Name: "theirs", Tenant: theirs.tenant, User: theirs.user, IssuedAt: s.CreatedAt})
			a.Session.ID = s.ID
			a.Create.Limit = session.SessionLimit{Sessions: 1, Policy: session.EvictOldest}
			adopted, err := k.Store.Adopt(k.ctx, a)
			if errors.Is(err, session.ErrSignedOut) || errors.Is(err, session.ErrSignInTooClose) {
				return nil // they were revoked in an earlier round
			}
			k.ok("Adopt", err)
			return k.Store.Revoke(k.ctx, adopted.Ref())
		},
		"EndSignIn": func(k *kit, theirs owner, _ session.Session) error {
			_, _ = k.tryAdopt(session.Stranger{Issuer: "https://their.example", Name: "x", Tenant: theirs.tenant, User: theirs.user, IssuedAt: k.now()})
			return k.Store.EndSignIn(k.ctx, "https://their.example", "x")
		},
		"RevokePerson": func(k *kit, theirs owner, _ session.Session) error {
			return k.Store.RevokePerson(k.ctx, "https://person.example", theirs.user)
		},
		"Block": func(k *kit, theirs owner, _ session.Session) error {
			defer func() { k.ok("Unblock", k.Store.Unblock(k.ctx, theirs.tenant, theirs.user)) }()
			return k.Store.Block(k.ctx, theirs.tenant, theirs.user)
		},
		"Unblock": func(k *kit, theirs owner, _ session.Session) error {
			return k.Store.Unblock(k.ctx, theirs.tenant, theirs.user)
		},
		"EraseUser": func(k *kit, theirs owner, _ session.Session) error {
			defer func() { k.ok("Unblock", k.Store.Unblock(k.ctx, theirs.tenant, theirs.user)) }()
			return k.Store.EraseUser(k.ctx, theirs.tenant, theirs.user)
		},
		"EraseTenant": func(k *kit, theirs owner, s session.Session) error {
			users := these(nil, theirs.user, s.User)
			if theirs.tenant == s.Tenant {
				k.refused("a tenant that is served", k.Store.EraseTenant(k.ctx, theirs.tenant, users), session.ErrNotSuspended)
				return nil
			}
			k.setStatus(theirs.tenant, tenant.Suspended)
			defer k.setStatus(theirs.tenant, tenant.Active)
			return k.Store.EraseTenant(k.ctx, theirs.tenant, users)
		},
		"AddTenant": func(k *kit, theirs owner, _ session.Session) error {
			return k.Store.AddTenant(k.ctx, theirs.tenant)
		},
		"RevokeAll": nil,
	}
}

// notFound turns what must be said into nil.
func notFound(err error) error {
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("got %v, want %w", err, session.ErrNotFound)
}

// Owners see the same session, list, events and status of their tenant whatever a stranger calls: one
// of equal name in another tenant, another of the same tenant, and one whose ids join to the same
// text. A method of [session.Store] that has no such call fails the case.
func strangers(k *kit) {
	methods := strange()
	for _, c := range calls() {
		methods[c.name] = func(k *kit, theirs owner, s session.Session) error {
			return notFound(c.do(k.ctx, k.Store, session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID}, s.Version))
		}
	}
	store := reflect.TypeFor[session.Store]()
	for i := range store.NumMethod() {
		if _, ok := methods[store.Method(i).Name]; !ok {
			k.Errorf("Store.%s has no twin", store.Method(i).Name)
		}
	}
	for _, pair := range [][2]owner{
		{ownerOf("acme", "alice"), ownerOf("globex", "alice")}, {ownerOf("acme", "alice"), ownerOf("acme", "bob")},
		{ownerOf("a", "b-c"), ownerOf("a-b", "c")}, {ownerOf("a", "bc"), ownerOf("ab", "c")},
		{ownerOf("a", "b/c"), ownerOf("a", "b")}, {ownerOf("a", "B"), ownerOf("a", "b")}, {ownerOf("a", "\u00e9"), ownerOf("a", "e\u0301")},
		{ownerOf("tenant", "epoch"), ownerOf("epoch", "tenant")},
	} {
		ours, theirs := pair[0], pair[1]
		k.setStatus(ours.tenant, tenant.Active)
		k.setStatus(theirs.tenant, tenant.Active)
		s := k.create(ours.tenant, ours.user)
		s, err := k.Store.Update(k.ctx, s)
		k.ok("Update", err)
		see := func() map[string]any {
			status, err := k.Store.TenantStatus(k.ctx, ours.tenant)
			k.ok("TenantStatus", err)
			listed, err := k.Store.List(k.ctx, ours.tenant, ours.user)
			k.ok("List", err)
			seen := describe(k.live("ours", s.Ref()))
			delete(seen, "LastSeenAt") // a load may write down the use
			seen["status"], seen["listed"], seen["events"] = status, refs(listed), k.happened(ours.tenant, ours.user)
			seen["events of the tenant"] = k.happened(ours.tenant, session.UserID{})
			return seen
		}
		before := see()
		for _, name := range slices.Sorted(maps.Keys(methods)) {
			if do := methods[name]; do != nil {
				if err := do(k, theirs, s); err != nil {
					k.Errorf("%s as %v of %v's: %v", name, theirs, ours, err)
				}
			}
			if after := see(); !reflect.DeepEqual(after, before) {
				k.Errorf("%s as %v changed what %v sees:\n%v, before\n%v", name, theirs, ours, after, before)
			}
		}
		if k.refresh("Refresh", s.Ref(), step(1, 2)).Repeated {
			k.Errorf("%v took a step of a family of %v", theirs, ours)
		}
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, ours.tenant, ours.user))
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, theirs.tenant, theirs.user))
	}
}
