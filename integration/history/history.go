// Package history judges what the instances of a service did, call by call, by a model of
// what they must not allow.
//
//	log := history.New()
//	...                                   // calls and faults are added to the log
//	verdict := log.Judge(history.Rules{Lease: time.Second})
//	verdict.Wrong                         // allows that no order of the calls explains
//	verdict.Refused                       // live sessions that were refused, each with why
//
// A call counts from its invocation to its return by one clock. A call that was acknowledged
// before another was invoked came before it; of calls at the same time either may be first. A
// call that ended in an outage allows nothing and promises nothing, and may have happened,
// until a later change of the same thing was acknowledged.
package history

import (
	"fmt"
	"sync"
	"time"
)

// Kind says what a call does.
type Kind string

// The kinds of call.
const (
	Act          Kind = "request"       // something done by a session
	List         Kind = "list"          // a session as it stands in the list of its user's, or does not
	Create       Kind = "sign-in"       // Session is the new one
	Update       Kind = "update"        // the session has a new step
	Move         Kind = "move"          // of Session to Next: a rotation, step-up or switch of tenant
	Refresh      Kind = "refresh"       // Presented is a refresh token
	Revoke       Kind = "revoke"        // of one session
	RevokeOthers Kind = "revoke-others" // of all of the user's sessions but Session
	RevokeUser   Kind = "revoke-user"
	RevokeTenant Kind = "revoke-tenant"
	RevokeAll    Kind = "revoke-all"
	Suspend      Kind = "suspend"
	Activate     Kind = "activate"
	Adopt        Kind = "adopt"         // of SignIn at a provider; Session is the one that it has
	Regrant      Kind = "regrant"       // all sessions of the user have a new step: see Rules.Granted
	StaleTenant  Kind = "stale-tenant"  // of all users of a tenant: a Regrant of each, made at once
	EndSignIn    Kind = "end-sign-in"   // of the provider's session Name, in every tenant and for ever
	RevokePerson Kind = "revoke-person" // RevokeUser in every tenant where the Issuer has signed the User in
	Block        Kind = "block"         // of the user; it ends what RevokeUser does
	Unblock      Kind = "unblock"
)

// Answer says what came of a call.
type Answer string

// The answers.
const (
	Done      Answer = "done"      // acknowledged; of a request: it was let through
	Ended     Answer = "ended"     // the session is not live
	Inactive  Answer = "inactive"  // the tenant of the session is not active
	Forbidden Answer = "forbidden" // the session's state does not allow it
	Blocked   Answer = "blocked"   // the user may have no session
	Reused    Answer = "reused"    // of a refresh token; the session has ended by it
	Nothing   Answer = "nothing"   // a conflict: nothing happened and nothing was said
	Unknown   Answer = "unknown"   // an outage
)

// Call is one call of an instance.
type Call struct {
	Kind   Kind
	Answer Answer
	By     string // the instance

	Session string // whose call it is; of a Create the new one
	Next    string // of a Move
	Tenant  string // of Session, or that is meant
	User    string // in that tenant
	To      string // the tenant of Next, "" for the same one
	Graced  bool   // of a Move: requests by Session go on for Rules.RotateGrace

	SignIn string        // of an Adopt, the same for all tokens of one sign-in
	Issuer string        // of an Adopt and a RevokePerson
	Name   string        // of an Adopt and an EndSignIn: of the provider's session, "" for none
	Issued time.Duration // of an Adopt: an end that began before may count as one before the sign-in

	// The states of a session are counted in steps, in the order in which its user made
	// them, whether they were acknowledged or not. Saw is the one that a call found, and
	// Made the one that it made. With Rules.Granted they are those of the user in the tenant.
	Saw, Made int
	Role      bool // of Made: whether it has the role that requests may need
	Needs     bool // of a request: whether it needs that role

	Presented int // of a Refresh: how many refreshes led to the token, by this session's id

	Invoked, Returned time.Duration // since the log began
}

// Rollback is a time at which an older state took the place of what there was. Everything that
// was acknowledged from From on may be lost. The older state answers from somewhere between
// Down and Up on, and certainly from Up.
type Rollback struct{ From, Down, Up time.Duration }

// Loss is a time from which on anything that was acknowledged since From, and before Till, may
// be lost without a trace, such as by an eviction.
type Loss struct{ From, At, Till time.Duration }

// Cut is a time in which an instance could ask nobody, and so must allow nothing. With an
// empty Who it is about every instance.
type Cut struct {
	Who        string
	From, Till time.Duration
}

// Fault is a time in which something was broken.
type Fault struct{ From, Till time.Duration }

// Log is a history. Its methods are safe for concurrent use.
type Log struct {
	began time.Time

	mu        sync.Mutex
	calls     []Call
	rollbacks []Rollback
	losses    []Loss
	cuts      []Cut
	faults    []Fault
}

// New returns an empty log that begins now.
func New() *Log { return &Log{began: time.Now()} }

// Began returns when the log began.
func (l *Log) Began() time.Time { return l.began }

// Now returns the time since the log began.
func (l *Log) Now() time.Duration { return time.Since(l.began) }

// Call makes a call and adds it. do fills in what came of it.
func (l *Log) Call(c Call, do func(c *Call)) Call {
	c.Invoked = l.Now()
	do(&c)
	c.Returned = l.Now()
	l.Add(c)
	return c
}

// Add adds a call.
func (l *Log) Add(c Call) { l.add(func() { l.calls = append(l.calls, c) }) }

// AddRollback adds a rollback.
func (l *Log) AddRollback(r Rollback) { l.add(func() { l.rollbacks = append(l.rollbacks, r) }) }

// AddLoss adds a loss.
func (l *Log) AddLoss(loss Loss) { l.add(func() { l.losses = append(l.losses, loss) }) }

// AddCut adds a cut.
func (l *Log) AddCut(c Cut) { l.add(func() { l.cuts = append(l.cuts, c) }) }

// AddFault adds a fault, after those that began before.
func (l *Log) AddFault(f Fault) { l.add(func() { l.faults = append(l.faults, f) }) }

func (l *Log) add(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what()
}

// Disturbances tells what was done to the store, and when.
func (l *Log) Disturbances() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("rollbacks %v, losses %v, cuts %v", l.rollbacks, l.losses, l.cuts)
}

// Count returns how many calls of the kinds had an answer, all calls of them for "".
func (l *Log) Count(answer Answer, kinds ...Kind) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		for _, k := range kinds {
			if c.Kind == k && (answer == "" || c.Answer == answer) {
				n++
			}
		}
	}
	return n
}

// Changes are the kinds of call that change something but for Create.
var Changes = []Kind{Update, Move, Refresh, Revoke, RevokeOthers, RevokeUser, RevokeTenant, RevokeAll, Suspend, Activate, Regrant, StaleTenant, EndSignIn, RevokePerson, Block, Unblock}

// Summary returns how many calls of each kind had each answer.
func (l *Log) Summary() map[Kind]map[Answer]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[Kind]map[Answer]int{}
	for _, c := range l.calls {
		if counts[c.Kind] == nil {
			counts[c.Kind] = map[Answer]int{}
		}
		counts[c.Kind][c.Answer]++
	}
	return counts
}
