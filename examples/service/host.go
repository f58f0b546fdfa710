package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/service"
)

// runHost serves until SIGTERM, Ctrl-C or a stop of the service manager, which take one path, or
// until a part fails.
func runHost(w *environment, cfg *config.Config) error {
	t, err := newTracker(cfg, w.load, w.stdout)
	if err != nil {
		return err
	}
	if cfg.Log.File == "" && w.cli.Platform == "console" {
		var once sync.Once
		t.lifecycle.Observe(func(_, to service.State) {
			if to == service.Running {
				once.Do(func() { fmt.Fprint(w.stdout, banner(t)) })
			}
		})
	}
	return errors.Join(t.run(w), t.log.Close())
}

// runProgram serves as a program: at a terminal, in a container, or as a unit of systemd.
func (t *tracker) runProgram(w *environment) error {
	ctx, stop := service.StopContext(w.ctx, t.log.Logger, w.exit)
	defer stop()
	outliveReaders()
	reload, ended := background(t.reload)
	defer ended()
	defer onHangup(reload)()
	defer notifySystemd(t)()
	return t.group.Run(ctx)
}

// reloadLimit is how long the end waits for a reload that is under way.
const reloadLimit = 2 * time.Second

// background returns a function that has f called soon, by one goroutine, and returns at once: a
// caller who asks for a stop does not wait for a file that cannot be read. All requests while f waits
// to be called are one call. ended ends the goroutine, and waits for f.
func background(f func()) (ask, ended func()) {
	asked, over, idle := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(idle)
		for {
			select {
			case <-over:
				return
			case <-asked:
				select {
				case <-over: // of both, this one counts
					return
				default:
					f()
				}
			}
		}
	}()
	ask = func() {
		select {
		case asked <- struct{}{}:
		default:
		}
	}
	return ask, func() {
		close(over)
		select {
		case <-idle:
		case <-time.After(reloadLimit):
		}
	}
}

func banner(t *tracker) string {
	return fmt.Sprintf(`reeve tracker, as a service
  API     http://%[1]s     users alice, sam, gus (acme), carol, sam, gil (globex), password demo
  health  http://%[2]s/readyz  /livez  /startupz  /metrics
try it
  TOKEN=$(curl -s %[1]s/login -d tenant=acme -d user=gus -d password=demo | jq -r .access_token)
  curl -i %[1]s/tasks/task-1001 -H "Authorization: Bearer $TOKEN"   # 200
  curl -s %[2]s/readyz
`, t.api.Addr(), t.ops.Addr())
}
