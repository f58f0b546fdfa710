package middleware_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/middleware"
)

const forwardedFor = "X-Forwarded-For"

func proxies(t testing.TB) func(*http.Request) string {
	t.Helper()
	proxies, err := middleware.NewProxies(forwardedFor, netip.MustParsePrefix("10.1.2.0/28"), netip.MustParsePrefix("fd00:1::/64"))
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) string {
		if addr := proxies.ClientIP(r); addr.IsValid() {
			return addr.String()
		}
		return ""
	}
}

func TestAProxyIsBelievedOnlyWhereItIsTrustedAndClear(t *testing.T) {
	extract := proxies(t)
	for _, row := range []struct {
		name, peer string
		lines      []string
		want       string
	}{
		{"a stranger's word has no effect", "203.0.113.9:1", []string{"10.1.2.3"}, "203.0.113.9"},
		{"nor has that of a neighbour in a private network", "10.1.2.16:1", []string{"192.0.2.1"}, "10.1.2.16"},
		{"nor has a loopback's", "127.0.0.1:1", []string{"192.0.2.1"}, "127.0.0.1"},
		{"a trusted proxy names its peer", "10.1.2.3:1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a trusted proxy in IPv4-mapped IPv6", "[::ffff:10.1.2.3]:1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a trusted proxy in IPv6", "[fd00:1::5]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"what the client wrote before is not read", "10.1.2.3:1", []string{"10.0.0.1, 192.0.2.1"}, "192.0.2.1"},
		{"not even when it names a trusted proxy", "10.1.2.3:1", []string{"10.1.2.4,192.0.2.1"}, "192.0.2.1"},
		{"nor when it is garbage", "10.1.2.3:1", []string{"'; DROP,,,192.0.2.1"}, "192.0.2.1"},
		{"two proxies in a row", "10.1.2.3:1", []string{"172.16.0.1, 192.0.2.1, 10.1.2.4"}, "192.0.2.1"},
		{"a request that a proxy makes itself", "10.1.2.3:1", []string{"10.1.2.5"}, "10.1.2.5"},
		{"no header", "10.1.2.3:1", nil, ""},
		{"an empty header", "10.1.2.3:1", []string{""}, ""},
		{"two headers", "10.1.2.3:1", []string{"192.0.2.1", "192.0.2.1"}, ""},
		{"two headers, of which one is empty", "10.1.2.3:1", []string{"192.0.2.1", ""}, ""},
		{"a name", "10.1.2.3:1", []string{"unknown"}, ""},
		{"an address with a port", "10.1.2.3:1", []string{"192.0.2.1:4711"}, ""},
		{"an address in brackets", "10.1.2.3:1", []string{"[2001:db8::1]"}, ""},
		{"an address with leading zeros", "10.1.2.3:1", []string{"192.0.2.001"}, ""},
		{"an address in hexadecimal", "10.1.2.3:1", []string{"0xc0000201"}, ""},
		{"a comma at the end", "10.1.2.3:1", []string{"192.0.2.1,"}, ""},
		{"the syntax of RFC 7239", "10.1.2.3:1", []string{"for=192.0.2.1"}, ""},
		{"a trusted proxy after garbage", "10.1.2.3:1", []string{"x, 10.1.2.4"}, ""},
		{"an IPv4 address in IPv6", "10.1.2.3:1", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"an address in a zone", "10.1.2.3:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"proxies without end", "10.1.2.3:1", []string{"192.0.2.1" + strings.Repeat(",10.1.2.4", 1000)}, ""},
		{"a connection without an address", "@", []string{"192.0.2.1"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: row.peer, Header: http.Header{}}
			if row.lines != nil {
				r.Header[forwardedFor] = row.lines
			}
			for _, other := range []string{"Forwarded", "X-Real-Ip", "X_forwarded_for", "True-Client-Ip", "X-Forwarded-Host"} {
				r.Header.Set(other, "198.51.100.66")
			}
			if got := extract(r); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestProxiesThatCannotBeMeantAreRefused(t *testing.T) {
	wide := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("10.1.2.3/8"), {}, netip.MustParsePrefix("::ffff:10.0.0.0/104")}
	_, err := middleware.NewProxies("X_Forwarded_For", wide...)
	want := []string{
		"middleware: invalid config: trusted[0]: 0.0.0.0/0 is not the prefix of a network", "trusted[1]: ::/0 is not the prefix of a network",
		"trusted[2]: 10.1.2.3/8 is not the prefix of a network", "trusted[3]: invalid Prefix is not the prefix of a network",
		"trusted[4]: ::ffff:10.0.0.0/104 is not the prefix of a network", "header: a name of letters, digits and '-' is required",
	}
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
	if _, err := middleware.NewProxies(""); err == nil {
		t.Error("no proxies are accepted")
	}
	r := &http.Request{RemoteAddr: "203.0.113.9:1"}
	for _, none := range []*middleware.Proxies{nil, {}} {
		if addr := none.ClientIP(r); addr.IsValid() {
			t.Errorf("a Proxies that nobody made says %v", addr)
		}
	}
}

// FuzzProxies: whatever the client writes into the header before the proxy appends the
// client's address, that address it is.
func FuzzProxies(f *testing.F) {
	extract := proxies(f)
	for _, s := range []string{"", "10.1.2.3", "unknown", "192.0.2.1, 10.1.2.4", ",", "\x00", strings.Repeat("1,", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, written string) {
		r := &http.Request{RemoteAddr: "10.1.2.3:1", Header: http.Header{forwardedFor: {fmt.Sprintf("%s, 192.0.2.7", written)}}}
		if got := extract(r); got != "192.0.2.7" {
			t.Errorf("%q gets %q", written, got)
		}
	})
}
