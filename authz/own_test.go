package authz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

var (
	nowhere   = tenant.MustParse("nowhere")
	suspended = tenant.MustParse("suspended")
)

// handle has POST /me return what do says, as a handler of a service would.
func (w *fixture) handle(do func(ctx context.Context, own session.Session) error) {
	w.echo.POST("/me", func(c echo.Context) error {
		own, _ := session.FromContext(c.Request().Context())
		if err := do(c.Request().Context(), own); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
}

// An error about sessions, tenants and tokens that the caller has merely named is never an order to
// sign in again; one about the caller's own session is.
func TestOnlyTheCallersOwnSessionBeingGoneIs401(t *testing.T) {
	otp, _ := session.NewMethods("otp")
	roles := session.MustRoles("viewer")
	bob := session.MustParseUserID("bob")
	change := func(*session.Session) error { return nil }
	type do = func(ctx context.Context, m *session.Manager, own session.Session) error
	revoked := func(then do) do { // by somebody else, while the request was running
		return func(ctx context.Context, m *session.Manager, own session.Session) error {
			if err := m.Revoke(ctx, own.Ref()); err != nil {
				return err
			}
			return then(ctx, m, own)
		}
	}
	for name, row := range map[string]struct {
		do      do
		status  int
		problem string
	}{
		"a device that is gone": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			return m.RevokeDevice(ctx, own.Ref(), "ffffffffffff")
		}, 404, "not-found"},
		"a session of another id": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Load(ctx, session.Ref{Tenant: own.Tenant, User: own.User, ID: session.NewID()})
			return err
		}, 404, "not-found"},
		"the caller's id in another tenant": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Update(ctx, session.Ref{Tenant: globex, User: own.User, ID: own.ID}, change)
			return err
		}, 404, "not-found"},
		"a device that ended before it could be changed": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			other, _, err := m.Create(ctx, session.SignIn{Tenant: own.Tenant, User: own.User})
			if err != nil {
				return err
			}
			_, err = m.Update(ctx, other.Ref(), func(*session.Session) error { return m.Revoke(ctx, other.Ref()) })
			return err
		}, 404, "not-found"},
		"a switch to a tenant that was never set up": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.SwitchTenant(ctx, own.Ref(), nowhere, roles, session.Attributes{})
			return err
		}, 403, "forbidden"},
		"a sign-in to a tenant that was never set up": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.Create(ctx, session.SignIn{Tenant: nowhere, User: bob})
			return err
		}, 403, "forbidden"},
		"a malformed tenant": {func(context.Context, *session.Manager, session.Session) error {
			_, err := tenant.Parse("Acme!")
			return err
		}, 400, "invalid-value"},
		"a malformed user": {func(context.Context, *session.Manager, session.Session) error {
			_, err := session.ParseUserID("a b")
			return err
		}, 400, "invalid-value"},
		"a malformed role": {func(context.Context, *session.Manager, session.Session) error {
			_, err := session.NewRoles("role:admin")
			return err
		}, 400, "invalid-value"},
		"an impersonation without a reason": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Impersonate(ctx, own.Ref(), session.Impersonation{User: bob, MaxAge: time.Minute})
			return err
		}, 400, "invalid-value"},
		"a user agent of 600 bytes": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice, UserAgent: strings.Repeat("x", 600)})
			return err
		}, 400, "invalid-value"},
		"a fifth impersonation": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			var err error
			for n := 0; n < 5 && err == nil; n++ {
				own, err = m.Impersonate(ctx, own.Ref(), session.Impersonation{
					User: session.MustParseUserID(fmt.Sprint("user", n)), Reason: "ticket 7", MaxAge: time.Minute,
				})
			}
			return err
		}, 400, "invalid-value"},
		"another's token": {func(context.Context, *session.Manager, session.Session) error {
			return fmt.Errorf("invitation: %w", token.ErrInvalid)
		}, 400, "invalid-value"},
		"another's token of a key that is gone": {func(context.Context, *session.Manager, session.Session) error { return token.ErrUnknownKey }, 400, "invalid-value"},
		"an outage about another session": {func(context.Context, *session.Manager, session.Session) error {
			return fmt.Errorf("%w: %w", session.ErrUnavailable, session.ErrNotFound)
		}, 503, "auth-unavailable"},

		"the own session, loaded": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Load(ctx, own.Ref())
			return err
		}), 401, "invalid-token"},
		"the own session, changed": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Update(ctx, own.Ref(), change)
			return err
		}), 401, "invalid-token"},
		"the own session, between read and write": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Update(ctx, own.Ref(), func(*session.Session) error { return m.Revoke(ctx, own.Ref()) })
			return err
		}, 401, "invalid-token"},
		"the own session, rotated": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.Rotate(ctx, own.Ref(), nil)
			return err
		}), 401, "invalid-token"},
		"the own session, stepped up": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.StepUp(ctx, own.Ref(), otp)
			return fmt.Errorf("second factor: %w", err)
		}), 401, "invalid-token"},
		"the own session, switched": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.SwitchTenant(ctx, own.Ref(), globex, roles, session.Attributes{})
			return err
		}), 401, "invalid-token"},
		"the own session, impersonating": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, err := m.Impersonate(ctx, own.Ref(), session.Impersonation{User: bob, Reason: "ticket 7", MaxAge: time.Minute})
			return err
		}), 401, "invalid-token"},
		"the own session, ending the others": {revoked(func(ctx context.Context, m *session.Manager, own session.Session) error {
			return m.RevokeOthers(ctx, own.Ref())
		}), 401, "invalid-token"},
		"the own tenant, suspended": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			if err := m.SetTenantStatus(ctx, own.Tenant, tenant.Suspended); err != nil {
				return err
			}
			_, err := m.Load(ctx, own.Ref())
			return err
		}, 403, "forbidden"},
		"a refresh token that is none": {func(ctx context.Context, m *session.Manager, own session.Session) error {
			_, _, err := m.Refresh(ctx, "r1.x")
			return err
		}, 401, "invalid-token"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.handle(func(ctx context.Context, own session.Session) error { return row.do(ctx, w.manager, own) })
			bearer, _ := w.login(acme, alice, "editor")
			rec := w.do("POST", "/me", bearer)
			w.want(rec, row.status, row.problem)
			if challenged := rec.Header().Get("WWW-Authenticate") != ""; challenged != (row.status == 401) {
				t.Errorf("a challenge: %v", challenged)
			}
		})
	}
}

// From outside, a tenant that was never set up is one that is suspended, byte for byte.
func TestATenantThatWasNeverSetUpIsNotToldFromASuspendedOne(t *testing.T) {
	w := newFixture(t)
	if err := w.manager.SetTenantStatus(t.Context(), suspended, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(ctx context.Context, own session.Session, id tenant.ID) error{
		"switch": func(ctx context.Context, own session.Session, id tenant.ID) error {
			_, _, err := w.manager.SwitchTenant(ctx, own.Ref(), id, session.Roles{}, session.Attributes{})
			return err
		},
		"create": func(ctx context.Context, _ session.Session, id tenant.ID) error {
			_, _, err := w.manager.Create(ctx, session.SignIn{Tenant: id, User: alice})
			return err
		},
		"load": func(ctx context.Context, own session.Session, id tenant.ID) error {
			_, err := w.manager.Load(ctx, session.Ref{Tenant: id, User: own.User, ID: own.ID})
			return err
		},
		"bind": func(ctx context.Context, _ session.Session, id tenant.ID) error {
			_, err := tenant.Bind(context.WithoutCancel(t.Context()), id, w.manager)
			return err
		},
	} {
		var answers []string
		for _, id := range []tenant.ID{nowhere, suspended} {
			w.handle(func(ctx context.Context, own session.Session) error { return do(ctx, own, id) })
			bearer, _ := w.login(acme, alice, "editor")
			rec := w.do("POST", "/me", bearer)
			w.want(rec, 403, "forbidden")
			answers = append(answers, fmt.Sprint(rec.Code, rec.Header(), rec.Body))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s tells them apart:\n%s\n%s", name, answers[0], answers[1])
		}
	}
}

// Every method of the Manager, with values that a request may bring: whatever they are, the
// answer says what kind of refusal it is, and never that the service is broken or out.
func TestNoInputToTheManagerMakesA500(t *testing.T) {
	w := newFixture(t)
	if err := w.manager.SetTenantStatus(t.Context(), suspended, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	allowed := map[int]bool{204: true, 400: true, 401: true, 403: true, 404: true, 409: true}
	repeats := 150
	if testneed.Race && !testneed.Soak() {
		repeats = 40
	}
	random := rand.New(rand.NewPCG(1, 2))
	manager := reflect.TypeFor[*session.Manager]()
	for i := range manager.NumMethod() {
		method := manager.Method(i)
		t.Run(method.Name, func(t *testing.T) {
			h := &hostile{t: t, random: random, manager: w.manager}
			seen := map[int]int{}
			for range repeats {
				for _, id := range []tenant.ID{acme, globex} { // some calls suspend them
					if err := w.manager.SetTenantStatus(t.Context(), id, tenant.Active); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.manager.RevokeUser(t.Context(), acme, alice); err != nil {
					t.Fatal(err)
				}
				if err := w.manager.Unblock(t.Context(), acme, alice); err != nil {
					t.Fatal(err)
				}
				bearer, own := w.login(acme, alice, "editor")
				var drawn []any
				w.handle(func(ctx context.Context, _ session.Session) error {
					arguments := []reflect.Value{reflect.ValueOf(w.manager)}
					for n := 1; n < method.Type.NumIn(); n++ {
						v := h.value(ctx, method.Type.In(n), own)
						arguments, drawn = append(arguments, v), append(drawn, v.Interface())
					}
					call := method.Func.Call
					if method.Type.IsVariadic() {
						call = method.Func.CallSlice
					}
					results := call(arguments)
					err, _ := results[len(results)-1].Interface().(error)
					return err
				})
				rec := w.do("POST", "/me", bearer)
				seen[rec.Code]++
				// Of a sign-in within the skew nobody can tell whether it came before an end.
				if !allowed[rec.Code] && !(method.Name == "Adopt" && rec.Code == 503) {
					t.Fatalf("%d %s for %s%+v", rec.Code, rec.Body, method.Name, drawn)
				}
				if devices, err := w.manager.Devices(t.Context(), own.Ref()); err != nil {
					t.Fatal(err)
				} else if _, err := json.Marshal(devices); err != nil {
					t.Fatalf("the devices have no JSON after %s%+v: %v", method.Name, drawn, err)
				}
				if _, err := w.manager.Load(t.Context(), own.Ref()); rec.Code == 401 && err == nil && method.Name != "Refresh" {
					t.Fatalf("401 for a caller whose session lives, for %s%+v", method.Name, drawn)
				}
			}
			t.Log(seen)
		})
	}
}

// hostile draws values. A type that it does not know fails the test: a new parameter of a
// method is a new way in.
type hostile struct {
	t       *testing.T
	random  *rand.Rand
	manager *session.Manager
}

func (h *hostile) value(ctx context.Context, of reflect.Type, own session.Session) reflect.Value {
	pick := func(values ...any) reflect.Value { return reflect.ValueOf(values[h.random.IntN(len(values))]) }
	switch of {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(ctx)
	case reflect.TypeFor[string]():
		return pick("", "x", "none", own.ID.Fingerprint(), own.ID.Reveal(), "\x00", "\xff\xfe", "a\tb\r\nc", "ἐ\u200d👩", "\u202e", "r1.", "r1."+strings.Repeat("A", 300),
			strings.Repeat("x", 257), strings.Repeat("x", 513), strings.Repeat("é", 1<<16), "{}:*?", "%s%n", "\u3164", "ticket 7", "Mozilla/5.0")
	case reflect.TypeFor[session.Provider]():
		return pick(session.Provider{}, session.NewProvider(session.ProviderClaims{Issuer: "https://idp.test", IssuedAt: time.Now(), NamesRoles: true}),
			session.NewProvider(session.ProviderClaims{Issuer: strings.Repeat("i", 1000), ACR: "\x00", Since: time.Unix(1<<40, 0)}))
	case reflect.TypeFor[[]string]():
		return pick([]string(nil), []string{"viewer"}, []string{"viewer", "viewer"}, []string{"", "\x00"}, slices.Repeat([]string{"otp"}, 1000))
	case reflect.TypeFor[[]tenant.ID]():
		return pick([]tenant.ID(nil), []tenant.ID{acme}, []tenant.ID{{}, nowhere}, []tenant.ID{suspended, globex, globex})
	case reflect.TypeFor[bool]():
		return pick(true, false)
	case reflect.TypeFor[tenant.ID]():
		return pick(tenant.ID{}, acme, globex, nowhere, suspended)
	case reflect.TypeFor[session.UserID]():
		return pick(session.UserID{}, alice, session.MustParseUserID("bob"), session.MustParseUserID(strings.Repeat("u", 255)))
	case reflect.TypeFor[session.ID]():
		return pick(session.ID{}, own.ID, session.NewID())
	case reflect.TypeFor[tenant.Status]():
		return pick(tenant.Unknown, tenant.Active, tenant.Suspended, tenant.Status(3), tenant.Status(255))
	case reflect.TypeFor[time.Duration]():
		return pick(time.Duration(0), time.Duration(-1), time.Nanosecond, time.Minute, time.Hour+1, time.Duration(1<<63-1), time.Duration(-1<<63))
	case reflect.TypeFor[time.Time]():
		return pick(time.Time{}, time.Unix(0, 0), time.Now(), time.Now().Add(1<<62), time.Date(-300000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<62, 0))
	case reflect.TypeFor[session.Roles]():
		return pick(session.Roles{}, session.MustRoles("editor"), session.MustRoles(many(session.MaxRoles)...))
	case reflect.TypeFor[session.Methods]():
		all, _ := session.NewMethods(many(session.MaxRoles)...)
		otp, _ := session.NewMethods("otp")
		return pick(session.Methods{}, otp, all)
	case reflect.TypeFor[session.Attributes]():
		values := map[string]any{}
		for _, name := range many(session.MaxAttributes) {
			values[name] = strings.Repeat("\x00", session.MaxAttributeLength)
		}
		most, _ := session.NewAttributes(values)
		bound, _ := session.NewAttributes(map[string]any{session.KeyAttribute: "x"})
		odd, _ := session.NewAttributes(map[string]any{session.KeyAttribute: int64(1)})
		return pick(session.Attributes{}, most, bound, odd)
	case reflect.TypeFor[session.Actors]():
		actors, _ := session.NewActors(session.Actor{User: alice, Reason: "ticket 7"})
		return pick(session.Actors{}, actors)
	case reflect.TypeFor[session.Successor]():
		return pick(session.Successor{}, session.NewSuccessor(own.Ref()), session.NewSuccessor(session.Ref{}))
	case reflect.TypeFor[session.Ticket]():
		marks := session.TicketMarks{User: 1<<64 - 1, Tenant: 1, All: 1 << 53}
		ticket, _ := h.manager.Begin(ctx, own.Tenant, own.User)
		return pick(session.Ticket{}, ticket, session.NewTicket(own.Tenant, own.User, marks), session.NewTicket(nowhere, alice, marks))
	case reflect.TypeFor[session.UserChange]():
		roles := h.value(ctx, reflect.TypeFor[session.Roles](), own).Interface().(session.Roles)
		attributes := h.value(ctx, reflect.TypeFor[session.Attributes](), own).Interface().(session.Attributes)
		return pick(session.UserChange{}, session.UserChange{Roles: &roles}, session.UserChange{Attributes: &attributes},
			session.UserChange{Roles: &roles, Attributes: &attributes})
	case reflect.TypeFor[[]session.ID]():
		return pick([]session.ID(nil), []session.ID{own.ID}, []session.ID{{}, own.ID}, slices.Repeat([]session.ID{session.NewID()}, 1000))
	case reflect.TypeFor[session.Acting]():
		acting, _ := session.NewActing(alice, "ticket 7")
		return pick(session.Acting{}, acting)
	case reflect.TypeFor[*session.Handle]():
		mine, none, other := session.HandleOf(own.Ref()), session.Handle{}, session.HandleOf(session.Ref{Tenant: nowhere, User: alice, ID: session.NewID()})
		return pick((*session.Handle)(nil), &mine, &none, &other)
	case reflect.TypeFor[session.Origin]():
		return pick(session.Origin{}, session.NewOrigin(own.ID, own.Version), session.NewOrigin(session.NewID(), 1<<63))
	case reflect.TypeFor[func(session.Session) (session.Roles, session.Attributes, error)]():
		return pick((func(session.Session) (session.Roles, session.Attributes, error))(nil),
			func(s session.Session) (session.Roles, session.Attributes, error) { return s.Roles, s.Attributes, nil },
			func(session.Session) (session.Roles, session.Attributes, error) {
				return session.Roles{}, session.Attributes{}, session.ErrInvalid
			})
	case reflect.TypeFor[iter.Seq2[session.UserID, error]]():
		of := func(all ...session.UserID) iter.Seq2[session.UserID, error] {
			return func(yield func(session.UserID, error) bool) {
				for _, u := range all {
					if !yield(u, nil) {
						return
					}
				}
			}
		}
		return pick((iter.Seq2[session.UserID, error])(nil), of(), of(own.User), of(session.UserID{}), of(alice, own.User, alice))
	case reflect.TypeFor[func(*session.Session) error]():
		field := h.random.IntN(reflect.TypeFor[session.Session]().NumField())
		return reflect.ValueOf(func(s *session.Session) error {
			f := reflect.ValueOf(s).Elem().Field(field)
			if f.Kind() == reflect.Uint64 {
				f.SetUint(h.random.Uint64())
				return nil
			}
			f.Set(h.value(ctx, f.Type(), own))
			return nil
		})
	}
	if of == reflect.TypeFor[session.Ref]() && h.random.IntN(2) == 0 {
		return reflect.ValueOf(own.Ref())
	}
	if of.Kind() != reflect.Struct || of.NumField() == 0 {
		h.t.Fatalf("no hostile values of %v: add some", of)
	}
	v := reflect.New(of).Elem() // a struct of fields that a request may fill
	for n := range of.NumField() {
		if !of.Field(n).IsExported() {
			h.t.Fatalf("no hostile values of %v: add some", of)
		}
		v.Field(n).Set(h.value(ctx, of.Field(n).Type, own))
	}
	return v
}

func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("name-", i)
	}
	return names
}

// A service's own error handler has the table alone: what it is given is not the caller's.
func TestTheTableAloneNeverSaysSignInAgainOfASession(t *testing.T) {
	for _, err := range []error{session.ErrNotFound, session.ErrNoDevice, &session.GoneError{}, tenant.ErrUnknown, session.ErrInvalidID, tenant.ErrInvalidID, session.ErrInvalid} {
		if p, ok := middleware.FromError(err); ok && (p.Status == 401 || p.Status >= 500) {
			t.Errorf("%v is answered %d", err, p.Status)
		}
	}
}
