package session_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
)

// Each text that tools write for a key of 32 bytes or more, whichever a vault holds, is that key.
func TestEveryTextOfAKeyIsThatKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := append([]byte{1, 2}, rapid.SliceOfN(rapid.Byte(), 30, 80).Draw(t, "key")...)
		want := session.NewSecretKey(raw)
		for how, text := range map[string]string{
			"base64": base64.StdEncoding.EncodeToString(raw), "base64url": base64.URLEncoding.EncodeToString(raw),
			"base64 without padding": base64.RawStdEncoding.EncodeToString(raw), "base64url without padding": base64.RawURLEncoding.EncodeToString(raw),
			"hexadecimal": hex.EncodeToString(raw), "in capitals": strings.ToUpper(hex.EncodeToString(raw)),
			"with a line end": base64.StdEncoding.EncodeToString(raw) + "\n",
		} {
			got, err := session.ParseSecretKey(text)
			if err != nil || !got.Equal(want) || !bytes.Equal(got.Bytes(), raw) {
				t.Fatalf("%s: %v", how, err)
			}
		}
	})
}

func TestTextThatIsNoKeyIsRefusedAndNotRepeated(t *testing.T) {
	rsaPEM := "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END RSA PRIVATE KEY-----\n"
	for name, text := range map[string]string{
		"empty": "", "blank": " \n", "a password": "correct horse battery staple, and some", "31 bytes": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("secret", 6))[:31]),
		"short hexadecimal": strings.Repeat("5e", 31), "zeros": base64.StdEncoding.EncodeToString(make([]byte, 32)), "two lines": strings.Repeat("c2VjcmV0", 4) + "\n" + strings.Repeat("c2VjcmV0", 4),
		"spare bits": strings.Repeat("c2VjcmV0", 5) + "c2V1c2VjcmW", "PKCS #1": rsaPEM, "a broken PEM": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0", "a PEM of noise": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
		"a placeholder": "[redacted]",
	} {
		key, err := session.ParseSecretKey(text)
		wantErr(t, name, err, session.ErrInvalid)
		if !key.IsZero() {
			t.Errorf("%s: a key beside the error", name)
		}
		if err != nil && (strings.Contains(err.Error(), "c2V") || strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "5e5e")) {
			t.Errorf("%s: the error repeats the text: %v", name, err)
		}
	}
}

func TestAPrivateKeyIsReadFromPEM(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(nil)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]session.SecretKey{"Ed25519": session.NewPrivateKey(ed), "ECDSA": session.NewPrivateKey(ec)} {
		der, err := x509.MarshalPKCS8PrivateKey(want.Signer())
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.ParseSecretKey(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		if err != nil || !got.Equal(want) || got.Bytes() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreEqualOnlyToThemselves(t *testing.T) {
	_, one, _ := ed25519.GenerateKey(nil)
	_, two, _ := ed25519.GenerateKey(nil)
	keys := []session.SecretKey{{}, key('a'), key('b'), keyOf('a', 33), session.NewPrivateKey(one), session.NewPrivateKey(two), session.NewSecretKey(one)}
	for i, a := range keys {
		for j, b := range keys {
			if a.Equal(b) != (i == j) {
				t.Errorf("key %d and key %d: %v", i, j, a.Equal(b))
			}
		}
	}
	if (session.SecretKey{}).Validate(0) != nil || (session.SecretKey{}).Validate(1) == nil || session.NewSecretKey(nil) != (session.SecretKey{}) || session.NewPrivateKey(nil) != (session.SecretKey{}) {
		t.Error("no key is not no key")
	}
}

// A configuration that was printed must not be read back as one with a key.
func TestAPrintedKeyIsNoKey(t *testing.T) {
	text, err := json.Marshal(session.Config{Key: key('k')})
	if err != nil || !strings.Contains(string(text), `"Key":"[redacted]"`) {
		t.Fatalf("%s, %v", text, err)
	}
	var opts session.Config
	wantErr(t, "a printed key", json.Unmarshal(text, &opts), session.ErrInvalid)
	if err := json.Unmarshal([]byte(`{"Key":"`+hex.EncodeToString(key('k').Bytes())+`"}`), &opts); err != nil || !opts.Key.Equal(key('k')) {
		t.Errorf("a key in configuration: %v", err)
	}
}
