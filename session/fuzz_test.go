package session_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/session"
)

// No token that is presented causes a panic, each has one error, and the store is asked about
// nothing but what this Manager issued. An input is a text, or what to write over a genuine token:
// each fuzzing process has keys of its own, so that a corpus holds no genuine one.
func FuzzRefreshToken(f *testing.F) {
	store := &spy{Store: newStore(f)}
	current, previous := session.NewSecretKey(session.NewID().Bytes()), session.NewSecretKey(session.NewID().Bytes())
	m := newManager(f, store, session.Config{Key: current, PreviousKeys: []session.SecretKey{previous}})
	_, a := signIn(f, m)
	_, b := signIn(f, newManager(f, store, session.Config{Key: previous}))
	_, foreign := signIn(f, newManager(f, store, session.Config{Key: key('f')}))
	issued := []string{a.Reveal(), b.Reveal()}
	for _, text := range []string{
		"", "r1.", "r1.AAAA", foreign.Reveal(), foreign.Reveal() + "\n", foreign.Reveal()[:60],
		"r1." + strings.Repeat("A", 200), "r1." + strings.Repeat("_", 570), "r1." + strings.Repeat("A", 571),
	} {
		f.Add(text, uint16(0), uint16(0))
	}
	for _, at := range []uint16{0, 2, 3, 20, 60, 200} {
		f.Add("A", at, uint16(1))
		f.Add("\n", at, uint16(0))
		f.Add("", at, uint16(4))
	}
	f.Fuzz(func(t *testing.T, text string, at, cut uint16) {
		presented := []string{text}
		for _, token := range issued { // text in place of cut bytes of the token
			from := min(int(at), len(token))
			presented = append(presented, token[:from]+text+token[min(from+int(cut), len(token)):])
		}
		for _, text := range presented {
			if slices.Contains(issued, text) {
				continue
			}
			asked := store.calls.Load()
			s, next, err := m.Refresh(t.Context(), text)
			if !errors.Is(err, session.ErrRefreshInvalid) || !s.ID.IsZero() || !next.IsZero() {
				t.Errorf("a token that was not issued: %v", err)
			}
			if store.calls.Load() != asked {
				t.Error("the store was asked about a token that was not issued")
			}
		}
	})
}

func FuzzParseUserID(f *testing.F) {
	for _, s := range []string{"", "alice", "a b", "a:b", "{a}", "*", "a?", "a\x00", "\xff", "ü", "\u200b", "\u202e", "用户", strings.Repeat("x", 256), "../a", "a\u00a0b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := session.ParseUserID(s)
		if err != nil {
			if !errors.Is(err, session.ErrInvalidID) || !u.IsZero() {
				t.Errorf("%q: %v", s, err)
			}
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the error is not UTF-8: %q", err)
			}
			return
		}
		if u.IsZero() || u.String() != s {
			t.Errorf("%q came back as %q", s, u)
		}
		if len(s) > session.MaxUserIDLength || !utf8.ValidString(s) ||
			strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			t.Errorf("%q was accepted", s)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", session.NewID().Reveal(), strings.Repeat("A", 43), strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := session.ParseID(s)
		if err != nil {
			if !errors.Is(err, session.ErrInvalidID) || !id.IsZero() || (len(s) > 8 && strings.Contains(err.Error(), s)) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if id.Reveal() != s {
			t.Errorf("%q came back as %q: one id has two spellings", s, id.Reveal())
		}
		if same, err := session.IDFromBytes(id.Bytes()); err != nil || same != id {
			t.Errorf("the bytes of %q name another id, %v", s, err)
		}
	})
}
