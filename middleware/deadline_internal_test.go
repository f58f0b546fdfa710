package middleware

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestADeadlineEndsOnTimeOrWithItsRequestWhoeverWaits(t *testing.T) {
	for name, ask := range map[string]func(d context.Context){
		"nobody waits":      func(context.Context) {},
		"somebody waits":    func(d context.Context) { d.Done() },
		"a derived context": func(d context.Context) { _, cancel := context.WithCancel(d); t.Cleanup(cancel) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDeadline(t.Context(), time.Second)
				ask(d)
				if at, ok := d.Deadline(); !ok || time.Until(at) != time.Second || d.Err() != nil {
					t.Errorf("%v, %v", at, d.Err())
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if !errors.Is(d.Err(), context.DeadlineExceeded) {
					t.Errorf("after its time: %v", d.Err())
				}
				select {
				case <-d.Done():
				default:
					t.Error("it is not done")
				}
				d.end()

				parent, cancel := context.WithCancel(t.Context())
				d = newDeadline(parent, time.Second)
				ask(d)
				cancel()
				synctest.Wait()
				if !errors.Is(d.Err(), context.Canceled) {
					t.Errorf("after its request: %v", d.Err())
				}
				d.end()

				d = newDeadline(t.Context(), time.Second)
				ask(d)
				d.end()
				synctest.Wait()
				if !errors.Is(d.Err(), context.Canceled) {
					t.Errorf("after its end: %v", d.Err())
				}
				<-d.Done()
			})
		})
	}
}

func TestAnEarlierDeadlineOfTheRequestStands(t *testing.T) {
	parent, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, _ := parent.Deadline()
	if got, _ := newDeadline(parent, time.Hour).Deadline(); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAContextDerivedFromADeadlineCostsNoGoroutine(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		d := newDeadline(context.WithValue(t.Context(), key{}, 1), time.Hour)
		before := runtime.NumGoroutine()
		child, cancel := context.WithCancel(d)
		if n := runtime.NumGoroutine() - before; n != 0 {
			t.Errorf("%d goroutines wait", n)
		}
		if child.Value(key{}) != 1 {
			t.Error("a value of the request is lost")
		}
		d.end()
		<-child.Done()
		cancel()
	})
}
