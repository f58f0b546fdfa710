package authz

import (
	"net/http"

	"github.com/reevehq/reeve/middleware"
)

// Tracer is told when a stage of a request begins and ends: see [middleware.Tracer].
type Tracer = middleware.Tracer

// next runs the handler as a stage.
func (g *Guard) next(x Exchange, r *http.Request, caller *Caller) (err error) {
	if g.tracer == nil {
		return x.Next(r)
	}
	ctx := middleware.StartStage(r.Context(), g.tracer, middleware.TraceStart{Stage: middleware.StageHandler, Route: caller.route})
	end := middleware.TraceEnd{Stage: middleware.StageHandler, Err: middleware.TraceError(errDecider)}
	defer func() { g.tracer.StageEnd(ctx, end) }()
	err = x.Next(r.WithContext(ctx))
	end.Err = middleware.TraceError(err)
	return err
}
