//go:build unix

package integration_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
)

// During a rolling deploy instances of the former commit and of this one share one Redis. Each
// keeps to the endings and changes of the other; one that cannot judge a session answers as in an
// outage; and nobody is signed out by it.
func TestInstancesOfTheFormerCommitAndThisOneShareOneRedis(t *testing.T) {
	t.Parallel()
	former, present := drivers(t)
	for _, cached := range []bool{false, true} {
		t.Run("each keeps to what the other did, "+storeName(ofSession, cached), func(t *testing.T) {
			newUpgrade(t, former, present, cached).run(scale(1500, 30_000))
		})
	}
	t.Run("the former one lets nobody in who acts as another", func(t *testing.T) { actsAsAnother(t, former, present) })
	t.Run("both tell the events of a tenant", func(t *testing.T) { tellsOfTenants(t, former, present) })
}

func newUpgrade(t *testing.T, former, present string, cached bool) *upgrade {
	t.Helper()
	server := redisserver.Start(t)
	prefix := storeOptions().Prefix
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	u := &upgrade{
		T: t, rand: rand.New(rand.NewPCG(seed, 0)), log: history.New(), stalls: watchStalls(t), outages: map[string]int{},
		rules: history.Rules{Grace: 20 * time.Millisecond, Late: 10 * time.Second},
	}
	if cached {
		u.rules.Lease = announced
	}
	for name, program := range map[string]string{"former": former, "present": present} {
		u.instances = append(u.instances, drive(t, name, program, server.URL(), prefix, cached))
	}
	return u
}

// upgrade is a history of instances of two commits. Its calls come one after the other.
type upgrade struct {
	*testing.T
	rand      *rand.Rand
	log       *history.Log
	stalls    *stalls
	rules     history.Rules
	instances []*driven
	logins    []*upgradeLogin
	outages   map[string]int
}

// upgradeLogin is a session, live or not.
type upgradeLogin struct {
	tenant, user, id string
	tokens           []string
	step             int
}

var (
	upgradeTenants = []string{"acme", "globex"}
	upgradeUsers   = []string{"alice", "bob", "carol"}
)

func (u *upgrade) run(calls int) {
	u.Helper()
	for i, t := range upgradeTenants {
		u.call(history.Activate, u.instances[i%2], driverRequest{Do: "activate", Tenant: t}, history.Call{Tenant: t})
	}
	for range calls {
		u.step(u.instances[u.rand.IntN(len(u.instances))])
	}
	u.rules.Slack = u.stalls.slack()
	row := history.RowOf("upgrade", "", u.log, u.rules)
	u.Log(u.log.Summary())
	judged(u.T, row)
	for what, n := range u.outages {
		u.Logf("%d times an outage: %s", n, what)
		if strings.HasPrefix(what, "present") {
			u.Error("this commit judges whatever the former one wrote")
		}
	}
	for _, kind := range []history.Kind{history.Act, history.Update, history.Move, history.Refresh, history.Revoke, history.RevokeOthers, history.RevokeUser, history.RevokeTenant, history.Suspend} {
		if u.log.Count(history.Done, kind) < 3 {
			u.Errorf("too few calls of kind %s were acknowledged to prove anything", kind)
		}
	}
}

// call does one thing and adds it to the log.
func (u *upgrade) call(kind history.Kind, d *driven, r driverRequest, c history.Call) (driverReply, history.Call) {
	u.Helper()
	c.Kind, c.By = kind, d.name
	var reply driverReply
	c = u.log.Call(c, func(c *history.Call) {
		reply = d.do(r)
		c.Answer = map[string]history.Answer{
			"": history.Done, "unavailable": history.Unknown, "corrupt": history.Unknown, "reused": history.Reused,
			"refresh-invalid": history.Ended, "not-found": history.Ended, "conflict": history.Nothing,
			"suspended": history.Inactive, "unknown-tenant": history.Inactive,
		}[reply.Error]
		switch c.Answer {
		case "":
			u.Fatalf("%s by the %s instance: %s", r.Do, d.name, reply.Text)
		case history.Unknown:
			u.outages[d.name+" "+r.Do+": "+reply.Text]++
		case history.Done:
			if c.Saw == 0 {
				c.Saw = reply.Step
			}
			switch kind {
			case history.Create:
				c.Session = reply.ID
			case history.Move:
				c.Next = reply.ID
			}
		}
	})
	return reply, c
}

func (u *upgrade) any() *upgradeLogin {
	if len(u.logins) == 0 {
		return nil
	}
	return u.logins[len(u.logins)-1-u.rand.IntN(min(12, len(u.logins)))]
}

// step does one thing at random.
func (u *upgrade) step(d *driven) {
	l := u.any()
	n := u.rand.IntN(100)
	if l == nil || n < 12 {
		u.signIn(d)
		return
	}
	request := driverRequest{Tenant: l.tenant, User: l.user, ID: l.id}
	of := history.Call{Session: l.id, Tenant: l.tenant, User: l.user}
	group := history.Call{Tenant: l.tenant, User: l.user}
	do := func(kind history.Kind, what string, of history.Call) {
		request.Do = what
		u.call(kind, d, request, of)
	}
	switch {
	case n < 50:
		do(history.Act, "load", of)
	case n < 60:
		l.step++
		request.Step, of.Made = l.step, l.step
		do(history.Update, "update", of)
	case n < 66:
		u.move(d, l, "rotate", "")
	case n < 70:
		u.move(d, l, "step-up", "")
	case n < 73:
		u.move(d, l, "switch", upgradeTenants[(slices.Index(upgradeTenants, l.tenant)+1)%2])
	case n < 85:
		u.refresh(d, l)
	case n < 89:
		u.list(d, l)
	case n < 92:
		do(history.Revoke, "revoke", of)
	case n < 94:
		do(history.RevokeOthers, "revoke-others", of)
	case n < 95:
		do(history.RevokeUser, "revoke-user", group)
	case n < 96:
		do(history.RevokeTenant, "revoke-tenant", group)
	case n < 97 && u.rand.IntN(4) == 0:
		do(history.RevokeAll, "revoke-all", history.Call{})
	case n < 98:
		request.Tenant = upgradeTenants[1] // the other one is always served
		do(history.Suspend, "suspend", history.Call{Tenant: request.Tenant})
	default:
		request.Tenant = upgradeTenants[1]
		do(history.Activate, "activate", history.Call{Tenant: request.Tenant})
	}
}

func (u *upgrade) signIn(d *driven) {
	l := &upgradeLogin{tenant: upgradeTenants[u.rand.IntN(2)], user: upgradeUsers[u.rand.IntN(3)], step: 1}
	reply, c := u.call(history.Create, d, driverRequest{Do: "sign-in", Tenant: l.tenant, User: l.user, Step: 1},
		history.Call{Tenant: l.tenant, User: l.user, Made: 1})
	if c.Answer == history.Done {
		l.id, l.tokens = reply.ID, []string{reply.Token}
		u.logins = append(u.logins, l)
	}
}

// move has a session move to another id. A step-up keeps its state.
func (u *upgrade) move(d *driven, l *upgradeLogin, what, to string) {
	next := &upgradeLogin{tenant: l.tenant, user: l.user, step: l.step + 1}
	if to != "" {
		next.tenant = to
	}
	made := next.step
	if what == "step-up" {
		made, next.step = 0, l.step
	}
	l.step = max(l.step, next.step)
	c := history.Call{Session: l.id, Tenant: l.tenant, User: l.user, To: to, Made: made}
	c.Kind, c.By = history.Move, d.name
	var reply driverReply
	c = u.log.Call(c, func(c *history.Call) {
		reply = d.do(driverRequest{Do: what, Tenant: l.tenant, User: l.user, ID: l.id, To: to, Step: made})
		switch reply.Error {
		case "":
			c.Answer, c.Next, c.Made = history.Done, reply.ID, reply.Step
			if what == "step-up" {
				c.Saw = reply.Step
			}
		case "not-found":
			c.Answer = history.Ended
		case "unavailable", "corrupt":
			c.Answer = history.Unknown
			u.outages[d.name+" "+what+": "+reply.Text]++
		default: // of a switch either tenant may be meant
			c.Answer = history.Nothing
		}
	})
	if c.Answer == history.Done {
		next.id, next.tokens = reply.ID, []string{reply.Token}
		u.logins = append(u.logins, next)
	}
}

// refresh presents the newest token, or, one time in five, another one.
func (u *upgrade) refresh(d *driven, l *upgradeLogin) {
	n := len(l.tokens) - 1
	if u.rand.IntN(5) == 0 {
		n = u.rand.IntN(len(l.tokens))
	}
	reply, c := u.call(history.Refresh, d, driverRequest{Do: "refresh", Token: l.tokens[n]},
		history.Call{Session: l.id, Tenant: l.tenant, User: l.user, Presented: n})
	if c.Answer == history.Done && n == len(l.tokens)-1 {
		l.tokens = append(l.tokens, reply.Token)
	}
}

// list tells which of the user's sessions are listed, and which are not.
func (u *upgrade) list(d *driven, l *upgradeLogin) {
	invoked := u.log.Now()
	reply := d.do(driverRequest{Do: "list", Tenant: l.tenant, User: l.user})
	returned := u.log.Now()
	if reply.Error != "" {
		u.outages[d.name+" list: "+reply.Text]++
		return
	}
	for _, other := range u.logins {
		if other.tenant != l.tenant || other.user != l.user {
			continue
		}
		c := history.Call{Kind: history.List, By: d.name, Session: other.id, Tenant: l.tenant, User: l.user,
			Answer: history.Ended, Invoked: invoked, Returned: returned}
		if step, listed := reply.Listed[other.id]; listed {
			c.Answer, c.Saw = history.Done, step
		}
		u.log.Add(c)
	}
}

// The former commit answers as an outage what it does not know of somebody who acts as another: it
// lets nobody in by it, and signs nobody out.
func actsAsAnother(t *testing.T, formerProgram, presentProgram string) {
	server := redisserver.Start(t)
	prefix := storeOptions().Prefix
	former := drive(t, "former", formerProgram, server.URL(), prefix, false)
	present := drive(t, "present", presentProgram, server.URL(), prefix, false)
	must := func(d *driven, r driverRequest) driverReply {
		t.Helper()
		reply := d.do(r)
		if reply.Error != "" {
			t.Fatalf("%s: %s", r.Do, reply.Text)
		}
		return reply
	}
	must(former, driverRequest{Do: "activate", Tenant: "acme"})
	own := must(former, driverRequest{Do: "sign-in", Tenant: "acme", User: "alice", Step: 1})
	acting := must(present, driverRequest{Do: "impersonate", Tenant: "acme", User: "alice", ID: own.ID, To: "bob", Reason: "ticket"})
	for name, ref := range map[string]driverReply{"the session that somebody acts out of": own, "the session that somebody acts by": acting} {
		for _, do := range []string{"load", "update", "rotate", "revoke-others"} {
			reply := former.do(driverRequest{Do: do, Tenant: ref.Tenant, User: ref.User, ID: ref.ID, Step: 2})
			if reply.Error != "corrupt" && reply.Error != "unavailable" {
				t.Errorf("%s: %s by the former commit answers %q, want an outage", name, do, reply.Error)
			}
		}
	}
	if reply := former.do(driverRequest{Do: "refresh", Token: own.Token}); reply.Error == "" {
		t.Error("the former commit refreshes a session that signs nobody in")
	}
	if reply := present.do(driverRequest{Do: "load", Tenant: "acme", User: "bob", ID: acting.ID}); reply.Error != "" {
		t.Errorf("what the former commit was asked has ended the session: %s", reply.Text)
	}
	must(former, driverRequest{Do: "revoke", Tenant: "acme", User: "alice", ID: own.ID})
	if reply := present.do(driverRequest{Do: "load", Tenant: "acme", User: "bob", ID: acting.ID}); reply.Error != "not-found" {
		t.Errorf("its own session was ended by the former commit, and it answers %q", reply.Error)
	}
}

// The former commit writes no event of a tenant's status and reads those of this one. A status that
// it has set is an event, once, when this one has come upon it; one from before the deploy is none.
func tellsOfTenants(t *testing.T, formerProgram, presentProgram string) {
	server := redisserver.Start(t)
	prefix := storeOptions().Prefix
	former := drive(t, "former", formerProgram, server.URL(), prefix, false)
	present := drive(t, "present", presentProgram, server.URL(), prefix, false)
	// A busy machine takes a call for an outage; each of these may be made again.
	answer := func(d *driven, r driverRequest) (reply driverReply) {
		testwait.Until(t, r.Do+" by the "+d.name+" commit is answered", func() bool {
			reply = d.do(r)
			return reply.Error != "unavailable"
		})
		return reply
	}
	var want []string
	for _, step := range []struct {
		by    *driven
		do    string
		error string
		told  []string
	}{
		{former, "activate", "", nil},
		{former, "sign-in", "", nil},
		{present, "sign-in", "", nil},
		{present, "suspend", "", []string{"tenant-suspended"}},
		{present, "suspend", "", nil},
		{former, "suspend", "", nil},
		{present, "sign-in", "suspended", nil},
		{former, "activate", "", nil},
		{present, "sign-in", "", []string{"tenant-activated"}},
		{present, "sign-in", "", nil},
		{former, "suspend", "", nil},
		{present, "activate", "", []string{"tenant-activated"}},
		{former, "suspend", "", nil},
		{present, "suspend", "", []string{"tenant-suspended"}},
	} {
		if reply := answer(step.by, driverRequest{Do: step.do, Tenant: "acme", User: "alice", Step: 1}); reply.Error != step.error {
			t.Fatalf("%s by the %s commit: %q, %s", step.do, step.by.name, reply.Error, reply.Text)
		}
		want = append(want, step.told...)
		for _, d := range []*driven{former, present} {
			if reply := answer(d, driverRequest{Do: "tenant-events", Tenant: "acme"}); reply.Error != "" || !slices.Equal(reply.Kinds, want) {
				t.Fatalf("after %s by the %s commit the %s one tells of %v, %s; want %v", step.do, step.by.name, d.name, reply.Kinds, reply.Text, want)
			}
		}
	}
}
