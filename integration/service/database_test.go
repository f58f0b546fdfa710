//go:build unix

package service_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/internal/testwait"
)

// through returns the address of a database by way of a proxy.
func through(t *testing.T, proxy *faultproxy.Proxy, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Addr()
	return u.String()
}

// A PostgreSQL that is not there at the start is waited for, not ready, and one that goes ends readiness. One
// that says no is not waited for.
func TestTheServiceWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	server := pgserver.New(t)
	db := server.Database(t)
	proxy := faultproxy.Start(t, server.Addr())
	key := sha256.Sum256([]byte("tenants"))
	settings := func(app, owner string) []string {
		return []string{"database.url=" + app, "database.owner_url=" + owner, "database.tenant_key=" + base64.StdEncoding.EncodeToString(key[:])}
	}
	proxy.Refuse()
	i := start(t, settings(through(t, proxy, db.App()), through(t, proxy, db.Owner()))...)
	testwait.Until(t, "it waits", func() bool {
		return strings.Contains(i.out.String(), "the start waits for the database") || len(i.ended) > 0
	})
	if i.probe("/livez") != http.StatusOK || i.probe("/readyz") != http.StatusServiceUnavailable || i.probe("/startupz") != http.StatusServiceUnavailable || len(i.ended) > 0 {
		t.Fatalf("it does not wait:\n%s", i.out)
	}
	proxy.Restore()
	i.ready()
	if code := i.get(i.login("gus"), "/tasks/task-1001"); code != http.StatusOK {
		t.Errorf("%d\n%s", code, i.out)
	}
	// It goes and comes while the service runs.
	proxy.Refuse()
	proxy.Cut()
	testwait.Until(t, "it is not ready", func() bool { return i.probe("/readyz") == http.StatusServiceUnavailable })
	if !strings.Contains(i.text("/readyz"), `"state":"degraded"`) || i.probe("/livez") != http.StatusOK || i.probe("/startupz") != http.StatusOK {
		t.Errorf("%s\n%s", i.text("/readyz"), i.out)
	}
	proxy.Restore()
	i.ready()
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, i.out)
	}

	stranger := strings.Replace(db.Owner(), "/"+db.Name, "/no_such_database", 1)
	refused := start(t, settings(db.App(), stranger)...)
	if code := <-refused.ended; code != 1 || !strings.Contains(refused.out.String(), "no_such_database") || strings.Contains(refused.out.String(), "waits for the database") {
		t.Errorf("exit %d\n%s", code, refused.out)
	}

	proxy.Refuse()
	waiting := start(t, settings(through(t, proxy, db.App()), "")...)
	testwait.Until(t, "it waits", func() bool {
		return strings.Contains(waiting.out.String(), "the start waits for the database") || len(waiting.ended) > 0
	})
	if code := waiting.stop(); code != 0 {
		t.Errorf("a stop while it waits: exit %d\n%s", code, waiting.out)
	}
}
