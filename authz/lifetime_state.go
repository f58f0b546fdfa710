package authz

// lifeState is where a signed-in request is in its lifetime.
//
//	state           the handler   the context            reads and writes   connection
//	open            runs          has no end of its own  work               the server's, or taken over
//	followed        runs          ends with the session  work               the server's, or taken over
//	ending          runs          has ended              work for 400 ms    the server's, or taken over
//	cut             runs          has ended              fail               the server's, or closed
//	detached        has returned  ends with the session  work               taken over and open
//	detachedEnding  has returned  has ended              about to fail      taken over and open
//	detachedCut     has returned  has ended              fail               taken over, being closed
//	over            has returned  is the server's        -                  -
type lifeState uint8

const (
	lifeOpen lifeState = iota
	lifeFollowed
	lifeEnding
	lifeCut
	lifeDetached
	lifeDetachedEnding
	lifeDetachedCut
	lifeOver
	lifeStates // their number
)

// lifeEvent moves a lifetime to another state.
type lifeEvent uint8

const (
	eventFollow lifeEvent = iota // the request counts as a stream
	eventEnd                     // the token, session, tenant or rule is over
	eventCut                     // the last moments have passed
	eventReturn                  // the handler returns, and holds no connection
	eventDetach                  // the handler returns, and others hold the connection that it took over
	eventClose                   // the connection that the handler took over is closed
	lifeEvents                   // their number
)

// lifeTable is the next state for each state and event. An event that means nothing in a state
// leaves it as it is.
var lifeTable = [lifeStates][lifeEvents]lifeState{
	//                  follow              end                 cut                 return              detach              close
	lifeOpen:           {lifeFollowed, lifeEnding, lifeOpen, lifeOver, lifeDetached, lifeOpen},
	lifeFollowed:       {lifeFollowed, lifeEnding, lifeFollowed, lifeOver, lifeDetached, lifeFollowed},
	lifeEnding:         {lifeEnding, lifeEnding, lifeCut, lifeOver, lifeDetachedEnding, lifeEnding},
	lifeCut:            {lifeCut, lifeCut, lifeCut, lifeOver, lifeDetachedCut, lifeCut},
	lifeDetached:       {lifeDetached, lifeDetachedEnding, lifeDetached, lifeDetached, lifeDetached, lifeOver},
	lifeDetachedEnding: {lifeDetachedEnding, lifeDetachedEnding, lifeDetachedCut, lifeDetachedEnding, lifeDetachedEnding, lifeOver},
	lifeDetachedCut:    {lifeDetachedCut, lifeDetachedCut, lifeDetachedCut, lifeDetachedCut, lifeDetachedCut, lifeOver},
	lifeOver:           {lifeOver, lifeOver, lifeOver, lifeOver, lifeOver, lifeOver},
}

// isCut reports whether nothing goes through the connection any more.
func (s lifeState) isCut() bool { return s == lifeCut || s == lifeDetachedCut }

// step moves the lifetime, and reports whether that changed its state. The lock is held.
func (l *lifetime) step(e lifeEvent) (changed bool) {
	from := l.state
	l.state = lifeTable[from][e]
	if l.state == from {
		return false
	}
	if l.state == lifeOver {
		l.conclude(from)
	}
	return true
}
