package history_test

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
)

const ms = time.Millisecond

// at makes a call that takes 2 ms from a time on.
func at(t time.Duration, c history.Call) history.Call {
	c.Invoked, c.Returned = t, t+2*ms
	if c.Answer == "" {
		c.Answer = history.Done
	}
	if c.By == "" {
		c.By = "a"
	}
	if c.Tenant == "" {
		c.Tenant, c.User = "acme", "alice"
	}
	return c
}

func born(t time.Duration, id string) history.Call {
	return at(t, history.Call{Kind: history.Create, Session: id, Made: 1, Role: true})
}

func act(t time.Duration, by, id string, saw int) history.Call {
	return at(t, history.Call{Kind: history.Act, By: by, Session: id, Saw: saw})
}

// change is a call by instance a.
func change(t time.Duration, kind history.Kind, id string) history.Call {
	return at(t, history.Call{Kind: kind, Session: id})
}

func update(t time.Duration, answer history.Answer, made int) history.Call {
	return at(t, history.Call{Kind: history.Update, Answer: answer, Session: "s", Made: made, Saw: 1})
}

func answered(c history.Call, a history.Answer) history.Call { c.Answer = a; return c }

// A checker that finds nothing proves nothing: it must find what is planted, and nothing else.
func TestTheJudgeFindsAllowsByAnOlderState(t *testing.T) {
	activate := at(0, history.Call{Kind: history.Activate})
	for name, c := range map[string]struct {
		calls []history.Call
		lease time.Duration
		wrong string // "" is nothing
	}{
		"a request before the revocation":                 {[]history.Call{born(10*ms, "s"), act(20*ms, "b", "s", 1), change(30*ms, history.Revoke, "s")}, 0, ""},
		"a request at the time of the revocation":         {[]history.Call{born(10*ms, "s"), change(30*ms, history.Revoke, "s"), act(31*ms, "b", "s", 1)}, 0, ""},
		"a request after the revocation":                  {[]history.Call{born(10*ms, "s"), change(30*ms, history.Revoke, "s"), act(33*ms, "b", "s", 1)}, 0, "revoked"},
		"a request within the lease":                      {[]history.Call{born(10*ms, "s"), change(30*ms, history.Revoke, "s"), act(80*ms, "b", "s", 1)}, 50 * ms, ""},
		"a request after the lease":                       {[]history.Call{born(10*ms, "s"), change(30*ms, history.Revoke, "s"), act(83*ms, "b", "s", 1)}, 50 * ms, "revoked"},
		"a request to the instance that revoked":          {[]history.Call{born(10*ms, "s"), change(30*ms, history.Revoke, "s"), act(33*ms, "a", "s", 1)}, 50 * ms, "revoked"},
		"a revocation without an answer":                  {[]history.Call{born(10*ms, "s"), answered(change(30*ms, history.Revoke, "s"), history.Unknown), act(40*ms, "b", "s", 1)}, 0, ""},
		"a request of another session":                    {[]history.Call{born(10*ms, "s"), born(12*ms, "o"), change(30*ms, history.Revoke, "o"), act(40*ms, "b", "s", 1)}, 0, ""},
		"a session that the others' revocation spares":    {[]history.Call{born(10*ms, "s"), change(30*ms, history.RevokeOthers, "s"), act(40*ms, "b", "s", 1)}, 0, ""},
		"one that it does not spare":                      {[]history.Call{born(10*ms, "s"), born(12*ms, "o"), change(30*ms, history.RevokeOthers, "o"), act(40*ms, "b", "s", 1)}, 0, "revoked"},
		"one that began after the user was revoked":       {[]history.Call{change(5*ms, history.RevokeUser, ""), born(10*ms, "s"), act(40*ms, "b", "s", 1)}, 0, ""},
		"a user that was revoked":                         {[]history.Call{born(10*ms, "s"), change(20*ms, history.RevokeUser, ""), act(40*ms, "b", "s", 1)}, 0, "revoked"},
		"a tenant that was revoked":                       {[]history.Call{born(10*ms, "s"), change(20*ms, history.RevokeTenant, ""), act(40*ms, "b", "s", 1)}, 0, "revoked"},
		"everyone was revoked":                            {[]history.Call{born(10*ms, "s"), change(20*ms, history.RevokeAll, ""), act(40*ms, "b", "s", 1)}, 0, "revoked"},
		"a former id":                                     {[]history.Call{born(10*ms, "s"), at(20*ms, history.Call{Kind: history.Move, Session: "s", Next: "n", Made: 1, Saw: 1}), act(40*ms, "b", "s", 1)}, 0, "revoked"},
		"the id of a rotation that raced a revocation":    {[]history.Call{born(10*ms, "s"), change(20*ms, history.RevokeUser, ""), at(21*ms, history.Call{Kind: history.Move, Session: "s", Next: "n", Made: 1, Saw: 1}), act(40*ms, "b", "n", 1)}, 0, "revoked"},
		"a session that was said to be gone":              {[]history.Call{born(10*ms, "s"), answered(act(20*ms, "a", "s", 0), history.Ended), act(30*ms, "b", "s", 1)}, 0, "revoked"},
		"the role before an update":                       {[]history.Call{born(10*ms, "s"), update(20*ms, history.Done, 2), act(30*ms, "b", "s", 1)}, 0, "role"},
		"the role before an update without an answer":     {[]history.Call{born(10*ms, "s"), update(20*ms, history.Unknown, 2), act(30*ms, "b", "s", 1)}, 0, ""},
		"the role of an update without an answer":         {[]history.Call{born(10*ms, "s"), update(20*ms, history.Unknown, 2), act(30*ms, "b", "s", 2)}, 0, ""},
		"that update, after a later one was acknowledged": {[]history.Call{born(10*ms, "s"), update(20*ms, history.Unknown, 2), update(24*ms, history.Done, 3), act(30*ms, "b", "s", 2)}, 0, "role"},
		"an older state than the instance has shown":      {[]history.Call{born(10*ms, "s"), update(20*ms, history.Unknown, 2), act(30*ms, "b", "s", 2), act(40*ms, "b", "s", 1)}, 0, "role"},
		"a state that nobody made":                        {[]history.Call{born(10*ms, "s"), act(30*ms, "b", "s", 7)}, 0, "made up"},
		"an update of a session that has ended":           {[]history.Call{born(10*ms, "s"), change(20*ms, history.Revoke, "s"), update(30*ms, history.Done, 2)}, 0, "revoked"},
		"a suspended tenant":                              {[]history.Call{born(10*ms, "s"), change(20*ms, history.Suspend, ""), act(30*ms, "b", "s", 1)}, 0, "suspended"},
		"a tenant that is active again":                   {[]history.Call{born(10*ms, "s"), change(20*ms, history.Suspend, ""), change(24*ms, history.Activate, ""), act(30*ms, "b", "s", 1)}, 0, ""},
		"an activation without an answer":                 {[]history.Call{born(10*ms, "s"), change(20*ms, history.Suspend, ""), answered(change(24*ms, history.Activate, ""), history.Unknown), act(30*ms, "b", "s", 1)}, 0, ""},
		"one that lands after a later suspension":         {[]history.Call{born(10*ms, "s"), answered(change(20*ms, history.Activate, ""), history.Unknown), change(24*ms, history.Suspend, ""), act(30*ms, "b", "s", 1)}, 0, "suspended"},
		"a refresh token that was used":                   {[]history.Call{born(10*ms, "s"), change(20*ms, history.Refresh, "s"), change(80*ms, history.Refresh, "s")}, 0, "refresh"},
		"one that is repeated in time":                    {[]history.Call{born(10*ms, "s"), change(20*ms, history.Refresh, "s"), change(25*ms, history.Refresh, "s")}, 0, ""},
	} {
		log := history.New()
		for _, call := range append(c.calls, activate) {
			log.Add(call)
		}
		verdict := log.Judge(history.Rules{Lease: c.lease, Grace: 20 * ms})
		found := ""
		for _, w := range verdict.Wrong {
			found = w.What
		}
		if found != c.wrong || len(verdict.Wrong) > 1 {
			t.Errorf("%s: found %v, want %q", name, verdict.Wrong, c.wrong)
		}
	}
}

// A refresh is refused when its family was evicted, and the session lives on: that is no end of
// it. Without a loss it is one.
func TestARefreshThatIsRefusedAfterALossEndsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		losses []history.Loss
		wrong  int
	}{
		"nothing was lost":             {nil, 1},
		"keys were lost before":        {[]history.Loss{{At: 15 * ms, Till: 18 * ms}}, 0},
		"keys were lost only after it": {[]history.Loss{{At: 50 * ms, Till: 60 * ms}}, 1},
	} {
		log := history.New()
		for _, loss := range c.losses {
			log.AddLoss(loss)
		}
		for _, call := range []history.Call{
			at(0, history.Call{Kind: history.Activate}), born(10*ms, "s"),
			answered(change(20*ms, history.Refresh, "s"), history.Ended), act(40*ms, "b", "s", 1),
		} {
			log.Add(call)
		}
		if verdict := log.Judge(history.Rules{Grace: 20 * ms}); len(verdict.Wrong) != c.wrong {
			t.Errorf("%s: found %v, want %d", name, verdict.Wrong, c.wrong)
		}
	}
}

// A live session that is refused is told, with why.
func TestTheJudgeExplainsRefusals(t *testing.T) {
	activate := at(0, history.Call{Kind: history.Activate})
	gone := answered(act(40*ms, "b", "s", 0), history.Ended)
	for name, c := range map[string]struct {
		calls []history.Call
		why   history.Reason // "" is not told
	}{
		"for nothing":                         {[]history.Call{born(10*ms, "s"), gone}, history.Unexplained},
		"after a revocation":                  {[]history.Call{born(10*ms, "s"), change(20*ms, history.Revoke, "s"), gone}, ""},
		"at the time of a revocation":         {[]history.Call{born(10*ms, "s"), change(39*ms, history.Revoke, "s"), gone}, ""},
		"after a revocation without answer":   {[]history.Call{born(10*ms, "s"), answered(change(20*ms, history.Revoke, "s"), history.Unknown), gone}, history.OutcomeUnknown},
		"before it was created":               {[]history.Call{born(39*ms, "s"), gone}, ""},
		"of a tenant that is suspended":       {[]history.Call{born(10*ms, "s"), change(20*ms, history.Suspend, ""), answered(gone, history.Inactive)}, ""},
		"of a tenant that is active":          {[]history.Call{born(10*ms, "s"), answered(gone, history.Inactive)}, history.Unexplained},
		"of a tenant that was, late":          {[]history.Call{born(10*ms, "s"), answered(change(20*ms, history.Suspend, ""), history.Unknown), change(24*ms, history.Activate, ""), answered(gone, history.Inactive)}, history.Unexplained},
		"of a role that it has":               {[]history.Call{born(10*ms, "s"), answered(gone, history.Forbidden)}, history.Unexplained},
		"after a revocation of the person":    {[]history.Call{born(10*ms, "s"), answered(at(12*ms, history.Call{Kind: history.Adopt, SignIn: "sso", Issuer: "id.example"}), history.Blocked), revokePerson(20*ms, "id.example"), gone}, ""},
		"as theft of the newest token":        {[]history.Call{born(10*ms, "s"), answered(change(40*ms, history.Refresh, "s"), history.Reused)}, history.Unexplained},
		"as theft of a token that was used":   {[]history.Call{born(10*ms, "s"), change(20*ms, history.Refresh, "s"), answered(change(80*ms, history.Refresh, "s"), history.Reused)}, ""},
		"as theft after an unknown refresh":   {[]history.Call{born(10*ms, "s"), answered(change(20*ms, history.Refresh, "s"), history.Unknown), answered(change(80*ms, history.Refresh, "s"), history.Reused)}, history.OutcomeUnknown},
		"though it was only said to be there": {[]history.Call{born(10*ms, "s"), answered(gone, history.Unknown)}, ""},
	} {
		log := history.New()
		for _, call := range append(c.calls, activate) {
			log.Add(call)
		}
		var why history.Reason
		for _, r := range log.Judge(history.Rules{Grace: 20 * ms, Late: time.Second}).Refused {
			why = r.Why
		}
		if why != c.why {
			t.Errorf("refused %s: %q, want %q", name, why, c.why)
		}
	}
}

// The session that revokes its user's others is stored anew, and a rollback may lose that whether or
// not the call was answered.
func TestTheJudgeExplainsTheLossOfASessionThatWasSpared(t *testing.T) {
	for answer, lost := range map[history.Answer]bool{history.Done: true, history.Unknown: true, history.Ended: false} {
		for _, fellBack := range []bool{true, false} {
			log := history.New()
			others := answered(change(30*ms, history.RevokeOthers, "s"), answer)
			for _, call := range []history.Call{at(0, history.Call{Kind: history.Activate}), born(10*ms, "s"), others, answered(act(80*ms, "b", "s", 0), history.Ended)} {
				log.Add(call)
			}
			if fellBack {
				log.AddRollback(history.Rollback{From: 20 * ms, Down: 50 * ms, Up: 60 * ms})
			}
			want := history.Unexplained
			if lost && fellBack {
				want = history.Lost
			}
			if refused := log.Judge(history.Rules{Share: 10}).Refused; len(refused) != 1 || refused[0].Why != want {
				t.Errorf("answered %s, fell back %v: %v, want %s", answer, fellBack, refused, want)
			}
		}
	}
}

// A rollback excuses an instance that does not know better, for a while; it excuses none that
// does, and nobody who could not ask.
func TestTheJudgeKnowsWhatARollbackExcuses(t *testing.T) {
	for name, c := range map[string]struct {
		from, at      time.Duration // of the lost state, and of the request
		by            string
		known         bool // the instance has answered that the tenant is suspended
		cut           bool
		wrong, window int
	}{
		"an instance that does not know":           {15 * ms, 60 * ms, "b", false, false, 0, 1},
		"the same, too late":                       {15 * ms, 200 * ms, "b", false, false, 1, 0},
		"the instance that suspended":              {15 * ms, 60 * ms, "a", false, false, 1, 0},
		"an instance that has seen it":             {15 * ms, 60 * ms, "b", true, false, 1, 0},
		"what was not lost":                        {30 * ms, 60 * ms, "b", false, false, 1, 0},
		"before the older state answers":           {15 * ms, 36 * ms, "b", false, false, 1, 0},
		"an instance that could ask nobody anyway": {15 * ms, 60 * ms, "b", false, true, 1, 1},
	} {
		log := history.New()
		calls := []history.Call{at(0, history.Call{Kind: history.Activate}), born(10*ms, "s"), change(20*ms, history.Suspend, ""), act(c.at, c.by, "s", 1)}
		if c.known {
			calls = append(calls, answered(act(24*ms, "b", "s", 0), history.Inactive))
		}
		for _, call := range calls {
			log.Add(call)
		}
		log.AddRollback(history.Rollback{From: c.from, Down: 40 * ms, Up: 50 * ms})
		if c.cut {
			log.AddCut(history.Cut{Who: c.by, From: 55 * ms, Till: 70 * ms})
		}
		verdict := log.Judge(history.Rules{Window: 100 * ms})
		if len(verdict.Wrong) != c.wrong || len(verdict.Window) != c.window {
			t.Errorf("%s: wrong %v, in the window %v", name, verdict.Wrong, verdict.Window)
		}
	}
}

func TestOutagesAreTimedFromTheFirstToTheLast(t *testing.T) {
	log := history.New()
	for _, call := range []history.Call{
		act(10*ms, "a", "s", 1), answered(act(20*ms, "a", "s", 0), history.Unknown), answered(act(50*ms, "a", "s", 0), history.Unknown),
		act(60*ms, "a", "s", 1), answered(act(900*ms, "a", "s", 0), history.Unknown), act(30*ms, "b", "s", 1),
	} {
		log.Add(call)
	}
	log.AddFault(history.Fault{From: 15 * ms, Till: 40 * ms})
	if lasted, recovery := log.Outages(); lasted != 32*ms || recovery != 22*ms {
		t.Errorf("it lasted %v and was over after %v, want 32ms and 22ms", lasted, recovery)
	}
}
