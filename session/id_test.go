package session_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/invisible"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func TestIDsHaveOneSpelling(t *testing.T) {
	id := session.NewID()
	text := id.Reveal()
	if again, err := session.ParseID(text); err != nil || again != id {
		t.Fatalf("%v, %v", again == id, err)
	}
	zeros := strings.Repeat("A", 43)
	for name, s := range map[string]string{
		"empty":                "",
		"too short":            text[:42],
		"too long":             text + "A",
		"padded":               text + "=",
		"padded to the length": text[:42] + "=",
		"spare bits set":       zeros[:42] + "B",
		"standard alphabet":    zeros[:42] + "+",
		"line break inside":    text[:20] + "\n" + text[21:],
		"line break more":      text[:20] + "\n" + text[20:],
		"final line break":     text[:42] + "\n",
		"carriage return":      text[:42] + "\r",
		"NUL":                  text[:42] + "\x00",
		"look-alike letter":    text[:41] + "а",
		"its digest":           id.Fingerprint(),
		"its printed form":     id.String(),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := session.ParseID(s)
			wantErr(t, "ParseID", err, session.ErrInvalidID)
			if !got.IsZero() {
				t.Error("an id was returned together with the error")
			}
			if err != nil && len(s) > 12 && strings.Contains(err.Error(), s[:12]) {
				t.Errorf("the error contains the text: %v", err)
			}
		})
	}
}

func TestTheIDOfZerosIsAnIDAndTheZeroIDIsNone(t *testing.T) {
	id, err := session.IDFromBytes(make([]byte, 32))
	if err != nil || id.IsZero() || id == (session.ID{}) {
		t.Errorf("%v, %v", id, err)
	}
	for _, n := range []int{0, 1, 31, 33, 64} {
		got, err := session.IDFromBytes(make([]byte, n))
		wantErr(t, "IDFromBytes", err, session.ErrInvalidID)
		if !got.IsZero() {
			t.Errorf("%d bytes made an id", n)
		}
	}
	_, err = session.ParseID((session.ID{}).Reveal())
	wantErr(t, "ParseID of what the zero ID reveals", err, session.ErrInvalidID)
}

func TestTheBytesOfAnIDAreACopy(t *testing.T) {
	id := session.NewID()
	before := id.Reveal()
	clear(id.Bytes())
	b := id.Bytes()
	again, err := session.IDFromBytes(b)
	clear(b)
	if err != nil || id.Reveal() != before || again != id {
		t.Errorf("writing to the bytes changed the id, %v", err)
	}
}

// Over all of Unicode: no id shows nothing, and none differs from another by what shows nothing.
func TestAUserIDThatShowsNothingIsRefused(t *testing.T) {
	accepted, every := 0, unicode.MaxRune/testneed.Scale(unicode.MaxRune, 1)
	for r := rune(0); r <= unicode.MaxRune; r += rune(every) {
		hidden := invisible.Is(r)
		if _, err := session.ParseUserID("a" + string(r) + "b"); (err == nil) == (hidden || !utf8.ValidRune(r)) && utf8.ValidRune(r) {
			t.Errorf("%U in a name: %v", r, err)
		}
		_, err := session.ParseUserID(string(r))
		if utf8.ValidRune(r) && (err == nil) == (hidden || unicode.IsMark(r)) {
			t.Errorf("%U alone: %v", r, err)
		}
		if err == nil {
			accepted++
		}
	}
	if accepted < 130_000/every {
		t.Errorf("only %d characters are accepted", accepted)
	}
}

func TestUserIDs(t *testing.T) {
	for _, s := range []string{
		"a", "alice", "Alice", "auth0|5f7c8ec7c33c6c004bbafe82", "alice@example.org", "用户", "é", "e\u0301", "🦉",
		"-", "..", "../x", "%2e", "'", `"`, "\\", "[a]", "^", "$", "#", "~", strings.Repeat("x", 255),
		"f:9b1d:bob", "system:serviceaccount:prod:web", "repo:o/r:environment:prod", "spiffe://example.org/billing", "accounts.google.com:1184", "{7B0F}", "*", "a?", "a,b", strings.Repeat("ü", 127),
	} {
		if u, err := session.ParseUserID(s); err != nil || u.String() != s || u.IsZero() {
			t.Errorf("%q: %v", s, err)
		}
	}
	for name, s := range map[string]string{
		"empty": "", "a byte too long": strings.Repeat("x", 256), "many bytes in few letters": strings.Repeat("ü", 128),
		"NUL": "a\x00b", "line break": "a\nb", "tab": "a\tb", "space": "a b", "leading space": " a", "escape": "\x1b[31m", "delete": "\x7f",
		"no-break space": "a\u00a0b", "ideographic space": "a\u3000b", "zero-width space": "a\u200bb", "zero-width joiner": "a\u200db",
		"byte order mark": "\ufeffa", "right-to-left override": "a\u202eb", "line separator": "a\u2028b", "soft hyphen": "a\u00adb",
		"Hangul filler": "\u3164", "Hangul filler in a name": "a\u3164", "half-width filler": "\uffa0", "Hangul choseong filler": "a\u115fb", "Braille blank": "\u2800",
		"grapheme joiner": "a\u034fb", "variation selector": "a\ufe0f", "supplementary selector": "a\U000e0100", "Khmer inherent vowel": "a\u17b4",
		"Mongolian selector": "a\u180b", "shapeless notehead": "\U0001d159", "a mark alone": "\u0301", "a mark in front": "\u0301a", "an enclosing mark": "\u20dd",
		"invalid UTF-8": "\xff", "cut rune": "a\xc3", "overlong slash": "\xc0\xaf", "surrogate": "\xed\xa0\x80", "private use": "\ue000", "tag": "a\U000e0041",
	} {
		t.Run(name, func(t *testing.T) {
			u, err := session.ParseUserID(s)
			wantErr(t, "ParseUserID", err, session.ErrInvalidID)
			if !u.IsZero() {
				t.Error("a user was returned together with the error")
			}
		})
	}
	defer func() {
		if recover() == nil {
			t.Error("MustParseUserID did not panic")
		}
	}()
	session.MustParseUserID("")
}

func TestAReferenceIsWholeOrInvalid(t *testing.T) {
	whole := session.Ref{Tenant: acme, User: alice, ID: session.NewID()}
	if err := whole.Validate(); err != nil {
		t.Error(err)
	}
	for _, cut := range []func(*session.Ref){
		func(r *session.Ref) { r.Tenant = tenant.ID{} },
		func(r *session.Ref) { r.User = session.UserID{} },
		func(r *session.Ref) { r.ID = session.ID{} },
		func(r *session.Ref) { *r = session.Ref{} },
	} {
		ref := whole
		cut(&ref)
		wantErr(t, "Validate", ref.Validate(), session.ErrInvalidID)
	}
}
