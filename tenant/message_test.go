package tenant_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

func TestATextThatIsNoTenantSaysWhatIsAllowed(t *testing.T) {
	for s, want := range map[string]string{
		"-acme":            `"-" at byte 1: a tenant begins with a letter or a digit`,
		"acme corp":        "a space at byte 5: only letters, digits, - and _ are allowed",
		"acme.example.com": `"." at byte 5: only letters, digits, - and _ are allowed`,
		"аcme":             "U+0430 (Cyrillic letter а) at byte 1 looks like a: only letters, digits, - and _ are allowed",
		"acme\u00a0":       "U+00A0 (no-break space) at byte 5: only letters, digits, - and _ are allowed",
		"acme\x00":         "U+0000 (NUL) at byte 5: only letters, digits, - and _ are allowed",
		"acme\xff":         "the byte 0xff (not UTF-8) at byte 5: only letters, digits, - and _ are allowed",
		"":                 "empty",
	} {
		if _, err := tenant.Parse(s); err == nil || strings.TrimPrefix(err.Error(), "tenant: invalid id: ") != want {
			t.Errorf("%q\ngot  %v\nwant %s", s, err, want)
		}
	}
}
