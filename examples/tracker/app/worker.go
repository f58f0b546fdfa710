package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant/job"
)

// worker writes exports. Its queue stands for one that other programs can reach: a job is
// believed because it is signed.
type worker struct {
	app    *App
	sealer *job.Sealer
	guard  *authz.Guard
	queue  chan string
	ctx    context.Context // of the goroutine
	stop   context.CancelFunc
	ended  sync.WaitGroup
	open   sync.WaitGroup // jobs that are not done
}

func newWorker(a *App) (*worker, error) {
	key, err := job.NewKey("1", randomKey().Bytes())
	if err != nil {
		return nil, err
	}
	sealer, err := job.NewSealer(job.Config{Queue: "exports", Keys: []job.Key{key}, Lifetime: time.Hour, Statuses: a.tenants})
	if err != nil {
		return nil, err
	}
	w := &worker{app: a, sealer: sealer, queue: make(chan string, 100)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w, nil
}

// start begins to work. The guard is the one of requests: one policy decides about both.
func (w *worker) start(cfg authz.Config) (err error) {
	if w.guard, err = authz.NewGuard(cfg); err != nil {
		return err
	}
	w.ended.Go(func() {
		for {
			select {
			case <-w.ctx.Done():
				return
			case sealed := <-w.queue:
				w.handle(sealed)
				w.open.Done()
			}
		}
	})
	return nil
}

func (w *worker) close() error {
	w.stop()
	w.ended.Wait()
	return nil
}

// enqueue signs a job for the tenant of ctx, which is the caller's.
func (w *worker) enqueue(ctx context.Context, caller *authz.Caller, exportID string) error {
	sealed, err := w.sealer.Seal(ctx, job.New{Subject: caller.User().String(), Revision: w.app.engine.Revision(), Payload: []byte(exportID)})
	if err != nil {
		return err
	}
	w.open.Add(1)
	select {
	case w.queue <- sealed:
		return nil
	default:
		w.open.Done()
		return echo.NewHTTPError(http.StatusServiceUnavailable, "too many exports are waiting")
	}
}

// attempts and pause are how often, and how long apart, a job is tried that may succeed later.
const (
	attempts = 3
	pause    = time.Second
)

// handle runs a job. The error says what to do next: a queue would park or drop it.
func (w *worker) handle(sealed string) {
	for n := 1; ; n++ {
		err := w.run(sealed)
		if err == nil {
			return
		}
		disposition := job.DispositionOf(err)
		w.app.cfg.Logger.Warn("job", "attempt", n, "disposition", disposition.String(), "error", err)
		if disposition != job.Retry || n == attempts {
			return
		}
		select {
		case <-w.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// run opens a job and does it as its user. The envelope says who that is and for which tenant;
// the database says which roles they have now.
func (w *worker) run(sealed string) error {
	bound, j, err := w.sealer.Open(w.ctx, sealed)
	if err != nil {
		return err
	}
	user, err := session.ParseUserID(j.Subject)
	if err != nil {
		return err
	}
	id := string(j.Payload)
	roles, bound, err := w.app.rolesOf(bound, j.Tenant, user)
	if errors.Is(err, errNoRow) {
		return w.refuse(bound, id) // they have left the organisation
	}
	if err != nil {
		return err
	}
	ctx, err := w.guard.As(w.ctx, authz.Principal{Tenant: j.Tenant, User: user, Roles: roles})
	if err != nil {
		return err
	}
	var e export
	if err := w.app.store.read(bound, getExport, []any{id}, e.fields()...); err != nil {
		return err
	}
	if _, err := authz.Check(ctx, "create", exports.Object(&e)); errors.Is(err, authz.ErrDenied) || errors.Is(err, authz.ErrHidden) {
		return w.refuse(bound, id)
	} else if err != nil {
		return err
	}
	return w.app.writeExport(ctx, id)
}

// refuse ends an export that its user may not have.
func (w *worker) refuse(ctx context.Context, id string) error {
	return w.app.store.write(ctx, finishExport, id, "refused", "")
}
