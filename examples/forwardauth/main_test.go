package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/reevehq/reeve/authz/forwardauth"
	"github.com/reevehq/reeve/internal/testwait"
)

// output collects the lines that a program prints while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestTheProgramServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var out output
	addr, app := freeAddr(t), freeAddr(t)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-proxy", "envoy", "-addr", addr, "-app", app, "-grpc", freeAddr(t)}, &out, io.Discard)
	}()
	get := func(url, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	testwait.Until(t, "the program answers", func() bool {
		asked, _ := get("http://"+addr+"/", "")
		shown, _ := get("http://"+app+"/", "")
		return asked == 200 && shown == 200
	})
	_, token, _ := strings.Cut(strings.TrimSpace(out.String()), "TOKEN=")
	for path, want := range map[string]int{"/notes/1": 200, "/admin": 403} {
		if got, _ := get("http://"+addr+path, token); got != want {
			t.Errorf("%s is %d for alice, want %d", path, got, want)
		}
	}
	if _, body := get("http://"+app+"/x", ""); !strings.Contains(body, forwardauth.UserHeader) {
		t.Errorf("the program shows %q", body)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The program that shows what it is told answers everything with 200: in the place of forwardauth it would
// let everybody through.
func TestTheProgramThatShowsTakesNoAddressOfAnother(t *testing.T) {
	for _, other := range []string{"-addr", "-grpc"} {
		addr := freeAddr(t)
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		err := run(ctx, []string{"-addr", freeAddr(t), other, addr, "-app", addr}, io.Discard, io.Discard)
		stop()
		if err == nil || ctx.Err() == context.DeadlineExceeded {
			t.Errorf("-app and %s at one address: %v", other, err)
		}
	}
}

func TestTheProgramRefusesToStart(t *testing.T) {
	routes := filepath.Join(t.TempDir(), "routes")
	if err := os.WriteFile(routes, []byte("GET /unruled\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lacking := filepath.Join(t.TempDir(), "keys.json")
	key := base64.StdEncoding.EncodeToString(random().Bytes())
	if err := os.WriteFile(lacking, []byte(`{"session_key":"`+key+`","redis_name_key":"`+key+`","redis_seal_key":"`+key+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"keys without Redis":      {[]string{"-keys", lacking}, "-redis"},
		"a key that is missing":   {[]string{"-redis", "redis://127.0.0.1:1", "-keys", lacking}, "signing_seed"},
		"an unknown proxy":        {[]string{"-proxy", "apache"}, "apache"},
		"routes without rules":    {[]string{"-routes", routes}, "/unruled"},
		"a policy that is gone":   {[]string{"-policies", "nowhere"}, "model.conf"},
		"Redis without keys":      {[]string{"-redis", "redis://127.0.0.1:1"}, "-keys"},
		"an address that is none": {[]string{"-addr", "127.0.0.1:-1"}, "127.0.0.1:-1"},
	} {
		if err := run(t.Context(), row.args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), row.want) && name != "an address that is none" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := run(t.Context(), []string{"-nothing"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("an unknown flag: %v", err)
	}
}

// TestEveryProxysFileSetsEachHeader: a header that is left out is the client's.
func TestEveryProxysFileSetsEachHeader(t *testing.T) {
	for file, form := range map[string]func(string) string{
		"nginx/nginx.conf":     func(name string) string { return "proxy_set_header " + name },
		"traefik/dynamic.yaml": func(name string) string { return "- " + name },
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range forwardauth.Headers() {
			if !strings.Contains(string(text), form(name)) {
				t.Errorf("%s leaves out %s", file, name)
			}
		}
	}
}

// TestTraefiksFilePassesNoUpgradeOnButToAWebSocket: ReverseProxy of Go passes each on.
func TestTraefiksFilePassesNoUpgradeOnButToAWebSocket(t *testing.T) {
	text, err := os.ReadFile("traefik/dynamic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		HTTP struct {
			Routers map[string]struct {
				Rule        string
				Middlewares []string
			}
			Middlewares map[string]struct {
				Headers struct {
					CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Upgrade", "HTTP2-Settings"} {
		if value, set := file.HTTP.Middlewares["no-upgrade"].Headers.CustomRequestHeaders[name]; !set || value != "" {
			t.Errorf("no-upgrade leaves %s as it is", name)
		}
	}
	if len(file.HTTP.Routers) == 0 {
		t.Error("there is no router")
	}
	for name, r := range file.HTTP.Routers {
		want := []string{"no-upgrade", "reeve"}
		if r.Rule == "Header(`Upgrade`, `websocket`)" {
			want = want[1:]
		}
		if !slices.Equal(r.Middlewares, want) {
			t.Errorf("the router %s has the middlewares %v, want %v", name, r.Middlewares, want)
		}
	}
}
