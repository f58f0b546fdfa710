package authz_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// defect breaks a service, by its config or around its handler, and says which rows must
// find that.
type defect struct {
	config  func(c *authz.Config)
	issuer  func(i *token.Issuer) // the entry of the provider
	handler func(next http.Handler) http.Handler
	rows    []int
}

// change returns a handler that edits the request before the service sees it.
func change(edit func(r *http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { edit(r); next.ServeHTTP(w, r) })
	}
}

func answering(edit func(w http.ResponseWriter, p *middleware.Problem, cause error)) func(c *authz.Config) {
	return func(cfg *authz.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, p middleware.Problem, cause error) {
			edit(w, &p, cause)
			_ = middleware.Respond(w, p, "api")
		}
	}
}

var defects = map[string]defect{
	"a verifier that takes anything": {config: func(c *authz.Config) {
		var last atomic.Pointer[token.Verified]
		strict := c.Tokens
		c.Tokens = verifierFunc(func(ctx context.Context, raw string) (*token.Verified, error) {
			v, err := strict.Verify(ctx, raw)
			if err == nil && v.Thumbprint() == "" {
				last.Store(v)
			}
			return last.Load(), nil
		})
	}, rows: []int{12, 14, 16, 17, 18, 19, 21, 22, 24, 25, 31, 32, 33, 36, 38, 39, 41, 42, 43, 49, 51, 54, 56, 58, 59, 60, 62, 63, 66, 68, 71, 72, 73, 74, 75, 76, 77, 79, 81, 104, 105, 106, 108, 111}},
	"a challenge that is missing": {config: answering(func(_ http.ResponseWriter, p *middleware.Problem, _ error) {
		p.Challenge.Sent = false
	}), rows: []int{1, 3, 16}},
	"a refusal that tells why": {config: answering(func(w http.ResponseWriter, _ *middleware.Problem, cause error) {
		w.Header().Set("X-Cause", cause.Error())
	}), rows: []int{16, 19, 62, 82}},
	"a refusal that sets a cookie": {config: answering(func(w http.ResponseWriter, _ *middleware.Problem, _ error) {
		w.Header().Set("Set-Cookie", cookie+"=; Max-Age=0")
	}), rows: []int{1, 86}},
	"an outage that signs out": {config: func(c *authz.Config) {
		store := c.Sessions
		c.Sessions = decorated{loaderFunc(func(ctx context.Context, ref session.Ref) (session.Session, error) {
			s, err := store.Load(ctx, ref)
			if errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrCorrupt) {
				err = session.ErrNotFound
			}
			return s, err
		}), adopterOf(store)}
	}, rows: []int{84, 85, 86}},
	"a cache that forgets no session": {config: func(c *authz.Config) {
		store, cache := c.Sessions, map[session.Ref]session.Session{}
		c.Sessions = decorated{loaderFunc(func(ctx context.Context, ref session.Ref) (session.Session, error) {
			if s, ok := cache[ref]; ok {
				return s, nil
			}
			s, err := store.Load(ctx, ref)
			if err == nil {
				cache[ref] = s
			}
			return s, err
		}), adopterOf(store)}
	}, rows: []int{82}},
	"a provider of which any token will do": {issuer: func(i *token.Issuer) {
		i.Foreign.Kind = map[string]string{"tid": "acme"}
	}, rows: []int{105}},
	"a provider whose clients are one": {issuer: func(i *token.Issuer) {
		i.Foreign.AudienceClaim, i.Audience = "tid", "acme"
	}, rows: []int{106}},
	"a tenant that is folded": {config: func(c *authz.Config) {
		store := c.Sessions
		c.Sessions = decorated{store, adopterFunc(func(ctx context.Context, stranger session.Stranger) (session.Session, error) {
			asked := stranger.Tenant
			stranger.Tenant = tenant.MustParse(strings.ToLower(asked.String()))
			s, err := adopterOf(store).Adopt(ctx, stranger)
			s.Tenant = asked
			return s, err
		})}
	}, rows: []int{107}},
	"a verifier that asks whom a token names": {config: func(c *authz.Config) {
		strict := c.Tokens
		c.Tokens = verifierFunc(func(ctx context.Context, raw string) (*token.Verified, error) {
			if parts := strings.Split(raw, "."); len(parts) == 3 {
				payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
				var claims struct{ Iss string }
				_ = json.Unmarshal(payload, &claims)
				if strings.HasPrefix(claims.Iss, "http://127.0.0.1:") {
					if res, err := http.Get(claims.Iss); err == nil {
						res.Body.Close()
					}
				}
			}
			return strict.Verify(ctx, raw)
		})
	}, rows: []int{109}},
	"a sign-in that is adopted for ever": {config: func(c *authz.Config) {
		store, known := c.Sessions, map[string]session.Session{}
		c.Sessions = decorated{store, adopterFunc(func(ctx context.Context, stranger session.Stranger) (session.Session, error) {
			if s, ok := known[stranger.Name]; ok {
				return s, nil
			}
			s, err := adopterOf(store).Adopt(ctx, stranger)
			if err == nil {
				known[stranger.Name] = s
			}
			return s, err
		})}
	}, rows: []int{110}},
	"a tenant that nobody confirms": {config: func(c *authz.Config) { c.Tenant = nil }, rows: []int{53, 98}},
	"a list of paths in a header": {handler: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Original-Url") != "" {
				return
			}
			next.ServeHTTP(w, r)
		})
	}, rows: []int{97}},
	"a caller named in a header": {handler: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Remote-User") != "" {
				return
			}
			next.ServeHTTP(w, r)
		})
	}, rows: []int{98}},
	"a path that is cleaned in front": {handler: change(func(r *http.Request) {
		r.URL.Path, r.URL.RawPath, r.RequestURI = path.Clean(r.URL.Path), "", ""
	}), rows: []int{89, 91, 92}},
	"a method that is changed": {handler: change(func(r *http.Request) {
		if m := r.Header.Get("X-Http-Method-Override"); m != "" {
			r.Method = m
		}
	}), rows: []int{99}},
	"CORS for everybody": {handler: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			next.ServeHTTP(w, r)
		})
	}, rows: []int{101}},
	"every OPTIONS answered": {handler: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				w.Header().Set("Vary", "Origin")
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, rows: []int{95, 101}},
	"an origin that is not looked at": {handler: change(func(r *http.Request) {
		r.Header.Set("Origin", "https://"+r.Host)
		r.Header.Del("Sec-Fetch-Site")
	}), rows: []int{102, 103}},
	"a token from the query": {handler: change(func(r *http.Request) {
		if q := r.URL.Query().Get("access_token"); q != "" && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+q)
			r.URL.RawQuery = ""
		}
	}), rows: []int{9}},
	"a cookie before the query": {handler: change(func(r *http.Request) {
		if r.Header.Get("Cookie") != "" && r.URL.Query().Has("access_token") {
			r.URL.RawQuery = ""
		}
	}), rows: []int{10}},
	"the last of two headers": {handler: change(func(r *http.Request) {
		if h := r.Header["Authorization"]; len(h) > 1 {
			r.Header["Authorization"] = h[len(h)-1:]
		}
	}), rows: []int{7}},
	"the last of two cookies": {handler: change(func(r *http.Request) {
		if found := r.CookiesNamed(cookie); len(found) > 1 {
			r.Header.Set("Cookie", found[len(found)-1].String())
		}
	}), rows: []int{11}},
	"spaces that are trimmed": {handler: change(func(r *http.Request) {
		if h := r.Header.Get("Authorization"); h != "" {
			r.Header.Set("Authorization", strings.Join(strings.Fields(h), " "))
		}
	}), rows: []int{6, 77}},
	"a parser that looks first and counts later": {handler: change(func(r *http.Request) {
		runtime.KeepAlive(strings.Split(r.Header.Get("Authorization"), "."))
	}), rows: []int{13}},
	"a panic": {handler: change(func(r *http.Request) {
		if strings.Contains(r.URL.Path, "\x00") {
			panic("odd")
		}
	}), rows: []int{93}},
}

// decorated is a session.Manager of which a test has changed something.
type decorated struct {
	middleware.Loader
	middleware.Adopter
}

type adopterFunc func(ctx context.Context, stranger session.Stranger) (session.Session, error)

func (f adopterFunc) Adopt(ctx context.Context, stranger session.Stranger) (session.Session, error) {
	return f(ctx, stranger)
}

func adopterOf(sessions middleware.Loader) middleware.Adopter { return sessions.(middleware.Adopter) }

const brokenEnv = "REEVE_TEST_BROKEN_SERVICES"

// TestHostileOfABrokenService is run by TestHostileFindsWhatItIsFor in a process of its
// own, where it fails.
func TestHostileOfABrokenService(t *testing.T) {
	if os.Getenv(brokenEnv) == "" {
		t.Skip("is run by TestHostileFindsWhatItIsFor")
	}
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			_, key, _ := ed25519.GenerateKey(rand.Reader)
			var options []option
			if d.config != nil {
				options = append(options, d.config)
			}
			edit := func(*token.Issuer) {}
			if d.issuer != nil {
				edit = d.issuer
			}
			_, service, o := hostileFixtureOf(t, token.EdDSA, session.NewPrivateKey(key), edit, options...)
			if d.handler != nil {
				service.Handler = d.handler(service.Handler)
			}
			o.Only = d.rows
			authztest.Hostile(t, service, o)
		})
	}
}

func TestHostileFindsWhatItIsFor(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileOfABrokenService$")
	cmd.Env = append(os.Environ(), brokenEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("every broken service passes")
	}
	found := map[string][]string{} // rows that failed, by defect
	for _, m := range regexp.MustCompile(`--- FAIL: TestHostileOfABrokenService/([^/]+)/(\d{3})`).FindAllStringSubmatch(string(out), -1) {
		found[m[1]] = append(found[m[1]], m[2])
	}
	for name, d := range defects {
		rows := found[strings.ReplaceAll(name, " ", "_")]
		for _, row := range d.rows {
			if !slices.Contains(rows, fmt.Sprintf("%03d", row)) {
				t.Errorf("row %d does not find %s; these do: %v", row, name, rows)
			}
		}
	}
}
