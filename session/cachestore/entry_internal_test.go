package cachestore

import (
	"reflect"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A field of a session that an entry leaves out would be gone from every session of the cache.
func TestAnEntryKeepsEveryFieldOfASession(t *testing.T) {
	ref := session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: session.NewID()}
	actors, err := session.NewActors(session.Actor{User: session.MustParseUserID("bob"), Reason: "a ticket"})
	if err != nil {
		t.Fatal(err)
	}
	acting, err := session.NewActing(session.MustParseUserID("carol"), "a ticket")
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := session.NewAttributes(map[string]any{"clearance": int64(3)})
	if err != nil {
		t.Fatal(err)
	}
	methods, err := session.NewMethods("pwd")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s := session.Session{
		ID: ref.ID, Tenant: ref.Tenant, User: ref.User, Roles: session.MustRoles("admin"), Attributes: attributes,
		AuthTime: now, AMR: methods, UserAgent: "agent", Address: "192.0.2.1", Actors: actors,
		Origin: session.NewOrigin(session.NewID(), 2), Acting: acting,
		Provider: session.NewProvider(session.ProviderClaims{Issuer: "https://id.example", IssuedAt: now}), Stale: true,
		MovedTo: session.NewSuccessor(ref), CreatedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour), LastSeenAt: now.Add(-time.Minute),
		IdleTimeout: time.Minute, Version: 7,
	}
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves %s zero", v.Type().Field(i).Name)
		}
	}
	kept := entryOf(s, counterIndex{}, 0, 0)
	if !kept.session.ID.IsZero() {
		t.Error("the handle of the ID is kept")
	}
	if got := kept.of(ref); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
}
