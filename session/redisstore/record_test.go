package redisstore

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func drawRecord(t *rapid.T) record {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z0-9._-]{1,8}`), 0, 4, rapid.ID)
	text := rapid.StringN(0, 20, 60)
	values := map[string]any{}
	for _, name := range names.Draw(t, "attribute names") {
		values[name] = rapid.OneOf(
			text.AsAny(), rapid.Bool().AsAny(), rapid.Int64().AsAny(),
			rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(), rapid.SliceOfN(text, 0, 4).AsAny(),
		).Draw(t, "value of "+name)
	}
	attributes, err := session.NewAttributes(values)
	if err != nil {
		t.Skip(err)
	}
	amr, _ := session.NewMethods(names.Draw(t, "methods")...)
	line := rapid.StringMatching(`[ -~äöü用]{0,20}`)
	var chain []session.Actor
	for range rapid.IntRange(0, session.MaxActors).Draw(t, "actors") {
		chain = append(chain, session.Actor{User: session.MustParseUserID("admin"), Reason: "x" + line.Draw(t, "reason")})
	}
	actors, err := session.NewActors(chain...)
	if err != nil {
		t.Fatal(err)
	}
	var origin session.Origin
	if rapid.Bool().Draw(t, "origin") {
		origin = session.NewOrigin(session.NewID(), rapid.Uint64().Draw(t, "origin version"))
	}
	var acting session.Acting
	if rapid.Bool().Draw(t, "acting") {
		if acting, err = session.NewActing(session.MustParseUserID("bob|ü"), "ticket 7"); err != nil {
			t.Fatal(err)
		}
	}
	instant := rapid.Int64Range(-1e15, 4e15)
	return record{
		session: session.Session{
			ID: session.NewID(), Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice|ü"),
			Roles: session.MustRoles(names.Draw(t, "roles")...), AMR: amr, Attributes: attributes,
			UserAgent: line.Draw(t, "user agent"), Address: line.Draw(t, "address"), Actors: actors,
			Origin: origin, Acting: acting,
			CreatedAt: fromMicros(instant.Draw(t, "created")), ExpiresAt: fromMicros(instant.Draw(t, "expires")),
			AuthTime:    fromMicros(instant.Draw(t, "auth time")),
			IdleTimeout: time.Duration(rapid.Int64Min(1).Draw(t, "idle")), Version: rapid.Uint64().Draw(t, "version"),
		},
		issued: epochs{rapid.Uint64().Draw(t, "user"), rapid.Uint64().Draw(t, "tenant"), rapid.Uint64().Draw(t, "global")},
	}
}

// drawSignIn makes a record one of a session of a provider's sign-in, or not.
func drawSignIn(t *rapid.T, r record) record {
	if !rapid.Bool().Draw(t, "of a provider") {
		return r
	}
	instant := rapid.Int64Range(0, 4_000_000_000_000_000)
	claims := session.ProviderClaims{
		Issuer: rapid.StringN(1, 20, 200).Draw(t, "issuer"), ACR: rapid.StringN(0, 20, 200).Draw(t, "acr"),
		IssuedAt: fromMicros(instant.Draw(t, "iat")), NamesRoles: rapid.Bool().Draw(t, "names roles"), Machine: rapid.Bool().Draw(t, "machine"),
	}
	if rapid.Bool().Draw(t, "since") {
		claims.Since = fromMicros(instant.Draw(t, "since when"))
	}
	r.session.Provider = session.NewProvider(claims)
	r.link = rapid.SampledFrom([]string{"", "AAAAAAAAAAAAAAAAAAAAAA"}).Draw(t, "link")
	return r
}

func describe(r record) map[string]any {
	s := r.session
	return map[string]any{
		"ref": s.Ref().ID.Reveal() + s.Tenant.String() + s.User.String(), "version": s.Version, "idle": s.IdleTimeout,
		"created": s.CreatedAt.UnixMicro(), "expires": s.ExpiresAt.UnixMicro(), "auth": s.AuthTime.UnixMicro(),
		"roles": s.Roles.Names(), "amr": s.AMR.Names(), "attributes": maps.Collect(s.Attributes.All()),
		"user agent": s.UserAgent, "address": s.Address, "actors": fmt.Sprint(slices.Collect(s.Actors.All())),
		"origin": s.Origin.ID().Reveal() + fmt.Sprint(s.Origin.Version()), "acting": s.Acting.User().String() + " " + s.Acting.Reason(),
		"provider": fmt.Sprintf("%+v", s.Provider.Claims()),
		"link":     r.link,
		"epochs":   []uint64{r.issued.user, r.issued.tenant, r.issued.global},
	}
}

func TestARecordIsDecodedAsItWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSignIn(t, drawRecord(t))
		b, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(describe(want), describe(got)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		for n := range len(b) {
			if _, err := decodeRecord(b[:n]); !errors.Is(err, session.ErrCorrupt) {
				t.Fatalf("the first %d of %d bytes decode: %v", n, len(b), err)
			}
		}
		if _, err := decodeRecord(append(b, 0)); !errors.Is(err, session.ErrCorrupt) {
			t.Fatalf("a record with a byte after it decodes: %v", err)
		}
	})
}

// During a rolling deploy instances of the version before read what this one writes: every session
// but those of somebody who acts as another, theirs and the other's. A record that they cannot
// judge is corrupt to them, an outage, and never a sign-in.
func TestOnlyTheRecordsOfThoseWhoActAsOthersAreNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		s := r.session
		if is := b[0] == 2; is != (s.Origin != session.Origin{} || !s.Acting.IsZero()) || !is && b[0] != 1 {
			t.Fatalf("format %d, origin %v, acting %v", b[0], s.Origin, s.Acting)
		}
		if b[0] == 1 {
			return
		}
		b[0] = 1
		if _, err := decodeRecord(b); !errors.Is(err, session.ErrCorrupt) {
			t.Fatalf("as an earlier version reads it: %v", err)
		}
		s.Origin, s.Acting = session.Origin{}, session.Acting{}
		earlier, err := record{session: s, issued: r.issued}.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(earlier)
		if err != nil || got.session.Origin != (session.Origin{}) || got.session.Actors.Len() != s.Actors.Len() {
			t.Fatalf("of an earlier version: %v", err)
		}
		earlier[0] = 2
		if _, err := decodeRecord(append(earlier, 0, 0, 0, 0)); !errors.Is(err, session.ErrCorrupt) {
			t.Fatalf("a new record of nobody who acts: %v", err)
		}
	})
}

// Records are authentic, but those of a faulty release are too.
func FuzzDecodeRecord(f *testing.F) {
	r := record{session: session.Session{
		ID: session.NewID(), Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"),
		Roles: session.MustRoles("a", "b"), IdleTimeout: time.Hour, Version: 1,
	}}
	r.session.Attributes, _ = session.NewAttributes(map[string]any{"s": "x", "b": true, "i": 1, "f": 1.5, "l": []string{"a"}})
	b, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Add(append(b[:33:33], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			if !errors.Is(err, session.ErrCorrupt) || !r.session.ID.IsZero() {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		if err := r.session.Ref().Validate(); err != nil {
			t.Fatal(err)
		}
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeRecord(again); err != nil {
			t.Fatal(err)
		}
	})
}
