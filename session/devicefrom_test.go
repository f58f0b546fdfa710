package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
)

func TestADeviceIsTakenFromARequestAsASignInAcceptsIt(t *testing.T) {
	for name, row := range map[string]struct{ agent, remote, wantAgent, wantAddress string }{
		"a browser":           {"Mozilla/5.0 (X11; Linux)", "192.0.2.1:1234", "Mozilla/5.0 (X11; Linux)", "192.0.2.1"},
		"none":                {"", "", "", ""},
		"Latin-1":             {"M\xfcller/1.0", "[2001:db8::1]:80", "Müller/1.0", "2001:db8::1"},
		"Latin-1 and UTF-8":   {"é\xff", "192.0.2.1", "Ã©ÿ", "192.0.2.1"},
		"a tab":               {"a\tb", "[::ffff:192.0.2.1]:80", "a b", "192.0.2.1"},
		"lines":               {"a\r\nb\u2028c", "[fe80::1%eth0]:80", "a  b c", "fe80::1%eth0"},
		"a joined emoji":      {"👩\u200d💻", "@", "👩💻", "@"},
		"invisible":           {"\u3164\u202e\u00ad\ufe0f", "pipe", "", "pipe"},
		"white space":         {" \u00a0x\u3000 ", "a\x00b:80", "x", "ab"},
		"512 bytes":           {strings.Repeat("x", 512), "192.0.2.1:80", strings.Repeat("x", 512), "192.0.2.1"},
		"513 bytes":           {strings.Repeat("x", 513), "192.0.2.1:80", strings.Repeat("x", 512), "192.0.2.1"},
		"a letter at the cut": {strings.Repeat("x", 511) + "é", "192.0.2.1:80", strings.Repeat("x", 511), "192.0.2.1"},
		"a long address":      {"x", strings.Repeat("y", 100), "x", strings.Repeat("y", 64)},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = row.remote
		r.Header.Set("User-Agent", row.agent)
		for _, h := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"} {
			r.Header.Set(h, "203.0.113.9")
		}
		d := session.DeviceFrom(r)
		if d.UserAgent != row.wantAgent || d.Address != row.wantAddress {
			t.Errorf("%s: %q %q, want %q %q", name, d.UserAgent, d.Address, row.wantAgent, row.wantAddress)
		}
	}
	if got := session.DeviceFrom(nil); got.UserAgent != "" || got.Address != "" {
		t.Errorf("no request: %+v", got)
	}
}

// A client can sign in whatever it sends.
func TestNoUserAgentKeepsAnybodyFromSigningIn(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	rapid.Check(t, func(rt *rapid.T) {
		agent := string(rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(rt, "bytes"))
		if rapid.Bool().Draw(rt, "text") {
			agent = rapid.StringN(0, 700, -1).Draw(rt, "agent")
		}
		remote := rapid.String().Draw(rt, "remote")
		d := session.DeviceFrom(&http.Request{Header: http.Header{"User-Agent": {agent}}, RemoteAddr: remote})
		s, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, UserAgent: d.UserAgent, Address: d.Address})
		if err != nil {
			rt.Fatalf("%q %q: %v", agent, remote, err)
		}
		if err := m.Revoke(t.Context(), s.Ref()); err != nil {
			rt.Fatal(err)
		}
		if !utf8.ValidString(d.UserAgent) || len(d.UserAgent) > session.MaxUserAgentLength || len(d.Address) > session.MaxAddressLength {
			rt.Fatalf("%q %q", d.UserAgent, d.Address)
		}
	})
}
