package session

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"unique"

	"github.com/reevehq/reeve/internal/invisible"
)

// Limits of a chain of actors.
const (
	MaxActors       = 4   // an administrator as a colleague as a customer is three
	MaxReasonLength = 256 // bytes
)

// Actor is somebody who acts as another user, and why.
type Actor struct {
	User   UserID `json:"user"`
	Reason string `json:"reason"`
}

// Actors is an immutable chain of those who act as the user of a session, as in the act
// claim of RFC 8693 §4.1: the first acts now, each further one acted as the one before.
// The zero Actors is empty, as it is for a user who signed in.
type Actors struct{ chain *[]Actor } // nil for none, which takes the least memory

// NewActors returns the chain, or an error wrapping [ErrInvalid] for more than [MaxActors],
// an actor without a user, or a reason that is empty or shows nothing, is over [MaxReasonLength] bytes, not
// UTF-8, or has characters that do not print.
func NewActors(chain ...Actor) (Actors, error) {
	if len(chain) > MaxActors {
		return Actors{}, fmt.Errorf("%w: %d actors, at most %d are allowed", ErrInvalid, len(chain), MaxActors)
	}
	for _, a := range chain {
		if a.User.IsZero() {
			return Actors{}, fmt.Errorf("%w: an actor without a user", ErrInvalid)
		}
		if invisible.All(a.Reason) {
			return Actors{}, fmt.Errorf("%w: an actor without a reason", ErrInvalid)
		}
		if err := checkLine("reason", a.Reason, MaxReasonLength); err != nil {
			return Actors{}, err
		}
	}
	if len(chain) == 0 {
		return Actors{}, nil
	}
	kept := slices.Clone(chain)
	return Actors{&kept}, nil
}

// Len returns the number of actors.
func (a Actors) Len() int { return len(a.list()) }

func (a Actors) list() []Actor {
	if a.chain == nil {
		return nil
	}
	return *a.chain
}

// All iterates over the chain, the current actor first.
func (a Actors) All() iter.Seq[Actor] { return slices.Values(a.list()) }

// Current returns who acts now, and false when the user does.
func (a Actors) Current() (Actor, bool) {
	if a.Len() == 0 {
		return Actor{}, false
	}
	return a.list()[0], true
}

// actorKey is the context's key of the actor.
type actorKey struct{}

// WithActor returns a context for what is done outside a request because of somebody who acts
// as another, such as a job that they began: see [ActorFromContext].
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFromContext returns who acts in what is done with ctx: the actor of [WithActor], or the
// current one of the session of the request that ctx belongs to. It returns false when nobody
// acts as another. Stores name that actor in the events of what they change.
func ActorFromContext(ctx context.Context) (Actor, bool) {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a, !a.User.IsZero()
	}
	s, _ := FromContext(ctx)
	return s.Actors.Current()
}

// Origin names the session out of which somebody acts as another user. It belongs to the
// current actor, in the same tenant, and stays as it was then: once it ends or is changed, the
// session that names it is dead. Origins are comparable; the zero Origin names none.
type Origin struct{ handle unique.Handle[origin] }

type origin struct {
	id      ID
	version uint64
}

// NewOrigin returns the origin of what is done out of the session of id in that version.
func NewOrigin(id ID, version uint64) Origin { return Origin{unique.Make(origin{id, version})} }

// ID returns the id of the session, zero for the zero Origin.
func (o Origin) ID() ID { return o.value().id }

// Version returns the version that the session has while somebody acts out of it.
func (o Origin) Version() uint64 { return o.value().version }

func (o Origin) value() origin {
	if o == (Origin{}) {
		return origin{}
	}
	return o.handle.Value()
}
