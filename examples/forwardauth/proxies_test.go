package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/forwardauth"
)

// send sends lines as a proxy writes them, and returns the answer.
func send(t *testing.T, server *httptest.Server, lines ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Join(append(lines, "Connection: close", "", ""), "\r\n")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func proxied(t *testing.T, proxy string) (server *httptest.Server, credential string) {
	t.Helper()
	id, _ := newIdentityForTest(t)
	s, err := newServer(flags{proxy: proxy}, id)
	if err != nil {
		t.Fatal(err)
	}
	server = httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server, "Authorization: Bearer " + id.token
}

// Traefik asks by GET of the address it is told, whatever the client's method, with the client's headers
// and its own X-Forwarded-Method, -Proto, -Host, -Uri and -For.
func TestTraefikIsAnsweredAsItAsks(t *testing.T) {
	server, credential := proxied(t, "traefik")
	ask := func(method, uri string, more ...string) *http.Response {
		return send(t, server, append([]string{
			"GET / HTTP/1.1", "Host: 127.0.0.1:9091", "User-Agent: curl/8", credential, "X-Forwarded-Method: " + method, "X-Forwarded-Proto: https",
			"X-Forwarded-Host: api.test", "X-Forwarded-Port: 443", "X-Forwarded-Server: t1", "X-Forwarded-Uri: " + uri, "X-Forwarded-For: 192.0.2.1", "X-Real-Ip: 192.0.2.1",
		}, more...)...)
	}
	for _, row := range []struct {
		method, uri string
		more        []string
		want        int
	}{
		{"GET", "/notes/1", nil, 200},
		{"GET", "/notes/1?full=1&next=/admin", nil, 200},
		{"PUT", "/notes/1", nil, 200}, // and not the GET of the question
		{"DELETE", "/notes/1", nil, 403},
		{"HEAD", "/admin", nil, 403},
		{"GET", "/admin", nil, 403},
		{"GET", "/files/a%20b", nil, 200},
		{"GET", "/files/a%2fb", nil, 403},
		{"GET", "/files/..%2f..%2fadmin", nil, 403},
		{"GET", "/notes/../admin", nil, 403},
		{"GET", "https://api.test/notes/1", nil, 403},
		{"", "/notes/1", nil, 403},
		{"GET", "", nil, 403},
		// A client's own, which a proxy that trusts them adds to or passes on beside its own.
		{"GET", "/notes/1", []string{"X-Forwarded-Uri: /"}, 403},
		{"GET", "/notes/1", []string{"x-forwarded-uri: /notes/1"}, 403},
		{"GET", "/notes/1", []string{"X-Forwarded-Method: GET"}, 403},
		{"GET", "/notes/1", []string{"X-Forwarded-Host: own.test"}, 403},
		{"GET, GET", "/notes/1", nil, 403},
		{"GET", "/admin, /notes/1", nil, 403},
		// Those that mean nothing to it.
		{"GET", "/admin", []string{"X_Forwarded_Uri: /notes/1", "X-Original-Uri: /notes/1", "X-Forwarded-Prefix: /notes"}, 403},
		{"GET", "/notes/1", []string{"X-Forwarded-Prefix: /admin"}, 200},
	} {
		resp := ask(row.method, row.uri, row.more...)
		if resp.StatusCode != row.want {
			t.Errorf("%q %q %q: %d, want %d", row.method, row.uri, row.more, resp.StatusCode, row.want)
		}
		if told := resp.Header.Get(forwardauth.UserHeader); (told == "alice") != (row.want == 200) {
			t.Errorf("%q %q: the program is told of %q", row.method, row.uri, told)
		}
	}
	if resp := send(t, server, "GET /notes/1 HTTP/1.1", "Host: 127.0.0.1:9091", credential); resp.StatusCode != 403 {
		t.Errorf("a question without Traefik's headers: %d", resp.StatusCode)
	}
}

// Envoy's HTTP service asks by the client's own method, path and host, without the body, and with the
// headers that are allowed.
func TestEnvoyIsAnsweredAsItAsksByHTTP(t *testing.T) {
	server, credential := proxied(t, "envoy")
	for _, row := range []struct {
		line string
		more []string
		want int
	}{
		{"GET /notes/1?full=1", nil, 200},
		{"PUT /notes/1", nil, 200},
		{"DELETE /notes/1", nil, 403},
		{"GET /admin", nil, 403},
		{"GET /files/a%20b", nil, 200},
		{"GET /files/a%2Fb", nil, 403},
		{"GET /files/%2e%2e/admin", nil, 403},
		{"GET //notes/1", nil, 403},
		{"GET http://api.test/notes/1", nil, 403},
		{"GET /admin", []string{"X-Forwarded-Uri: /notes/1", "X-Forwarded-Method: GET", "X-Original-Uri: /notes/1"}, 403},
		{"GET /admin", []string{"X-Envoy-Original-Path: /notes/1"}, 403},
		{"GET /notes/1", []string{"X-Original-Url: /admin"}, 403},
		{"GET /notes/1", []string{"X-Http-Method-Override: DELETE"}, 403},
		{"GET /notes/1", []string{"Authorization: Bearer another"}, 403},
	} {
		resp := send(t, server, append([]string{row.line + " HTTP/1.1", "Host: api.test", credential, "X-Forwarded-For: 192.0.2.1", "X-Envoy-Internal: true", "Content-Length: 0"}, row.more...)...)
		if resp.StatusCode != row.want {
			t.Errorf("%q %q: %d, want %d", row.line, row.more, resp.StatusCode, row.want)
		}
		if told := resp.Header.Get(forwardauth.UserHeader); (told == "alice") != (row.want == 200) {
			t.Errorf("%q: the program is told of %q", row.line, told)
		}
	}
}
