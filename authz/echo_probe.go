package authz

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
)

// probe is a request that Verify sends through a service to learn what a request meets.
// Only this package can make one: the gate knows it by a value in its context.
type probe struct {
	method, target string
	header         http.Header
	of             Route // that it is an example of, the zero Route for none

	gate    *Guard   // that stopped it, nil when none did
	path    string   // the route as the gate saw it
	seen    string   // the method as the gate saw it
	host    string   // the host as the gate saw it
	before  []string // the functions that called the gate, the nearest first
	handled bool     // it went as far as a handler
	status  int
	wrote   int

	sent     string // the host that it was sent to
	location string // that it was redirected to, "" for none
}

type probeKey struct{}

// probed returns the probe that c belongs to, nil for every request of a client.
func probed(c echo.Context) *probe {
	p, _ := c.Request().Context().Value(probeKey{}).(*probe)
	return p
}

// IsVerifyRequest reports whether ctx is of a request that [Verify] makes, for a logger or a
// meter that is to leave those out.
func IsVerifyRequest(ctx context.Context) bool { return ctx.Value(probeKey{}) != nil }

// hit notes that the gate has the probe and ends it there: handlers behind the gate never see
// one.
func (p *probe) hit(g *Guard, c echo.Context) error {
	p.gate, p.path, p.seen, p.host = g, c.Path(), c.Request().Method, c.Request().Host
	var callers [128]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		f, more := frames.Next()
		if !more || strings.HasSuffix(f.Function, "echo/v4.(*Echo).ServeHTTP") {
			return nil
		}
		p.before = append(p.before, f.Function)
	}
}

// testRouter is the service with its own middleware and, for each of its routes, a handler
// that only notes being reached.
type testRouter struct {
	e    *echo.Echo
	host string
}

// stubHandler is the handler of every route of a testRouter.
func stubHandler(c echo.Context) error {
	if p := probed(c); p != nil {
		p.handled = true
	}
	return echo.ErrNotFound
}

// withTestRouter calls f for the default router and for each host that has its own, while
// requests to that host find routes of the same methods and paths with handlers of ours.
// It uses the one public map in which a router can be exchanged and leaves it as it was.
func withTestRouter(e *echo.Echo, f func(testRouter, []Route)) {
	// A context that a probe leaves in Echo's pool has room for the parameters of routes that are
	// added later, or Echo would fail on them for having served before (labstack/echo#538).
	echo.NewRouter(e).Add(http.MethodGet, strings.Repeat("/:p", room), stubHandler)
	live := e.Routers()
	routers := maps.Clone(live)
	spare := spareHost()
	routers[spare] = e.Router()
	for _, host := range slices.Sorted(maps.Keys(routers)) {
		name := hostName(host)
		if host == spare {
			name = ""
		}
		routes := routesOf(name, routers[host])
		stub := echo.NewRouter(e)
		for _, r := range routes {
			stub.Add(r.Method, r.Path, stubHandler)
		}
		exchanged(live, host, stub, func() { f(testRouter{e, host}, routes) })
	}
}

// room is for how many parameters contexts are left in the pool.
const room = 16

func spareHost() string { return strings.ToLower(rand.Text()) + ".verify.invalid" }

// exchanged calls f while a host has another router.
func exchanged(live map[string]*echo.Router, host string, router *echo.Router, f func()) {
	old, had := live[host]
	live[host] = router
	defer func() {
		delete(live, host)
		if had {
			live[host] = old
		}
	}()
	f()
}

// send runs a probe through everything that the service does with a request, also where that
// first sends clients to another host or path, as Echo's WWWRedirect and AddTrailingSlash do.
func (s testRouter) send(p *probe, body string) error {
	err := s.deliver(p, s.host, p.target, body)
	for range maxRedirects {
		host, target, ok := p.redirected()
		if err != nil || !ok {
			return err
		}
		live := s.e.Routers()
		exchanged(live, host, live[s.host], func() { err = s.deliver(p, host, target, body) })
	}
	return err
}

const maxRedirects = 4

// redirected returns where the probe was sent to by what stands in front of the gate, with
// its method, and false when it was sent nowhere else.
func (p *probe) redirected() (host, target string, ok bool) {
	if p.gate != nil || p.handled || p.status < 300 || p.status >= 400 || p.location == "" {
		return "", "", false
	}
	to, err := url.Parse("https://" + p.sent + p.target)
	if err == nil {
		to, err = to.Parse(p.location)
	}
	if err != nil || to.Host == "" || !strings.HasPrefix(to.RequestURI(), "/") {
		return "", "", false
	}
	return to.Host, to.RequestURI(), to.Host != p.sent || to.RequestURI() != p.target
}

// deliver sends a probe to one host.
func (s testRouter) deliver(p *probe, host, target, body string) error {
	for range maxStale {
		*p = probe{method: p.method, target: target, header: p.header.Clone(), of: p.of, sent: host}
		stale, err := s.once(p, body)
		if !stale {
			return err
		}
	}
	return fmt.Errorf("%s %s: Echo fails, as on routes that were added after it served requests", p.method, p.target)
}

// maxStale is more contexts than any pool of a service that does not serve yet holds.
const maxStale = 10_000

// once sends a probe. It reports stale when Echo takes a context from its pool that was made
// before the service had its last routes, and fails on it (labstack/echo#538). That is how
// the service would fail, and no word about its middleware; and Echo loses the context by it,
// so that none is left once a probe gets through.
func (s testRouter) once(p *probe, body string) (stale bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(context.WithValue(ctx, probeKey{}, p), p.method, "https://verify.invalid"+p.target, strings.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("%s %s cannot be requested: %w", p.method, p.target, err)
	}
	if p.header != nil {
		r.Header = p.header
	}
	r.Header.Set("User-Agent", "reeve-verify")
	r.URL.Host, r.Host, r.RequestURI, r.TLS, r.RemoteAddr = p.sent, p.sent, p.target, &tls.ConnectionState{}, randomClient()
	defer func() {
		if v := recover(); v != nil {
			stale = inRouter()
			err = fmt.Errorf("%s %s panics in front of the middleware: %v", p.method, p.target, v)
		}
	}()
	s.e.ServeHTTP(&sink{p: p, header: http.Header{}}, r)
	return false, nil
}

// inRouter reports whether Echo's router panics.
func inRouter() bool {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return strings.HasSuffix(f.Function, "echo/v4.(*Router).Find")
		}
		if !more {
			return false
		}
	}
}

// randomClient is an address for documentation (RFC 3849), another each time, so that no
// limiter counts two probes as one client's.
func randomClient() string {
	address := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	rand.Read(address[4:])
	return netip.AddrPortFrom(netip.AddrFrom16(address), 443).String()
}

// sink is the response to a probe.
type sink struct {
	p      *probe
	header http.Header
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) {
	if s.p.status == 0 {
		s.p.status, s.p.location = status, s.header.Get("Location")
	}
}

func (s *sink) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	s.p.wrote += len(b)
	return len(b), nil
}

// verdict returns the fault that the probe found.
func (p *probe) verdict(decider Decider) error {
	switch {
	case p.handled && p.gate == nil:
		return fmt.Errorf("%s %s reaches its handler without the middleware", p.method, p.target)
	case p.gate == nil && p.status < 300:
		return fmt.Errorf("%s %s is answered %d before the middleware", p.method, p.target, p.status)
	case p.gate != nil && !p.gate.DecidesBy(decider):
		return fmt.Errorf("%s %s is decided by another policy engine than the one that is verified", p.method, p.target)
	}
	return nil
}

func (s testRouter) verify(routes []Route, decider Decider) (problems []Unguarded) {
	add := func(of Route, err error) {
		if err != nil {
			problems = append(problems, Unguarded{of, err.Error()})
		}
	}
	word := strings.ToLower(rand.Text())
	first := &probe{method: http.MethodGet, target: "/" + word}
	if err := s.send(first, ""); err != nil {
		add(Route{}, err)
		return problems
	}
	if first.gate == nil {
		add(Route{}, fmt.Errorf("the middleware is missing: %s %s is answered %d without it; register it with Use, before what serves content", first.method, first.target, first.status))
		return problems
	}
	add(Route{}, s.verifyOrder(word, decider))
	add(Route{}, first.verdict(decider))
	add(Route{}, first.standing())
	probes := []*probe{
		{method: http.MethodGet, target: "/"},
		{method: http.MethodOptions, target: "/" + word},
	}
	for _, r := range routes {
		if !policy.IsMethod(r.Method) {
			continue // it has an error of its own, and cannot always be sent
		}
		probes = append(probes, &probe{method: r.Method, target: escaped(example(r.Path, word)), of: r})
		if target := example(r.Path, word+".js"); strings.HasSuffix(target, ".js") {
			for _, suffix := range assets {
				probes = append(probes, &probe{method: r.Method, target: escaped(example(r.Path, word+suffix)), of: r})
			}
		}
	}
	for _, p := range probes {
		add(p.of, s.send(p, ""))
		add(p.of, p.verdict(decider))
	}
	return problems
}

// escaped is a path as a client sends it.
func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// assets are endings of paths that look like files for everybody:
// a request for /users/1.js is answered as for /users/1 where a route takes any name.
var assets = []string{".js", ".css", ".png", ".ico", ".html", ".json"}

// verifyOrder says whether the gate sees a request before it is routed, or with another
// method or host than it was routed by. The service's routes are replaced by some that
// differ in the name of a parameter, which tells by what the router chose.
func (s testRouter) verifyOrder(word string, decider Decider) (err error) {
	live, other := s.e.Routers(), spareHost()
	here, there := echo.NewRouter(s.e), echo.NewRouter(s.e)
	here.Add(http.MethodPost, "/:post", stubHandler)
	here.Add(http.MethodPut, "/:put", stubHandler)
	there.Add(http.MethodPost, "/:there", stubHandler)
	there.Add(http.MethodPut, "/:there", stubHandler)
	p := &probe{method: http.MethodPost, target: "/" + word + "/x?_method=PUT", header: http.Header{
		"X-Http-Method-Override": {http.MethodPut},
		"Content-Type":           {"application/x-www-form-urlencoded"},
		"X-Forwarded-Host":       {other},
		"Forwarded":              {"host=" + other},
	}}
	exchanged(live, s.host, here, func() {
		exchanged(live, other, there, func() { err = s.send(p, "_method=PUT") })
	})
	if err != nil || p.gate == nil {
		return cmp.Or(err, p.verdict(decider))
	}
	byMethod := map[string]string{"/:post": http.MethodPost, "/:put": http.MethodPut, "/:there": p.seen}
	byHost := map[string]string{"/:post": p.sent, "/:put": p.sent, "/:there": other}
	switch {
	case p.path == "":
		return errors.New("the middleware is registered with Pre, where no route is known yet: register it with Use")
	case byMethod[p.path] == "":
		return p.verdict(decider) // something in front gave it another host altogether
	case byMethod[p.path] != p.seen:
		return fmt.Errorf("the method of a request is changed from %s to %s after it was routed: register the override with Pre", byMethod[p.path], p.seen)
	case byHost[p.path] != p.host:
		return errors.New("the Host of a request is changed after it was routed: register what changes it with Pre")
	}
	return p.verdict(decider)
}

// standing says which middleware in front of the gate serves what no policy decides on.
func (p *probe) standing() error {
	for _, f := range p.before {
		name, found := strings.CutPrefix(f, "github.com/labstack/echo/v4/middleware.")
		if found && (strings.HasPrefix(name, "Static") || strings.HasPrefix(name, "Proxy")) {
			return fmt.Errorf("%s of Echo stands before the middleware and serves anybody: register it after", strings.SplitN(name, ".", 2)[0])
		}
	}
	return nil
}

// example is a path of the route with word for each parameter.
func example(route, word string) string {
	var b strings.Builder
	for i := 0; i < len(route); i++ {
		switch c := route[i]; {
		case c == '\\' && i+1 < len(route) && route[i+1] == ':':
		case c == ':' && (i == 0 || route[i-1] != '\\'):
			b.WriteString(word)
			for i+1 < len(route) && route[i+1] != '/' {
				i++
			}
		case c == '*' && i > 0 && route[i-1] != '/':
			b.WriteString("/" + word)
		case c == '*':
			b.WriteString(word)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
