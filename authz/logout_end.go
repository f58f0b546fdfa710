package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// end ends what the token names. nil means that it has ended or is known to be gone.
func (cfg LogoutConfig) end(ctx context.Context, l *token.LogoutToken) error {
	refs, err := cfg.find(ctx, l)
	if err != nil {
		return err
	}
	if issuer, name, _, foreign := l.Stranger(); foreign {
		return cfg.endForeign(ctx, l, issuer, name, refs)
	}
	if len(refs) > 0 {
		return cfg.endFound(ctx, l, refs)
	}
	if l.User().IsZero() {
		return fmt.Errorf("%w: a sid that nobody knows, and no sub that is a user id", token.ErrInvalid)
	}
	tenants, err := cfg.tenants(ctx, l)
	if err != nil {
		return err
	}
	if l.Session().IsZero() {
		return cfg.endUser(ctx, tenants, l.User())
	}
	return cfg.endOwn(ctx, l, tenants)
}

// endForeign ends what a token of an issuer with Foreign names: the sign-in, also where none of
// its tokens has been seen here, or everything of the user; and what Find has found beside it.
func (cfg LogoutConfig) endForeign(ctx context.Context, l *token.LogoutToken, issuer, name string, refs []session.Ref) error {
	var errs []error
	if len(refs) > 0 {
		errs = append(errs, cfg.endFound(ctx, l, refs))
	}
	switch {
	case name != "":
		errs = append(errs, cfg.endSignIn(ctx, l, issuer, name, refs))
	case !l.User().IsZero():
		errs = append(errs, cfg.endPerson(ctx, l, issuer))
	case len(refs) == 0:
		return fmt.Errorf("%w: the issuer's access tokens name no session, and there is no sub that is a user id", token.ErrInvalid)
	}
	return errors.Join(errs...)
}

// endSignIn ends the sign-in of a name at a foreign issuer, and what of the user may be of that
// sign-in without anybody knowing.
func (cfg LogoutConfig) endSignIn(ctx context.Context, l *token.LogoutToken, issuer, name string, found []session.Ref) error {
	if err := cfg.Sessions.EndSignIn(ctx, issuer, name); err != nil {
		return unavailable("sessions", err)
	}
	if l.User().IsZero() {
		return nil
	}
	return cfg.endUnnamed(ctx, l, issuer, found)
}

// endUnnamed ends those sessions of the token's user of which nobody knows to what sign-in at the
// issuer they belong: those that its tokens have made without naming them, and those of
// Manager.Create, unless Find tells these apart. It knows the tenants that the token or Tenants
// names, and those of what was found.
func (cfg LogoutConfig) endUnnamed(ctx context.Context, l *token.LogoutToken, issuer string, found []session.Ref) error {
	var tenants []tenant.ID
	if cfg.knowsTenants(l) {
		var err error
		if tenants, err = cfg.tenants(ctx, l); err != nil {
			return err
		}
	}
	for _, ref := range found {
		tenants = append(tenants, ref.Tenant)
	}
	unnamed := func(s session.Session) bool {
		made := s.Provider.Claims().Issuer
		return s.Actors.Len() == 0 && (made == issuer && !s.Provider.NamesSession() || made == "" && len(found) == 0)
	}
	for range maxRounds { // one may move meanwhile
		left := false
		for _, t := range distinct(tenants) {
			sessions, err := cfg.Sessions.List(ctx, t, l.User())
			if err != nil {
				return unavailable("sessions", err)
			}
			for _, s := range sessions {
				if !unnamed(s) {
					continue
				}
				left = true
				if _, err := cfg.endLive(ctx, s.Ref()); err != nil {
					return err
				}
			}
		}
		if !left {
			return nil
		}
	}
	return unavailable("sessions", errors.New("the user's sessions move meanwhile"))
}

// knowsTenants reports whether it is known in which tenants the token's user may have sessions,
// beside those that the issuer's tokens have made.
func (cfg LogoutConfig) knowsTenants(l *token.LogoutToken) bool {
	return !l.Tenant().IsZero() || cfg.Tenants != nil
}

// endPerson ends every session of an issuer's user, in the tenants where they were adopted, and
// in those that are known beside these.
func (cfg LogoutConfig) endPerson(ctx context.Context, l *token.LogoutToken, issuer string) error {
	var errs []error
	if err := cfg.Sessions.RevokePerson(ctx, issuer, l.User()); err != nil {
		errs = append(errs, unavailable("sessions", err))
	}
	if cfg.knowsTenants(l) {
		tenants, err := cfg.tenants(ctx, l)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, cfg.endUser(ctx, tenants, l.User()))
	}
	return errors.Join(errs...)
}

// find asks Find, and refuses what it returns when the token cannot mean it.
func (cfg LogoutConfig) find(ctx context.Context, l *token.LogoutToken) ([]session.Ref, error) {
	if cfg.Find == nil || l.IssuerSessionID() == "" {
		return nil, nil
	}
	refs, err := cfg.Find(ctx, l)
	if err != nil {
		return nil, unavailable("Find", err)
	}
	for _, ref := range refs {
		switch {
		case ref.Validate() != nil:
			return nil, unavailable("Find", errors.New("it returned a session without tenant, user or id"))
		case !l.Tenant().IsZero() && ref.Tenant != l.Tenant(), !l.User().IsZero() && ref.User != l.User():
			return nil, unavailable("Find", errors.New("it returned a session of another tenant or user"))
		}
	}
	return refs, nil
}

// tenants returns those in which the token's user may have sessions, at least one.
func (cfg LogoutConfig) tenants(ctx context.Context, l *token.LogoutToken) ([]tenant.ID, error) {
	if !l.Tenant().IsZero() {
		return []tenant.ID{l.Tenant()}, nil
	}
	if cfg.Tenants == nil {
		return nil, fmt.Errorf("%w: the token names no tenant, and those of the issuer are not known: set Tenants here, or Tenant in the issuer's entry if there is one", token.ErrInvalid)
	}
	tenants, err := cfg.Tenants(ctx, l.Issuer())
	switch {
	case err != nil:
		return nil, unavailable("Tenants", err)
	case len(tenants) == 0 || slices.ContainsFunc(tenants, tenant.ID.IsZero):
		return nil, unavailable("Tenants", errors.New("it returned none, or a zero tenant"))
	}
	return tenants, nil
}

// endOwn ends the session of ours that the token names. In whichever tenant it is live, it
// ends there alone; where it is live in none it may have moved, so all of its user's end.
func (cfg LogoutConfig) endOwn(ctx context.Context, l *token.LogoutToken, tenants []tenant.ID) error {
	for _, t := range tenants {
		live, err := cfg.endLive(ctx, session.Ref{Tenant: t, User: l.User(), ID: l.Session()})
		if live || err != nil {
			return err
		}
	}
	return cfg.endUser(ctx, tenants, l.User())
}

// endFound ends the sessions that Find returned, and all of a user of whom one may have
// moved.
func (cfg LogoutConfig) endFound(ctx context.Context, l *token.LogoutToken, refs []session.Ref) error {
	var errs []error
	moved := map[session.UserID][]tenant.ID{}
	for _, ref := range distinct(refs) { // of one that comes twice, the second would seem to have moved
		live, err := cfg.endLive(ctx, ref)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !live:
			moved[ref.User] = append(moved[ref.User], ref.Tenant)
		}
	}
	for user, was := range moved {
		tenants, err := cfg.tenants(ctx, l) // unknown ones are an error, and the session may live in one
		errs = append(errs, err, cfg.endUser(ctx, append(was, tenants...), user))
	}
	return errors.Join(errs...)
}

// endLive ends a session and reports whether it was live until then.
func (cfg LogoutConfig) endLive(ctx context.Context, ref session.Ref) (live bool, err error) {
	if live, err = cfg.Sessions.End(ctx, ref); err != nil {
		return false, unavailable("sessions", err)
	}
	return live, nil
}

// maxRounds is how often the sessions of a user are ended who moves between tenants meanwhile.
const maxRounds = 3

// endUser ends every session of a user in some tenants. They are told one after the other, and
// a session may move into one that was told before: so all are asked whether one is left.
func (cfg LogoutConfig) endUser(ctx context.Context, tenants []tenant.ID, user session.UserID) error {
	tenants = distinct(tenants)
	for range maxRounds {
		if err := cfg.revokeUser(ctx, tenants, user); err != nil || len(tenants) == 1 {
			return err
		}
		left, err := cfg.signedIn(ctx, tenants, user)
		if err != nil || !left {
			return err
		}
	}
	return unavailable("sessions", errors.New("the user moves between tenants meanwhile"))
}

// revokeUser goes on after an error, so that one tenant's outage keeps nobody signed in
// elsewhere until the provider asks again.
func (cfg LogoutConfig) revokeUser(ctx context.Context, tenants []tenant.ID, user session.UserID) error {
	var errs []error
	for _, t := range tenants {
		if err := cfg.Sessions.RevokeUser(ctx, t, user); err != nil {
			errs = append(errs, unavailable("sessions", err))
		}
	}
	return errors.Join(errs...)
}

// signedIn reports whether the user has a live session that they signed in to. Those of others
// who act as the user move to no other tenant.
func (cfg LogoutConfig) signedIn(ctx context.Context, tenants []tenant.ID, user session.UserID) (bool, error) {
	for _, t := range tenants {
		sessions, err := cfg.Sessions.List(ctx, t, user)
		if err != nil {
			return false, unavailable("sessions", err)
		}
		if slices.ContainsFunc(sessions, func(s session.Session) bool { return s.Actors.Len() == 0 }) {
			return true, nil
		}
	}
	return false, nil
}

// distinct returns what is listed, each once, in the order in which it comes first.
func distinct[T comparable](listed []T) []T {
	var once []T
	for _, v := range listed {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	return once
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", middleware.ErrUnavailable, what, err)
}
