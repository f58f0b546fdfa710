package authz

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

// environmentOf is the environment of a request that comes through Echo.
func environmentOf(r *http.Request, e *echo.Echo, proxies *middleware.Proxies, s session.Session) *requestEnv {
	x := &echoExchange{echo: e}
	x.caller.guard, x.caller.exchange, x.caller.session, x.caller.original = &Guard{proxies: proxies}, x, &s, r
	return (*requestEnv)(&x.caller)
}

func TestTheAddressIsTheConnectionsUnlessEchoIsToldWhomToTrust(t *testing.T) {
	proxies, err := middleware.NewProxies("X-Forwarded-For", netip.MustParsePrefix("10.0.0.9/32"))
	if err != nil {
		t.Fatal(err)
	}
	behind := IPExtractor(proxies)
	for name, c := range map[string]struct {
		remote  string
		header  map[string]string
		extract echo.IPExtractor
		want    any
	}{
		"the connection's address":              {remote: "192.0.2.1:1234", want: "192.0.2.1"},
		"an IPv6 address":                       {remote: "[2001:db8::1]:1234", want: "2001:db8::1"},
		"an address within a zone":              {remote: "[fe80::1%eth0]:1234", want: "fe80::1"},
		"an IPv4 address in IPv6":               {remote: "[::ffff:192.0.2.1]:1234", want: "192.0.2.1"},
		"a client's claim is not believed":      {remote: "192.0.2.1:1234", header: map[string]string{"X-Forwarded-For": "10.0.0.1"}, want: "192.0.2.1"},
		"nor is X-Real-IP":                      {remote: "192.0.2.1:1234", header: map[string]string{"X-Real-Ip": "10.0.0.1"}, want: "192.0.2.1"},
		"a trusted proxy's word is":             {remote: "10.0.0.9:1234", header: map[string]string{"X-Forwarded-For": "192.0.2.1"}, extract: echo.ExtractIPFromXFFHeader(), want: "192.0.2.1"},
		"nobody else's is":                      {remote: "198.51.100.1:1234", header: map[string]string{"X-Forwarded-For": "10.0.0.1"}, extract: echo.ExtractIPFromXFFHeader(), want: "198.51.100.1"},
		"our proxy's word is":                   {remote: "10.0.0.9:1234", header: map[string]string{"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}, extract: behind, want: "192.0.2.1"},
		"a neighbour's is not":                  {remote: "10.0.0.8:1234", header: map[string]string{"X-Forwarded-For": "192.0.2.1"}, extract: behind, want: "10.0.0.8"},
		"our proxy says nothing":                {remote: "10.0.0.9:1234", extract: behind, want: nil},
		"a connection without an address":       {remote: "@", want: nil},
		"an extractor that finds no address":    {remote: "192.0.2.1:1234", extract: echo.ExtractIPDirect(), want: "192.0.2.1"},
		"an extractor that says something else": {remote: "192.0.2.1:1234", extract: echo.ExtractIPFromRealIPHeader(), want: "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			e := echo.New()
			e.IPExtractor = c.extract
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.remote
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			env := environmentOf(r, e, nil, session.Session{})
			if got, ok := env.Get(policy.EnvIP); ok != (c.want != nil) || ok && got != c.want {
				t.Errorf("got %v %t", got, ok)
			}
			if !strings.Contains(name, "our proxy") && name != "a neighbour's is not" {
				return
			}
			// By Config.Proxies, which is before an extractor.
			e.IPExtractor = func(*http.Request) string { return "203.0.113.66" }
			configured := environmentOf(r, e, proxies, session.Session{})
			if got, ok := configured.Get(policy.EnvIP); ok != (c.want != nil) || ok && got != c.want {
				t.Errorf("by Config.Proxies: got %v %t", got, ok)
			}
		})
	}
	e := echo.New()
	e.IPExtractor = func(_ *http.Request) string { return "unknown" }
	env := environmentOf(httptest.NewRequest("GET", "/", nil), e, nil, session.Session{})
	if got, ok := env.Get(policy.EnvIP); ok {
		t.Errorf("what is no address is one: %v", got)
	}
	var zero requestEnv
	if _, ok := zero.Get(policy.EnvIP); ok {
		t.Error("the zero environment has an address")
	}
}

func TestMFAIsWhatTheSessionBeganWith(t *testing.T) {
	for _, c := range []struct {
		methods []string
		want    bool
	}{{nil, false}, {[]string{"pwd"}, false}, {[]string{"pwd", "otp"}, false}, {[]string{"mfa", "otp", "pwd"}, true}, {[]string{"MFA"}, false}} {
		methods, err := session.NewMethods(c.methods...)
		if err != nil {
			t.Fatal(err)
		}
		env := environmentOf(httptest.NewRequest("GET", "/", nil), nil, nil, session.Session{AMR: methods})
		if got, ok := env.Get(policy.EnvMFA); !ok || got != c.want {
			t.Errorf("%v: %v", c.methods, got)
		}
	}
	var zero requestEnv
	if got, ok := zero.Get(policy.EnvMFA); !ok || got != false {
		t.Error("an anonymous caller has factors")
	}
	if _, ok := zero.Get(policy.EnvTime); ok {
		t.Error("the time is not the engine's")
	}
}

func TestThePolicyDecidesByTheEnvironment(t *testing.T) {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(
		`p, role:anyone, *, /x, GET, "r.env.mfa && ipMatch(r.env.ip, '192.0.2.0/24')", allow`,
	)}}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mfa, err := session.NewMethods("mfa")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		remote string
		amr    session.Methods
		want   bool
	}{{"192.0.2.1:1", mfa, true}, {"192.0.2.1:1", session.Methods{}, false}, {"198.51.100.1:1", mfa, false}, {"", mfa, false}} {
		r := httptest.NewRequest("GET", "/x", nil)
		r.RemoteAddr = c.remote
		env := environmentOf(r, nil, nil, session.Session{AMR: c.amr})
		d, err := e.Decide(t.Context(), policy.Request{Action: "GET", Object: policy.Route("/x"), Env: env})
		if err != nil || d.Allowed() != c.want {
			t.Errorf("%+v: %s %v", c, d.Effect, err)
		}
	}
}

// An extractor may read a long header, and a condition may ask forty times.
func TestTheAddressOfARequestIsLookedForOnce(t *testing.T) {
	e, calls := echo.New(), 0
	e.IPExtractor = func(*http.Request) string { calls++; return "192.0.2.1" }
	env := environmentOf(httptest.NewRequest("GET", "/", nil), e, nil, session.Session{})
	if env.Get(policy.EnvMFA); calls != 0 {
		t.Error("the address is looked for although nobody asks")
	}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if got, ok := env.Get(policy.EnvIP); !ok || got != "192.0.2.1" {
				t.Errorf("got %v %t", got, ok)
			}
		})
	}
	if all.Wait(); calls != 1 {
		t.Errorf("the extractor is asked %d times", calls)
	}
}
