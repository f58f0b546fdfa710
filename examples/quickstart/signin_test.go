package main

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestGuessersTakeTheProcessorFromNobody: forty connections guess passwords. No more hashes
// run at once than leave a processor to others, and meanwhile signed-in users are answered.
func TestGuessersTakeTheProcessorFromNobody(t *testing.T) {
	s := newService(t)
	alice := bearer(s.login("alice").Access)
	var running, most atomic.Int64
	release, refused := make(chan struct{}), make(chan struct{}, 40)
	s.app.authenticate = func([]account, string, string, string) (account, bool) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
		return account{}, false
	}
	var guessers sync.WaitGroup
	for i := range 40 {
		guessers.Go(func() {
			body := url.Values{"tenant": {"acme"}, "user": {fmt.Sprint("user", i)}, "password": {"guess"}}
			resp, err := http.PostForm(s.url+"/login", body)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode == 503 && resp.Header.Get("Retry-After") != "" {
				refused <- struct{}{}
			} else if resp.StatusCode != 401 {
				t.Errorf("a guess is answered %d", resp.StatusCode)
			}
		})
	}
	for range 200 {
		s.want(s.do("GET", "/me", alice), 200)
	}
	<-refused // a waiting sign-in is told so after two seconds
	close(release)
	guessers.Wait()
	if limit := int64(max(1, runtime.GOMAXPROCS(0)-1)); most.Load() < 1 || most.Load() > limit {
		t.Errorf("%d hashes at once, at most %d leave a processor to others", most.Load(), limit)
	}
}

// TestGuessesAtAnAccountAreRefusedAlikeWhetherItExists: in status, body and headers.
func TestGuessesAtAnAccountAreRefusedAlikeWhetherItExists(t *testing.T) {
	s := newService(t)
	var answers [][]string
	for _, user := range []string{"alice", "nobody"} {
		// At once, since how long a hash takes is the machine's to say.
		seen := make([]string, 12)
		var guesses sync.WaitGroup
		for i := range seen {
			guesses.Go(func() {
				got := s.do("POST", "/login", form("tenant", "acme", "user", user, "password", "wrong"))
				seen[i] = fmt.Sprint(got.status, " ", got.body)
			})
		}
		guesses.Wait()
		slices.Sort(seen)
		answers = append(answers, slices.Compact(seen))
	}
	if len(answers[0]) != 2 || !slices.Equal(answers[0], answers[1]) || !strings.HasPrefix(answers[0][0], "401") || !strings.HasPrefix(answers[0][1], "503") {
		t.Errorf("an account that exists is answered\n%s\nand one that does not\n%s", answers[0], answers[1])
	}
}

// TestAnotherSiteSignsNobodyIn, with the right password of an account of its own.
func TestAnotherSiteSignsNobodyIn(t *testing.T) {
	s := newService(t)
	credentials := form("tenant", "acme", "user", "alice", "password", "demo")
	s.want(s.do("POST", "/login", credentials), 200)
	for _, from := range [][2]string{{"Origin", "https://evil.test"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		s.want(s.do("POST", "/login", credentials, header(from[0], from[1])), 403)
	}
}
