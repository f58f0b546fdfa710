package authz

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/middleware"
)

// Hiding says whether a signed-in caller who is refused an object learns that there is one.
// The zero Hiding hides nothing.
type Hiding struct {
	hides  bool
	unless Action // "" for none, with hides
}

// HideUnless hides an object from callers who may not do action to it, which is most often
// "read": a refused update of what the caller may read is answered 403, and of what they may
// not read 404.
//
// A refusal then takes a second decision, about action, on the same object with the same
// attributes. It takes less than a microsecond and hides nothing by its time: a handler that
// does not find an object decides nothing at all, and its query takes far longer. An outage
// in the second decision is 503.
//
// action is a word in lower case, as for [Check].
func HideUnless(action Action) Hiding {
	if action == "" {
		action = "\x00" // no word: the config does not build, and a decision about it hides
	}
	return Hiding{hides: true, unless: action}
}

// HideAlways hides every object that is refused, also one that the caller may read.
func HideAlways() Hiding { return Hiding{hides: true} }

// validate returns an error for an action that is not a word.
func (h Hiding) validate() error {
	if h.unless == "" || word.MatchString(string(h.unless)) {
		return nil
	}
	return fmt.Errorf("HideUnless needs an action in lower case, for example HideUnless(\"read\")")
}

// refuse returns what a caller whom the policy refuses an object is told: that they have to
// sign in, that they may not, or that there is no such object.
func (c *Caller) refuse(ctx context.Context, action Action, obj Object) error {
	if c.IsAnonymous() {
		return middleware.ErrAuthenticationRequired
	}
	hiding, ok := c.guard.hideTypes[obj.Type]
	if !ok {
		hiding = c.guard.hide
	}
	switch {
	case !hiding.hides:
		return ErrDenied
	case hiding.unless == "" || hiding.unless == action:
		return ErrHidden
	}
	shown, err := c.guard.decide(ctx, c, middleware.TraceStart{Stage: middleware.StageCheck, Action: string(hiding.unless), ObjectType: obj.Type}, c.request(hiding.unless, obj))
	if failure := asOutage(err); failure != nil {
		return failure
	}
	if err == nil && shown.Allowed() {
		return ErrDenied
	}
	return ErrHidden
}
