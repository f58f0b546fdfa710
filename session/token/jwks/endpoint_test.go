package jwks_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/session/token/jwks"
)

func TestEveryBadFieldIsNamed(t *testing.T) {
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Add(jwks.Endpoint{Issuer: "taken", URL: "https://taken.example.com"}); err != nil {
		t.Fatal(err)
	}
	const notAbsolute, notHTTPS = "URL: not an absolute URL", "URL: https is required, but for loopback hosts"
	const user = "URL: user information and fragment are not accepted"
	for _, row := range []struct {
		name string
		e    jwks.Endpoint
		want []string
	}{
		{"the zero endpoint", jwks.Endpoint{}, []string{"Issuer: required, printable ASCII of at most 255 bytes", "URL: required"}},
		{"everything wrong", jwks.Endpoint{Issuer: "a\n", URL: "http://id.example.com", MaxAge: time.Second, Dropped: []string{"x"}}, []string{
			"Issuer: required, printable ASCII of at most 255 bytes", notHTTPS, "MaxAge: 1s, 30s to 24h0m0s is allowed",
			"Dropped[0]: not a SHA-256 thumbprint in base64url"}},
		{"the same issuer", jwks.Endpoint{Issuer: "taken", URL: "https://other.example.com"}, []string{"Issuer: twice"}},
		{"the same URL", jwks.Endpoint{Issuer: "other", URL: "https://taken.example.com"}, []string{"URL: that of another issuer"}},
		{"the same URL in another spelling", jwks.Endpoint{Issuer: "other", URL: "HTTPS://Taken.Example.com:443/"}, []string{"URL: that of another issuer"}},
		{"the same URL with a dot and a question mark", jwks.Endpoint{Issuer: "other", URL: "https://taken.example.com./?"}, []string{"URL: that of another issuer"}},
		{"a path", jwks.Endpoint{Issuer: "x", URL: "/keys"}, []string{notAbsolute}},
		{"a file", jwks.Endpoint{Issuer: "x", URL: "file:///etc/passwd"}, []string{notAbsolute}},
		{"no host", jwks.Endpoint{Issuer: "x", URL: "https://:443/"}, []string{notAbsolute}},
		{"another scheme", jwks.Endpoint{Issuer: "x", URL: "gopher://x/"}, []string{notHTTPS}},
		{"http to a name that begins like a loopback", jwks.Endpoint{Issuer: "x", URL: "http://127.0.0.1.example.com/"}, []string{notHTTPS}},
		{"http to localhost's namesake", jwks.Endpoint{Issuer: "x", URL: "http://localhost.example.com/"}, []string{notHTTPS}},
		{"a password", jwks.Endpoint{Issuer: "x", URL: "https://u:p@x/"}, []string{user}},
		{"a fragment", jwks.Endpoint{Issuer: "x", URL: "https://x/#f"}, []string{user}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := f.Add(row.e)
			if err == nil || s != nil {
				t.Fatal("accepted")
			}
			text, ours := strings.CutPrefix(err.Error(), "jwks: invalid config: ")
			if !ours {
				t.Errorf("got %q", err)
			}
			if diff := cmp.Diff(row.want, strings.Split(text, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
	for n, good := range []string{"https://x/a?b=c", "http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/", "https://taken.example.com:444", "https://taken.example.com/b", "https://taken.example.com?c"} {
		if _, err := f.Add(jwks.Endpoint{Issuer: fmt.Sprint(n), URL: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if _, err := jwks.New(jwks.Config{MaxIssuers: -1}); err == nil {
		t.Error("MaxIssuers -1 is accepted")
	}
}

func TestTheProviderSaysHowLongWithinLimits(t *testing.T) {
	for _, row := range []struct {
		name    string
		control []string
		age     string
		longest time.Duration
		want    time.Duration
	}{
		{"no word", nil, "", 24 * time.Hour, 10 * time.Minute},
		{"no word about time", []string{"public, must-revalidate"}, "", 24 * time.Hour, 10 * time.Minute},
		{"an hour", []string{"public, max-age=3600"}, "", 24 * time.Hour, time.Hour},
		{"an hour, in capitals", []string{"Max-Age=3600"}, "", 24 * time.Hour, time.Hour},
		{"an hour, quoted", []string{`max-age="3600"`}, "", 24 * time.Hour, time.Hour},
		{"an hour of which a cache used a part", []string{"max-age=3600"}, "600", 24 * time.Hour, 50 * time.Minute},
		{"an hour that a cache used up", []string{"max-age=3600"}, "999999999999999999999", 24 * time.Hour, 30 * time.Second},
		{"a second", []string{"max-age=1"}, "", 24 * time.Hour, 30 * time.Second},
		{"nothing", []string{"max-age=0"}, "", 24 * time.Hour, 30 * time.Second},
		{"no-store", []string{"max-age=3600, no-store"}, "", 24 * time.Hour, 30 * time.Second},
		{"no-cache on a line of its own", []string{"max-age=3600", "no-cache"}, "", 24 * time.Hour, 30 * time.Second},
		{"two that differ", []string{"max-age=3600, max-age=60"}, "", 24 * time.Hour, time.Minute},
		{"a year", []string{"max-age=31536000"}, "", 24 * time.Hour, 24 * time.Hour},
		{"more than fits", []string{"max-age=99999999999999999999"}, "", 24 * time.Hour, 24 * time.Hour},
		{"more than the operator wants", []string{"max-age=3600"}, "", time.Minute, time.Minute},
		{"negative", []string{"max-age=-1"}, "", 24 * time.Hour, 10 * time.Minute},
		{"garbage", []string{"max-age=soon"}, "later", 24 * time.Hour, 10 * time.Minute},
		{"that of a shared cache", []string{"s-maxage=60"}, "", 24 * time.Hour, 10 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{"Cache-Control": row.control}
			if row.age != "" {
				h.Set("Age", row.age)
			}
			if got := jwks.Lifetime(h, row.longest); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestPrivateAddressesAreNotPublic(t *testing.T) {
	for _, a := range []string{
		"127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
		"64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "fec0::1", "::7f00:1",
	} {
		if jwks.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s counts as public", a)
		}
	}
	for _, a := range []string{"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.0", "2606:4700::1111", "2a00:1450::1"} {
		if !jwks.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s does not count as public", a)
		}
	}
}

func TestAllThatIsWrongWithAConfigIsNamed(t *testing.T) {
	_, err := jwks.New(jwks.Config{MaxIssuers: -1})
	if err == nil || err.Error() != "jwks: invalid config: MaxIssuers: -1 is less than 0" {
		t.Errorf("New: %v", err)
	}
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Add(jwks.Endpoint{URL: "http://id.example.com", MaxAge: time.Second, Dropped: []string{"x"}})
	if err == nil {
		t.Fatal("an endpoint is added that is wrong in all")
	}
	text, ours := strings.CutPrefix(err.Error(), "jwks: invalid config: ")
	lines := strings.Split(text, "\n")
	fields := []string{"Issuer", "URL", "MaxAge", "Dropped[0]"}
	if !ours || len(lines) != len(fields) {
		t.Fatalf("got %q, want a line for each of %v", err, fields)
	}
	for i, field := range fields {
		if !strings.HasPrefix(lines[i], field+": ") {
			t.Errorf("line %d is %q, want %s", i, lines[i], field)
		}
	}
}
