package session_test

import (
	"errors"
	"testing"

	"github.com/reevehq/reeve/session"
)

// A service that replaced all attributes, and forgot the key, would have made a stolen
// refresh token of use to anybody, without a word.
func TestNoChangeLosesTheKeyThatASessionIsBoundTo(t *testing.T) {
	attributes := func(values map[string]any) session.Attributes {
		a, err := session.NewAttributes(values)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	m := newManager(t, newStore(t), session.Config{})
	bound := attributes(map[string]any{session.KeyAttribute: "thumbprint", "plan": "gold"})
	s, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Attributes: bound})
	if err != nil {
		t.Fatal(err)
	}
	for what, a := range map[string]session.Attributes{
		"no attributes":   {},
		"without the key": attributes(map[string]any{"plan": "gold"}),
		"an empty key":    attributes(map[string]any{session.KeyAttribute: ""}),
		"another key":     attributes(map[string]any{session.KeyAttribute: "thief's"}),
		"no text":         attributes(map[string]any{session.KeyAttribute: true}),
	} {
		set := func(s *session.Session) error { s.Attributes = a; return nil }
		_, updated := m.Update(t.Context(), s.Ref(), set)
		_, _, rotated := m.Rotate(t.Context(), s.Ref(), set)
		_, _, switched := m.SwitchTenant(t.Context(), s.Ref(), globex, admin, a)
		for method, err := range map[string]error{"Update": updated, "Rotate": rotated, "SwitchTenant": switched} {
			if !errors.Is(err, session.ErrInvalid) {
				t.Errorf("%s, %s: %v", what, method, err)
			}
		}
	}
	if got, err := m.Load(t.Context(), s.Ref()); err != nil || got.Version != s.Version {
		t.Errorf("a refused change left version %d, %v", got.Version, err)
	}
	kept := attributes(map[string]any{session.KeyAttribute: "thumbprint", "plan": "iron"})
	if _, err := m.Update(t.Context(), s.Ref(), func(s *session.Session) error { s.Attributes = kept; return nil }); err != nil {
		t.Errorf("a change that keeps the key: %v", err)
	}
	if _, _, err := m.SwitchTenant(t.Context(), s.Ref(), globex, admin, kept); err != nil {
		t.Errorf("a switch that keeps the key: %v", err)
	}
}
