package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
)

var compare = cmp.Options{
	cmp.AllowUnexported(session.Roles{}, session.Methods{}, session.Actors{}, session.Attributes{}),
	cmp.Comparer(func(a, b session.UserID) bool { return a == b }),
	cmp.Comparer(func(a, b session.Acting) bool { return a == b }),
	cmp.Transformer("list", func(r session.Roles) []string { return r.Names() }),
	cmp.Transformer("methods", func(m session.Methods) []string { return m.Names() }),
	cmp.Transformer("chain", func(a session.Actors) []session.Actor { return append([]session.Actor{}, slices.Collect(a.All())...) }),
}

var (
	someName = rapid.StringMatching(`[a-zA-Z0-9._-]{1,20}`)
	someUser = rapid.Custom(func(t *rapid.T) session.UserID {
		return session.MustParseUserID(rapid.StringMatching(`[a-zA-Z0-9@|éü用"<&'\\/-]{1,20}`).Draw(t, "user"))
	})
	someTime = rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(0, 250_000_000_000_000_000).Draw(t, "time")).UTC()
	})
	someRoles = rapid.Custom(func(t *rapid.T) session.Roles {
		return session.MustRoles(rapid.SliceOfN(someName, 0, 5).Draw(t, "roles")...)
	})
	someMethods = rapid.Custom(func(t *rapid.T) session.Methods {
		m, err := session.NewMethods(rapid.SliceOfN(someName, 0, 5).Draw(t, "methods")...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
	someActors = rapid.Custom(func(t *rapid.T) session.Actors {
		var chain []session.Actor
		for range rapid.IntRange(0, session.MaxActors).Draw(t, "actors") {
			chain = append(chain, session.Actor{User: someUser.Draw(t, "actor"), Reason: rapid.StringMatching(`[a-z"<&é用 ]{0,10}x`).Draw(t, "reason")})
		}
		a, err := session.NewActors(chain...)
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
)

// someActing is nobody in half of the draws.
var someActing = rapid.Custom(func(t *rapid.T) session.Acting {
	if rapid.Bool().Draw(t, "nobody") {
		return session.Acting{}
	}
	acting, err := session.NewActing(someUser.Draw(t, "as"), rapid.StringMatching(`[a-z"<&é用 ]{0,10}x`).Draw(t, "reason"))
	if err != nil {
		t.Fatal(err)
	}
	return acting
})

func roundTrip[T any](t *rapid.T, v T) T {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(v, back, compare); diff != "" {
		t.Fatalf("%s: %s", text, diff)
	}
	return back
}

func TestDevicesRolesActorsAndMethodsGoThroughJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, session.Device{
			Digest: session.NewID().Fingerprint(), Current: rapid.Bool().Draw(t, "current"), UserAgent: rapid.StringMatching(`[ -~é用]{0,40}`).Draw(t, "agent"),
			Address: "192.0.2.1", CreatedAt: someTime.Draw(t, "created"), LastSeenAt: someTime.Draw(t, "seen"), ExpiresAt: someTime.Draw(t, "expires"), AuthTime: someTime.Draw(t, "auth"),
			AMR: someMethods.Draw(t, "amr"), Actors: someActors.Draw(t, "chain"), Acting: someActing.Draw(t, "acting"),
		})
		roundTrip(t, someRoles.Draw(t, "roles"))
		roundTrip(t, someUser.Draw(t, "user"))
	})
}

func TestEventsGoThroughJSON(t *testing.T) {
	kinds := rapid.SampledFrom([]session.EventKind{session.EventCreated, session.EventRotated, session.EventImpersonated, session.EventUserRevoked, session.EventTenantRevoked, session.EventTenantSuspended})
	nobody := rapid.OneOf(someUser, rapid.Just(session.UserID{}))
	digest := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[0-9a-f]{12}`))
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	rapid.Check(t, func(t *rapid.T) {
		e := session.Event{
			Kind: kinds.Draw(t, "kind"), At: someTime.Draw(t, "at"), Session: digest.Draw(t, "session"), Next: digest.Draw(t, "next"),
			Actor: nobody.Draw(t, "actor"), As: nobody.Draw(t, "as"), Reason: rapid.StringMatching(`[a-z"<&é用 ]{0,10}`).Draw(t, "reason"),
		}
		roundTrip(t, e)
		roundTrip(t, []session.Event{e, {Kind: session.EventAllRevoked}})
	})
	// Every type that services show to people has names of one form, those of later fields too.
	for _, of := range []reflect.Type{reflect.TypeFor[session.Event](), reflect.TypeFor[session.Device](), reflect.TypeFor[session.Actor]()} {
		for i := range of.NumField() {
			if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); !snake.MatchString(name) {
				t.Errorf("%v.%s is %q in JSON", of, of.Field(i).Name, name)
			}
		}
	}
}

// The events that a store has logged of an impersonation can be handed out as they are.
func TestTheEventsOfAnImpersonationHaveJSON(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, _ := signIn(t, m)
	as, err := m.Impersonate(t.Context(), s.Ref(), session.Impersonation{User: bob, Reason: "ticket 7", MaxAge: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Revoke(t.Context(), as.Ref()); err != nil {
		t.Fatal(err)
	}
	for user, wants := range map[session.UserID][]string{
		s.User: {`"kind":"impersonated"`, `"as":"bob"`, `"reason":"ticket 7"`, `"session":"` + s.ID.Fingerprint() + `"`, `"kind":"revoked"`},
		bob:    {`"kind":"created"`, `"actor":"alice"`, `"reason":"ticket 7"`, `"session":"` + as.ID.Fingerprint() + `"`},
	} {
		events, err := m.Events(t.Context(), s.Tenant, user)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(events)
		if err != nil {
			t.Fatal(err)
		}
		assertNoCanary(t, string(text), s.ID.Reveal(), as.ID.Reveal())
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("of %v: no %s in %s", user, want, text)
			}
		}
		var back []session.Event
		if err := json.Unmarshal(text, &back); err != nil || len(back) != len(events) || back[0] != events[0] {
			t.Errorf("of %v: %s came back as %+v, %v", user, text, back, err)
		}
	}
}

func TestAttributesGoThroughJSONWithTheirTypes(t *testing.T) {
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Map(rapid.SliceOfN(rapid.String(), 0, 4), func(s []string) any { return s }))
	rapid.Check(t, func(t *rapid.T) {
		before, err := session.NewAttributes(rapid.MapOfN(someName, value, 0, 6).Draw(t, "values"))
		if err != nil {
			t.Skip(err)
		}
		text, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		var after session.Attributes
		if err := json.Unmarshal(text, &after); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for name, v := range before.All() {
			if got, _ := after.Get(name); !cmp.Equal(got, v) || fmt.Sprintf("%T", got) != fmt.Sprintf("%T", v) {
				t.Fatalf("%q: %T %v came back as %T %v", name, v, v, got, got)
			}
		}
		if after.Len() != before.Len() {
			t.Fatalf("%d attributes came back as %d", before.Len(), after.Len())
		}
	})
}

func TestZeroValuesAreEmptyListsInJSON(t *testing.T) {
	text, err := json.Marshal(struct {
		Device     session.Device     `json:"device"`
		Roles      session.Roles      `json:"roles"`
		Attributes session.Attributes `json:"attributes"`
	}{})
	const want = `{"device":{"digest":"","current":false,"user_agent":"","address":"","amr":[],"actors":[]},"roles":[],"attributes":{}}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := json.Marshal(session.UserID{}); !errors.Is(err, session.ErrInvalidID) {
		t.Errorf("no user was written: %v", err)
	}
	roles := session.MustRoles("admin")
	if err := json.Unmarshal([]byte("null"), &roles); err != nil || roles.Len() != 0 {
		t.Errorf("null left %v, %v", roles, err)
	}
}

// No id of a session is in what its user is shown.
func TestTheJSONOfADeviceNamesItsSessionByDigest(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, _ := signIn(t, m)
	s, err := m.Impersonate(t.Context(), s.Ref(), session.Impersonation{User: bob, Reason: "ticket 7", MaxAge: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	devices, err := m.Devices(t.Context(), s.Ref())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(devices)
	if err != nil {
		t.Fatal(err)
	}
	assertNoCanary(t, string(text), s.ID.Reveal(), string(s.ID.Bytes()))
	for _, want := range []string{`"digest":"` + s.ID.Fingerprint() + `"`, `"actors":[{"user":"alice","reason":"ticket 7"}]`, `"created_at":"`, `"amr":[]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestWhatAConstructorRefusesIsRefusedInJSON(t *testing.T) {
	list := func(n int, element string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
	}
	for name, row := range map[string]struct {
		into any
		text string
	}{
		"a role with a prefix":           {new(session.Roles), `["role:admin"]`},
		"an empty role":                  {new(session.Roles), `[""]`},
		"a role that is null":            {new(session.Roles), `[null]`},
		"a role that is a number":        {new(session.Roles), `[1]`},
		"roles as an object":             {new(session.Roles), `{"names":["admin"]}`},
		"roles as text":                  {new(session.Roles), `"admin"`},
		"65 roles":                       {new(session.Roles), list(65, `"a"`)},
		"65 methods":                     {new(session.Methods), list(65, `"a"`)},
		"a method with a space":          {new(session.Methods), `["a b"]`},
		"five actors":                    {new(session.Actors), list(5, `{"user":"bob","reason":"x"}`)},
		"an actor without a user":        {new(session.Actors), `[{"reason":"x"}]`},
		"an actor without a reason":      {new(session.Actors), `[{"user":"bob"}]`},
		"an actor with a blank reason":   {new(session.Actors), `[{"user":"bob","reason":" \u3164"}]`},
		"an actor that is null":          {new(session.Actors), `[null]`},
		"an actor of a malformed id":     {new(session.Actors), `[{"user":"a b","reason":"x"}]`},
		"a reason with a line break":     {new(session.Actors), `[{"user":"bob","reason":"a\nb"}]`},
		"a device of a malformed method": {new(session.Device), `{"amr":["a b"]}`},
		"a device of a malformed actor":  {new(session.Device), `{"actors":[{"user":""}]}`},
		"an attribute of null":           {new(session.Attributes), `{"a":null}`},
		"an attribute of an object":      {new(session.Attributes), `{"a":{}}`},
		"an attribute of mixed types":    {new(session.Attributes), `{"a":["x",1]}`},
		"an attribute out of range":      {new(session.Attributes), `{"a":1e999}`},
		"an attribute of 20 digits":      {new(session.Attributes), `{"a":12345678901234567890}`},
		"an attribute of a bad name":     {new(session.Attributes), `{"a b":1}`},
		"an attribute that is too long":  {new(session.Attributes), `{"a":"` + strings.Repeat("x", 1025) + `"}`},
		"an empty user":                  {new(session.UserID), `""`},
		"a user with a space":            {new(session.UserID), `"a b"`},
	} {
		if err := json.Unmarshal([]byte(row.text), row.into); !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrInvalidID) {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := json.Marshal(row.into); err == nil && !slices.Contains([]string{"[]", "{}"}, string(text)) && !strings.Contains(string(text), `"amr":[],"actors":[]`) {
			t.Errorf("%s: left %s", name, text)
		}
	}
}
