package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/forwardauth"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// seen is the request that the program behind nginx was handed.
type seen struct {
	Method, URI string
	Header      http.Header
}

// site is nginx, as it is shipped, in front of a program.
type site struct {
	addr    string
	id      *identity
	store   *faulty
	signer  *token.Signer
	auth    *httptest.Server
	reached atomic.Int64
}

// faulty is a store that can be lost.
type faulty struct {
	session.Store
	lost atomic.Bool
}

func (s *faulty) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if s.lost.Load() {
		return session.Session{}, session.ErrUnavailable
	}
	return s.Store.Load(ctx, ref)
}

// testKeys are those of each identity of a test.
var testKeys = keys{Signing: random(), Session: random()}

func newIdentityForTest(t *testing.T) (*identity, *faulty) {
	t.Helper()
	store := &faulty{Store: memstore.New()}
	id, err := newIdentity(t.Context(), store, testKeys, true)
	if err != nil {
		t.Fatal(err)
	}
	return id, store
}

// startSite starts nginx with the configuration of the folder nginx, at free ports.
func startSite(t *testing.T) *site {
	t.Helper()
	nginx := "/usr/sbin/nginx" // where Debian has it, off the PATH of users
	if _, err := os.Stat(nginx); err != nil {
		nginx = testneed.Program(t, "nginx", "apt-get install nginx")
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	s := &site{}
	s.id, s.store = newIdentityForTest(t)
	var err error
	if s.signer, err = testKeys.signer(); err != nil {
		t.Fatal(err)
	}
	server, err := newServer(flags{proxy: "nginx"}, s.id)
	if err != nil {
		t.Fatal(err)
	}
	s.auth = httptest.NewServer(server)
	t.Cleanup(s.auth.Close)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.reached.Add(1)
		if r.URL.Path == "/files/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_ = json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Header})
	}))
	t.Cleanup(app.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	listener.Close()
	conf, err := os.ReadFile("nginx/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"127.0.0.1:9091", s.auth.Listener.Addr().String(), "127.0.0.1:8080", app.Listener.Addr().String(), "127.0.0.1:8000", s.addr,
	).Replace(string(conf))
	dir := t.TempDir()
	if os.Getuid() == 0 {
		text = "user root;\n" + text // the temporary folder is this user's
	}
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-p", dir, "-c", "nginx.conf", "-e", "stderr")
	process, err := testproc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Signal(syscall.SIGTERM); _ = process.Wait() })
	testwait.Until(t, "nginx listens", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// exchange sends a text as it is, and returns the requests that the program saw.
func (s *site) exchange(t *testing.T, text string) (all []seen) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond)) // nginx keeps the connection
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answers, _ := io.ReadAll(conn)
	for line := range strings.Lines(string(answers)) {
		var one seen
		if json.Unmarshal([]byte(strings.TrimSpace(line)), &one) == nil && one.Method != "" {
			all = append(all, one)
		}
	}
	return all
}

// send sends a request line and headers as they are, and returns what the program saw, or nil.
func (s *site) send(t *testing.T, line string, headers ...string) (*http.Response, *seen) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := s.reached.Load()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, line+"\r\n"+strings.Join(append(headers, "Connection: close"), "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, nil // nginx may close the connection
	}
	defer resp.Body.Close()
	var saw seen
	if s.reached.Load() == before || json.NewDecoder(resp.Body).Decode(&saw) != nil {
		return resp, nil
	}
	return resp, &saw
}

func TestNginx(t *testing.T) {
	s := startSite(t)
	auth := "Authorization: Bearer " + s.id.token
	host := "Host: api.test"

	t.Run("a caller is told to the program, by the template", func(t *testing.T) {
		resp, saw := s.send(t, "GET /notes/1?full=1 HTTP/1.1", host, auth)
		if saw == nil {
			t.Fatal(resp.StatusCode)
		}
		if saw.URI != "/notes/1?full=1" || saw.Header.Get("X-Reeve-User") != "alice" || saw.Header.Get("X-Reeve-Tenant") != "acme" ||
			saw.Header.Get("X-Reeve-Roles") != "editor" || saw.Header.Get("X-Reeve-Route") != "/notes/:id" {
			t.Errorf("the program saw %+v", saw)
		}
	})
	t.Run("refusals have their status", func(t *testing.T) {
		for line, want := range map[string]int{
			"GET /admin HTTP/1.1": 403, "GET /nowhere HTTP/1.1": 403, "DELETE /notes/1 HTTP/1.1": 403, "GET /_forwardauth HTTP/1.1": 404,
		} {
			if resp, saw := s.send(t, line, host, auth); saw != nil || resp.StatusCode != want {
				t.Errorf("%s is %d, want %d", line, resp.StatusCode, want)
			}
		}
		resp, saw := s.send(t, "GET /notes/1 HTTP/1.1", host)
		if saw != nil || resp.StatusCode != 401 || !strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Bearer ") {
			t.Errorf("an anonymous caller is answered %d %v", resp.StatusCode, resp.Header)
		}
	})
	t.Run("identity that a client sends never arrives", func(t *testing.T) {
		var forged []string
		for _, name := range forwardauth.Headers() {
			forged = append(forged, name+": mallory", strings.ToLower(name)+": mallory", strings.ReplaceAll(name, "-", "_")+": mallory")
		}
		for _, odd := range []string{"X.Reeve.User: mallory", "X-Reeve-User : mallory", "X-Reeve-User\t: mallory", "\u00a0X-Reeve-User: mallory", "X-Reeve-User\x00: mallory", "X-Reeve-Roles:\tmallory", "Trailer: X-Reeve-User", "X-A: b\r\n X-Reeve-User: mallory"} {
			resp, saw := s.send(t, "GET / HTTP/1.1", odd, host)
			switch {
			case saw == nil && resp != nil && resp.StatusCode < 400:
				t.Errorf("%q is answered %d", odd, resp.StatusCode)
			case saw != nil && len(saw.Header["X-Reeve-User"])+len(saw.Header["X-Reeve-Roles"]) > 0, saw != nil && saw.Header.Get("X.reeve.user") != "":
				t.Errorf("%q arrived: %v", odd, saw.Header)
			}
		}
		_, saw := s.send(t, "GET / HTTP/1.1", append(forged, host)...)
		if saw == nil {
			t.Fatal("the public route is refused")
		}
		for name, values := range saw.Header {
			if strings.Contains(strings.Join(values, " "), "mallory") {
				t.Errorf("%s: %q arrived", name, values)
			}
		}
		_, saw = s.send(t, "GET /notes/1 HTTP/1.1", append(forged, host, auth)...)
		if saw == nil || strings.Join(saw.Header["X-Reeve-User"], ",") != "alice" {
			t.Errorf("alice is told as %+v", saw)
		}
	})
	t.Run("a client cannot ask about another request", func(t *testing.T) {
		for _, lie := range [][]string{
			{"X-Original-URI: /"}, {"X-Original-URI: /", "X-Original-URI: /"}, {"X-Original-Method: GET"}, {"X-Original-Host: own.test"},
			{"X-Forwarded-Uri: /"}, {"X-Forwarded-Method: GET"}, {"X-Original_URI: /"}, {"X-Original-URI: /", "X-Original-Method: GET", "X-Original-Host: x"},
			{"Connection: X-Original-URI, X-Original-Method"}, {"X-HTTP-Method-Override: GET"},
		} {
			for _, line := range []string{"GET /admin HTTP/1.1", "DELETE /notes/1 HTTP/1.1"} {
				if resp, saw := s.send(t, line, append(lie, host, auth)...); saw != nil || resp != nil && resp.StatusCode < 400 {
					t.Errorf("%s with %q arrived", line, lie)
				}
			}
		}
		for _, lie := range []string{"X-HTTP-Method-Override: DELETE", "X-Rewrite-URL: /admin", "X-Original-URL: /admin"} {
			if resp, saw := s.send(t, "GET /notes/1 HTTP/1.1", lie, host, auth); saw != nil || resp.StatusCode != 403 {
				t.Errorf("%s arrived", lie)
			}
		}
		if _, saw := s.send(t, "GET /notes HTTP/1.1", host, auth, "X-Original-URI: /admin"); saw == nil || saw.Header.Get("X-Original-Uri") != "" {
			t.Errorf("the question's own header arrived: %+v", saw)
		}
	})
	t.Run("no path is another to nginx than to the decision", func(t *testing.T) {
		for _, target := range []string{
			"//admin", "/./admin", "/notes/../admin", "/notes/%2e%2e/admin", "/%2e/admin", "/notes//1", "/notes/1/", "/files/..%2f..%2fadmin", "/files/%2e%2e%2fadmin",
			"/files/a%2fb", "/files/a%5cb", "/files/..;/admin", "/%61dmin", "/%2561dmin", "/admin%00", "/admin%0a", "/admin;x=1", "/ADMIN", "/admin/", "/admin.", "/files/..",
			"http://api.test/admin", "http://evil.test/admin", "http://evil.test//notes/1", "http:///admin", "/notes/1#/admin", "*", "admin", "/files/%zz", "/files/%",
			"/_forwardauth", "/%5fforwardauth", "//_forwardauth",
		} {
			resp, saw := s.send(t, "GET "+target+" HTTP/1.1", host, auth)
			switch {
			case saw != nil:
				t.Errorf("%q arrived as %q, decided as %q", target, saw.URI, saw.Header.Get("X-Reeve-Route"))
			case resp != nil && resp.StatusCode < 400:
				t.Errorf("%q is answered %d", target, resp.StatusCode)
			}
		}
		// The absolute form is the path that it names.
		if resp, saw := s.send(t, "GET http://api.test/notes/1 HTTP/1.1", host, auth); saw == nil && (resp == nil || resp.StatusCode < 400) ||
			saw != nil && (saw.URI != "/notes/1" || saw.Header.Get("X-Reeve-Route") != "/notes/:id") {
			t.Errorf("the absolute form arrived as %+v", saw)
		}
		// The request arrives byte by byte as it was decided on.
		for _, target := range []string{"/files/a:b", "/files/a%20b/c?x=../%2e//", "/files/%C3%A4"} {
			if _, saw := s.send(t, "GET "+target+" HTTP/1.1", host, auth); saw == nil || saw.URI != target || saw.Header.Get("X-Reeve-Route") != "/files/*" {
				t.Errorf("%q arrived as %+v", target, saw)
			}
		}
	})
	t.Run("no made-up target is another to nginx than to the decision", func(t *testing.T) {
		tokens := []string{
			"/", "/", "/", "//", ".", "..", "%2f", "%2F", "%2e", "%5c", "\\", ";", "?", "#", "%00", "%25", "%", "%zz", "%61", "%C3%A4", "%20", "+", ":", "@", "*", "&", "=", "~", "'",
			"admin", "notes", "files", "1", "a", "ADMIN", "http://api.test", "http://evil.test", "_forwardauth", "access_token",
		}
		served := map[string]*regexp.Regexp{
			"/": regexp.MustCompile(`^/(\?.*)?$`), "/notes": regexp.MustCompile(`^/notes(\?.*)?$`),
			"/notes/:id": regexp.MustCompile(`^/notes/[^/?;\\#]+(\?.*)?$`), "/files/*": regexp.MustCompile(`^/files/([^?;\\#]*)(\?.*)?$`),
		}
		r, arrived, n := rand.New(rand.NewPCG(1, 2)), 0, testneed.Scale(800, 20)
		for range n {
			target := []string{"/", "/", "/notes", "/notes/", "/files/", "/files/", "/admin", ""}[r.IntN(8)]
			for range r.IntN(6) {
				target += tokens[r.IntN(len(tokens))]
			}
			resp, saw := s.send(t, "GET "+target+" HTTP/1.1", host, auth)
			if saw == nil {
				if resp != nil && resp.StatusCode < 400 {
					t.Errorf("%q is answered %d", target, resp.StatusCode)
				}
				continue
			}
			arrived++
			route := saw.Header.Get("X-Reeve-Route")
			path, _, _ := strings.Cut(saw.URI, "?")
			if of := served[route]; of == nil || !of.MatchString(saw.URI) || path != "/" && strings.Contains(path[1:], "//") || strings.Contains(path, "/../") || strings.HasSuffix(path, "/..") || strings.Contains(path, "/./") ||
				strings.Contains(strings.ToLower(path), "%2f") || strings.Contains(strings.ToLower(path), "%5c") || strings.Contains(strings.ToLower(path), "%2e") {
				t.Errorf("%q arrived as %q, decided as %q", target, saw.URI, route)
			}
			if strings.HasPrefix(target, "/") && saw.URI != target { // and not the absolute form
				t.Errorf("%q arrived as %q", target, saw.URI)
			}
		}
		if arrived < n/50 {
			t.Errorf("%d arrived: the test shows little", arrived)
		}
	})
	t.Run("no upgrade but to a WebSocket arrives", func(t *testing.T) {
		// A connection that is switched to h2c is a tunnel through nginx: each request in it goes undecided.
		for _, upgrade := range []string{"h2c", "H2C", "websocket, h2c", "h2c, websocket", "TLS/1.0", "websocket2", "xwebsocket"} {
			resp, saw := s.send(t, "GET / HTTP/1.1", host, "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
			if saw == nil {
				t.Errorf("a client that offers %s is answered %d", upgrade, resp.StatusCode)
				continue
			}
			for _, name := range []string{"Upgrade", "Connection", "Http2-Settings"} {
				if values := saw.Header[name]; len(values) > 0 && values[0] != "close" {
					t.Errorf("%s: %q of %q arrived", name, values, upgrade)
				}
			}
		}
		if resp, saw := s.send(t, "GET / HTTP/1.1", host, "Upgrade: websocket", "Upgrade: h2c"); saw != nil && saw.Header.Get("Upgrade") == "h2c" {
			t.Errorf("the second of two arrived: %v", resp)
		}
		for _, upgrade := range []string{"websocket", "WebSocket"} {
			if _, saw := s.send(t, "GET /notes/1 HTTP/1.1", host, auth, "Upgrade: "+upgrade); saw == nil || saw.Header.Get("Upgrade") != "websocket" || saw.Header.Get("Connection") != "upgrade" {
				t.Errorf("a WebSocket arrived as %+v", saw)
			}
		}
	})
	t.Run("requests on one connection are decided one by one", func(t *testing.T) {
		const first = "GET /notes/1 HTTP/1.1\r\nHost: api.test\r\n"
		second := "GET /admin HTTP/1.1\r\nHost: api.test\r\nX-Reeve-User: mallory\r\n" + auth + "\r\n\r\n"
		for name, text := range map[string]string{
			"two in a row":               first + auth + "\r\n\r\n" + second,
			"one in the body":            first + auth + "\r\nContent-Length: " + fmt.Sprint(len(second)) + "\r\n\r\n" + second,
			"a length and chunks":        first + auth + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
			"chunks of another case":     first + auth + "\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + second,
			"two lengths":                first + auth + "\r\nContent-Length: 0\r\nContent-Length: " + fmt.Sprint(len(second)) + "\r\n\r\n" + second,
			"a trailer of ours":          first + auth + "\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-Sub\r\n\r\n0\r\nX-Reeve-User: mallory\r\n\r\n",
			"a bare line feed":           first + auth + "\nX-Reeve-User: mallory\n\n" + second,
			"an expectation":             first + auth + "\r\nExpect: 100-continue\r\nContent-Length: " + fmt.Sprint(len(second)) + "\r\n\r\n" + second,
			"a line that goes on":        first + auth + "\r\nX-A: b\r\n X-Reeve-User: mallory\r\n\r\n" + second,
			"a request line of HTTP/0.9": "GET /admin\r\n" + second,
		} {
			all := s.exchange(t, text)
			if len(all) != 1 && name == "two in a row" {
				t.Errorf("%d arrived of the first alone", len(all))
			}
			for _, of := range all {
				if of.URI != "/notes/1" || strings.Join(of.Header["X-Reeve-User"], ",") != "alice" {
					t.Errorf("%s: %s %s arrived, of %q", name, of.Method, of.URI, of.Header["X-Reeve-User"])
				}
			}
		}
	})
	t.Run("a caller with as many and as long roles as there can be is let through", func(t *testing.T) {
		var roles []string
		for i := range session.MaxRoles - 1 {
			roles = append(roles, fmt.Sprintf("%0*d", session.MaxNameLength, i))
		}
		token, err := s.id.signIn(t.Context(), s.signer, strings.Repeat("ü", 100), append(roles, "editor")...)
		if err != nil {
			t.Fatal(err)
		}
		resp, saw := s.send(t, "GET /notes/1 HTTP/1.1", host, "Authorization: Bearer "+token)
		if saw == nil {
			t.Fatal(resp.StatusCode)
		}
		if n := strings.Count(saw.Header.Get("X-Reeve-Roles"), ","); n != session.MaxRoles-1 {
			t.Errorf("%d roles arrived", n+1)
		}
	})
	t.Run("a 500 of the program stays one", func(t *testing.T) {
		if resp, saw := s.send(t, "GET /files/broken HTTP/1.1", host, auth); saw == nil || resp.StatusCode != 500 {
			t.Errorf("%d", resp.StatusCode)
		}
	})
	t.Run("an outage is 503, and so is one of forwardauth itself", func(t *testing.T) {
		s.store.lost.Store(true)
		s.expect503(t, auth, "the store is lost")
		s.store.lost.Store(false)
		if resp, saw := s.send(t, "GET /notes/1 HTTP/1.1", host, auth); saw == nil {
			t.Errorf("the store is back: %d", resp.StatusCode)
		}
		s.auth.CloseClientConnections()
		s.auth.Listener.Close()
		s.expect503(t, auth, "forwardauth is gone")
	})
}

func (s *site) expect503(t *testing.T, auth, name string) {
	t.Helper()
	resp, saw := s.send(t, "GET /notes/1 HTTP/1.1", "Host: api.test", auth)
	if saw != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
	}
}
