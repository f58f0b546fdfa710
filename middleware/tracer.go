package middleware

import (
	"context"
	"errors"
)

// Stage is a part of the life of a request, in the order in which they follow each other.
type Stage uint8

// The stages. A request has the first six at most once each; StageCheck is one object that a
// handler asks about. The zero Stage is none.
const (
	StageCanonical Stage = iota + 1 // the target has one reading
	StageExtract                    // one credential, or none
	StageVerify                     // the token, without its proof
	StageProof                      // a DPoP proof, and that it is used once
	StageLoad                       // the session
	StageTenant                     // the request names no other tenant
	StageDecide                     // the policy about the route
	StageHandler                    // the service
	StageCheck                      // the policy about an object
)

var stageNames = [...]string{
	StageCanonical: "canonical", StageExtract: "extract", StageVerify: "verify", StageProof: "proof",
	StageLoad: "load", StageTenant: "tenant", StageDecide: "decide", StageHandler: "handler", StageCheck: "check",
}

// String returns the stage's name in lower case, for spans and metrics.
func (s Stage) String() string {
	if int(s) < len(stageNames) && s != 0 {
		return stageNames[s]
	}
	return "none"
}

// TraceStart describes a stage that begins. It holds no id, no token and nothing else that a
// client sent.
type TraceStart struct {
	Stage Stage

	// Route is the template of the route as rules name it, where it is known: at StageDecide
	// and StageHandler. Otherwise "".
	Route string

	// Action and ObjectType are those of StageCheck, as the service wrote them.
	Action, ObjectType string
}

// TraceEnd describes a stage that ended.
type TraceEnd struct {
	Stage Stage

	// Err is nil when the request goes on. Otherwise it is the exported error by which the
	// table answers, without what was wrapped around it, so it holds no id; see [Cause]. For an
	// error that no row of the table knows it is one fixed error, and so it is after a panic.
	Err error

	// Revision is the policy's, at StageDecide and StageCheck.
	Revision string
}

// Tracer is told when a stage begins and when it ends, in the goroutine of the request, so that
// spans and histograms can be made of it. StageStart returns the context that the stage runs
// with, most often ctx with a span, and StageEnd gets that context back. Each start has one
// end, also when the stage panics. Methods must be quick and safe for concurrent use; they
// cannot change a decision.
type Tracer interface {
	StageStart(ctx context.Context, data TraceStart) context.Context
	StageEnd(ctx context.Context, data TraceEnd)
}

// StartStage tells t of a stage that begins, and returns the context that the stage runs with: t's, or
// ctx when that is nil.
func StartStage(ctx context.Context, t Tracer, data TraceStart) context.Context {
	if started := t.StageStart(ctx, data); started != nil {
		return started
	}
	return ctx
}

// errUntraced stands for errors of the service, whose texts may hold anything.
var errUntraced = errors.New("middleware: an error that is not Reeve's")

// TraceError returns what a [Tracer] is told of an error, nil for nil.
func TraceError(err error) error {
	if err == nil {
		return nil
	}
	if cause := Cause(err); cause != nil {
		return cause
	}
	return errUntraced
}

// trace runs f as a stage. A nil tracer costs nothing but the call.
func trace(ctx context.Context, t Tracer, stage Stage, f func(ctx context.Context) error) error {
	if t == nil {
		return f(ctx)
	}
	return traced(ctx, t, stage, f)
}

func traced(ctx context.Context, t Tracer, stage Stage, f func(ctx context.Context) error) error {
	ctx = StartStage(ctx, t, TraceStart{Stage: stage})
	err := errUntraced // of a panic
	defer func() { t.StageEnd(ctx, TraceEnd{Stage: stage, Err: TraceError(err)}) }()
	err = f(ctx)
	return err
}
