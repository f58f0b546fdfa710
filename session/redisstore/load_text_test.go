package redisstore

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
)

// packed is a text as load.lua makes it of parts, nil for one that is not there.
func packed(parts ...any) string {
	var b strings.Builder
	for _, p := range parts {
		if p == nil {
			b.WriteByte('-')
			continue
		}
		fmt.Fprintf(&b, "%d:%s", len(p.(string)), p)
	}
	return b.String()
}

// TestATextIsReadAsItsPartsOrNotAtAll: whatever is in the parts, they are read as they were
// written, and cut short or with anything after them they are corrupt.
func TestATextIsReadAsItsPartsOrNotAtAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.Just(any(nil)), rapid.Custom(func(t *rapid.T) any {
			return string(rapid.SliceOf(rapid.Byte()).Draw(t, "part"))
		})), 1, 8).Draw(t, "parts")
		text := packed(parts...)
		read := func(text string) ([]any, error) {
			r := unpack(text)
			var got []any
			for range parts {
				if s, ok := r.text(); ok {
					got = append(got, s)
				} else {
					got = append(got, nil)
				}
			}
			r.end()
			return got, r.err
		}
		if got, err := read(text); err != nil || !reflect.DeepEqual(got, parts) {
			t.Fatalf("%q is read as %q, %v", text, got, err)
		}
		cut := rapid.IntRange(0, len(text)-1).Draw(t, "cut")
		if _, err := read(text[:cut]); !errors.Is(err, session.ErrCorrupt) {
			t.Fatalf("%q is read of %q: %v", text[:cut], text, err)
		}
		if _, err := read(text + "-"); !errors.Is(err, session.ErrCorrupt) {
			t.Fatalf("one more part than there are: %v", err)
		}
	})
}

func TestATextOfAnotherShapeIsCorrupt(t *testing.T) {
	for _, v := range []any{
		nil, int64(1), []any{"1:a"}, "", "a", ":", ":a", "1", "1:", "2:a", "01:a", "+1:a", " 1:a", "1 :a", "-1:a", "0x1:a",
		"4294967296:a", "18446744073709551617:a", "1a:a", "1;a",
	} {
		r := unpack(v)
		s, there := r.text()
		r.end()
		if there && s != "" || !errors.Is(r.err, session.ErrCorrupt) {
			t.Errorf("%v is read as %q, %v", v, s, r.err)
		}
	}
	r := unpack("0:-")
	if s, there := r.text(); s != "" || !there {
		t.Errorf("an empty part is %q, there: %t", s, there)
	}
	if _, there := r.text(); there || r.err != nil {
		t.Errorf("nothing is there: %t, %v", there, r.err)
	}
}

// TestATextBearsTheNonceOfItsCall: an answer to another call, or none, is believed by nobody.
func TestATextBearsTheNonceOfItsCall(t *testing.T) {
	c := loadScript.call(t.Context(), false, []string{"k"})
	for _, v := range []any{
		nil, int64(1), "", ":", "1:a", c.nonce, c.nonce[1:] + ":1:a", c.nonce + "1:a", "x" + c.nonce + ":1:a", strings.ToUpper(c.nonce) + "!:1:a",
		loadScript.call(t.Context(), false, nil).nonce + ":1:a", []any{c.nonce, "1:a"}, []any{c.nonce + ":1:a"},
	} {
		c.Cmd.SetVal(v)
		if answer, ours := c.answer(); ours || answer != nil {
			t.Errorf("%v is taken for %v", v, answer)
		}
		if _, err := c.result(); !errors.Is(err, errForeign) {
			t.Errorf("%v: %v", v, err)
		}
	}
	c.Cmd.SetVal(c.nonce + ":1:a")
	if answer, err := c.result(); answer != "1:a" || err != nil {
		t.Errorf("got %v, %v", answer, err)
	}
	list := probeScript.call(t.Context(), false, nil)
	list.Cmd.SetVal(list.nonce + ":1:a")
	if _, ours := list.answer(); ours {
		t.Error("a text is taken for the answer to a script that returns a list")
	}
}

// TestAServerOfAClusterIsAskedApart: behind a client of one server may be one of a cluster, or a
// proxy before one, which refuses a script whose keys are in several slots. It is asked once.
func TestAServerOfAClusterIsAskedApart(t *testing.T) {
	refused := false
	p := &pipeServer{answer: func(_, key string) string {
		if strings.Contains(key, ":s:") && !refused {
			refused = true
			return "-CROSSSLOT Keys in request don't hash to the same slot\r\n"
		}
		return "as is" // which is no answer to a load
	}}
	awayFrom(t, p, func(t *testing.T, s *Store) {
		ref := session.Ref{Tenant: acme, User: session.MustParseUserID("alice"), ID: session.NewID()}
		for range 2 {
			if _, err := s.Load(t.Context(), ref); !errors.Is(err, session.ErrCorrupt) {
				t.Errorf("Load: %v", err)
			}
		}
		_, keys := s.names.ref(ref)
		apart := []string{keys.record, s.names.tenant(acme), s.names.global()}
		var trips [][]string
		for _, trip := range p.seen() {
			if last := len(trip) - 1; trip[last] == s.names.canary(0) {
				trip = trip[:last]
			}
			if len(trip) > 0 {
				trips = append(trips, trip)
			}
		}
		if want := [][]string{{keys.record}, apart, apart}; !reflect.DeepEqual(trips, want) {
			t.Errorf("round trips of the first keys %q, want %q", trips, want)
		}
	})
}
