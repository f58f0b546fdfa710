package authz_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
)

// A stream that a role let in is over within a second of the role's end, and one of another user,
// whose role has no end, goes on.
func TestAStreamEndsWithTheRoleThatLetItIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().UTC().Truncate(time.Second).Add(20 * time.Second)
		files := policyFiles(streamRules + "g, user:alice, role:viewer, acme, _, " + end.Format(time.DateTime) + "\ng, user:bob, role:viewer, acme\n")
		files["model.conf"].Data = []byte(strings.Replace(string(files["model.conf"].Data), "g = _, _, _\n", "g = _, _, _, (_, _)\n", 1))
		e, err := policy.Load(files, policy.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) { c.Policy = e })
		bearer, _ := s.login(acme, alice)
		other, _ := s.login(acme, session.MustParseUserID("bob"))
		declared, foreign := s.open("/events", bearer), s.open("/events", other)
		if !declared.alive(time.Until(end) - time.Millisecond) {
			t.Fatal("the stream ended before the role")
		}
		rec := <-declared.answer
		if late := declared.ended.Sub(end); rec.Code != 403 || late < 0 || late > time.Second {
			t.Errorf("%d %s, %v after the end of the role", rec.Code, rec.Body, late)
		}
		if s.do("GET", "/events", bearer).Code != 403 {
			t.Error("a role that has ended lets a new request in")
		}
		if !foreign.alive(2 * time.Second) {
			t.Error("a stream of a role without an end is over")
		}
		if err := s.watch.Close(); err != nil {
			t.Fatal(err)
		}
		<-foreign.answer
	})
}
