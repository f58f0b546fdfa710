package token_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// TestNoPrinterShowsASecret prints what carries one, by value, by pointer, and as fields
// of a struct that fmt may not ask.
func TestNoPrinterShowsASecret(t *testing.T) {
	cfg := config(token.HS256, func(c *token.SignerConfig) { c.Key = session.NewSecretKey([]byte("a-secret-of-at-least-32-bytes-xyz")) })
	s := signer(t, cfg)
	signed, err := s.Sign(sess(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := accepts(t, verifier(t, s.Issuer()), signed.Reveal())
	secret := cfg.Key.Bytes()
	idBytes := sessionID.Bytes()
	forbidden := []string{
		string(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), strings.Trim(fmt.Sprint(secret), "[]"), b64(string(secret)),
		signed.Reveal(), signed.Reveal()[:20], fmt.Sprintf("%x", signed.Reveal()[:20]),
		sessionID.Reveal(), strings.Trim(fmt.Sprint(idBytes), "[]"), fmt.Sprintf("%x", idBytes),
	}
	type hidden struct {
		signed   token.SignedToken
		verified token.Verified
		pointer  *token.Verified
		key      token.Key
		signer   *token.Signer
		value    token.Signer
	}
	values := map[string]any{
		"Signed": signed, "*Signed": &signed, "Verified": *got, "*Verified": got, "Signer": *s, "*Signer": s,
		"Key": s.Key(), "SignerConfig": cfg, "*SignerConfig": &cfg, "Issuer": s.Issuer(), "KeySource": s.Issuer().Keys,
		"slice": []token.SignedToken{signed}, "map": map[string]*token.Verified{"v": got},
		"unexported fields": hidden{signed, *got, got, s.Key(), s, *s},
	}
	for name, v := range values {
		var printed []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%t"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		j, _ := json.Marshal(v)
		x, _ := xml.Marshal(v)
		var text, structured bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&structured, nil)).Info("m", "v", v)
		printed = append(printed, string(j), string(x), text.String(), structured.String(), fmt.Errorf("e: %v", v).Error())
		for _, p := range printed {
			for _, f := range forbidden {
				if strings.Contains(p, f) {
					t.Errorf("%s shows %q in %q", name, f, p)
				}
			}
		}
	}
	if fmt.Sprint(signed) != "[redacted]" {
		t.Errorf("Signed prints as %q", fmt.Sprint(signed))
	}
}

func TestAVerifiedCannotBeMade(t *testing.T) {
	for name, v := range map[string]*token.Verified{"zero": new(token.Verified), "nil": nil} {
		if v.Ref() != (session.Ref{}) || v.Ref().Validate() == nil {
			t.Errorf("%s refers to a session: %v", name, v.Ref())
		}
		if v.Issuer() != "" || v.KeyID() != "" || v.TokenID() != "" || !v.ExpiresAt().IsZero() || v.Algorithm() != "" {
			t.Errorf("%s says something", name)
		}
	}
	typ := reflect.TypeFor[token.Verified]()
	for n := range typ.NumField() {
		if typ.Field(n).IsExported() {
			t.Errorf("field %s is exported", typ.Field(n).Name)
		}
	}
	var made token.Verified
	//lint:ignore SA9005 that decoding fills nothing is the point
	json.Unmarshal([]byte(`{"v":{"ref":{"Tenant":"acme"}},"Ref":{"Tenant":"acme"}}`), &made)
	//lint:ignore SA9005 that decoding fills nothing is the point
	json.Unmarshal([]byte(`"[redacted]"`), &made)
	//lint:ignore SA9005 that decoding fills nothing is the point
	xml.Unmarshal([]byte(`<Verified><v>x</v></Verified>`), &made)
	if made.Ref() != (session.Ref{}) {
		t.Error("decoding made one")
	}
	for _, method := range []string{"UnmarshalJSON", "UnmarshalText", "UnmarshalBinary", "GobDecode", "Scan", "Set"} {
		if _, ok := reflect.TypeFor[*token.Verified]().MethodByName(method); ok {
			t.Errorf("it has %s", method)
		}
	}
}
