package session_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session"
)

// assertNoCanary fails when out contains a secret in any of the ways that Go prints one.
func assertNoCanary(t *testing.T, out string, secrets ...string) {
	t.Helper()
	lower := strings.ToLower(out)
	for _, s := range secrets {
		decimal := fmt.Sprint([]byte(s)[:8])
		golang := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(s)[:8]), "[]byte{"), "}")
		for how, form := range map[string]string{
			"as text": s[:8], "in decimal": strings.Trim(decimal, "[]"), "in Go syntax": golang,
			"in hexadecimal": hex.EncodeToString([]byte(s)[:8]), "in base64": base64.StdEncoding.EncodeToString([]byte(s)[:9])[:8],
		} {
			if strings.Contains(lower, strings.ToLower(form)) {
				t.Errorf("a secret is shown %s", how)
			}
		}
	}
}

// Every printer, every verb, and every depth at which a secret may lie: fmt does not call
// the methods of values in unexported fields.
func TestSecretsAreShownByNoPrinter(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, token := signIn(t, m)
	type hidden struct {
		id      session.ID
		token   session.RefreshToken
		session session.Session
	}
	type shown struct {
		ID      session.ID
		Token   session.RefreshToken
		Session session.Session
	}
	values := map[string]any{
		"id": s.ID, "pointer to id": &s.ID, "ref": s.Ref(), "session": s, "pointer to session": &s,
		"token": token, "pointer to token": &token,
		"unexported fields":            hidden{s.ID, token, s},
		"pointer to unexported fields": &hidden{s.ID, token, s},
		"exported fields":              shown{s.ID, token, s},
		"slice":                        []any{s.ID, token, s, hidden{s.ID, token, s}},
		"slice of ids":                 []session.ID{s.ID},
		"map":                          map[string]any{"id": s.ID, "token": token, "session": s},
		"map of ids":                   map[session.ID]session.RefreshToken{s.ID: token},
		"map of references":            map[session.Ref]bool{s.Ref(): true},
		"error":                        fmt.Errorf("session %v, token %v", s.ID, token),
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%b", "%o", "%c", "%U", "%e", "%t", "% x", "%#x", "%!"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			fmt.Fprintln(&out, v)
			if asJSON, err := json.Marshal(v); err == nil {
				out.Write(asJSON)
			}
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
			assertNoCanary(t, out.String(),
				s.ID.Reveal(), string(s.ID.Bytes()), token.Reveal(), strings.TrimPrefix(token.Reveal(), "r1."), tokenSecret(t, token))
		})
	}
}

func tokenSecret(t *testing.T, token session.RefreshToken) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token.Reveal(), "r1."))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw[8+32+8:][:32])
}

func TestZeroSecretsPrintAndRevealNothing(t *testing.T) {
	var id session.ID
	var token session.RefreshToken
	if id.Reveal() != "" || id.Bytes() != nil || !id.IsZero() || token.Reveal() != "" || !token.IsZero() {
		t.Error("a zero value reveals something")
	}
	if got := fmt.Sprint(id, token); got != "session:none session.RefreshToken([redacted])" {
		t.Error(got)
	}
}

func TestDigestsTellSessionsApartAndLeadBackToNone(t *testing.T) {
	a, b := session.NewID(), session.NewID()
	again, err := session.ParseID(a.Reveal())
	if err != nil || again.Fingerprint() != a.Fingerprint() || a.Fingerprint() == b.Fingerprint() || len(a.Fingerprint()) != 12 {
		t.Errorf("%s %s %s %v", a.Fingerprint(), again.Fingerprint(), b.Fingerprint(), err)
	}
	if strings.Contains(hex.EncodeToString(a.Bytes()), a.Fingerprint()) {
		t.Error("the digest is a part of the id")
	}
}
