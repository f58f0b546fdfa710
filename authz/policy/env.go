package policy

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Attributes of the environment with a meaning of their own. A condition may compare them
// without a row in attributes.csv; a row may repeat one, with the same kind.
const (
	EnvTime    = condition.EnvTime    // int: when the request is decided, in seconds since 1970 (UTC)
	EnvHour    = condition.EnvHour    // int: the hour of the day in UTC, 0 to 23
	EnvWeekday = condition.EnvWeekday // int: the day of the week in UTC, 1 (Monday) to 7 (Sunday), as ISO 8601 counts
	EnvIP      = condition.EnvIP      // string: the client's address, see [condition.FunctionIPMatch]
	EnvMFA     = condition.EnvMFA     // bool: whether the session began with more than one factor (RFC 8176, "mfa")

	// EnvActor is a string: the id of the user who acts as the caller now, of the caller's
	// tenant like r.sub.id, and '' when nobody acts as another. It is never missing: a request
	// without it is one in which nobody does. Of several who act one as the other it is the
	// current actor, whom the others act through.
	EnvActor = condition.EnvActor
)

// EnvAttributes returns the attributes of the environment that are built in, as
// attributes.csv would declare them.
//
// The engine knows the time itself, see [Options], and takes it from a request's Env when
// that has one. Hour and weekday follow the time unless Env has them. All three are UTC:
// an hour that moves twice a year is no basis for a decision. The address, the factors and
// the actor come from Env alone.
func EnvAttributes() []Attribute { return condition.EnvAttributes() }

// instant is the one time by which a request is decided, in seconds. The zero instant is
// unknown.
type instant struct {
	unix  int64
	past  bool // whether the second has begun before
	known bool
}

// tick counts half seconds, of which an even one is the moment at which a second begins, and an
// odd one the rest of it: the times of g rows tell no more apart.
func (t instant) tick() int64 {
	if t.past {
		return 2*t.unix + 1
	}
	return 2 * t.unix
}

// setClock sets the time by which r is decided: that which its environment gives, or else the
// clock's. A time out of range is unknown, and not replaced by another; one of another type is
// an error.
func (e *Engine) setClock(r *Request) error {
	if r.Env != nil {
		if x, ok := r.Env.Get(EnvTime); ok {
			if x != nil && !KindInt.Takes(x) {
				return fmt.Errorf("%w: attribute %s of env is declared int, the service gave %T%s", ErrMisused, EnvTime, x, advice(KindInt, x))
			}
			v, _ := condition.ValueOf(KindInt, x)
			r.now = instant{unix: v.Int(), known: v.Kind() == KindInt}
			return nil
		}
	}
	now := e.clock()
	r.now = instant{now.Unix(), now.Nanosecond() > 0, true}
	return nil
}

const day = 24 * 60 * 60

// get returns the attribute of the environment that follows from the time.
func (t instant) get(name string) (n int64, ok bool) {
	days, seconds := t.unix/day, t.unix%day
	if seconds < 0 {
		days, seconds = days-1, seconds+day
	}
	switch name {
	case EnvTime:
		return t.unix, t.known
	case EnvHour:
		return seconds / (60 * 60), t.known
	case EnvWeekday:
		return (days%7+7+3)%7 + 1, t.known // day 0, 1970-01-01, was a Thursday
	}
	return 0, false
}

// asksRoles reports whether a condition asks for r.sub.roles.
func asksRoles(e condition.Expr) bool {
	for a := range e.Attributes() {
		if a.Part() == condition.PartSubject && a.Name == condition.SubRoles {
			return true
		}
	}
	return false
}

// timed reports whether a condition asks for anything that the clock tells.
func timed(e condition.Expr) bool {
	for a := range e.Attributes() {
		if a.Part() == condition.PartEnv && (a.Name == EnvTime || a.Name == EnvHour || a.Name == EnvWeekday) {
			return true
		}
	}
	return false
}
