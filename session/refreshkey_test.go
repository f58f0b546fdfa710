package session

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

func fixedClaims(t *testing.T) refreshClaims {
	t.Helper()
	id, err := IDFromBytes(bytes.Repeat([]byte{1}, idBytes))
	if err != nil {
		t.Fatal(err)
	}
	return refreshClaims{
		ref:        Ref{Tenant: tenant.MustParse("acme"), User: MustParseUserID("alice"), ID: id},
		generation: 41,
		secret:     [secretBytes]byte(bytes.Repeat([]byte{2}, secretBytes)),
	}
}

func fixedKey(t *testing.T, b byte) *refreshKey {
	t.Helper()
	k, err := newRefreshKey(bytes.Repeat([]byte{b}, MinKeyLength))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Two releases run side by side during a deployment and must agree on every byte: if one
// of these changes, the prefix must change too, and both versions must be read.
func TestTheFormatOfRefreshTokensIsFixed(t *testing.T) {
	k, c := fixedKey(t, 3), fixedClaims(t)
	next := k.successor(c, [32]byte{4})
	digest := c.digest()
	for what, v := range map[string][2]string{
		"token":     {c.seal(k).Reveal(), "r1.aQ6Jp7BXVAUBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQAAAAAAAAApAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIEYWNtZWFsaWNl5MoF3FI0bCsP0iqjr01iFkPgxoJm04bocN0DZzYNlxw"},
		"successor": {hex.EncodeToString(next.secret[:]), "8358695ad02e69e19ed2527ba84272a347868965c6edd3052e2547103d6f4104"},
		"digest":    {hex.EncodeToString(digest[:]), "9221558360b878de795f454e87febb4c6b3a8d8105a99086fe0a1991d399eb33"},
	} {
		if v[0] != v[1] {
			t.Errorf("%s = %s, want %s", what, v[0], v[1])
		}
	}
	if next.generation != 42 || next.ref != c.ref {
		t.Errorf("the successor is of generation %d", next.generation)
	}
}

// Were one of them left out, a secret that leaked would lead to others that it must not.
func TestASuccessorDependsOnEverythingItFollowsFrom(t *testing.T) {
	k, c := fixedKey(t, 3), fixedClaims(t)
	seen := map[[secretBytes]byte]string{c.secret: "the parent", k.successor(c, [32]byte{4}).secret: "the successor"}
	add := func(what string, secret [secretBytes]byte) {
		if other, ok := seen[secret]; ok {
			t.Errorf("%s has the secret of %s", what, other)
		}
		seen[secret] = what
	}
	add("another salt", k.successor(c, [32]byte{5}).secret)
	add("another key", fixedKey(t, 4).successor(c, [32]byte{4}).secret)
	other := c
	other.generation++
	add("another generation", k.successor(other, [32]byte{4}).secret)
	other = c
	other.secret[31] ^= 1
	add("another parent", k.successor(other, [32]byte{4}).secret)
	other = c
	other.ref.ID = NewID()
	add("another session", k.successor(other, [32]byte{4}).secret)
}

// An authentic token is trusted only as far as it can be read.
func TestAuthenticNonsenseIsRefused(t *testing.T) {
	k, c := fixedKey(t, 3), fixedClaims(t)
	for name, forge := range map[string]func(payload []byte) []byte{
		"no user":                   func(p []byte) []byte { return p[:len(p)-len("alice")] },
		"no tenant":                 func(p []byte) []byte { p[refreshFixed-1] = 0; return p },
		"a tenant beyond the end":   func(p []byte) []byte { p[refreshFixed-1] = 255; return p },
		"a tenant that is no id":    func(p []byte) []byte { p[refreshFixed] = '.'; return p },
		"a user that is no id":      func(p []byte) []byte { p[len(p)-1] = ' '; return p },
		"all after the fixed part":  func(p []byte) []byte { return p[:refreshFixed] },
		"a tenant longer by a byte": func(p []byte) []byte { p[refreshFixed-1] = 9; return p },
	} {
		t.Run(name, func(t *testing.T) {
			text := c.seal(k).Reveal()
			body, err := refreshEncoding.DecodeString(text[len(refreshPrefix):])
			if err != nil {
				t.Fatal(err)
			}
			payload := forge(body[:len(body)-macBytes])
			forged := refreshPrefix + refreshEncoding.EncodeToString(append(bytes.Clone(payload), k.mac(payload)...))
			if got, _, err := openRefresh(forged, []*refreshKey{k}); err == nil {
				t.Errorf("read as %q/%q", got.ref.Tenant, got.ref.User)
			}
		})
	}
}
