package integration_test

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// examples/forwardauth decides by the sessions of the quickstart, as its README says: who has signed in
// there is known, and who has signed out there is not.
func TestForwardauthKnowsTheSessionsOfTheQuickstart(t *testing.T) {
	t.Parallel()
	redis, data := redisserver.Shared(t), t.TempDir()
	q := startQuickstart(t, "-redis", redis, "-data", data)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, logs := l.Addr().String(), &syncBuffer{}
	l.Close()
	cmd := exec.Command(program(t, "./examples/forwardauth"), "-addr", addr, "-redis", redis, "-keys", filepath.Join(data, "keys.json"))
	cmd.Stdout, cmd.Stderr = logs, logs
	process, err := testproc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Kill()
		_ = process.Wait()
		if t.Failed() {
			t.Logf("forwardauth:\n%s", logs)
		}
	})
	// ask asks as nginx does.
	ask := func(token string) (status int, user string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{
			"X-Original-Method": {"GET"}, "X-Original-Uri": {"/notes/1"}, "X-Original-Host": {"localhost"}, "Authorization": {"Bearer " + token},
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, ""
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("X-Reeve-User")
	}
	testwait.Until(t, "forwardauth answers", func() bool { status, _ := ask(""); return status != 0 })
	token, _ := q.login("acme", "alice")
	if status, user := ask(token); status != http.StatusOK || user != "alice" {
		t.Errorf("a session of the quickstart is %d, user %q", status, user)
	}
	q.want(http.StatusNoContent, http.MethodPost, "/logout", token, "")
	if status, _ := ask(token); status != http.StatusUnauthorized {
		t.Errorf("a session that was ended there is %d", status)
	}
}
