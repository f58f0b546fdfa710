package rls_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

var testKey = session.NewSecretKey([]byte("0123456789abcdefghijklmnopqrstuv"))

func signer(t testing.TB, cfg rls.SignerConfig) *rls.Signer {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = testKey
	}
	if cfg.KeyID == "" {
		cfg.KeyID = "k1"
	}
	s, err := rls.NewSigner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPlainContextIsTheTenant(t *testing.T) {
	name, value, err := rls.Plain().Setting(t.Context(), tenant.MustParse("acme"))
	if name != "reeve.tenant" || value != "acme" || err != nil {
		t.Errorf("%q, %q, %v", name, value, err)
	}
}

func TestNoTenantHasNoContext(t *testing.T) {
	for _, c := range []rls.Context{rls.Plain(), signer(t, rls.SignerConfig{})} {
		if name, value, err := c.Setting(t.Context(), tenant.ID{}); name != "" || value != "" || !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("%T: %q, %q, %v", c, name, value, err)
		}
	}
}

// The form is fixed: the function in the database reads it, and stays when services change.
func TestASignedContextHasItsForm(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_123)
	s := signer(t, rls.SignerConfig{Database: "shop", Role: "app", Lifetime: 5 * time.Second, Now: func() time.Time { return now }})
	name, value, err := s.Setting(t.Context(), tenant.MustParse("Acme-1"))
	if name != "reeve.context" || err != nil {
		t.Fatalf("%q, %v", name, err)
	}
	sum := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	derived := sum(testKey.Bytes(), "reeve.context.v1\x00k1\x00shop\x00app\x00")
	signed := "v1.k1.Acme-1.1700000005123"
	if want := signed + "." + hex.EncodeToString(sum(derived, signed)); value != want {
		t.Errorf("got %q\nwant %q", value, want)
	}
}

// A caller whose role ends has a context until then, and nobody has a longer one.
func TestAContextOfACallerEndsWithTheirRole(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	s := signer(t, rls.SignerConfig{Lifetime: 5 * time.Second, Now: func() time.Time { return now }})
	for until, want := range map[time.Time]string{
		{}:                        "1700000005000",
		now.Add(time.Hour):        "1700000005000",
		now.Add(2 * time.Second):  "1700000002000",
		now.Add(-2 * time.Second): "1699999998000",
	} {
		_, value, err := s.CallerSetting(tenant.MustParse("acme"), "{}", until)
		if parts := strings.Split(value, "."); err != nil || len(parts) != 6 || parts[3] != want {
			t.Errorf("until %v: %q, %v, want %s", until, value, err, want)
		}
	}
}

// Everything that a signer is bound to changes what it signs.
func TestContextsOfTwoSignersDiffer(t *testing.T) {
	now := func() time.Time { return time.UnixMilli(1) }
	seen := map[string]string{}
	for name, cfg := range map[string]rls.SignerConfig{
		"plain": {}, "database": {Database: "a"}, "role": {Role: "a"}, "both": {Database: "a", Role: "a"},
		"shifted": {Database: "aa"}, "key": {Key: session.NewSecretKey([]byte(strings.Repeat("ab", 20)))}, "key id": {KeyID: "k2"},
	} {
		cfg.Now = now
		_, value, _ := signer(t, cfg).Setting(t.Context(), tenant.MustParse("acme"))
		mac := value[strings.LastIndexByte(value, '.'):]
		if other, ok := seen[mac]; ok {
			t.Errorf("%s and %s sign alike", name, other)
		}
		seen[mac] = name
	}
}

func TestASignerRefusesWhatItCannotKeep(t *testing.T) {
	_, err := rls.NewSigner(rls.SignerConfig{KeyID: "k.1", Lifetime: time.Hour, Database: strings.Repeat("d", 64), Role: "a\x00b"})
	if !errors.Is(err, rls.ErrInvalid) {
		t.Fatal(err)
	}
	for _, want := range []string{"rls: invalid config: Key: required", "\nKeyID: ", "\nLifetime: 1h0m0s is not between 1s and 5m0s", "\nDatabase: ", "\nRole: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	_, err = rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("short")), KeyID: "k"})
	if err == nil || !strings.Contains(err.Error(), "Key: 5 bytes, at least 32 are required") {
		t.Errorf("a short key: %v", err)
	}
	_, err = rls.NewSigner(rls.SignerConfig{Key: session.SecretKey{}, KeyID: "k"})
	if err == nil {
		t.Error("a key that is none signs")
	}
}

func TestASignedContextCostsLittle(t *testing.T) {
	if testneed.Race {
		t.Skip("a pool forgets at random")
	}
	s := signer(t, rls.SignerConfig{})
	id := tenant.MustParse("acme")
	_, _, _ = s.Setting(t.Context(), id)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.Setting(t.Context(), id) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}
