package authz

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// DecisionKind tells the decisions of one request apart.
type DecisionKind uint8

// A request has one decision about its route, one for each [RequireMaxAge] and
// [RequireAMR] and [RequireACR] about how the caller signed in, and one about each object its handler asks
// for. A stream that is cut off reports a final StreamDecision: see [Stream].
const (
	RouteDecision DecisionKind = iota + 1
	ObjectDecision
	SignInDecision
	StreamDecision
	ListDecision
	FieldsDecision
)

// String returns "route", "object", "sign-in", "stream", "list" or "fields".
func (k DecisionKind) String() string {
	switch k {
	case ObjectDecision:
		return "object"
	case SignInDecision:
		return "sign-in"
	case StreamDecision:
		return "stream"
	case ListDecision:
		return "list"
	case FieldsDecision:
		return "fields"
	}
	return "route"
}

// Event describes one decision to an [Observer]. It carries no secret and no attribute of
// the caller or the object, so it can be logged as it is.
type Event struct {
	Kind DecisionKind

	// Tenant and User are the caller's, and Session is the digest of the session's id. Of a
	// request that was refused although its token is genuine, to a session that is no more or
	// under another tenant's name, they are those of the token. They are zero for an anonymous
	// caller. Session is "" too where no session was adopted for a token of another provider.
	Tenant  tenant.ID
	User    session.UserID
	Session string

	// Adopted says that the caller's token is another identity provider's, and that their session
	// was found by the sign-in there or made at its first token. Which of the two, the Observer of
	// the session.Manager is told.
	Adopted bool

	// Principal says that the caller is one of [Guard.As]: a job or a webhook, without a session.
	Principal bool

	// Edge says that the session was not asked for, because that was not possible, and that the
	// request is decided by what the node remembers: see [Config].InsecureEdge.
	Edge bool

	// Advisory says that the decision was asked for by [Can] or [Allowed], for a menu: where it is a
	// denial, nothing was attempted and nothing refused.
	Advisory bool

	// Actors are those who act as User, the current one first, and none where nobody does. Of
	// a request that was refused before its session was loaded, nothing is known of them.
	Actors session.Actors

	Action   policy.Action // the method for a route
	Object   string        // the route as [Route.Object] names it, or the object's type and id
	Decision policy.Decision

	// Err is nil when the request goes on. Otherwise it is why not: the refusal, or the
	// outage. It is for logs and never for the client.
	Err error

	// Status is the HTTP status that refuses the request, 0 when it goes on.
	Status int

	// Elapsed is the time the decision took, from the request's bytes for a route. For a
	// stream it is how long it was open.
	Elapsed time.Duration
}

// by says whose session the event is about, and who acts by it, unless ref names none.
func (e *Event) by(ref session.Ref, actors session.Actors) {
	if ref.User.IsZero() {
		return
	}
	e.Tenant, e.User, e.Actors = ref.Tenant, ref.User, actors
	if !ref.ID.IsZero() {
		e.Session = ref.ID.Fingerprint()
	}
}

// Observer is told of decisions. ctx is the request's.
type Observer func(ctx context.Context, e Event)

// LogValue returns the event as a group of attributes, one record per decision.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("decision", e.Outcome()),
		slog.String("kind", e.Kind.String()),
		slog.String("tenant", e.Tenant.String()),
		slog.String("caller", e.caller()),
		slog.String("action", string(e.Action)),
		slog.String("object", e.Object),
		slog.String("revision", e.Decision.Revision),
		slog.Int64("us", e.Elapsed.Microseconds()),
	}
	if e.Adopted {
		attrs = append(attrs, slog.Bool("adopted", true))
	}
	if e.Edge {
		attrs = append(attrs, slog.Bool("edge", true))
	}
	if e.Advisory {
		attrs = append(attrs, slog.Bool("advisory", true))
	}
	if e.Principal {
		attrs = append(attrs, slog.Bool("principal", true))
	}
	attrs = append(attrs, e.actors()...)
	if len(e.Decision.Reasons) > 0 {
		r := e.Decision.Reasons[0]
		attrs = append(attrs, slog.String("rule", r.File+":"+strconv.Itoa(r.Line)))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Int("status", e.Status), slog.String("cause", e.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// Outcome returns "allow", "deny", or "error" when no decision could be made.
func (e Event) Outcome() string {
	switch {
	case e.Err == nil:
		return "allow"
	case e.Status >= 500:
		return "error"
	}
	return "deny"
}

func (e Event) caller() string {
	if e.User.IsZero() {
		return "anonymous"
	}
	return e.User.String()
}

// actors says who acts as the caller now, and where several act one as the other, who they all
// are.
func (e Event) actors() []slog.Attr {
	now, acts := e.Actors.Current()
	if !acts {
		return nil
	}
	attrs := []slog.Attr{slog.String("actor", now.User.String())}
	if e.Actors.Len() > 1 {
		var all []string
		for a := range e.Actors.All() {
			all = append(all, a.User.String())
		}
		attrs = append(attrs, slog.Any("actors", all))
	}
	return attrs
}

// objectName is the object as rules name it.
func objectName(obj Object) string {
	switch {
	case obj.Route != "":
		return obj.Route
	case obj.ID == "":
		return obj.Type
	}
	return obj.Type + ":" + obj.ID
}
