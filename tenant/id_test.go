package tenant_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

func TestTenantIDs(t *testing.T) {
	for _, s := range []string{"a", "0", "acme", "acme-eu_1", "Acme", "acMe", "org_9ybsU1dN2dKfDkBi", "a-", "a_", "a--b", "123", strings.Repeat("z", tenant.MaxIDLength)} {
		id, err := tenant.Parse(s)
		if err != nil || id.String() != s || id.IsZero() || id != tenant.MustParse(s) {
			t.Errorf("%q: %q, %v", s, id, err)
		}
	}
	for name, s := range map[string]string{
		"empty": "", "a byte too long": strings.Repeat("z", tenant.MaxIDLength+1), "a megabyte": strings.Repeat("a", 1<<20),
		"hyphen first": "-a", "underscore first": "_a", "only a hyphen": "-",
		"opening brace": "a{b", "closing brace": "a}b", "hash tag": "{a}", "colon": "a:b", "star": "*", "star inside": "a*", "question mark": "a?",
		"bracket": "a[b]", "caret": "^a", "backslash": `a\b`, "slash": "a/b", "dot": "a.b", "parent folder": "..", "percent": "%61", "at": "a@b",
		"NUL": "a\x00", "NUL first": "\x00a", "line break": "a\n", "carriage return": "a\rb", "tab": "a\tb", "space": "a b", "trailing space": "a ", "delete": "a\x7f",
		"quote": "a'b", "double quote": `a"b`, "semicolon": "a;b", "comma": "a,b", "dollar": "$a", "hash": "a#b", "ampersand": "a&b", "equals": "a=b",
		"accent": "acmé", "combining accent": "acme\u0301", "Cyrillic a": "аcme", "Greek o": "acmο", "full-width a": "ａcme", "dotless i": "ınc", "long s": "ſ",
		"Kelvin sign": "\u212a", "Arabic digit": "\u0661", "superscript": "a²", "zero-width space": "a\u200bb", "zero-width joiner": "a\u200db",
		"soft hyphen": "a\u00adb", "non-breaking hyphen": "a\u2011b", "right-to-left override": "a\u202eb", "byte order mark": "\ufeffa",
		"invalid UTF-8": "a\xff", "cut rune": "a\xc3",
	} {
		t.Run(name, func(t *testing.T) {
			id, err := tenant.Parse(s)
			if !errors.Is(err, tenant.ErrInvalidID) || !id.IsZero() {
				t.Errorf("Parse = %q, %v", id, err)
			}
			if err != nil && (len(err.Error()) > 200 || strings.ContainsAny(err.Error(), "\x00\n\r")) {
				t.Errorf("the error repeats what it refuses: %q", err)
			}
			before := tenant.MustParse("acme")
			if err := before.UnmarshalText([]byte(s)); !errors.Is(err, tenant.ErrInvalidID) || before.String() != "acme" {
				t.Errorf("UnmarshalText = %q, %v", before, err)
			}
		})
	}
	defer func() {
		if recover() == nil {
			t.Error("MustParse did not panic")
		}
	}()
	tenant.MustParse("acme.")
}

func TestATenantIDIsStoredAsTextAndTheZeroOneNever(t *testing.T) {
	type row struct{ Tenant tenant.ID }
	b, err := json.Marshal(row{tenant.MustParse("acme")})
	if err != nil || string(b) != `{"Tenant":"acme"}` {
		t.Fatalf("%s, %v", b, err)
	}
	var back row
	if err := json.Unmarshal(b, &back); err != nil || back.Tenant != tenant.MustParse("acme") {
		t.Errorf("%v, %v", back, err)
	}
	if b, err := json.Marshal(row{}); !errors.Is(err, tenant.ErrInvalidID) {
		t.Errorf("the zero tenant was stored as %s, %v", b, err)
	}
	for _, text := range []string{`{"Tenant":""}`, `{"Tenant":"A."}`, `{"Tenant":7}`} {
		back = row{}
		if err := json.Unmarshal([]byte(text), &back); err == nil || !back.Tenant.IsZero() {
			t.Errorf("%s was read as %q", text, back.Tenant)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "tenant", tenant.MustParse("acme"), "none", tenant.ID{})
	if !strings.Contains(log.String(), `"tenant":"acme","none":""`) {
		t.Error(log.String())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "acme", "-a", "a_b-c9", "A", "a:b", "{a}", "\x00", "é", "\xff", strings.Repeat("a", 63), strings.Repeat("a", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := tenant.Parse(s)
		if err != nil {
			if !errors.Is(err, tenant.ErrInvalidID) || !id.IsZero() {
				t.Errorf("%q: %q, %v", s, id, err)
			}
			return
		}
		if id.IsZero() || id.String() != s || len(s) > tenant.MaxIDLength || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || s[0] == '-' || s[0] == '_' {
			t.Errorf("%q was accepted as %q", s, id)
		}
		text, err := id.MarshalText()
		var back tenant.ID
		if err != nil || back.UnmarshalText(text) != nil || back != id {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	})
}
