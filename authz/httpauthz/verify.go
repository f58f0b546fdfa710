package httpauthz

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/reevehq/reeve/authz"
)

// Verify refuses a service that Reeve does not guard, as [authz.Verify] does for Echo. h is the
// handler of the service: mux, or a handler around it. Call it after the last pattern is
// registered. It returns nil when every pattern has a rule, every rule about routes has a
// pattern, decider is what mux decides by, and h hands to mux an example of each pattern, an
// unknown path, the root and a plain OPTIONS; otherwise an [authz.VerifyError] that lists each
// problem.
//
// The examples end in mux and reach no handler behind it; [IsVerifyRequest] tells them apart. A
// handler that answers or changes only other paths, hosts, headers or clients is not detected.
func Verify(h http.Handler, mux *Mux, decider authz.Decider, options ...authz.VerifyOption) error {
	if h == nil || mux == nil {
		return errors.New("httpauthz: Verify: no handler or no Mux")
	}
	return authz.VerifyService(service{mux, h}, decider, options...)
}

// IsVerifyRequest reports whether ctx is of a request that [Verify] makes.
func IsVerifyRequest(ctx context.Context) bool { return ctx.Value(probeKey{}) != nil }

type probeKey struct{}

// probe is a request that Verify sends.
type probe struct{ reached *Mux }

func probed(r *http.Request) *probe {
	p, _ := r.Context().Value(probeKey{}).(*probe)
	return p
}

// service tells authz.VerifyService of a Mux and the handler around it.
type service struct {
	*Mux
	handler http.Handler
}

func (s service) Fallbacks() []authz.Route             { return nil }
func (s service) Example(template, word string) string { return example(template, word) }

// Unguarded implements [authz.Service].
func (s service) Unguarded(decider authz.Decider) (found []authz.Unguarded) {
	add := func(of authz.Route, format string, args ...any) {
		found = append(found, authz.Unguarded{Route: of, Reason: fmt.Sprintf(format, args...)})
	}
	if !s.guard.DecidesBy(decider) {
		add(authz.Route{}, "the mux decides by another policy than the one that is verified")
	}
	word := strings.ToLower(rand.Text())
	probes := []authz.Route{{Method: http.MethodGet, Path: "/" + word}, {Method: http.MethodGet, Path: "/"}, {Method: http.MethodOptions, Path: "/" + word}}
	for i, of := range append(probes, s.Routes()...) {
		sent := of.Method + " " + example(of.Object(), word)
		status, reached, err := s.send(of, word)
		if i < len(probes) {
			of = authz.Route{}
		}
		switch {
		case err != nil:
			add(of, "%v", err)
		case reached == s.Mux || status >= 300:
		default:
			add(of, "%s is answered %d before the mux", sent, status)
		}
	}
	return found
}

// send sends an example of a route through the whole service.
func (s service) send(of authz.Route, word string) (status int, reached *Mux, err error) {
	host := of.Host
	if host == "" {
		host = strings.ToLower(rand.Text()) + ".verify.invalid"
	}
	target := (&url.URL{Path: example(of.Path, word)}).EscapedPath()
	p := &probe{}
	r, err := http.NewRequestWithContext(context.WithValue(context.Background(), probeKey{}, p), of.Method, "https://"+host+target, http.NoBody)
	if err != nil {
		return 0, nil, fmt.Errorf("%s cannot be requested: %w", of, err)
	}
	r.RequestURI, r.RemoteAddr = target, "[2001:db8::1]:443"
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s panics in front of the mux: %v", of, v)
		}
	}()
	answer := &unsent{header: http.Header{}}
	s.handler.ServeHTTP(answer, r)
	if answer.status == 0 {
		answer.status = http.StatusOK // as net/http has it
	}
	return answer.status, p.reached, nil
}
