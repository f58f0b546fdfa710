//go:build unix

package integration_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
)

// logout posts a logout token to one replica.
func (d *dpopService) logout(replica int, raw string) int {
	d.Helper()
	resp, err := http.PostForm(d.replicas[replica].URL+"/logout", url.Values{"logout_token": {raw}})
	if err != nil {
		d.Errorf("replica %d: %v", replica, err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// logoutToken is the provider's word that alice has signed out.
func (d *dpopService) logoutToken() string {
	now := time.Now().Unix()
	body := fmt.Sprintf(`{"iss":"https://idp.test","aud":"web","sub":"alice","jti":%q,"iat":%d,"exp":%d,`+
		`"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`, rand.Text(), now, now+120)
	text := raw64([]byte(`{"alg":"EdDSA","kid":"idp","typ":"logout+jwt"}`)) + "." + raw64([]byte(body))
	return text + "." + raw64(ed25519.Sign(d.idp, []byte(text)))
}

// A logout at one replica ends the session on the other, and its token ends nothing more.
func TestABackchannelLogoutWorksOnceOnAllReplicas(t *testing.T) {
	t.Parallel()
	d := newDPoPService(t)
	bound := d.signIn()
	d.good(1, bound)
	raw := d.logoutToken()
	if status := d.logout(0, raw); status != 200 {
		t.Fatalf("the logout gets %d", status)
	}
	for replica := range d.replicas {
		if status, _ := d.ask(replica, bound, d.proof(bound)); status != 401 {
			t.Errorf("replica %d answers %d after the logout", replica, status)
		}
	}
	again := d.signIn()
	for replica := range d.replicas {
		if status := d.logout(replica, raw); status != 400 {
			t.Errorf("replica %d answers a replay %d", replica, status)
		}
	}
	d.good(0, again)
	d.everyReplayKeyEnds(5*time.Minute + time.Second)
}

// While Redis hangs a logout is 503, and the provider that asks again is obeyed. After a restart
// it would be 503 for as long as a logout token lives, since Redis may have lost which were used.
func TestABackchannelLogoutSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	d := newDPoPService(t)
	bound := d.signIn()
	d.good(0, bound)
	raw := d.logoutToken()
	d.server.Freeze()
	if status := d.logout(0, raw); status != 503 {
		t.Errorf("without Redis a logout gets %d", status)
	}
	d.server.Thaw()
	status := 503
	testwait.Until(t, "a logout is answered", func() bool { status = d.logout(1, raw); return status != 503 })
	if status != 200 {
		t.Fatalf("when Redis is back the logout gets %d", status)
	}
	if status, _ := d.ask(0, bound, d.proof(bound)); status != 401 {
		t.Errorf("after the logout: %d", status)
	}
}
