//go:build unix

package service_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// startNginx starts nginx before two addresses and returns its URL. Nothing is retried but what nginx
// retries by itself: a request that an instance has not answered, of a method that may be repeated.
func startNginx(t *testing.T, upstreams ...string) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path = "/usr/sbin/nginx"; !isThere(path) { // Debian keeps it off the PATH
			testneed.Missing(t, "nginx is not here; apt-get install nginx")
		}
	}
	dir, addr := t.TempDir(), freeAddr(t)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	var servers strings.Builder
	for _, u := range upstreams {
		fmt.Fprintf(&servers, "    server %s max_fails=0;\n", u)
	}
	config := user + fmt.Sprintf(`daemon off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  upstream tracker {
%[2]s    keepalive 8;
  }
  server {
    listen %[3]s;
    location / {
      proxy_pass http://tracker;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 1s;
    }
  }
}
`, dir, servers.String(), addr)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file, "-e", filepath.Join(dir, "error.log"))
	process, err := testproc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Signal(os.Interrupt)
		_ = process.Wait()
		if text, err := os.ReadFile(filepath.Join(dir, "error.log")); t.Failed() && err == nil {
			t.Logf("nginx:\n%s", text)
		}
	})
	return "http://" + addr
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// policies is a folder with one of two versions of the policy of the tracker: the second lets no guest
// search.
type policies struct {
	t   *testing.T
	dir string
}

const searchRule = "p, role:guest,  *, /search,                            GET,    true, allow\n"

func newPolicies(t *testing.T) policies {
	t.Helper()
	p := policies{t, filepath.Join(t.TempDir(), "policy")}
	if err := os.CopyFS(p.dir, os.DirFS(filepath.Join("..", "..", "examples", "tracker", "app", "policy"))); err != nil {
		t.Fatal(err)
	}
	return p
}

// publish puts a version in place as an editor does: beside the file, and renamed over it.
func (p policies) publish(search bool) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "tracker", "app", "policy", "policy.csv"))
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(string(text), searchRule) {
		p.t.Fatal("the tracker's policy has no rule for searching")
	}
	version := string(text)
	if !search {
		version = strings.Replace(version, searchRule, strings.Replace(searchRule, "role:guest, ", "role:member,", 1), 1)
	}
	beside := filepath.Join(p.dir, ".next")
	if err := errors.Join(os.WriteFile(beside, []byte(version), 0o600), os.Rename(beside, filepath.Join(p.dir, "policy.csv"))); err != nil {
		p.t.Fatal(err)
	}
}

// load sends requests until it is told to stop.
type load struct {
	sent, failed atomic.Int64
	first        atomic.Pointer[string]
	ended        chan struct{}
	senders      sync.WaitGroup
}

func startLoad(base, token string, senders int) *load {
	l := &load{ended: make(chan struct{})}
	client := &http.Client{Timeout: testwait.Limit, Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	for range senders {
		l.senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.ended:
					return
				case <-time.After(2 * time.Millisecond):
				}
				l.send(client, base, token, n)
			}
		})
	}
	return l
}

func (l *load) send(client *http.Client, base, token string, n int) {
	path := "/tasks/task-1001"
	if n%3 == 0 {
		path = "/projects"
	}
	r, err := http.NewRequest(http.MethodGet, base+path, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	l.sent.Add(1)
	resp, err := client.Do(r)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
	}
	if err != nil {
		l.failed.Add(1)
		text := err.Error()
		l.first.CompareAndSwap(nil, &text)
	}
}

func (l *load) stop() {
	close(l.ended)
	l.senders.Wait()
}

// Two instances behind nginx are restarted one after the other while users send requests, and a policy
// of another version is put in place on the way. No request fails, and both instances decide by the
// policy of now, also the one that was started last.
func TestRollingRestartsBehindNginxFailNoRequest(t *testing.T) {
	t.Parallel()
	restarts := 4
	if testneed.Soak() {
		restarts = 100
	}
	server := redisserver.Start(t, "--appendonly", "no")
	p := newPolicies(t)
	settings := append(shared(server.URL()), "policy.dir="+p.dir, "http.wait=200ms", "data.dir="+t.TempDir())
	addrs := [2][2]string{{freeAddr(t), freeAddr(t)}, {freeAddr(t), freeAddr(t)}}
	var instances [2]*instance
	for n, a := range addrs {
		instances[n] = startAt(t, a[0], a[1], settings...).ready()
	}
	base := startNginx(t, addrs[0][0], addrs[1][0])
	testwait.Until(t, "nginx answers", func() bool { resp, err := http.Get(base + "/tasks/x"); return err == nil && resp.Body.Close() == nil })
	token := login(t, base, "gus")
	search := func(i *instance) int {
		r, err := http.NewRequest(http.MethodGet, i.api+"/search?q=the", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	l := startLoad(base, token, 4)
	for n := range restarts {
		if n%4 == 1 {
			p.publish(n%8 != 1)
		}
		old := instances[n%2]
		if code := old.stop(); code != 0 {
			t.Fatalf("exit %d\n%s", code, old.out)
		}
		instances[n%2] = startAt(t, addrs[n%2][0], addrs[n%2][1], settings...).ready()
		if n%4 == 3 || n == restarts-1 {
			want := http.StatusOK
			if n%8 <= 4 {
				want = http.StatusForbidden
			}
			for _, i := range instances {
				testwait.Until(t, fmt.Sprintf("search is %d after restart %d", want, n), func() bool { return search(i) == want })
			}
		}
	}
	l.stop()
	t.Logf("%d restarts, %d requests, %d failed", restarts, l.sent.Load(), l.failed.Load())
	if l.failed.Load() > 0 || l.sent.Load() < int64(restarts)*10 {
		t.Errorf("%d of %d requests failed, the first with %s", l.failed.Load(), l.sent.Load(), *l.first.Load())
	}
}
