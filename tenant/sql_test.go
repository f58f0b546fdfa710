package tenant_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/tenant"
)

var (
	_ sql.Scanner   = (*tenant.ID)(nil)
	_ driver.Valuer = tenant.ID{}
)

// A row that failed must not keep the tenant of the row before it, which a loop that forgets
// the error would go on with.
func TestWhatIsNoTenantScansAsNobody(t *testing.T) {
	for name, src := range map[string]any{
		"NULL": nil, "empty": "", "empty bytes": []byte{}, "nil bytes": []byte(nil), "padded": "acme  ", "a number": int64(1), "a float": 1.0, "a bool": true,
		"a time": time.Now(), "another alphabet": "аcme", "bytes that are no text": []byte{0xff, 0, 1}, "NUL": "acme\x00", "a pattern": "*", "the text of a pointer": new(string),
	} {
		id := tenant.MustParse("acme")
		if err := id.Scan(src); !errors.Is(err, tenant.ErrInvalidID) || !id.IsZero() {
			t.Errorf("%s scans as %q, %v", name, id, err)
		}
		if src == nil {
			continue
		}
		null := sql.Null[tenant.ID]{V: tenant.MustParse("acme"), Valid: true}
		if err := null.Scan(src); err == nil || !null.V.IsZero() {
			t.Errorf("%s scans as %q into sql.Null: %v", name, null.V, err)
		}
	}
	for _, src := range []any{"acme", []byte("acme")} {
		var id tenant.ID
		if err := id.Scan(src); err != nil || id != acme {
			t.Errorf("%T: %q, %v", src, id, err)
		}
	}
}

func TestABufferThatIsUsedAgainChangesNoTenant(t *testing.T) {
	buffer := []byte("acme")
	var id tenant.ID
	if err := id.Scan(buffer); err != nil {
		t.Fatal(err)
	}
	copy(buffer, "evil")
	if id != acme {
		t.Error(id)
	}
}

// NULL has a place of its own, which is not a tenant.
func TestNULLIsReadIntoWhatCanSayIt(t *testing.T) {
	null := sql.Null[tenant.ID]{V: acme, Valid: true}
	if err := null.Scan(nil); err != nil || null.Valid || !null.V.IsZero() {
		t.Errorf("%+v, %v", null, err)
	}
	if err := null.Scan("globex"); err != nil || !null.Valid || null.V != globex {
		t.Errorf("%+v, %v", null, err)
	}
}

func TestTheZeroTenantIsNotWritten(t *testing.T) {
	if v, err := (tenant.ID{}).Value(); !errors.Is(err, tenant.ErrInvalidID) || v != nil {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := acme.Value(); err != nil || v != driver.Value("acme") {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := driver.DefaultParameterConverter.ConvertValue((*tenant.ID)(nil)); err != nil || v != nil {
		t.Errorf("a nil pointer is written as %v, %v", v, err)
	}
}

// FuzzScan: whatever a column holds, it is one valid tenant or none.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"acme", "", "acme ", "ac:me", "\x00", "x--acme"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		id := acme
		err := id.Scan(text)
		want, wantErr := tenant.Parse(string(text))
		if (err == nil) != (wantErr == nil) || id != want {
			t.Fatalf("%q: %q, %v", text, id, err)
		}
	})
}
