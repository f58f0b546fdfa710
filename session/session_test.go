package session_test

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
)

// otherKey is a key of somebody else's, which equals ours but for its type.
type otherKey uint8

func TestRolesAreASortedSet(t *testing.T) {
	given := []string{"viewer", "admin", "viewer", "Editor"}
	r, err := session.NewRoles(given...)
	if err != nil || !slices.Equal(r.Names(), []string{"Editor", "admin", "viewer"}) || r.Len() != 3 || r.At(1) != "admin" {
		t.Fatalf("%v, %v", r.Names(), err)
	}
	if !slices.Equal(slices.Collect(r.All()), r.Names()) {
		t.Error("All and Names differ")
	}
	given[0] = "root"
	r.Names()[0] = "root"
	if r.Has("root") || !r.Has("viewer") || r.Has("Viewer") || r.Has("") || r.Has("view") {
		t.Errorf("%v", r.Names())
	}
	m, err := session.NewMethods("pwd", "otp", "pwd")
	if err != nil || m.Len() != 2 || !slices.Equal(slices.Collect(m.All()), []string{"otp", "pwd"}) || !slices.Equal(m.Names(), []string{"otp", "pwd"}) {
		t.Errorf("%v, %v", m.Names(), err)
	}
	var none session.Roles
	if none.Has("") || none.Len() != 0 || none.Names() == nil {
		t.Error("the zero Roles is not empty")
	}
}

func TestNamesAreRefusedThatAPolicyCouldMisread(t *testing.T) {
	long := strings.Repeat("x", session.MaxNameLength)
	if _, err := session.NewRoles(long, "a.b-c_D9"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", long + "x", "role:admin", "a b", "a,b", "a\nb", "ädmin", "аdmin", "*", "a\x00", "\xff", "a/b", "\"a\""} {
		r, err := session.NewRoles("viewer", name)
		wantErr(t, "NewRoles", err, session.ErrInvalid)
		if r.Len() != 0 {
			t.Errorf("%q: roles were returned together with the error", name)
		}
		m, err := session.NewMethods(name)
		wantErr(t, "NewMethods", err, session.ErrInvalid)
		if len(m.Names()) != 0 {
			t.Errorf("%q: methods were returned together with the error", name)
		}
		_, err = session.NewAttributes(map[string]any{name: true})
		wantErr(t, "NewAttributes", err, session.ErrInvalid)
	}
	var many []string
	for i := range session.MaxRoles + 1 {
		many = append(many, strconv.Itoa(i))
	}
	_, err := session.NewRoles(many...)
	wantErr(t, "too many roles", err, session.ErrInvalid)
	if _, err := session.NewRoles(many[1:]...); err != nil {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRoles did not panic")
		}
	}()
	session.MustRoles("role:admin")
}

func TestAttributesKeepTheirTypes(t *testing.T) {
	list := []string{"b", "a"}
	a, err := session.NewAttributes(map[string]any{"s": "x", "b": false, "i": 7, "i64": int64(7), "f": 7.0, "l": list})
	if err != nil || a.Len() != 6 {
		t.Fatal(err)
	}
	list[0] = "changed"
	for name, want := range map[string]any{"s": "x", "b": false, "i": int64(7), "i64": int64(7), "f": 7.0} {
		if got, ok := a.Get(name); !ok || got != want {
			t.Errorf("%s = %#v, want %#v", name, got, want)
		}
	}
	if got, _ := a.Get("l"); !slices.Equal(got.([]string), []string{"b", "a"}) {
		t.Errorf("l = %v", got)
	}
	if _, ok := a.Get("S"); ok {
		t.Error("names were folded")
	}
	var none session.Attributes
	if _, ok := none.Get("s"); ok || none.Len() != 0 {
		t.Error("the zero Attributes is not empty")
	}
}

func TestAttributesThatCannotBeComparedAreRefused(t *testing.T) {
	long := strings.Repeat("x", session.MaxAttributeLength)
	if _, err := session.NewAttributes(map[string]any{"a": long, "b": []string{long}}); err != nil {
		t.Error(err)
	}
	for name, v := range map[string]any{
		"nil": nil, "NaN": math.NaN(), "infinity": math.Inf(-1), "not UTF-8": "\xff", "too long": long + "x",
		"list with a text too long": []string{long + "x"}, "list with a text not UTF-8": []string{"a", "\xff"},
		"too many in a list": make([]string, session.MaxAttributeStrings+1),
		"int32":              int32(1), "uint64": uint64(1), "bytes": []byte("x"), "map": map[string]any{}, "list of any": []any{"x"}, "pointer": new(string),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := session.NewAttributes(map[string]any{"good": true, "bad": v})
			wantErr(t, "NewAttributes", err, session.ErrInvalid)
			if a.Len() != 0 {
				t.Error("attributes were returned together with the error")
			}
		})
	}
	many := map[string]any{}
	for i := range session.MaxAttributes + 1 {
		many[strconv.Itoa(i)] = i
	}
	_, err := session.NewAttributes(many)
	wantErr(t, "too many attributes", err, session.ErrInvalid)
}

// holder answers for a session as the caller of a request does.
type holder struct{ s session.Session }

func (h *holder) Session() (session.Session, bool) {
	if h == nil {
		return session.Session{}, false
	}
	return h.s, true
}

func TestFromContextReturnsTheSessionOfTheRequestAndNobodyElse(t *testing.T) {
	s := session.Session{ID: session.NewID(), Tenant: acme, User: alice}
	request := &reqctx.Node{Context: t.Context(), Session: &holder{s}}
	if got, ok := session.FromContext(request); !ok || got.Ref() != s.Ref() {
		t.Errorf("%v, %v", got, ok)
	}
	var typedNil *holder
	for name, ctx := range map[string]context.Context{
		"outside a request":                      t.Context(),
		"anonymous":                              &reqctx.Node{Context: t.Context()},
		"anonymous within a request of somebody": &reqctx.Node{Context: request},
		"typed nil":                              &reqctx.Node{Context: t.Context(), Session: typedNil},
		"zero session":                           &reqctx.Node{Context: t.Context(), Session: &holder{session.Session{Tenant: acme, User: alice}}},
		"another type":                           &reqctx.Node{Context: t.Context(), Session: &s},
		"a caller's own key":                     context.WithValue(t.Context(), otherKey(2), &s),
	} {
		if got, ok := session.FromContext(ctx); ok || !got.ID.IsZero() || !got.Tenant.IsZero() {
			t.Errorf("%s: %v", name, got)
		}
	}
}
