//go:build unix

package service_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service"
)

// The first signal ends the context, with its name as the cause, and the second the process.
func TestTheSecondSignalExits(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		exited := make(chan int, 1)
		ctx, stop := service.StopContext(t.Context(), quiet(), func(code int) { exited <- code })
		raise := func() {
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				t.Fatal(err)
			}
		}
		raise()
		testwait.Until(t, "the context is over", func() bool { return ctx.Err() != nil })
		if cause := context.Cause(ctx).Error(); !strings.Contains(cause, sig.String()) {
			t.Errorf("the cause is %s", cause)
		}
		select {
		case <-exited:
			t.Error("the first signal exits")
		default:
		}
		raise()
		select {
		case got := <-exited:
			if got != code {
				t.Errorf("%v: exit %d", sig, got)
			}
		case <-time.After(testwait.Limit):
			t.Error("the second signal does not exit")
		}
		stop()
		stop() // as a deferred one beside another does
	}
}
