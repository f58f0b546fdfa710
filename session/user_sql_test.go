package session_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

var (
	_ sql.Scanner   = (*session.UserID)(nil)
	_ driver.Valuer = session.UserID{}
)

// A row that failed must not keep the user of the row before it, which a loop that forgets the
// error would go on with.
func TestWhatIsNoUserScansAsNobody(t *testing.T) {
	for name, src := range map[string]any{
		"NULL": nil, "empty": "", "empty bytes": []byte{}, "nil bytes": []byte(nil), "padded by char(n)": "alice   ", "a number": int64(1), "a bool": true,
		"a time": time.Now(), "bytes that are no text": []byte{0xff, 0, 1}, "NUL": "alice\x00", "what shows nothing": "ali\u200bce",
	} {
		id := session.MustParseUserID("alice")
		if err := id.Scan(src); !errors.Is(err, session.ErrInvalidID) || !id.IsZero() {
			t.Errorf("%s scans as %q, %v", name, id, err)
		}
	}
	buffer := []byte("alice")
	for _, src := range []any{"alice", buffer} {
		var id session.UserID
		if err := id.Scan(src); err != nil || id.String() != "alice" {
			t.Errorf("%T: %q, %v", src, id, err)
		}
		if src, reused := src.([]byte); reused {
			if copy(src, "mally"); id.String() != "alice" {
				t.Errorf("a buffer that is used again made %q of alice", id)
			}
		}
	}
	null := sql.Null[session.UserID]{V: session.MustParseUserID("alice"), Valid: true}
	if err := null.Scan(nil); err != nil || null.Valid || !null.V.IsZero() {
		t.Errorf("NULL is %+v, %v", null, err)
	}
}

func TestTheZeroUserIsNotWritten(t *testing.T) {
	if v, err := (session.UserID{}).Value(); !errors.Is(err, session.ErrInvalidID) || v != nil {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := session.MustParseUserID("auth0|1").Value(); err != nil || v != driver.Value("auth0|1") {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := driver.DefaultParameterConverter.ConvertValue((*session.UserID)(nil)); err != nil || v != nil {
		t.Errorf("a nil pointer is written as %v, %v", v, err)
	}
}
