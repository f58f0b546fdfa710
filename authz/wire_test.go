package authz_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// wire is a fixture behind a server of HTTP/1.1 and, without TLS, HTTP/2. A catch-all stands
// behind its routes, for what misses them.
type wire struct {
	*fixture
	server *httptest.Server
}

func newWire(t *testing.T) *wire {
	w := &wire{fixture: newFixture(t, withCookie)}
	w.echo.Any("/*", func(c echo.Context) error {
		w.reached.Add(1)
		return c.String(http.StatusOK, "anything\n")
	})
	w.server = httptest.NewUnstartedServer(w.echo)
	w.server.Config.Protocols = new(http.Protocols)
	w.server.Config.Protocols.SetHTTP1(true)
	w.server.Config.Protocols.SetUnencryptedHTTP2(true)
	w.server.Start()
	t.Cleanup(w.server.Close)
	return w
}

// say writes bytes to a new connection and returns the statuses of the answers.
func (w *wire) say(text string) (statuses []int) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		w.t.Fatal(err)
	}
	for r := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
	}
}

// TestBytesOnTheWireHaveOneReading sends what proxies and servers have read in two ways to a
// real server, whose own checks come first. Each row says what is answered and how many
// requests a handler sees.
func TestBytesOnTheWireHaveOneReading(t *testing.T) {
	w := newWire(t)
	token, _ := w.login(acme, alice, "viewer")
	good := "Authorization: Bearer " + token + "\r\n"
	session := "Cookie: " + cookie + "=" + token + "\r\n"
	const end = "Host: api.test\r\nConnection: close\r\n\r\n"
	for name, row := range map[string]struct {
		text    string
		want    []int
		reached int64
	}{
		"a good one":                          {"GET /me HTTP/1.1\r\n" + good + end, []int{200}, 1},
		"the absolute form":                   {"GET http://other.test/me HTTP/1.1\r\n" + good + end, []int{200}, 1},
		"the absolute form with a user":       {"GET http://api.test@other.test/me HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"an authority in the path":            {"GET //api.test/me HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"a scheme without an authority":       {"GET http:me HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"an asterisk":                         {"GET * HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"OPTIONS of an asterisk":              {"OPTIONS * HTTP/1.1\r\n" + good + end, []int{200}, 0}, // the server's own, of no resource
		"CONNECT to a host":                   {"CONNECT api.test:80 HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"CONNECT with a path":                 {"CONNECT /me HTTP/1.1\r\n" + good + end, []int{403}, 0},
		"a needless escape":                   {"GET /%6de HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"an escaped slash":                    {"GET /me%2f HTTP/1.1\r\n" + good + end, []int{400}, 0},
		"two hosts":                           {"GET /me HTTP/1.1\r\nHost: other.test\r\n" + good + end, []int{400}, 0},
		"no host":                             {"GET /me HTTP/1.1\r\n" + good + "Connection: close\r\n\r\n", []int{400}, 0},
		"two credentials in two cases":        {"GET /me HTTP/1.1\r\nAUTHORIZATION: Bearer x\r\n" + good + end, []int{400}, 0},
		"a credential and a folded second":    {"GET /me HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n Bearer x\r\n" + end, []int{400}, 0},
		"a space before the colon":            {"GET /me HTTP/1.1\r\nAuthorization : Bearer " + token + "\r\n" + end, []int{400}, 0},
		"a tab after the scheme and a cookie": {"GET /me HTTP/1.1\r\nAuthorization: Bearer\t" + token + "\r\n" + session + end, []int{400}, 0},
		"a header with a zero byte":           {"GET /me HTTP/1.1\r\nAuthorization: Bearer " + token + "\x00\r\n" + end, []int{400}, 0},
		"a credential in a trailer":           {"POST /me HTTP/1.1\r\nTrailer: Authorization\r\nTransfer-Encoding: chunked\r\n" + end + "0\r\n" + good + "\r\n", []int{401}, 0},
		"two lengths":                         {"POST /me HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n" + good + end + "hello", []int{400}, 0},
		"an encoding that nobody knows":       {"POST /me HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n" + good + end + "0\r\n\r\n", []int{501}, 0},
		"a length, chunks and a second request": {"POST /me HTTP/1.1\r\nHost: api.test\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n" + good + "\r\n0\r\n\r\n" +
			"GET /me HTTP/1.1\r\n" + end, []int{200, 401}, 1}, // the second has no credential of the first
		"a preflight with a body":             {"OPTIONS /me HTTP/1.1\r\nOrigin: https://evil.test\r\nAccess-Control-Request-Method: GET\r\nContent-Length: 1\r\n" + end + "x", []int{401}, 0},
		"a preflight with chunks":             {"OPTIONS /me HTTP/1.1\r\nOrigin: https://evil.test\r\nAccess-Control-Request-Method: GET\r\nTransfer-Encoding: chunked\r\n" + end + "0\r\n\r\n", []int{401}, 0},
		"an upgrade to HTTP/2":                {"GET /me HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nHost: api.test\r\n\r\n", []int{401}, 0},
		"an upgrade with another's cookie":    {"GET /me HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nOrigin: https://evil.test\r\n" + session + "Host: api.test\r\n\r\n", []int{403}, 0},
		"HTTP/1.0 and a method in lower case": {"get /me HTTP/1.0\r\n" + good + "\r\n", []int{405}, 0},
	} {
		w.reached.Store(0)
		if got := w.say(row.text); !slices.Equal(got, row.want) || w.reached.Load() != row.reached {
			t.Errorf("%s: answered %v, want %v; %d reached a handler, want %d", name, got, row.want, w.reached.Load(), row.reached)
		}
	}
}

// TestHTTP2IsHeldToTheSame: its requests have other bytes and the same meaning.
func TestHTTP2IsHeldToTheSame(t *testing.T) {
	w := newWire(t)
	token, _ := w.login(acme, alice, "viewer")
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for name, row := range map[string]struct {
		method, target string
		headers        http.Header
		want           int
	}{
		"a good one":                  {"GET", "/me", http.Header{"Authorization": {"Bearer " + token}}, 200},
		"two credentials":             {"GET", "/me", http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}, 400},
		"two cookies in two headers":  {"GET", "/me", http.Header{"Cookie": {cookie + "=" + token, cookie + "=x"}}, 400},
		"a cookie and a credential":   {"GET", "/me", http.Header{"Cookie": {cookie + "=" + token}, "Authorization": {"Bearer " + token}}, 400},
		"dot segments":                {"GET", "/public/../me", http.Header{"Authorization": {"Bearer " + token}}, 400},
		"a needless escape":           {"GET", "/%6de", http.Header{"Authorization": {"Bearer " + token}}, 400},
		"a plain OPTIONS":             {"OPTIONS", "/me", nil, 401},
		"a preflight":                 {"OPTIONS", "/me", http.Header{"Origin": {"https://evil.test"}, "Access-Control-Request-Method": {"GET"}}, 204},
		"a method that is no route's": {"get", "/me", http.Header{"Authorization": {"Bearer " + token}}, 405},
		"another site's page":         {"POST", "/me", http.Header{"Cookie": {cookie + "=" + token}, "Origin": {"https://evil.test"}}, 403},
	} {
		w.reached.Store(0)
		r, err := http.NewRequest(row.method, w.server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = row.target
		if row.headers != nil {
			r.Header = row.headers
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != row.want || (w.reached.Load() == 1) != (row.want == 200) {
			t.Errorf("%s: %s answers %d, want %d; %d reached a handler", name, resp.Proto, resp.StatusCode, row.want, w.reached.Load())
		}
	}
}
