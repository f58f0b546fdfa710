package tenant_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/tenant"
)

func TestANameThatIsNoIDIsEncoded(t *testing.T) {
	for name, want := range map[string]string{
		"acme": "acme", "org_2abcDEF": "org_2abcDEF", "acme.example": "x--acme_2eexample", "Acme Corp": "x--Acme_20Corp", "x--acme": "x--x--acme", "_a": "x--_5fa", "-": "x---",
		"ü": "x--_c3_bc", "x--_5fa": "x--x--_5f5fa", "a/../b": "x--a_2f_2e_2e_2fb",
	} {
		if id, err := tenant.Encode(name); err != nil || id.String() != want {
			t.Errorf("%s is %s, %v, want %s", name, id, err, want)
		}
	}
	long, err := tenant.Encode(strings.Repeat("a.", 60))
	if err != nil || len(long.String()) > tenant.MaxIDLength || !strings.HasPrefix(long.String(), "x--__") {
		t.Errorf("%s, %v", long, err)
	}
	for what, name := range map[string]string{"empty": "", "too long": strings.Repeat("a", 1025), "not UTF-8": "a\xff"} {
		if id, err := tenant.Encode(name); !errors.Is(err, tenant.ErrInvalidID) || !id.IsZero() {
			t.Errorf("%s: %s, %v", what, id, err)
		}
	}
}

// No two names have one id, those that look like what Encode makes included.
func TestNoTwoNamesAreOneTenant(t *testing.T) {
	names := rapid.OneOf(
		rapid.StringMatching(`(x--)?[xXa_.-]{1,8}`), rapid.StringMatching(`x--(_[0-9a-f]{2}|[a-c]){0,6}`), rapid.StringN(1, 40, 200), rapid.StringMatching(`x--__[0-9a-v]{52}`), rapid.StringMatching(`[a.]{40,70}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		x, errX := tenant.Encode(a)
		y, errY := tenant.Encode(b)
		if errX != nil || errY != nil {
			t.Skip()
		}
		if (x == y) != (a == b) {
			t.Fatalf("%q and %q are %s and %s", a, b, x, y)
		}
		again, err := tenant.Encode(a)
		if err != nil || again != x {
			t.Fatalf("%q is %s, and then %s", a, x, again)
		}
	})
}

// On a disk that folds case, no two tenants have one file, and each name is read as it was
// written.
func TestNoTwoTenantsHaveOneFileWhereCaseIsFolded(t *testing.T) {
	ids := rapid.StringMatching(`[aAbB1][aAbB1_-]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := tenant.MustParse(ids.Draw(t, "a")), tenant.MustParse(ids.Draw(t, "b"))
		if strings.EqualFold(a.FileName(), b.FileName()) != (a == b) {
			t.Fatalf("%s and %s have one file: %s", a, b, a.FileName())
		}
		if back, err := tenant.FromFileName(a.FileName()); err != nil || back != a {
			t.Fatalf("%s is read as %s, %v", a.FileName(), back, err)
		}
		if tenant.EqualFold(a, b) != strings.EqualFold(a.String(), b.String()) {
			t.Fatalf("%s, %s", a, b)
		}
	})
	for _, s := range []string{"", "A", "=", "a=", "=A", "==a", "=1", "=-", "a.b", "=a/b", "aB"} {
		if id, err := tenant.FromFileName(s); !errors.Is(err, tenant.ErrInvalidID) || !id.IsZero() {
			t.Errorf("%s is the file of %s, %v", s, id, err)
		}
	}
	if got := tenant.MustParse("org_2abcDEF").FileName(); got != "org_2abc=d=e=f" {
		t.Error(got)
	}
}
