package history_test

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
)

func adopt(t time.Duration, by, id string) history.Call {
	return at(t, history.Call{Kind: history.Adopt, By: by, Session: id, SignIn: "sso", Issued: 5 * ms, Saw: 1})
}

// signedIn is adopt of a provider's session in a tenant.
func signedIn(t time.Duration, by, id, tenant string) history.Call {
	c := adopt(t, by, id)
	c.Tenant, c.User, c.SignIn, c.Issuer, c.Name = tenant, "alice", "sso in "+tenant, "id.example", "sso"
	return c
}

func logout(t time.Duration) history.Call {
	return at(t, history.Call{Kind: history.EndSignIn, Name: "sso"})
}

func revokePerson(t time.Duration, issuer string) history.Call {
	return at(t, history.Call{Kind: history.RevokePerson, Tenant: "-", User: "alice", Issuer: issuer})
}

func staleTenant(t time.Duration, made int) history.Call {
	c := regrant(t, made)
	c.Kind = history.StaleTenant
	return c
}

func regrant(t time.Duration, made int) history.Call {
	return at(t, history.Call{Kind: history.Regrant, Made: made, Role: made%2 == 1})
}

func activate(tenant string) history.Call {
	return at(0, history.Call{Kind: history.Activate, Tenant: tenant, User: "-"})
}

// A loss excuses an instance that does not know of a block, or of the end of a sign-in, while those
// that know may not have seen it; it excuses none that knows.
func TestTheJudgeKnowsWhatALossExcuses(t *testing.T) {
	for name, c := range map[string]struct {
		calls         []history.Call
		wrong, window int
	}{
		"a block, by an instance that does not know":           {[]history.Call{change(20*ms, history.Block, ""), bornBy(60*ms, "b")}, 0, 1},
		"the same, too late":                                   {[]history.Call{change(20*ms, history.Block, ""), bornBy(200*ms, "b")}, 1, 0},
		"the instance that blocked":                            {[]history.Call{change(20*ms, history.Block, ""), bornBy(60*ms, "a")}, 1, 0},
		"a block after the loss":                               {[]history.Call{change(55*ms, history.Block, ""), bornBy(60*ms, "b")}, 1, 0},
		"the end of a sign-in, by one that does not know":      {[]history.Call{adopt(10*ms, "a", "s"), change(20*ms, history.Revoke, "s"), adopt(60*ms, "b", "o")}, 0, 1},
		"the same, later":                                      {[]history.Call{adopt(10*ms, "a", "s"), change(20*ms, history.Revoke, "s"), adopt(200*ms, "b", "o")}, 1, 0},
		"by the one that ended it, though it adopted it never": {[]history.Call{adopt(10*ms, "b", "s"), change(20*ms, history.Revoke, "s"), adopt(60*ms, "a", "o")}, 1, 0},
		"the provider's logout, later":                         {[]history.Call{signedIn(10*ms, "a", "s", "acme"), logout(20 * ms), signedIn(200*ms, "b", "o", "acme")}, 1, 0},
	} {
		log := history.New()
		for _, call := range append(c.calls, activate("acme")) {
			log.Add(call)
		}
		log.AddLoss(history.Loss{At: 40 * ms, Till: 50 * ms})
		verdict := log.Judge(history.Rules{Loss: 100 * ms, Granted: true})
		if len(verdict.Wrong) != c.wrong || len(verdict.Window) != c.window {
			t.Errorf("%s: wrong %v, in the window %v", name, verdict.Wrong, verdict.Window)
		}
	}
}

// later is of a token that the provider has issued later.
func later(c history.Call) history.Call {
	c.Issued += 20 * ms
	return c
}

func bornBy(t time.Duration, by string) history.Call {
	c := born(t, "s")
	c.By = by
	return c
}

func stepUp(t time.Duration) history.Call {
	return at(t, history.Call{Kind: history.Move, Session: "s", Next: "n", Graced: true, Saw: 1})
}

// The judge finds each planted fault of adoptions, blocks, grants and graces, and nothing else.
func TestTheJudgeFindsWhatGrantsBlocksAndGracesDoNotAllow(t *testing.T) {
	moved := history.Call{Kind: history.Move, Session: "s", Next: "n", Saw: 1}
	for name, c := range map[string]struct {
		calls []history.Call
		wrong string // "" is nothing
	}{
		"the grants before a change":                    {[]history.Call{born(10*ms, "s"), regrant(20*ms, 2), act(30*ms, "b", "s", 1)}, "role"},
		"the grants after it":                           {[]history.Call{born(10*ms, "s"), regrant(20*ms, 2), act(30*ms, "b", "s", 2)}, ""},
		"grants before a change without an answer":      {[]history.Call{born(10*ms, "s"), answered(regrant(20*ms, 2), history.Unknown), act(30*ms, "b", "s", 1)}, ""},
		"grants that nobody made":                       {[]history.Call{born(10*ms, "s"), act(30*ms, "b", "s", 9)}, "made up"},
		"a sign-in with the grants before a change":     {[]history.Call{regrant(5*ms, 2), at(10*ms, history.Call{Kind: history.Create, Session: "s", Saw: 1})}, "role"},
		"a session of a blocked user":                   {[]history.Call{born(10*ms, "s"), change(20*ms, history.Block, ""), act(30*ms, "b", "s", 1)}, "revoked"},
		"a sign-in of a blocked user":                   {[]history.Call{change(20*ms, history.Block, ""), born(30*ms, "s")}, "blocked"},
		"a sign-in after the block was lifted":          {[]history.Call{change(20*ms, history.Block, ""), change(24*ms, history.Unblock, ""), born(30*ms, "s")}, ""},
		"an unblocking that lands after a later block":  {[]history.Call{answered(change(20*ms, history.Unblock, ""), history.Unknown), change(24*ms, history.Block, ""), born(30*ms, "s")}, "blocked"},
		"a sign-in that is adopted again and again":     {[]history.Call{adopt(10*ms, "a", "s"), adopt(20*ms, "b", "s")}, ""},
		"one whose session was revoked":                 {[]history.Call{adopt(10*ms, "a", "s"), change(20*ms, history.Revoke, "s"), adopt(30*ms, "b", "o")}, "adopted"},
		"one whose session has moved":                   {[]history.Call{adopt(10*ms, "a", "s"), at(20*ms, moved), adopt(30*ms, "b", "n")}, ""},
		"one whose moved session was revoked":           {[]history.Call{adopt(10*ms, "a", "s"), at(20*ms, moved), change(24*ms, history.Revoke, "n"), adopt(30*ms, "b", "o")}, "adopted"},
		"one whose session may have moved before":       {[]history.Call{adopt(10*ms, "a", "s"), answered(at(20*ms, moved), history.Unknown), change(24*ms, history.Revoke, "s"), adopt(30*ms, "b", "o")}, ""},
		"one whose session may have moved later":        {[]history.Call{adopt(10*ms, "a", "s"), change(20*ms, history.Revoke, "s"), answered(at(24*ms, moved), history.Unknown), adopt(30*ms, "b", "o")}, "adopted"},
		"one of before, whose session a later one made": {[]history.Call{change(8*ms, history.RevokeUser, ""), later(adopt(10*ms, "a", "s")), adopt(30*ms, "b", "s")}, ""},
		"the same, whose session may have moved":        {[]history.Call{change(8*ms, history.RevokeUser, ""), later(adopt(10*ms, "a", "s")), answered(at(20*ms, moved), history.Unknown), adopt(30*ms, "b", "n")}, ""},
		"the same, and another session":                 {[]history.Call{change(8*ms, history.RevokeUser, ""), later(adopt(10*ms, "a", "s")), adopt(30*ms, "b", "n")}, "adopted"},
		"one that was issued before a revocation":       {[]history.Call{change(8*ms, history.RevokeUser, ""), adopt(30*ms, "b", "s")}, "adopted"},
		"one that was issued after it":                  {[]history.Call{change(1*ms, history.RevokeUser, ""), adopt(30*ms, "b", "s")}, ""},
		"one that was said to be over":                  {[]history.Call{answered(adopt(10*ms, "a", ""), history.Ended), adopt(30*ms, "b", "s")}, "adopted"},
		"the grants before a change of the tenant's":    {[]history.Call{born(10*ms, "s"), staleTenant(20*ms, 2), act(30*ms, "b", "s", 1)}, "role"},
		"the grants after it, and one of the user's":    {[]history.Call{born(10*ms, "s"), staleTenant(20*ms, 2), regrant(24*ms, 3), act(30*ms, "b", "s", 3)}, ""},
		"a request after the provider's logout":         {[]history.Call{signedIn(10*ms, "a", "s", "acme"), logout(20 * ms), act(30*ms, "b", "s", 1)}, "revoked"},
		"one of a session that has moved":               {[]history.Call{signedIn(10*ms, "a", "s", "acme"), at(14*ms, moved), logout(20 * ms), act(30*ms, "b", "n", 1)}, "revoked"},
		"a token after the provider's logout":           {[]history.Call{signedIn(10*ms, "a", "s", "acme"), logout(20 * ms), signedIn(30*ms, "b", "o", "acme")}, "adopted"},
		"a first token after it":                        {[]history.Call{logout(1 * ms), signedIn(30*ms, "b", "o", "acme")}, "adopted"},
		"a first token in another tenant after it":      {[]history.Call{activate("globex"), signedIn(10*ms, "a", "s", "acme"), logout(20 * ms), signedIn(30*ms, "b", "o", "globex")}, "adopted"},
		"a token of another session there":              {[]history.Call{logout(1 * ms), adopt(30*ms, "b", "o")}, ""},
		"a session of a person who was revoked":         {[]history.Call{signedIn(10*ms, "a", "s", "acme"), revokePerson(20*ms, "id.example"), act(30*ms, "b", "s", 1)}, "revoked"},
		"one beside it, in the same tenant":             {[]history.Call{signedIn(10*ms, "a", "s", "acme"), born(14*ms, "o"), revokePerson(20*ms, "id.example"), act(30*ms, "b", "o", 1)}, "revoked"},
		"one that no provider has signed in":            {[]history.Call{born(14*ms, "o"), revokePerson(20*ms, "id.example"), act(30*ms, "b", "o", 1)}, ""},
		"one of another provider's person":              {[]history.Call{signedIn(10*ms, "a", "s", "acme"), revokePerson(20*ms, "other.example"), act(30*ms, "b", "s", 1)}, ""},
		"a person's token of before, in another tenant": {[]history.Call{activate("globex"), revokePerson(20*ms, "id.example"), signedIn(30*ms, "b", "o", "globex")}, "adopted"},
		"a later token of a named one that never was":   {[]history.Call{answered(signedIn(10*ms, "a", "", "acme"), history.Ended), later(signedIn(30*ms, "b", "s", "acme"))}, "adopted"},
		"a later token of one that never was":           {[]history.Call{answered(adopt(10*ms, "a", ""), history.Ended), later(adopt(30*ms, "b", "s"))}, ""},
		"a former id in its grace":                      {[]history.Call{born(10*ms, "s"), stepUp(20 * ms), act(60*ms, "b", "s", 1)}, ""},
		"a former id after it":                          {[]history.Call{born(10*ms, "s"), stepUp(20 * ms), act(80*ms, "b", "s", 1)}, "revoked"},
		"a former id whose successor has ended":         {[]history.Call{born(10*ms, "s"), stepUp(20 * ms), change(30*ms, history.Revoke, "n"), act(40*ms, "b", "s", 1)}, "revoked"},
		"a former id that was given other grants":       {[]history.Call{born(10*ms, "s"), stepUp(20 * ms), regrant(30*ms, 2), act(40*ms, "b", "s", 1)}, "role"},
		"a refresh by a former id in its grace":         {[]history.Call{born(10*ms, "s"), stepUp(20 * ms), change(40*ms, history.Refresh, "s")}, "revoked"},
		"a former id that a refresh has found replaced": {[]history.Call{born(10*ms, "s"), stepUp(20 * ms), answered(change(30*ms, history.Refresh, "s"), history.Ended), act(40*ms, "b", "s", 1)}, ""},
	} {
		log := history.New()
		for _, call := range append(c.calls, at(0, history.Call{Kind: history.Activate})) {
			log.Add(call)
		}
		verdict := log.Judge(history.Rules{Grace: 20 * ms, RotateGrace: 50 * ms, Granted: true})
		found := ""
		for _, w := range verdict.Wrong {
			found = w.What
		}
		if found != c.wrong || len(verdict.Wrong) > 1 {
			t.Errorf("%s: found %v, want %q", name, verdict.Wrong, c.wrong)
		}
	}
}

// Of two tokens of a sign-in that has not ended, the later one makes the session, and the earlier one,
// from before a revocation, finds it: that is a matter of the one that was answered first.
func TestTheJudgeAsksWhichTokenMadeTheSession(t *testing.T) {
	for name, c := range map[string]struct {
		early, late time.Duration // when each token is shown
		wrong       int
	}{
		"the later one, and then the earlier":      {60 * ms, 40 * ms, 0},
		"the later one, and meanwhile the earlier": {41 * ms, 40 * ms, 0},
		"the earlier one first":                    {40 * ms, 60 * ms, 1},
	} {
		log := history.New()
		for _, call := range []history.Call{activate("acme"), change(10*ms, history.RevokeAll, ""), later(adopt(c.late, "b", "s")), adopt(c.early, "a", "s")} {
			log.Add(call)
		}
		if verdict := log.Judge(history.Rules{Granted: true}); len(verdict.Wrong) != c.wrong {
			t.Errorf("%s: wrong %v", name, verdict.Wrong)
		}
	}
}
