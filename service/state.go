package service

// State is where a service is in its life. The zero State is Stopped, in which nothing is served.
type State uint8

// The states, in the usual order.
const (
	Stopped  State = iota // before the start and after the end
	Starting              // parts are being opened
	Running               // requests are served, and every check passes
	Degraded              // requests are served, and a check fails
	Paused                // an operator has paused it: new requests are refused with 503
	Draining              // requests in flight finish, and parts are being closed
)

// States are all of them.
func States() []State { return []State{Stopped, Starting, Running, Degraded, Paused, Draining} }

// moves are the allowed moves. Every other one is refused.
var moves = map[State][]State{
	Stopped:  {Starting},
	Starting: {Running, Degraded, Draining},
	Running:  {Degraded, Paused, Draining},
	Degraded: {Running, Paused, Draining},
	Paused:   {Running, Degraded, Draining},
	Draining: {Stopped},
}

// Moves returns the states that may follow, in the order of [States].
func (s State) Moves() []State { return append([]State(nil), moves[s]...) }

// CanMove reports whether another state may follow.
func (s State) CanMove(to State) bool {
	for _, next := range moves[s] {
		if next == to {
			return true
		}
	}
	return false
}

// Serves reports whether new requests are served: in Running, in Degraded, and in Draining, while
// clients have not yet heard that they should ask elsewhere. See [Lifecycle.Serves] for a Draining that
// follows a state in which they are not.
func (s State) Serves() bool { return s == Running || s == Degraded || s == Draining }

// String returns the name in lower case. A number that is no state is "unknown".
func (s State) String() string {
	switch s {
	case Stopped:
		return "stopped"
	case Starting:
		return "starting"
	case Running:
		return "running"
	case Degraded:
		return "degraded"
	case Paused:
		return "paused"
	case Draining:
		return "draining"
	}
	return "unknown"
}
